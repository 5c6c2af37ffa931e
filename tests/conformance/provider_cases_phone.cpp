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

std::string vonage_sms_settings(base::JsonElement all, const std::string& secret) {
  const auto vonage = all["vonage"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(vonage, "endpoint")).field("api_key", text_of(vonage, "api_key"));
  out.field("api_secret", secret).field("from", text_of(vonage, "from"));
  out.field("signature_secret", text_of(vonage, "signature_secret")).end_object();
  return out.str();
}
const AddCase kVonageSms("vonage_sms", [](base::JsonElement all) -> ProviderCase {
  return {.settings = vonage_sms_settings(all, text_of(all["vonage"].value(), "api_secret")),
          .bad_settings = vonage_sms_settings(all, "wrong"),
          .vendor = "vonage",
          .good = address_target(Channel::Sms, "+821012345678"),
          .invalid = address_target(Channel::Sms, "+999000000003")};
});

std::string vonage_voice_settings(base::JsonElement all, const std::string& application) {
  const auto vonage = all["vonage"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(vonage, "endpoint")).field("application_id", application);
  out.field("private_key", read_file(text_of(vonage, "private_key_file")))
      .field("from", text_of(vonage, "from"));
  out.field("signature_secret", text_of(vonage, "signature_secret")).end_object();
  return out.str();
}
const AddCase kVonageVoice("vonage_voice", [](base::JsonElement all) -> ProviderCase {
  return {.settings = vonage_voice_settings(all, text_of(all["vonage"].value(), "application_id")),
          .bad_settings = vonage_voice_settings(all, "00000000-0000-0000-0000-000000000000"),
          .vendor = "vonage",
          .good = address_target(Channel::Voice, "+821012345678"),
          .invalid = address_target(Channel::Voice, "+999000000003")};
});

}  // namespace
}  // namespace carillon::conformance
