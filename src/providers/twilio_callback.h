// What all of Twilio's callbacks share: a signed form.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "providers/provider.h"

namespace carillon::providers {

using CallbackForm = std::vector<std::pair<std::string, std::string>>;

// X-Twilio-Signature of a form post to exactly this URL: URL, then each name and value, by name; repeated
// values once (Twilio, "Security: validating requests").
[[nodiscard]] std::string twilio_signature(std::string_view auth_token, std::string_view url,
                                           CallbackForm form);

// Checks the signature and reads the form. Twilio signs with the account's primary auth token, with the
// default port in the URL or without it. Errors: Unauthenticated · InvalidArgument (no form).
[[nodiscard]] Result<CallbackForm> read_twilio_callback(const CallbackRequest& request,
                                                        std::string_view auth_token);

// The value of that name; empty when there is none.
[[nodiscard]] std::string_view form_value(const CallbackForm& form, std::string_view name) noexcept;

}  // namespace carillon::providers
