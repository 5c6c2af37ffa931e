#include "model/webhook.h"

#include <algorithm>

#include "model/standard_webhook.h"

namespace carillon::model {
namespace {

struct EventRow {
  std::string_view name, description;
};
constexpr EventRow kEvents[kWebhookEventCount] = {
    {"delivery.sent", "A provider took it."},
    {"delivery.delivered", "It arrived, by the provider's report."},
    {"delivery.failed", "It was refused for good, or the provider reports later that it did not arrive."},
    {"delivery.dead", "Its retries are exhausted: it is a dead letter."},
    {"delivery.unknown", "It may have been sent or not, and its policy says not to send it again."},
    {"delivery.suppressed", "It is not sent: an opt-out, no address, a limit; `reason` says which."},
    {"delivery.expired", "Its time to live passed before it could be sent."},
    {"delivery.cancelled", "It was cancelled before it was sent."},
    {"delivery.replayed", "Somebody sends it again; its generation is one higher from then on."},
    {"notification.completed", "All its deliveries are final; again after a replay."},
    {"notification.cancelled", "Somebody cancelled it."},
    {"engagement.opened", "The recipient opened it for the first time."},
    {"engagement.clicked", "The recipient followed a link for the first time."},
    {"engagement.converted", "Your page or app reported the conversion."},
    {"engagement.unsubscribed", "The recipient unsubscribed from it."},
    {"engagement.complained", "The recipient reported it as spam."},
    {"preference.changed", "A user's opt-ins, opt-outs or quiet hours changed."},
    {"suppression.added", "An address is not contacted any more."},
    {"suppression.removed", "An address may be contacted again."},
    {"device.registered", "A user has a new device."},
    {"device.removed", "A device is gone; `reason`: user, invalid_token, moved, replaced or user_deleted."},
    {"approval.requested", "A send waits for somebody's approval."},
    {"approval.approved", "It was approved."},
    {"approval.rejected", "It was rejected."},
    {"approval.expired", "Nobody decided in time: it is never sent."},
    {"webhook.test", "Somebody tested the webhook; not stored and not repeated."},
};

constexpr std::size_t kSealedMax = 1024;  // bytes
constexpr Millis kSecond{1'000}, kMinute{60'000}, kHour{3'600'000};
constexpr std::array kRetries{5 * kSecond, 30 * kSecond, 5 * kMinute, 30 * kMinute,
                              2 * kHour,   5 * kHour,    10 * kHour,  10 * kHour};
constexpr double kJitter = 0.2;
constexpr Millis kRetryAfterMax = 10 * kHour;

void read_events(base::ObjectReader& reader, Webhook& into) {
  if (!reader.texts("events", into.patterns, kWebhookPatternsMax, 64)) return;
  if (into.patterns.empty()) {
    reader.problem("events", "required", "give event types, \"delivery.*\" for a kind, or \"*\" for all");
  }
  for (std::size_t i = 0; i < into.patterns.size(); ++i) {
    const WebhookEvents meant = webhook_events_of(into.patterns[i]);
    if (meant == 0) {
      reader.problems().push_back({fmt::format("{}/{}", reader.pointer("events"), i), "unknown_event_type",
                                   "there is no such event type; GET /v1/webhook-events lists them, "
                                   "\"delivery.*\" and \"*\" work too"});
    }
    into.events |= meant;
  }
}

// {"set":true}, as it reads back, keeps what is stored.
void read_secret(base::ObjectReader& reader, const Webhook* before, Webhook& into) {
  const auto element = reader.element("secret");
  if (!element) return;
  bool is_set = false;
  if (element->is_object() && element->at_key("set").get(is_set) == simdjson::SUCCESS && is_set) {
    if (before == nullptr) reader.problem("secret", "required", "there is no secret to keep: leave it out");
    return;
  }
  if (before != nullptr) {
    reader.problem("secret", "read_only", "it has a secret: change it with POST …/rotate");
  } else if (reader.text("secret", into.plain_secret, kWebhookSecretMax) && !webhook_key(into.plain_secret)) {
    reader.problem("secret", "invalid_value", std::string(kWebhookSecretRule));
    into.plain_secret.clear();
  }
}

void write_settings(base::JsonWriter& out, const Webhook& w) {
  out.field("url", w.url).key("events").array();
  for (const std::string& pattern : w.patterns) out.value(pattern);
  out.end_array();
  out.field("description", w.description).field("enabled", w.enabled).field("addresses", w.has_addresses);
  out.field("sandbox", w.has_sandbox).field("max_in_flight", w.in_flight);
}

void read_settings(base::ObjectReader& reader, Webhook& into) {
  reader.text("url", into.url, kWebhookUrlMax);
  read_events(reader, into);
  reader.text("description", into.description, kWebhookDescriptionMax);
  reader.boolean("enabled", into.enabled);
  reader.boolean("addresses", into.has_addresses);
  reader.boolean("sandbox", into.has_sandbox);
  reader.integer("max_in_flight", into.in_flight, 1, kWebhookInFlightMax);
}

}  // namespace

std::string_view name(WebhookEvent event) noexcept { return kEvents[static_cast<std::size_t>(event)].name; }

std::string_view description(WebhookEvent event) noexcept {
  return kEvents[static_cast<std::size_t>(event)].description;
}

std::optional<WebhookEvent> parse_webhook_event(std::string_view text) noexcept {
  const auto* const it = std::ranges::find(kEvents, text, &EventRow::name);
  if (it == std::end(kEvents)) return std::nullopt;
  return static_cast<WebhookEvent>(it - std::begin(kEvents));
}

WebhookEvents webhook_events_of(std::string_view pattern) noexcept {
  const bool is_prefix = pattern.ends_with('*');
  if (is_prefix) pattern.remove_suffix(1);
  WebhookEvents found = 0;
  for (std::size_t i = 0; i < kWebhookEventCount; ++i) {
    const std::string_view known = kEvents[i].name;
    // A beginning is whole words: "del*" is more likely a mistake than a wish.
    const bool is_kind =
        is_prefix && known.starts_with(pattern) && (pattern.empty() || pattern.ends_with('.'));
    if (is_prefix ? is_kind : known == pattern) found |= bit(static_cast<WebhookEvent>(i));
  }
  return found;
}

Webhook read_webhook(base::JsonElement body, std::string_view key, const Webhook* before,
                     base::Problems& problems) {
  Webhook w;
  w.key = key;
  if (before != nullptr) {
    w.paused = before->paused;
    w.is_switched_off = before->is_switched_off;
    w.sealed_secret = before->sealed_secret;
    w.sealed_previous = before->sealed_previous;
    w.previous_until = before->previous_until;
  }
  base::ObjectReader reader(body, "", problems);
  std::string given;
  if (reader.text("key", given, 64) && given != key)
    reader.problem("key", "key_mismatch", "leave key out, or give the one of the address");
  reader.require("url");
  reader.require("events");
  read_settings(reader, w);
  read_secret(reader, before, w);
  reader.done();
  return w;
}

void write_webhook_fields(base::JsonWriter& out, const Webhook& w, std::string_view secret, Time now) {
  out.field("key", w.key);
  write_settings(out, w);
  if (secret.empty()) {
    out.key("secret").object().field("set", true).end_object();
  } else {
    out.field("secret", secret);
  }
  const bool has_previous = w.previous_until && *w.previous_until > now;
  out.field_or_null("previous_secret_until", has_previous ? w.previous_until : std::nullopt);
  out.field_or_null("paused", w.paused);
  out.field("state", !w.enabled          ? "disabled"
                     : w.is_switched_off ? "switched_off"
                     : !w.paused.empty() ? "paused"
                                         : "ready");
}

std::string encode(const Webhook& w) {
  base::JsonWriter out(512);
  out.object();
  write_settings(out, w);
  out.field_if("paused", w.paused);
  if (w.is_switched_off) out.field("switched_off", true);
  out.field("secret", w.sealed_secret);
  if (w.previous_until) {
    out.field("previous_secret", w.sealed_previous).field("previous_until", to_ms(*w.previous_until));
  }
  out.end_object();
  return out.str();
}

Result<Webhook> decode_webhook(std::string_view json, std::string_view key) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(json));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  Webhook w;
  w.key = key;
  read_settings(reader, w);
  reader.text("paused", w.paused, kWebhookReasonMax);
  reader.boolean("switched_off", w.is_switched_off);
  reader.text("secret", w.sealed_secret, kSealedMax);
  reader.text("previous_secret", w.sealed_previous, kSealedMax);
  std::int64_t until = 0;
  if (reader.integer("previous_until", until, 0, INT64_MAX)) w.previous_until = from_ms(until);
  if (problems.empty()) return w;
  return fail(Errc::Corruption,
              fmt::format("the webhook {} is damaged: {} {}", key, problems[0].pointer, problems[0].detail));
}

std::string webhook_event_body(std::string_view id, WebhookEvent type, Time at, std::string_view project,
                               std::string_view extra, std::string_view data) {
  base::JsonWriter out(data.size() + extra.size() + 192);
  out.object().field("id", id).field("type", name(type)).field("timestamp", to_rfc3339(at));
  out.field("project", project).key("data");
  if (extra.empty() || !data.starts_with('{')) return out.raw(data).end_object().str();
  std::string_view rest = data.substr(1);
  if (rest == "}") extra.remove_suffix(1);
  return out.raw(fmt::format("{{{}{}", extra, rest)).end_object().str();
}

std::optional<Time> next_webhook_try(std::int64_t tries, Time now, double random,
                                     std::optional<Millis> retry_after) {
  if (tries < 1 || tries > static_cast<std::int64_t>(kRetries.size())) return std::nullopt;
  const Millis base = kRetries[static_cast<std::size_t>(tries - 1)];
  const Millis wait =
      base + Millis(static_cast<std::int64_t>(static_cast<double>(base.count()) * kJitter * random));
  return now + std::max(wait, std::min(retry_after.value_or(Millis{0}), kRetryAfterMax));
}

}  // namespace carillon::model
