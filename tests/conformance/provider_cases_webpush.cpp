#include "base/p256.h"
#include "provider_cases.h"

namespace carillon::conformance {
namespace {

using model::Platform;

const AddCase kWebPush("webpush", [](base::JsonElement all) -> ProviderCase {
  base::JsonWriter out;
  out.object().field("endpoint", text_of(all["webpush"].value(), "endpoint"));
  out.field("ca_file", text_of(all, "ca_file")).field("subject", "mailto:ops@example.com");
  out.field("private_key", base::base64url(base::make_p256_pair().private_key.reveal())).end_object();
  return {.settings = out.str(),
          .bad_settings = {},
          .vendor = "webpush",
          .good = device_target("webpush", Platform::Web, "test-ok"),
          .invalid = device_target("webpush", Platform::Web, "test-unregistered"),
          .throttled = model::OutcomeKind::Temporary};
});

}  // namespace
}  // namespace carillon::conformance
