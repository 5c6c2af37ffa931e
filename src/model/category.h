// A category: what a message is about and the policy for it (CONTRACT §3).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "model/channel.h"

namespace carillon::model {

enum class CategoryKind : std::uint8_t { Transactional, Marketing, Security };
std::string_view name(CategoryKind kind) noexcept;
enum class QuietPolicy : std::uint8_t { Ignore, Defer, Drop };
std::string_view name(QuietPolicy policy) noexcept;
enum class CapPolicy : std::uint8_t { Defer, Drop };

struct FrequencyCap {
  std::string key;             // categories with one key share the count
  std::int64_t limit = 0;      // 1 to 1,000
  Millis per{0};               // 1 minute to 30 days
  CapPolicy on_exceed = CapPolicy::Defer;
  friend bool operator==(const FrequencyCap&, const FrequencyCap&) = default;
};

struct Category {
  std::string key;
  std::map<std::string, std::string> names;  // locale → shown name
  CategoryKind kind = CategoryKind::Transactional;
  bool mandatory = false;
  std::vector<Channel> channels;
  std::array<bool, kChannelCount> default_opt_in{true, true, true, true, true, true, true};
  Priority priority = Priority::Normal;
  Priority max_priority = Priority::High;
  std::optional<Millis> ttl;
  std::vector<Millis> retry;  // delays after the 1st, 2nd, … counted failure
  std::optional<UnknownPolicy> on_unknown;
  bool sensitive = false;
  QuietPolicy quiet_hours = QuietPolicy::Ignore;
  std::optional<FrequencyCap> cap;
  bool track_opens = false, track_clicks = false;
  std::int64_t approval_over = 0;  // recipients; 0: no approval
  bool client_allowed = false;
  bool visible = true;
};

// The built-in ones.
Category general_category();   // 1m 5m 15m 1h
Category security_category();  // mandatory, ttl 10 m, 5 s, 20 s, 60 s, resend on unknown, content hidden

// Reads the API's body over `base` (general for a new one); adds what is wrong to `problems`.
Category read_category(base::JsonElement body, std::string_view key, const Category& base,
                       base::Problems& problems);
void write_category(base::JsonWriter& out, const Category& category);

// How long an undeliverable message without ttl is kept trying while its provider is down
// (PIPELINE §4): security 15 m, transactional 24 h, marketing 72 h.
[[nodiscard]] Millis age_limit(CategoryKind kind) noexcept;

// ---- retry schedule
// When the attempt after `attempts` counted ones (≥ 1) is due: delays[attempts - 1] with jitter
// ±20 % drawn from `random01` in [0,1), at least `vendor_wait`. nullopt: exhausted.
[[nodiscard]] std::optional<Millis> retry_delay(const std::vector<Millis>& delays, int attempts,
                                                double random01, Millis vendor_wait = Millis(0));

}  // namespace carillon::model
