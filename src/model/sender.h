// Senders: what may stand as `from` in a message.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "model/channel.h"

namespace carillon::model {

inline constexpr std::size_t kSenderIntegrationsMax = 32;

// Exactly one of email, domain, phone, alphanumeric.
struct Sender {
  std::string key;
  std::string name;          // shown with an e-mail address, where the request gives none
  std::string email;         // one address
  std::string domain;        // every address of it, in lower case; not of its subdomains
  std::string phone;         // E.164, for SMS and voice
  std::string alphanumeric;  // an SMS sender id: 1 to 11 letters, digits and spaces, at least one a letter
  std::vector<std::string> integrations;  // that may carry it; empty: all

  [[nodiscard]] bool covers_email(std::string_view address) const noexcept;
  // `from` of a text message or call: a number or an alphanumeric id.
  [[nodiscard]] bool covers_phone(std::string_view from) const noexcept;
  [[nodiscard]] bool may_carry(std::string_view integration) const noexcept;
  friend bool operator==(const Sender&, const Sender&) = default;
};

std::string encode(const Sender& sender);
Result<Sender> decode_sender(std::string_view json);  // Errors: Corruption
// Reads the API's body; e-mail address and phone number are normalised. Codes: problem_codes.def.
void read_sender(base::JsonElement body, Sender& into, base::Problems& problems);
void write_sender(base::JsonWriter& out, const Sender& sender);

}  // namespace carillon::model
