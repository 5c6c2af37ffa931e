// Webhooks out: which events a project's own servers are told of, where they are and how they are called.
// (Webhooks to users are a channel: providers/webhook.h.)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

namespace carillon::model {

// What a webhook can be told of. The numbers are stored; never renumber.
enum class WebhookEvent : std::uint8_t {
  DeliverySent = 0,
  DeliveryDelivered = 1,
  DeliveryFailed = 2,
  DeliveryDead = 3,
  DeliveryUnknown = 4,
  DeliverySuppressed = 5,
  DeliveryExpired = 6,
  DeliveryCancelled = 7,
  DeliveryReplayed = 8,
  NotificationCompleted = 9,
  NotificationCancelled = 10,
  EngagementOpened = 11,
  EngagementClicked = 12,
  EngagementConverted = 13,
  EngagementUnsubscribed = 14,
  EngagementComplained = 15,
  PreferenceChanged = 16,
  SuppressionAdded = 17,
  SuppressionRemoved = 18,
  DeviceRegistered = 19,
  DeviceRemoved = 20,
  ApprovalRequested = 21,
  ApprovalApproved = 22,
  ApprovalRejected = 23,
  ApprovalExpired = 24,
  Test = 25,  // asked for by a person; goes to any webhook
};
inline constexpr std::size_t kWebhookEventCount = 26;
std::string_view name(WebhookEvent event) noexcept;         // "delivery.sent"
std::string_view description(WebhookEvent event) noexcept;  // one sentence, for people
std::optional<WebhookEvent> parse_webhook_event(std::string_view text) noexcept;

// A set of them; bit n: event n.
using WebhookEvents = std::uint32_t;
[[nodiscard]] constexpr WebhookEvents bit(WebhookEvent event) noexcept {
  return WebhookEvents{1} << static_cast<unsigned>(event);
}
// The events of a name, or of a beginning with "*" after it ("delivery.*", "*"). 0: there are none.
[[nodiscard]] WebhookEvents webhook_events_of(std::string_view pattern) noexcept;

inline constexpr std::size_t kWebhooksMax = 20;  // of a project
inline constexpr std::size_t kWebhookUrlMax = 2048, kWebhookDescriptionMax = 500, kWebhookReasonMax = 300;
inline constexpr std::size_t kWebhookPatternsMax = kWebhookEventCount;
inline constexpr std::int64_t kWebhookInFlightMax = 256, kWebhookInFlightDefault = 32;

struct Webhook {
  std::string key, url, description{};
  std::vector<std::string> patterns{};  // as given: names, "delivery.*", "*"
  WebhookEvents events = 0;             // what they mean
  bool enabled = true;                  // false: nothing is kept for it
  bool has_addresses = false;           // addresses are among the data, except where they are sensitive
  bool has_sandbox = true;              // events of the sandbox and of test keys too
  std::int64_t in_flight = kWebhookInFlightDefault;
  std::string paused{};           // why what is for it waits; empty: it does not
  bool is_switched_off = false;   // paused by the system
  std::string sealed_secret{};    // by base::Sealer
  std::string sealed_previous{};  // of the secret before, which signs too until previous_until
  std::optional<Time> previous_until{};
  std::string plain_secret{};  // as just read from a body: the caller seals it and clears this. Never stored.
};

// Reads the API's body {"url","events","description","enabled","addresses","sandbox","max_in_flight",
// "secret"}. `before` (may be null): the stored one, whose state and secret stay. Whether the URL may be
// called is the caller's to check. The result is usable only when no problem was added.
Webhook read_webhook(base::JsonElement body, std::string_view key, const Webhook* before,
                     base::Problems& problems);
// The members as the API shows them; no braces. `secret`: a new one, to be shown this once, or empty.
void write_webhook_fields(base::JsonWriter& out, const Webhook& webhook, std::string_view secret, Time now);
std::string encode(const Webhook& webhook);
Result<Webhook> decode_webhook(std::string_view json, std::string_view key);  // Errors: Corruption

// {"id","type","timestamp","project","data"}: what is posted. `data`: a JSON object; `extra`: members in
// front of its own, each ended by a comma ("\"app\":\"shop\",").
[[nodiscard]] std::string webhook_event_body(std::string_view id, WebhookEvent type, Time at,
                                             std::string_view project, std::string_view extra,
                                             std::string_view data);

// When an event that could not be told is tried again: after 5 s, 30 s, 5 m, 30 m, 2 h, 5 h, 10 h and 10 h,
// each up to a fifth longer; later where the receiver asks for it (`retry_after`), at most 10 h. nullopt: it
// is given up, a little over a day after the first try. `tries`: so far, from 1; `random`: 0 to 1.
[[nodiscard]] std::optional<Time> next_webhook_try(std::int64_t tries, Time now, double random,
                                                   std::optional<Millis> retry_after);

}  // namespace carillon::model
