// The push vendors of mainland China and of phones without Google's services.
#include "provider_cases.h"

namespace carillon::conformance {
namespace {

using model::Platform;

std::string jpush_settings(base::JsonElement all, const std::string& secret) {
  const auto jpush = all["jpush"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(jpush, "endpoint")).field("app_key", text_of(jpush, "app_key"));
  out.field("master_secret", secret).end_object();
  return out.str();
}
const AddCase kJpush("jpush", [](base::JsonElement all) -> ProviderCase {
  return {.settings = jpush_settings(all, text_of(all["jpush"].value(), "master_secret")),
          .bad_settings = jpush_settings(all, "wrong"),
          .vendor = "jpush",
          .good = device_target("jpush", Platform::Android, "1507bfd3f7c466c355c"),
          .invalid = device_target("jpush", Platform::Android, "test-unregistered"),
          .covers_body = false};
});

std::string pushy_settings(base::JsonElement all, const std::string& key) {
  base::JsonWriter out;
  out.object()
      .field("endpoint", text_of(all["pushy"].value(), "endpoint"))
      .field("api_key", key)
      .end_object();
  return out.str();
}
const AddCase kPushy("pushy", [](base::JsonElement all) -> ProviderCase {
  return {.settings = pushy_settings(all, text_of(all["pushy"].value(), "api_key")),
          .bad_settings = pushy_settings(all, "wrong"),
          .vendor = "pushy",
          .good = device_target("pushy", Platform::Android, "a6345d0278adc55d3474f5"),
          .invalid = device_target("pushy", Platform::Android, "test-unregistered")};
});

std::string hms_settings(base::JsonElement all, const std::string& secret) {
  const auto hms = all["hms"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(hms, "endpoint")).field("ca_file", text_of(all, "ca_file"));
  out.field("token_url", text_of(hms, "token_url")).field("app_id", text_of(hms, "app_id"));
  out.field("app_secret", secret).field("receipt_user", text_of(hms, "receipt_user"));
  out.field("receipt_key", text_of(hms, "receipt_key")).end_object();
  return out.str();
}
const AddCase kHms("hms", [](base::JsonElement all) -> ProviderCase {
  return {.settings = hms_settings(all, text_of(all["hms"].value(), "app_secret")),
          .bad_settings = hms_settings(all, "wrong"),
          .vendor = "hms",
          .good = device_target("hms", Platform::Harmony, "IQAAAACy0OA"),
          .invalid = device_target("hms", Platform::Harmony, "test-unregistered"),
          .throttled = model::OutcomeKind::Temporary,
          .covers_body = false};
});

}  // namespace
}  // namespace carillon::conformance
