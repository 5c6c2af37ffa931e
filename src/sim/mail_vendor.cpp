#include "sim/mail_vendor.h"

#include <algorithm>
#include <array>

#include "base/crypto.h"

namespace carillon::sim {
namespace {

bool is_atom(std::string_view text, std::string_view more) noexcept {
  return !text.empty() && std::ranges::all_of(text, [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.contains(c);
  });
}

// Atoms with one dot between two of them.
bool is_dotted(std::string_view text, std::string_view more) noexcept {
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_atom(text.substr(0, dot), more)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

bool is_mail_address(std::string_view text) noexcept {
  constexpr std::size_t kMax = 320;
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || text.size() > kMax) return false;
  const std::string_view domain = text.substr(at + 1);
  return is_dotted(text.substr(0, at), "!#$%&'*+-/=?^_`{|}~") && is_dotted(domain, "-") &&
         domain.contains('.') && !domain.ends_with(".invalid");
}

bool is_verified_sender(std::string_view address) noexcept {
  constexpr std::array<std::string_view, 3> kDomains = {"@example.com", "@example.net", "@example.org"};
  return address.ends_with(".test") || std::ranges::any_of(kDomains, [address](std::string_view domain) {
           return address.ends_with(domain);
         });
}

std::string_view text_of(base::JsonElement element, std::string_view key) noexcept {
  std::string_view out;
  return element[key].get(out) == simdjson::SUCCESS ? out : std::string_view();
}

bool is_file_content(std::string_view text) {
  const auto bytes = base::unbase64(text);
  return bytes && !bytes->empty();
}

Reserved played(const std::vector<Mailed>& all) noexcept {
  return all.size() == 1 ? all.front().reserved : Reserved::None;
}

void log_mails(Context& context, Vendor vendor, std::string_view body, const std::vector<Mailed>& mails,
               bool is_answered) {
  const Time now = context.clock.now();
  for (const Mailed& mail : mails) {
    const bool is_last = &mail == &mails.back();
    context.log->accepted({.time = now,
                           .vendor = vendor,
                           .recipient = mail.recipient,
                           .delivery = mail.delivery,
                           .collapse = {},
                           .message_id = mail.id,
                           .content = is_last ? body : std::string_view(),
                           .is_answered = is_answered});
  }
}

}  // namespace carillon::sim
