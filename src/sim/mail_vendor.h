// What the simulated e-mail vendors with an API share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "sim/context.h"

namespace carillon::sim {

// A mailbox as vendors check it: dot-atoms, one '@', ASCII, a domain with a dot, at most 320 bytes. A domain
// below ".invalid" is one that a vendor has found not to exist.
[[nodiscard]] bool is_mail_address(std::string_view text) noexcept;
// The account's verified senders: all of example.com, example.net, example.org and of domains below ".test".
[[nodiscard]] bool is_verified_sender(std::string_view address) noexcept;
// The text of that key; empty when there is none.
[[nodiscard]] std::string_view text_of(base::JsonElement element, std::string_view key) noexcept;

// Whether that is base64 of one byte at least, as an attachment's content has to be.
[[nodiscard]] bool is_file_content(std::string_view text);

// One recipient of a request that was taken, and what becomes of the mail.
struct Mailed {
  std::string recipient, delivery, id;
  Reserved reserved = Reserved::None;
};
// What the request's answer has to play when `all` has one recipient only: with others a vendor cannot answer
// one of them differently.
[[nodiscard]] Reserved played(const std::vector<Mailed>& all) noexcept;

// All mails of a request that was taken; its body, which they share, is kept with the last.
void log_mails(Context& context, Vendor vendor, std::string_view body, const std::vector<Mailed>& mails,
               bool is_answered);

}  // namespace carillon::sim
