#include "provider_cases.h"

#include <fstream>
#include <sstream>

namespace carillon::conformance {

using model::Channel;
using model::OutcomeKind;
using model::Platform;

std::vector<std::pair<std::string, MakeCase>>& provider_cases() {
  static std::vector<std::pair<std::string, MakeCase>> all;
  return all;
}

std::string text_of(base::JsonElement element, std::string_view key) {
  std::string_view out;
  return element[key].get(out) == simdjson::SUCCESS ? std::string(out) : std::string();
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

providers::Target device_target(std::string_view service, Platform platform, std::string token) {
  providers::Target target;
  target.platform = platform;
  target.service = service;
  target.address = std::move(token);
  return target;
}

providers::Target address_target(Channel channel, std::string address) {
  providers::Target target;
  target.channel = channel;
  target.address = std::move(address);
  return target;
}

namespace {

std::string apns_settings(base::JsonElement all, const std::string& key_id) {
  const auto apns = all["apns"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(apns, "endpoint")).field("ca_file", text_of(all, "ca_file"));
  out.field("team_id", text_of(apns, "team_id"))
      .field("key_id", key_id)
      .field("topic", text_of(apns, "topic"));
  out.field("private_key", read_file(text_of(apns, "key_file"))).end_object();
  return out.str();
}
const AddCase kApns("apns", [](base::JsonElement all) -> ProviderCase {
  return {.settings = apns_settings(all, text_of(all["apns"].value(), "key_id")),
          .bad_settings = apns_settings(all, "WRONGKEYID"),
          .vendor = "apns",
          .good = device_target("apns", Platform::Ios, std::string(64, 'a')),
          .invalid = device_target("apns", Platform::Ios, "test-unregistered"),
          .throttled = OutcomeKind::Temporary};
});

const AddCase kFcm("fcm", [](base::JsonElement all) -> ProviderCase {
  const auto fcm = all["fcm"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(fcm, "endpoint")).field("ca_file", text_of(all, "ca_file"));
  out.field("service_account", read_file(text_of(fcm, "service_account_file"))).end_object();
  return {.settings = out.str(),
          .bad_settings = {},
          .vendor = "fcm",
          .good = device_target("fcm", Platform::Android, "device-token-1"),
          .invalid = device_target("fcm", Platform::Android, "test-unregistered")};
});

std::string smtp_settings(base::JsonElement all, const std::string& password) {
  const auto smtp = all["smtp"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(smtp, "url")).field("ca_file", text_of(all, "ca_file"));
  out.field("username", text_of(smtp, "user")).field("password", password);
  out.field("from_email", "shop@example.com").field("from_name", "가게").end_object();
  return out.str();
}
const AddCase kSmtp("smtp", [](base::JsonElement all) -> ProviderCase {
  return {.settings = smtp_settings(all, text_of(all["smtp"].value(), "password")),
          .bad_settings = smtp_settings(all, "wrong"),
          .vendor = "smtp",
          .good = address_target(Channel::Email, "someone@example.com"),
          .invalid = address_target(Channel::Email, "bounce@sandbox.carillon.test"),
          .throttled = OutcomeKind::Temporary,
          .has_retry_after = false};
});

const AddCase kSandbox("sandbox", [](base::JsonElement) -> ProviderCase {
  return {.settings = "{}",
          .bad_settings = "{}",
          .vendor = {},
          .good = device_target("apns", Platform::Ios, "any"),
          .invalid = device_target("apns", Platform::Ios, "test-unregistered")};
});

}  // namespace
}  // namespace carillon::conformance
