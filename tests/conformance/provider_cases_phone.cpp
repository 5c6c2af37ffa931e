// Text messages and calls.
#include "provider_cases.h"

namespace carillon::conformance {
namespace {

using model::Channel;

std::string twilio_settings(base::JsonElement all, const std::string& token) {
  const auto twilio = all["twilio"].value();
  base::JsonWriter out;
  out.object()
      .field("endpoint", text_of(twilio, "endpoint"))
      .field("account_sid", text_of(twilio, "account_sid"));
  out.field("auth_token", token).field("from", text_of(twilio, "from")).end_object();
  return out.str();
}
const AddCase kTwilioSms("twilio_sms", [](base::JsonElement all) -> ProviderCase {
  return {.settings = twilio_settings(all, text_of(all["twilio"].value(), "auth_token")),
          .bad_settings = twilio_settings(all, "wrong"),
          .vendor = "twilio",
          .good = address_target(Channel::Sms, "+821012345678"),
          .invalid = address_target(Channel::Sms, "+15005550009")};
});
const AddCase kTwilioVoice("twilio_voice", [](base::JsonElement all) -> ProviderCase {
  return {.settings = twilio_settings(all, text_of(all["twilio"].value(), "auth_token")),
          .bad_settings = twilio_settings(all, "wrong"),
          .vendor = "twilio",
          .good = address_target(Channel::Voice, "+821012345678"),
          .invalid = address_target(Channel::Voice, "+15005550001")};
});

}  // namespace
}  // namespace carillon::conformance
