// Vendors of e-mail with an API of their own.
#include "provider_cases.h"

namespace carillon::conformance {
namespace {

using model::Channel;

std::string sendgrid_settings(base::JsonElement all, const std::string& key) {
  const auto sendgrid = all["sendgrid"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(sendgrid, "endpoint")).field("api_key", key);
  out.field("webhook_public_key", text_of(sendgrid, "webhook_public_key"));
  out.field("from_email", "shop@example.com").field("from_name", "가게").end_object();
  return out.str();
}
const AddCase kSendgrid("sendgrid", [](base::JsonElement all) -> ProviderCase {
  return {.settings = sendgrid_settings(all, text_of(all["sendgrid"].value(), "api_key")),
          .bad_settings = sendgrid_settings(all, "SG.wrong"),
          .vendor = "sendgrid",
          .good = address_target(Channel::Email, "someone@example.com"),
          .invalid = address_target(Channel::Email, "two..dots@example.com")};
});

std::string mailchimp_settings(base::JsonElement all, const std::string& key) {
  const auto mailchimp = all["mailchimp"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(mailchimp, "endpoint") + "/api/1.0").field("api_key", key);
  out.field("webhook_key", text_of(mailchimp, "webhook_key"));
  out.field("from_email", "shop@example.com").field("from_name", "가게").end_object();
  return out.str();
}
const AddCase kMailchimp("mailchimp", [](base::JsonElement all) -> ProviderCase {
  return {.settings = mailchimp_settings(all, text_of(all["mailchimp"].value(), "api_key")),
          .bad_settings = mailchimp_settings(all, "wrong"),
          .vendor = "mailchimp",
          .good = address_target(Channel::Email, "someone@example.com"),
          .invalid = address_target(Channel::Email, "two..dots@example.com")};
});

std::string ses_settings(base::JsonElement all, const std::string& secret) {
  const auto ses = all["ses"].value();
  base::JsonWriter out;
  out.object().field("endpoint", text_of(ses, "endpoint")).field("region", text_of(ses, "region"));
  out.field("access_key_id", text_of(ses, "access_key_id")).field("secret_access_key", secret);
  out.field("topic_arn", text_of(ses, "topic_arn")).field("sns_origin", text_of(ses, "endpoint"));
  out.field("from_email", "shop@example.com").field("from_name", "가게").end_object();
  return out.str();
}
const AddCase kSes("ses", [](base::JsonElement all) -> ProviderCase {
  return {.settings = ses_settings(all, text_of(all["ses"].value(), "secret_access_key")),
          .bad_settings = ses_settings(all, "wrong"),
          .vendor = "ses",
          .good = address_target(Channel::Email, "someone@example.com"),
          .invalid = address_target(Channel::Email, "two..dots@example.com")};
});

}  // namespace
}  // namespace carillon::conformance
