// Addresses: what an e-mail address, a phone number and a text message may be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/channel.h"

namespace carillon::model {

// Checks and normalises (domain in lower case, an internationalised one in its ASCII form; local part
// kept): RFC 5321 limits (64 / 255 / 254), dot-atom or quoted local part, no control characters, a domain
// without a dot or an address literal refused. UTF-8 local parts (RFC 6531) pass. Errors: InvalidArgument
// saying what is wrong.
Result<std::string> normalize_email(std::string_view text);
inline constexpr std::size_t kEmailGivenMax =
    320;  // bytes that bodies may give to it; it says what is too long

// E.164 from "+…" or, with `country` (ISO 3166 alpha-2), from national form; libphonenumber decides
// what is a possible and valid number. Reserved +99900000000x (CONTRACT §6) pass unparsed.
// About 13 µs: only when stored, never per delivery. Errors: InvalidArgument saying what is wrong.
Result<std::string> normalize_phone(std::string_view text, std::string_view country = {});

// For people to recognise it by: "anna@example.com" → "a…@example.com", "+821012345678" → "+82…78".
[[nodiscard]] std::string mask_address(Channel channel, std::string_view address);

[[nodiscard]] bool is_country_code(std::string_view text);  // ISO 3166-1 alpha-2, upper case
[[nodiscard]] bool is_locale(std::string_view text);        // well-formed BCP 47 language tag, ≤ 35 bytes
[[nodiscard]] bool is_key(std::string_view text);           // our keys: [a-z0-9][a-z0-9_.-]{0,63}

// Checks and normalises the address of a chat service: kakao's is a phone number, slack's an id of a channel
// or user, or a channel's name. Errors: InvalidArgument saying what is wrong.
Result<std::string> normalize_chat_address(std::string_view service, std::string_view text);

enum class ReservedRecipient : std::uint8_t { None, Ok, Bounce, Complaint, TempFail, Slow, Unknown };
// ok@sandbox.carillon.test …, +999000000001 … +999000000006 in that order, tokens test-ok
// test-unregistered (→ Bounce) test-429 (→ TempFail) test-timeout (→ Unknown).
[[nodiscard]] ReservedRecipient reserved_recipient(std::string_view address) noexcept;

// ---- SMS (3GPP TS 23.038, 23.040)
struct SmsSegments {
  bool is_gsm7 = true;  // else UCS-2
  int units = 0;        // septets (extension characters count 2) or UTF-16 units
  int segments = 0;     // 160/153 or 70/67; a surrogate pair or escape is never split
};
[[nodiscard]] SmsSegments count_segments(std::string_view utf8);

}  // namespace carillon::model
