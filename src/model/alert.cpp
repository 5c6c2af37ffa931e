#include "model/alert.h"

#include <algorithm>

#include "model/address.h"
#include "model/standard_webhook.h"

namespace carillon::model {
namespace {

constexpr std::size_t kSealedMax = 1024;  // bytes

struct KindRow {
  std::string_view name, title, advice;  // "{}" in the title is the subject
};
constexpr KindRow kKinds[kAlertKindCount] = {
    {"retries_exhausted", "Deliveries on {} are given up: their retries are exhausted",
     "Look at carillon dlq list for the reasons; when the cause is gone, carillon dlq replay sends them "
     "again."},
    {"repeating_problem", "The same failure comes again and again: {}",
     "Look up the code in the attempts of a failed delivery (carillon status) and in the provider's "
     "documentation; mend the template or the integration."},
    {"integration_paused", "The integration '{}' is paused",
     "Nothing goes through it and its deliveries wait. Mend its settings with PUT /v1/integrations/{key}, or "
     "let it go on with POST /v1/integrations/{key}/resume."},
    {"no_route", "No integration carries {}",
     "The deliveries wait. Configure an integration of that channel, or a route that leads to one."},
    {"oldest_age", "Deliveries in {} wait too long",
     "GET /v1/queues shows how many wait. Look for a slow provider, a rate limit that is too low, or more "
     "load than this machine takes."},
    {"accountability", "Accepted deliveries are not the sum of all states",
     "GET /v1/accountability shows the difference. This is a defect of Carillon or a damaged store: keep a "
     "copy of the data folder, run carillon doctor, and report it."},
    {"disk_low", "The disk of the data folder is nearly full",
     "Free some space or move the data folder to a larger disk; sends are refused when it runs out."},
    {"webhook_switched_off", "The webhook '{}' is switched off",
     "Events for it are kept and wait. Look at GET /v1/webhooks/{key}/deliveries for what it answered, mend "
     "it "
     "and let it go on with POST /v1/webhooks/{key}/resume."},
};

const KindRow& row(AlertKind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }

void read_emails(base::ObjectReader& reader, AlertSettings& into) {
  if (!reader.texts("email", into.emails, kAlertEmailsMax, kEmailGivenMax)) return;
  for (std::size_t i = 0; i < into.emails.size(); ++i) {
    auto email = normalize_email(into.emails[i]);
    if (email) {
      into.emails[i] = std::move(*email);
    } else {
      reader.problems().push_back({fmt::format("{}/{}", reader.pointer("email"), i), "invalid_email",
                                   "give an address such as ops@example.com"});
    }
  }
}

bool keeps_secret(base::ObjectReader& webhook) {
  const auto element = webhook.element("secret");
  bool is_set = false;
  return element && element->is_object() && element->at_key("set").get(is_set) == simdjson::SUCCESS && is_set;
}

void read_webhook(base::ObjectReader& webhook, AlertSettings& into, const AlertSettings* before) {
  webhook.require("url");
  webhook.require("secret");
  webhook.text("url", into.webhook_url, kAlertUrlMax);
  if (keeps_secret(webhook)) {
    if (before != nullptr && !before->sealed_secret.empty()) {
      into.sealed_secret = before->sealed_secret;
    } else {
      webhook.problem("secret", "required", "there is no secret to keep: give one");
    }
  } else if (webhook.text("secret", into.plain_secret, kWebhookSecretMax) &&
             !webhook_key(into.plain_secret)) {
    webhook.problem("secret", "invalid_value", std::string(kWebhookSecretRule));
    into.plain_secret.clear();
  }
  webhook.done();
}

}  // namespace

std::string_view name(AlertKind kind) noexcept { return row(kind).name; }

std::optional<AlertKind> parse_alert_kind(std::string_view text) noexcept {
  const auto* const it = std::ranges::find(kKinds, text, &KindRow::name);
  if (it == std::end(kKinds)) return std::nullopt;
  return static_cast<AlertKind>(it - std::begin(kKinds));
}

std::string alert_title(const AlertKey& key) {
  if (key.kind == AlertKind::RetriesExhausted && key.subject.starts_with(kRuleSubject))
    return fmt::format("Events of the {} cannot be sent", key.subject);
  if (key.kind == AlertKind::RetriesExhausted && key.subject.starts_with(kTopicSubject))
    return fmt::format("Records of the {} cannot be taken", key.subject);
  return fmt::format(fmt::runtime(row(key.kind).title), key.subject);
}

std::string_view alert_advice(AlertKind kind) noexcept { return row(kind).advice; }

void write_alert_fields(base::JsonWriter& out, const Alert& alert, std::string_view id) {
  out.field("id", id).field("kind", name(alert.key.kind)).field("subject", alert.key.subject);
  out.field("state", alert.is_open() ? "open" : "resolved").field("title", alert_title(alert.key));
  out.field("detail", alert.detail).field("advice", alert_advice(alert.key.kind)).field("count", alert.count);
  out.field("first_at", to_rfc3339(alert.first_at)).field("last_at", to_rfc3339(alert.last_at));
  out.field_or_null("resolved_at", alert.resolved_at);
  out.field_or_null("acknowledged_at", alert.acknowledged_at);
  out.field_or_null("acknowledged_by", alert.acknowledged_by);
}

std::string_view name(AlertTarget target) noexcept {
  return target == AlertTarget::Webhook ? "webhook" : "email";
}
std::string_view name(AlertEvent event) noexcept {
  return event == AlertEvent::Opened ? "opened" : "resolved";
}

std::vector<AlertTarget> AlertSettings::targets() const {
  std::vector<AlertTarget> found;
  if (!webhook_url.empty()) found.push_back(AlertTarget::Webhook);
  if (!emails.empty()) found.push_back(AlertTarget::Email);
  return found;
}

AlertSettings read_alert_settings(base::JsonElement body, const std::string& pointer,
                                  const AlertSettings* before, base::Problems& problems) {
  base::ObjectReader reader(body, pointer, problems);
  AlertSettings settings;
  if (const auto element = reader.element("webhook")) {
    base::ObjectReader webhook(*element, reader.pointer("webhook"), problems);
    read_webhook(webhook, settings, before);
  }
  read_emails(reader, settings);
  reader.done();
  return settings;
}

void write_alert_settings(base::JsonWriter& out, const AlertSettings& settings, bool with_secrets) {
  out.object();
  if (!settings.webhook_url.empty()) {
    out.key("webhook").object().field("url", settings.webhook_url);
    if (with_secrets) {
      out.field("sealed", settings.sealed_secret);
    } else {
      out.key("secret").object().field("set", true).end_object();
    }
    out.end_object();
  }
  out.key("email").array();
  for (const auto& email : settings.emails) out.value(email);
  out.end_array().end_object();
}

AlertSettings decode_alert_settings(base::JsonElement stored, base::Problems& problems) {
  base::ObjectReader reader(stored, "/alerts", problems);
  AlertSettings settings;
  if (const auto element = reader.element("webhook")) {
    base::ObjectReader webhook(*element, "/alerts/webhook", problems);
    webhook.text("url", settings.webhook_url, kAlertUrlMax);
    webhook.text("sealed", settings.sealed_secret, kSealedMax);
  }
  reader.texts("email", settings.emails, kAlertEmailsMax, kEmailGivenMax);
  return settings;
}

}  // namespace carillon::model
