// The key that browsers subscribe to web push with.
#include "api/router.h"
#include "providers/catalog.h"

namespace carillon::api {
namespace {

// That of the first account with a pair of its own, else the project's.
std::string push_key(const Call& call) {
  for (const auto& integration : call.view().integrations) {
    const auto* const type = providers::find_provider(integration.provider);
    if (!integration.enabled || type == nullptr || type->push_key == nullptr) continue;
    const auto settings = call.deps.directory.open_settings(call.who.project, integration);
    base::JsonDocument document;
    const auto root =
        settings ? document.parse(*settings) : fail(Errc::Corruption, "sealed with another key");
    if (!root) continue;
    std::string key = type->push_key(*root);
    if (!key.empty()) return key;
  }
  return call.view().push_key.public_key;
}

Task<Answer> get_push_key(Call& call) {
  base::JsonWriter out;
  out.object().field("key", push_key(call)).end_object();
  co_return json_reply(out);
}

}  // namespace

std::span<const Route> push_key_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/webpush/key",
       .access = kAnyCredential,
       .handler = get_push_key,
       .tag = "Devices",
       .summary = "The applicationServerKey with which a browser subscribes to web push",
       .response = "WebPushKey"},
  };
  return kRoutes;
}

}  // namespace carillon::api
