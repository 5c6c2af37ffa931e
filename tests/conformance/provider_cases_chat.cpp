// Chat and webhooks: accounts and addresses at the simulator.
#include "provider_cases.h"

namespace carillon::conformance {
namespace {

using model::Channel;

providers::Target chat_target(std::string_view service, std::string address) {
  auto target = address_target(Channel::Chat, std::move(address));
  target.service = service;
  return target;
}

std::string slack_settings(base::JsonElement all, const std::string& token) {
  base::JsonWriter out;
  out.object().field("endpoint", text_of(all["slack"].value(), "endpoint"));
  out.field("bot_token", token).end_object();
  return out.str();
}
const AddCase kSlack("slack", [](base::JsonElement all) -> ProviderCase {
  const auto slack = all["slack"].value();
  return {.settings = slack_settings(all, text_of(slack, "bot_token")),
          .bad_settings = slack_settings(all, "xoxb-wrong"),
          .vendor = "slack",
          .good = chat_target("slack", text_of(slack, "channel")),
          .invalid = chat_target("slack", "#sandbox-bounce")};
});

std::string solapi_settings(base::JsonElement all, const std::string& secret) {
  const auto solapi = all["solapi"].value();
  base::JsonWriter out;
  out.object();
  for (const char* key : {"endpoint", "api_key", "channel_id", "template_id", "webhook_secret"})
    out.field(key, text_of(solapi, key));
  out.field("api_secret", secret).end_object();
  return out.str();
}
// Its reports carry the webhook's secret, which does not cover what they say: the suite's forgeries are
// beyond it. They are read in the provider's own test.
const AddCase kAlimtalk("kakao_alimtalk", [](base::JsonElement all) -> ProviderCase {
  return {.settings = solapi_settings(all, text_of(all["solapi"].value(), "api_secret")),
          .bad_settings = solapi_settings(all, "wrong"),
          .vendor = "solapi",
          .good = chat_target("kakao", "+821012345678"),
          .invalid = chat_target("kakao", "+999000000003"),
          .calls_back = false};
});

providers::Target hook_target(base::JsonElement sink, std::string_view path) {
  auto target = address_target(Channel::Webhook, text_of(sink, "endpoint").append(path));
  target.secret = base::Secret(text_of(sink, "secret"));
  return target;
}
const AddCase kWebhook("webhook", [](base::JsonElement all) -> ProviderCase {
  const auto sink = all["webhook_sink"].value();
  return {.settings = "{}",
          .bad_settings = {},
          .vendor = "webhook_sink",
          .good = hook_target(sink, "/hook"),
          .invalid = hook_target(sink, "/hook/bounce"),
          .has_account = false};
});

}  // namespace
}  // namespace carillon::conformance
