#include "api/recipient_words.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace carillon::api {
namespace {

constexpr RecipientWords kEnglish{
    .language = "en",
    .settings = "Your notification settings",
    .intro = "Choose what you want to get, and how. This page belongs to you alone: do not pass its link on.",
    .save = "Save",
    .saved = "Your settings are saved.",
    .stop = "Stop everything of “{}”",
    .stop_everything = "Stop everything",
    .stop_everything_help = "You will get nothing any more but what cannot be switched off.",
    .stopped = "You will get no more of these messages.",
    .mandatory = "These messages are always sent. They cannot be switched off.",
    .quiet_hours = "Quiet hours",
    .quiet_help =
        "Messages that can wait do not disturb you between these times ({}). Leave both empty for "
        "none of your own.",
    .quiet_project = "Without times of your own, these hold: {} to {}.",
    .from = "From",
    .until = "Until",
    .quiet_wrong =
        "Quiet hours need two different times, as 22:00 and 08:00; or leave both empty. Nothing is "
        "saved yet.",
    .no_changes = "Nothing was changed.",
    .history = "What you were sent",
    .history_intro = "The newest first. Times are those of {}.",
    .nothing_yet = "There is nothing yet.",
    .older = "Older ones",
    .newest = "The newest ones",
    .untitled = "Message about “{}”",
    .expired = "This link has expired",
    .expired_help = "Such links work for 30 days. We can send you a fresh one the same way this one came.",
    .send_fresh = "Send me a fresh link",
    .on_its_way = "A fresh link is on its way",
    .on_its_way_help = "If this link was yours, a fresh one comes the same way within some minutes.",
    .gone = "This link does not work",
    .gone_help = "It may be incomplete, or not be in use any more. Open it from a newer message.",
    .too_often = "That was too often. Please try again later.",
    .later = "This is not possible just now. Please try again in some minutes.",
    .too_much = "That is more than can be kept. Stop whole kinds of messages instead.",
    .fresh_title = "Your link to your notification settings",
    .fresh_body =
        "Here is the link you asked for: {} It works for 30 days. If you did not ask for it, you need "
        "not do anything.",
    .on_the_way = "on its way",
    .waiting = "waiting",
    .sent = "sent",
    .delivered = "delivered",
    .failed = "could not be delivered",
    .unknown = "sent; not known whether it arrived",
    .switched_off = "not sent: you switched it off",
    .not_sent = "not sent",
    .cancelled = "cancelled",
    .expired_message = "not sent in time",
    .channels = {"Push notification", "Text message", "E-mail", "Phone call", "Chat", "Webhook", "Inbox"},
};

constexpr RecipientWords kKorean{
    .language = "ko",
    .settings = "알림 수신 설정",
    .intro =
        "받고 싶은 알림과 받는 방법을 선택하세요. 이 페이지는 본인 전용입니다. 링크를 다른 사람에게 "
        "전달하지 마세요.",
    .save = "저장",
    .saved = "설정을 저장했습니다.",
    .stop = "‘{}’ 모두 받지 않기",
    .stop_everything = "모두 받지 않기",
    .stop_everything_help = "끌 수 없는 알림을 제외하고 더 이상 아무것도 보내지 않습니다.",
    .stopped = "이 알림을 더 이상 보내지 않습니다.",
    .mandatory = "항상 발송되는 알림입니다. 끌 수 없습니다.",
    .quiet_hours = "방해 금지 시간",
    .quiet_help =
        "급하지 않은 알림은 이 시간({} 기준)에 보내지 않습니다. 따로 정하지 않으려면 두 칸을 모두 "
        "비워 두세요.",
    .quiet_project = "따로 정하지 않으면 {}부터 {}까지 적용됩니다.",
    .from = "시작",
    .until = "끝",
    .quiet_wrong =
        "서로 다른 두 시각을 입력하세요(예: 22:00, 08:00). 또는 두 칸을 모두 비워 두세요. 아직 "
        "저장되지 않았습니다.",
    .no_changes = "바뀐 내용이 없습니다.",
    .history = "받은 알림 내역",
    .history_intro = "최신순입니다. 시각은 {} 기준입니다.",
    .nothing_yet = "아직 내역이 없습니다.",
    .older = "이전 내역",
    .newest = "최신 내역",
    .untitled = "‘{}’ 알림",
    .expired = "만료된 링크입니다",
    .expired_help =
        "이 링크는 30일 동안만 사용할 수 있습니다. 같은 방법으로 새 링크를 보내 드릴 수 있습니다.",
    .send_fresh = "새 링크 받기",
    .on_its_way = "새 링크를 보냈습니다",
    .on_its_way_help = "본인의 링크가 맞다면 몇 분 안에 같은 방법으로 새 링크가 도착합니다.",
    .gone = "사용할 수 없는 링크입니다",
    .gone_help = "링크가 잘렸거나 더 이상 쓰이지 않습니다. 최근에 받은 메시지의 링크를 열어 주세요.",
    .too_often = "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
    .later = "지금은 처리할 수 없습니다. 몇 분 후 다시 시도해 주세요.",
    .too_much = "설정이 너무 많습니다. 알림 종류 전체를 받지 않도록 설정해 주세요.",
    .fresh_title = "알림 수신 설정 링크",
    .fresh_body =
        "요청하신 링크입니다: {} 30일 동안 사용할 수 있습니다. 요청하지 않으셨다면 무시하셔도 "
        "됩니다.",
    .on_the_way = "보내는 중",
    .waiting = "대기 중",
    .sent = "보냄",
    .delivered = "전달됨",
    .failed = "전달하지 못함",
    .unknown = "보냈으나 도착 여부를 알 수 없음",
    .switched_off = "수신을 꺼서 보내지 않음",
    .not_sent = "보내지 않음",
    .cancelled = "취소됨",
    .expired_message = "제때 보내지 못함",
    .channels = {"푸시 알림", "문자 메시지", "이메일", "전화", "채팅", "웹훅", "알림함"},
};

char lower(char c) noexcept { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// The language a tag begins with, if there are words in it; empty: there are none.
std::string_view known_language(std::string_view tag) noexcept {
  const std::string_view primary = tag.substr(0, tag.find_first_of("-_"));
  for (const RecipientWords* words : {&kEnglish, &kKorean}) {
    if (std::ranges::equal(primary, words->language, {}, lower)) return words->language;
  }
  return {};
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// In thousandths; what is no number is 0, as if it were not wanted.
int quality(std::string_view parameter) noexcept {
  parameter = trim(parameter);
  if (parameter.size() < 2 || lower(parameter[0]) != 'q' || parameter[1] != '=') return 1000;
  double q = 0;
  const char* const end = parameter.data() + parameter.size();
  const auto [at, error] = std::from_chars(parameter.data() + 2, end, q, std::chars_format::fixed);
  if (error != std::errc{} || at != end || !(q >= 0 && q <= 1)) return 0;
  return static_cast<int>(q * 1000);
}

}  // namespace

const RecipientWords& words_in(std::string_view language) noexcept {
  return language == kKorean.language ? kKorean : kEnglish;
}

std::string_view page_language(std::string_view locale, std::string_view accept_language) noexcept {
  if (const std::string_view own = known_language(locale); !own.empty()) return own;
  std::string_view best;
  int best_quality = 0;
  while (!accept_language.empty()) {
    const std::size_t end = std::min(accept_language.find(','), accept_language.size());
    const std::string_view range = accept_language.substr(0, end);
    accept_language.remove_prefix(std::min(end + 1, accept_language.size()));
    const std::size_t mark = range.find(';');
    const std::string_view language = known_language(trim(range.substr(0, mark)));
    const int wanted = mark == std::string_view::npos ? 1000 : quality(range.substr(mark + 1));
    if (language.empty() || wanted <= best_quality) continue;
    best = language;
    best_quality = wanted;
  }
  return best.empty() ? kEnglish.language : best;
}

std::string shown_name(const model::Category& category, std::string_view language) {
  const auto find = [&category](std::string_view wanted) {
    return std::ranges::find_if(category.names, [&](const auto& name) {
      const std::string_view locale = name.first;
      return locale.starts_with(wanted) && (locale.size() == wanted.size() || locale[wanted.size()] == '-');
    });
  };
  auto found = find(language);
  if (found == category.names.end()) found = find(kEnglish.language);
  if (found == category.names.end()) found = category.names.begin();
  return found == category.names.end() || found->second.empty() ? category.key : found->second;
}

std::string_view shown_state(const model::Delivery& delivery, const RecipientWords& words) noexcept {
  using model::DeliveryStatus;
  switch (delivery.status) {
    case DeliveryStatus::Pending:
    case DeliveryStatus::Processing:
    case DeliveryStatus::Retrying: return words.on_the_way;
    case DeliveryStatus::Held: return words.waiting;
    case DeliveryStatus::Sent: return words.sent;
    case DeliveryStatus::Delivered: return words.delivered;
    case DeliveryStatus::Failed:
    case DeliveryStatus::Dead: return words.failed;
    case DeliveryStatus::Unknown: return words.unknown;
    case DeliveryStatus::Suppressed: {
      const bool is_own =
          delivery.reason == model::Reason::OptedOut || delivery.reason == model::Reason::Unsubscribed;
      return is_own ? words.switched_off : words.not_sent;
    }
    case DeliveryStatus::Cancelled: return words.cancelled;
    case DeliveryStatus::Expired: return words.expired_message;
  }
  return {};
}

}  // namespace carillon::api
