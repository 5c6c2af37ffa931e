// Who may be reached: preferences, quiet hours, and the object that explains a decision.
//
// The explain object is made by the code that decides, the same from dry run to history (CONTRACT §6).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "model/category.h"
#include "model/profile.h"
#include "model/status.h"

namespace carillon::model {

// One rule that was looked at.
struct Check {
  std::string check;   // "suppression" "preference" "quiet_hours" "frequency_cap" "address" "route" "pause" …
  std::string result;  // "pass" "stop" "hold"
  std::string rule;    // which rule decided: "category_default", "user:sms:*"
  std::string value;   // what was found
  std::string source;  // where it stands: "user", "category", "project", "suppression"
  std::optional<Time> at;  // quiet_hours: when they end
};

enum class DecisionKind : std::uint8_t { Send, Hold, Suppress };
std::string_view name(DecisionKind kind) noexcept;

struct Decision {
  DecisionKind kind = DecisionKind::Send;
  Reason reason = Reason::None;
  std::optional<Time> due_at;  // Hold with a time
  std::vector<Check> checks;   // filled only when `wants_checks`
};

// Steps 2 to 5 of CONTRACT §3: mandatory, explicit no, explicit yes, category default.
// `platform` is None except for push. Appends to `checks` when not null.
[[nodiscard]] bool is_opted_in(const Category& category, const std::vector<Preference>& preferences,
                               Channel channel, Platform platform, std::vector<Check>* checks);

// Where quiet hours put a message that would go now. `zone`: IANA name; an unknown one is UTC.
// Defer: due_at is the end of the quiet period (skipped local times move forward, repeated ones
// count once). Categories with Ignore, and mandatory ones, always Send.
[[nodiscard]] Decision apply_quiet_hours(const Category& category, const std::optional<QuietHours>& quiet,
                                         std::string_view zone, Time now, bool wants_checks);

// A local wall-clock time in an IANA zone as UTC; a time skipped by DST moves forward, a repeated one
// is the first. nullopt: unknown zone.
[[nodiscard]] std::optional<Time> local_to_utc(std::string_view zone, int year, unsigned month,
                                               unsigned day, int minute_of_day);
[[nodiscard]] bool is_time_zone(std::string_view zone);
// What a clock of that zone shows more than one of UTC at that moment. Unknown zone: 0.
[[nodiscard]] Millis utc_offset(std::string_view zone, Time at);

// The explain object of one delivery.
struct Explain {
  std::string recipient;   // "user:u1", "email", "phone": never a raw address
  Channel channel = Channel::Push;
  std::string device_id;
  Decision decision;
  struct Content { std::string template_key; int version = 0; std::string locale; int segments = 0; } content;
  struct Route {
    std::string rule, chosen;
    std::vector<std::string> chain;
    std::vector<std::pair<std::string, std::string>> skipped;  // integration, why
  } route;
};
void write_explain(base::JsonWriter& out, const Explain& explain);

}  // namespace carillon::model
