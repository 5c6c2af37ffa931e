// What all of Twilio's callbacks share: a signed form.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "providers/callback_form.h"
#include "providers/provider.h"

namespace carillon::providers {

// X-Twilio-Signature of a form post to exactly this URL: URL, then each name and value, by name; repeated
// values once (Twilio, "Security: validating requests").
[[nodiscard]] std::string twilio_signature(std::string_view auth_token, std::string_view url,
                                           CallbackForm form);

// Checks the signature and reads the form. Twilio signs with the account's primary auth token, with the
// default port in the URL or without it. Errors: Unauthenticated · InvalidArgument (no form).
[[nodiscard]] Result<CallbackForm> read_twilio_callback(const CallbackRequest& request,
                                                        std::string_view auth_token);
}  // namespace carillon::providers
