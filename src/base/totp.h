// One-time codes of authenticator apps: TOTP (RFC 6238) with SHA-1, six digits and steps of 30 s, which is
// what all of them take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carillon::base {

inline constexpr std::size_t kTotpSecretBytes = 20;  // RFC 4226 §4 recommends 160 bits
inline constexpr Millis kTotpStep{30'000};
inline constexpr std::int64_t kTotpWindow = 1;  // steps before and after the present one

// Which step a moment belongs to.
[[nodiscard]] std::int64_t totp_step(Time t) noexcept;
// Six digits.
[[nodiscard]] std::string totp_code(std::string_view secret, std::int64_t step);
// The step whose code this is, of those within the window that are after `last`: a code is good once. Spaces
// in `code` are passed over. Takes the same time whatever the code is.
[[nodiscard]] std::optional<std::int64_t> match_totp(std::string_view secret, std::string_view code, Time now,
                                                     std::int64_t last);

// RFC 4648 §6 without padding, as authenticator apps want a secret typed.
[[nodiscard]] std::string base32(std::string_view bytes);
// "otpauth://totp/Carillon:ann@example.com?secret=…&issuer=Carillon…", which is what a QR code holds.
[[nodiscard]] std::string otpauth_url(std::string_view issuer, std::string_view account,
                                      std::string_view secret);

}  // namespace carillon::base
