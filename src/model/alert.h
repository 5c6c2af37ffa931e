// Alerts: what is wrong with the sending itself, for the developers who run it; and where they are told.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

namespace carillon::model {

// The numbers are stored; never renumber.
enum class AlertKind : std::uint8_t {
  RetriesExhausted = 0,  // there are dead letters; subject: the queue, or "rule KEY" of events
  RepeatingProblem = 1,  // one failure code comes again and again; subject: integration or template, and code
  IntegrationPaused = 2,  // subject: the integration
  NoRoute = 3,            // deliveries are held because nothing carries their channel; subject: the channel
  OldestAge = 4,          // something due waits too long; subject: queue/priority
  Accountability = 5,     // accepted is not the sum of all states
  DiskLow = 6,
  WebhookSwitchedOff = 7,  // nothing but failures came back, or it wants no more; subject: the webhook
};
inline constexpr std::size_t kAlertKindCount = 8;
std::string_view name(AlertKind kind) noexcept;  // "retries_exhausted"
std::optional<AlertKind> parse_alert_kind(std::string_view text) noexcept;

// Which problem: there is at most one open alert of a key.
struct AlertKey {
  std::int32_t project = 0;
  AlertKind kind = AlertKind::RetriesExhausted;
  std::string subject{};
  friend auto operator<=>(const AlertKey&, const AlertKey&) = default;
};

struct Alert {
  std::int64_t id = 0;
  AlertKey key;
  std::string detail;      // what is wrong, as it was last seen; no secret, no recipient
  std::int64_t count = 0;  // how often it happened since it was opened
  Time first_at{}, last_at{};
  std::optional<Time> resolved_at;  // none: open
  std::optional<Time> acknowledged_at;
  std::string acknowledged_by;
  [[nodiscard]] bool is_open() const noexcept { return !resolved_at; }
};

inline constexpr std::size_t kAlertDetailMax = 1000;  // bytes

// Begins a subject that is a rule's key; one that is a topic.
inline constexpr std::string_view kRuleSubject = "rule ", kTopicSubject = "topic ";

// One line for people: "The integration 'mail' is paused".
std::string alert_title(const AlertKey& key);
// What to do about it: a sentence or two.
std::string_view alert_advice(AlertKind kind) noexcept;
// The members of an alert as the API and notices show it; no braces. `id` is the id as text.
void write_alert_fields(base::JsonWriter& out, const Alert& alert, std::string_view id);

// ---- telling
// The numbers are stored.
enum class AlertTarget : std::uint8_t { Webhook = 0, Email = 1 };
std::string_view name(AlertTarget target) noexcept;
enum class AlertEvent : std::uint8_t { Opened = 0, Resolved = 1 };
std::string_view name(AlertEvent event) noexcept;

// Of a project's settings: where its alerts go.
struct AlertSettings {
  std::string webhook_url;     // empty: none
  std::string sealed_secret;   // of the webhook, sealed by base::Sealer
  std::string plain_secret{};  // as just read from a body: the caller seals it and clears this. Never stored.
  std::vector<std::string> emails;
  [[nodiscard]] std::vector<AlertTarget> targets() const;
};
inline constexpr std::size_t kAlertUrlMax = 2048;  // bytes
inline constexpr std::size_t kAlertEmailsMax = 10;

// Reads the setting {"webhook":{"url","secret"},"email":[…]}. "secret":{"set":true}, as it reads back, keeps
// that of `before` (may be null). Whether the URL may be called is the caller's to check.
AlertSettings read_alert_settings(base::JsonElement body, const std::string& pointer,
                                  const AlertSettings* before, base::Problems& problems);
// As the API shows it; `with_secrets`: as it is stored, the secret sealed.
void write_alert_settings(base::JsonWriter& out, const AlertSettings& settings, bool with_secrets);
// What is stored, read back. Errors show as problems.
AlertSettings decode_alert_settings(base::JsonElement stored, base::Problems& problems);

}  // namespace carillon::model
