// What Vonage signs: forms with a hash in them (SMS), and requests with a token (voice).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "providers/callback_form.h"
#include "providers/provider.h"

namespace carillon::providers {

// The "signature method" of the account, as Vonage's dashboard offers them. Names: md5hash md5 sha1 sha256
// sha512; all but the first are HMACs.
enum class VonageMethod : std::uint8_t { Md5Hash, Md5, Sha1, Sha256, Sha512 };
[[nodiscard]] std::optional<VonageMethod> parse_vonage_method(std::string_view name) noexcept;

// The signature in lower-case hexadecimal of all fields but "sig" (Vonage, "Signing messages").
[[nodiscard]] std::string vonage_signature(CallbackForm fields, std::string_view secret, VonageMethod method);

// Vonage repeats a webhook that was not taken for a day; what is signed earlier is refused.
inline constexpr Millis kVonageRepeats = std::chrono::hours(24) + std::chrono::minutes(5);
inline constexpr Millis kVonageAhead = std::chrono::minutes(5);  // its clock may be ahead of ours

// The fields of an SMS webhook, which come as a query, a form or JSON, as the account is set; their signature
// and its time are checked. Errors: InvalidArgument (neither of them) · Unauthenticated (no secret is
// configured, unsigned, forged, too old).
[[nodiscard]] Result<CallbackForm> read_vonage_fields(const CallbackRequest& request, std::string_view secret,
                                                      VonageMethod method);

// Checks the token of a signed webhook ("Decoding signed webhooks"): HS256 with the account's signature
// secret over this very body, for this application, now. Errors: Unauthenticated.
[[nodiscard]] Result<void> check_vonage_token(const CallbackRequest& request, std::string_view secret,
                                              std::string_view application_id);

}  // namespace carillon::providers
