#include "pipeline/alert_notices.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/failpoint.h"
#include "base/log.h"
#include "model/standard_webhook.h"

namespace carillon::pipeline {
namespace {

using model::AlertEvent;
using model::AlertTarget;
using store::WaitingNotice;

constexpr std::size_t kListedMax = 50;  // alerts a summary names
constexpr Millis kMinute{60'000};
constexpr Millis kGiveUpAfter{24LL * 3'600'000};
constexpr std::array kRetries{Millis(5'000), Millis(30'000), Millis(120'000), Millis(300'000)};
constexpr auto kAnswerWithin = std::chrono::seconds(15);
constexpr std::size_t kAnswerMax = 64 * 1024;  // bytes read of a webhook's answer

std::string alert_id(const model::Alert& alert) { return base::id_text(base::kAlertPrefix, alert.id); }
std::string message_id(std::int64_t message) { return base::id_text(base::kAlertNoticePrefix, message); }

// An opening tells of the alert as it was then, also when it is over meanwhile.
model::Alert as_told(const WaitingNotice& waiting) {
  model::Alert alert = waiting.alert;
  if (waiting.notice.event == AlertEvent::Opened) alert.resolved_at.reset();
  return alert;
}

// Each alert once, as it is now.
std::vector<const model::Alert*> alerts_of(Message message) {
  std::vector<const model::Alert*> found;
  std::set<std::int64_t> known;
  for (const auto& waiting : message) {
    if (known.insert(waiting.alert.id).second) found.push_back(&waiting.alert);
  }
  return found;
}

std::size_t count_open(const std::vector<const model::Alert*>& alerts) {
  return static_cast<std::size_t>(
      std::ranges::count_if(alerts, [](const model::Alert* a) { return a->is_open(); }));
}

void write_summary(base::JsonWriter& out, Message message) {
  const auto alerts = alerts_of(message);
  const std::size_t open = count_open(alerts);
  out.field("open", static_cast<std::int64_t>(open));
  out.field("resolved", static_cast<std::int64_t>(alerts.size() - open)).key("alerts").array();
  for (std::size_t i = 0; i < std::min(alerts.size(), kListedMax); ++i) {
    const model::Alert& alert = *alerts[i];
    out.object().field("id", alert_id(alert)).field("kind", model::name(alert.key.kind));
    out.field("subject", alert.key.subject).field("state", alert.is_open() ? "open" : "resolved");
    out.field("title", model::alert_title(alert.key)).field("count", alert.count).end_object();
  }
  out.end_array().field("more",
                        static_cast<std::int64_t>(alerts.size() - std::min(alerts.size(), kListedMax)));
}

// The frame all bodies have; `data` writes the members of data.
template <class F>
std::string body_of(std::string_view type, const std::string& project, Time now, F data) {
  base::JsonWriter out(1024);
  out.object().field("type", type).field("timestamp", to_rfc3339(now));
  out.key("data").object().field("project", project);
  data(out);
  out.end_object().end_object();
  return out.str();
}

std::string line_of(const model::Alert& alert) {
  return fmt::format("- {}{} (seen {} times, {})\n",
                     alert.is_open() ? "" : "resolved: ", model::alert_title(alert.key), alert.count,
                     alert_id(alert));
}

}  // namespace

std::vector<std::size_t> fold_notices(std::size_t waiting, std::size_t lately) {
  if (waiting == 0 || lately >= kMessagesPerMinute) return {};
  const std::size_t room = kMessagesPerMinute - lately;
  // The last place of a minute is kept for a summary.
  if (waiting < room) return std::vector<std::size_t>(waiting, 1);
  return {waiting};
}

std::optional<Time> next_try(Time made_at, std::int64_t tries, Time now) {
  if (now - made_at >= kGiveUpAfter) return std::nullopt;
  const auto last = static_cast<std::int64_t>(kRetries.size()) - 1;
  return now + kRetries[static_cast<std::size_t>(std::clamp<std::int64_t>(tries, 0, last))];
}

std::string webhook_body(Message message, const std::string& project, Time now) {
  if (message.size() > 1) {
    return body_of("alert.summary", project, now,
                   [&](base::JsonWriter& out) { write_summary(out, message); });
  }
  const model::Alert alert = as_told(message.front());
  return body_of(fmt::format("alert.{}", model::name(message.front().notice.event)), project, now,
                 [&](base::JsonWriter& out) {
                   out.key("alert").object();
                   model::write_alert_fields(out, alert, alert_id(alert));
                   out.end_object();
                 });
}

MailText mail_text(Message message, const std::string& project) {
  MailText text;
  if (message.size() > 1) {
    const auto alerts = alerts_of(message);
    const std::size_t open = count_open(alerts);
    text.subject =
        fmt::format("[Carillon {}] {} alerts open, {} resolved", project, open, alerts.size() - open);
    for (std::size_t i = 0; i < std::min(alerts.size(), kListedMax); ++i) text.body += line_of(*alerts[i]);
    if (alerts.size() > kListedMax) {
      text.body += fmt::format("and {} more: GET /v1/alerts\n", alerts.size() - kListedMax);
    }
    return text;
  }
  const model::Alert alert = as_told(message.front());
  const std::string title = model::alert_title(alert.key);
  text.subject = fmt::format("[Carillon {}] {}{}", project, alert.is_open() ? "" : "Resolved: ", title);
  text.body = fmt::format("{}{}\n\n{}\n\n", alert.is_open() ? "" : "Resolved: ", title, alert.detail);
  if (alert.is_open()) text.body += fmt::format("{}\n\n", model::alert_advice(alert.key.kind));
  text.body += fmt::format("Alert {}, first seen {}, last seen {}, {} times\n", alert_id(alert),
                           to_rfc3339(alert.first_at), to_rfc3339(alert.last_at), alert.count);
  if (alert.resolved_at) text.body += fmt::format("Resolved {}\n", to_rfc3339(*alert.resolved_at));
  return text;
}

AlertNotifier::AlertNotifier(const Pipeline::Deps& deps, const AlertOptions& options, Send send)
    : deps_(deps), options_(options), send_(std::move(send)), client_(net::HttpClient::open(deps.delivery)) {
  const auto counter = [&](const char* outcome) {
    return deps.metrics.counter("carillon_alert_messages_total",
                                "Messages about alerts, by what became of them.", {{"outcome", outcome}});
  };
  told_ = counter("told");
  failed_ = counter("failed");
}

Task<Result<void>> AlertNotifier::tell() {
  if (!may_wait_ || is_closed_) co_return Result<void>{};
  const Time now = deps_.clock.now();
  CARILLON_CO_TRY(auto board, co_await deps_.store.alerts().board(now - kMinute));
  if (board.waiting.empty() && busy_.empty()) may_wait_ = false;
  std::map<Target, Work> works;
  for (auto& waiting : board.waiting) {
    const Target target{waiting.notice.project, waiting.notice.target};
    works[target].waiting.push_back(std::move(waiting));
  }
  for (const auto& count : board.lately) {
    const auto it = works.find(Target{count.project, count.target});
    if (it != works.end()) it->second.lately = static_cast<std::size_t>(count.n);
  }
  for (auto& [target, work] : works) {
    if (busy_.contains(target)) continue;
    const bool is_begun = gate_.spawn(deps_.delivery, "tell", [this, target, w = std::move(work)]() mutable {
      return attend(target, std::move(w));
    });
    if (is_begun) busy_.insert(target);
  }
  co_return Result<void>{};
}

Task<void> AlertNotifier::attend(Target target, Work work) {
  const auto done = co_await attend_target(target, work);
  if (!done && !is_failing_) base::log_warn("notices of alerts have to wait: {}", done.error().message);
  is_failing_ = !done;
  busy_.erase(target);
}

Task<Result<void>> AlertNotifier::attend_target(Target target, Work& work) {
  // Those that were planned before, in order; the others come after all of them.
  auto& all = work.waiting;
  std::ranges::sort(all, {}, [](const WaitingNotice& w) {
    return std::tuple(w.notice.message == 0, w.notice.message, w.notice.id);
  });
  const auto planned_count = static_cast<std::size_t>(
      std::ranges::count_if(all, [](const WaitingNotice& w) { return w.notice.message != 0; }));
  for (std::size_t at = 0; at < planned_count;) {
    std::size_t end = at + 1;
    while (end < planned_count && all[end].notice.message == all[at].notice.message) ++end;
    CARILLON_CO_TRY(const bool is_told, co_await send_message(target, Message(all).subspan(at, end - at)));
    if (!is_told) co_return Result<void>{};
    at = end;
  }
  std::vector<std::vector<std::int64_t>> plan;
  std::size_t at = planned_count;
  for (const std::size_t count : fold_notices(all.size() - planned_count, work.lately)) {
    auto& ids = plan.emplace_back();
    for (std::size_t i = at; i < at + count; ++i) {
      ids.push_back(all[i].notice.id);
      all[i].notice.message = ids.front();
    }
    at += count;
  }
  if (plan.empty()) co_return Result<void>{};
  const auto sizes = plan;
  CARILLON_CO_CHECK(co_await deps_.store.alerts().plan(std::move(plan), deps_.clock.now()));
  at = planned_count;
  for (const auto& ids : sizes) {
    CARILLON_CO_TRY(const bool is_told, co_await send_message(target, Message(all).subspan(at, ids.size())));
    if (!is_told) co_return Result<void>{};
    at += ids.size();
  }
  co_return Result<void>{};
}

Task<Result<bool>> AlertNotifier::send_message(Target target, Message message) {
  const store::AlertNotice& first = message.front().notice;
  if (!unsettled_.contains(first.message)) {
    if (is_closed_ || first.due_at > deps_.clock.now()) co_return false;
    CARILLON_FAILPOINT("alert.before_message");
    const Try tried = co_await try_once(target, message);
    CARILLON_FAILPOINT("alert.after_message");
    if (is_closed_ && !tried.error.empty()) co_return false;  // it was cut off: tried again after the restart
    unsettled_.emplace(first.message, result_of(target, first, tried));
  }
  std::vector<store::NoticeResult> results{unsettled_.at(first.message)};
  const bool is_over = results.front().state != store::NoticeState::Waiting;
  CARILLON_CO_CHECK(co_await deps_.store.alerts().settle(std::move(results), deps_.clock.now()));
  unsettled_.erase(first.message);
  co_return is_over;
}

store::NoticeResult AlertNotifier::result_of(Target target, const store::AlertNotice& first,
                                             const Try& tried) {
  store::NoticeResult result{first.message, store::NoticeState::Told, first.due_at, tried.error};
  if (!tried.error.empty()) {
    const auto again =
        tried.is_final ? std::nullopt : next_try(first.made_at, first.tries, deps_.clock.now());
    result.state = again ? store::NoticeState::Waiting : store::NoticeState::GaveUp;
    if (again) result.due_at = *again;
    base::log_warn("an alert's {} is not told{}: {}", model::name(target.target), again ? " yet" : "",
                   tried.error);
  }
  (tried.error.empty() ? told_ : failed_).add();
  return result;
}

Task<AlertNotifier::Try> AlertNotifier::try_once(Target target, Message message) {
  const auto snapshot = deps_.directory.snapshot();
  const auto* const view = snapshot->project(target.project);
  const std::string id = message_id(message.front().notice.message);
  if (view == nullptr || !view->settings.alerts) co_return Try{"alerts go nowhere any more", true};
  const model::AlertSettings& settings = *view->settings.alerts;
  if (target.target == AlertTarget::Webhook) {
    if (settings.webhook_url.empty()) co_return Try{"there is no webhook any more", true};
    co_return co_await post(target.project, settings, id,
                            webhook_body(message, view->name, deps_.clock.now()));
  }
  if (settings.emails.empty()) co_return Try{"there is no address any more", true};
  co_return co_await mail(target.project, settings, "alert/" + id, mail_text(message, view->name));
}

Task<AlertNotifier::Try> AlertNotifier::post(std::int32_t project, const model::AlertSettings& settings,
                                             std::string id, std::string body) {
  const auto secret = deps_.keys.sealer.open(settings.sealed_secret, alert_webhook_context(project));
  if (!secret) co_return Try{"its secret cannot be read: give it again", true};
  auto headers = model::webhook_headers(id, body, std::span(&*secret, 1), deps_.clock.now());
  if (!headers) co_return Try{headers.error().message, true};
  net::HttpCall call;
  call.url = settings.webhook_url;
  call.request.method = "POST";
  call.request.headers = std::move(*headers);
  call.request.body = std::move(body);
  call.response_body_max = kAnswerMax;
  call.is_public_only = !options_.private_addresses;
  const auto answer = co_await client_->call(std::move(call), base::Deadline::after(kAnswerWithin));
  if (!answer) co_return Try{answer.error().detail};
  if (answer->status / 100 == 2) co_return Try{};
  // 410: the receiver wants no more of it.
  co_return Try{fmt::format("it was answered with {}", answer->status), answer->status == 410};
}

Task<AlertNotifier::Try> AlertNotifier::mail(std::int32_t project, const model::AlertSettings& settings,
                                             std::string event_id, MailText text) {
  static const std::string kNoPrefix;
  base::JsonWriter out(1024);
  out.object().field("event_id", event_id).key("to").array();
  for (const auto& email : settings.emails) out.object().field("email", email).end_object();
  out.end_array().key("channels").array().value("email").end_array();
  out.field("category", "general").field("subject", text.subject).field("body", text.body).end_object();
  SendItem item;
  item.body = out.str();
  base::JsonDocument document;
  const auto root = document.parse(item.body);
  base::Problems problems;
  if (root) {
    item.request = std::make_shared<model::SendRequest>(
        model::read_send_request(*root, std::nullopt, kNoPrefix, problems));
  }
  if (!root || !problems.empty()) co_return Try{"the message cannot be written", true};
  // The fingerprint stays that of nothing: a repeat is told by its event id, whatever the alert says by then.
  std::vector<SendItem> items;
  items.push_back(std::move(item));
  const auto results = co_await send_(Caller{project, nullptr, false, "system"}, std::move(items));
  const SendResult& result = results.front();
  if (result) co_return Try{};
  co_return Try{fmt::format("{}: {}", result.error().code, result.error().detail),
                !result.error().is_passing()};
}

Task<AlertTest> AlertNotifier::test(std::int32_t project) {
  AlertTest report;
  const auto snapshot = deps_.directory.snapshot();
  const auto* const view = snapshot->project(project);
  if (view == nullptr || !view->settings.alerts) co_return report;
  const model::AlertSettings& settings = *view->settings.alerts;
  const auto outcome = [](const Try& tried, std::string_view told) {
    return AlertTest::Outcome{tried.error.empty(), tried.error.empty() ? std::string(told) : tried.error};
  };
  const Time now = deps_.clock.now();
  const std::string id = message_id(deps_.ids.take());
  if (!settings.emails.empty()) {
    MailText text{fmt::format("[Carillon {}] This is a test", view->name),
                  "Alerts of this project come to this address.\n"};
    report.email =
        outcome(co_await mail(project, settings, "alert/" + id, std::move(text)), "it is accepted");
  }
  if (!settings.webhook_url.empty()) {
    std::string body = body_of("alert.test", view->name, now, [](base::JsonWriter&) {});
    report.webhook = outcome(co_await post(project, settings, id, std::move(body)), "it answered");
  }
  co_return report;
}

Task<void> AlertNotifier::close() {
  is_closed_ = true;
  co_await client_->close();
}

}  // namespace carillon::pipeline
