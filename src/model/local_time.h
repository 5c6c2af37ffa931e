// What clocks show in a time zone, and messages for a local time. Pure; zones are IANA names.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/decision.h"
#include "model/notification.h"

namespace carillon::model {

// What a clock on the wall shows.
struct WallTime {
  std::chrono::local_days day;
  int minute = 0;  // of the day
};
// `zone`: an unknown one is UTC.
[[nodiscard]] WallTime wall_time(std::string_view zone, Time at);
// RFC 3339 with the zone's offset at that moment: "2026-12-01T09:00:00+09:00". Seconds are cut off to whole
// ones.
[[nodiscard]] std::string to_local_text(std::string_view zone, Time at);

// When a message that was accepted at `accepted_at` for a local time goes to a recipient in `zone` (an
// unknown one is UTC; LocalSendTime::zone, where set, wins). A local time that summer time skips is the first
// moment after the gap, a repeated one the first of both. One that had passed when it was accepted is what
// if_past says: then, the same time of the next day, or never.
struct LocalMoment {
  bool is_skipped = false;  // never: if_past is skip
  Time at{};
};
[[nodiscard]] LocalMoment local_moment(const LocalSendTime& wanted, std::string_view zone, Time accepted_at);

// The first moment at which that local time comes anywhere on earth (UTC+14), at which the message has to be
// expanded; nullopt when it has passed: at once.
[[nodiscard]] std::optional<Time> first_local_moment(const LocalSendTime& wanted, Time accepted_at);
// No recipient's moment is after this one.
[[nodiscard]] Time last_local_moment(const LocalSendTime& wanted, Time accepted_at);

// Whether a recipient in `zone` gets it now, has to wait (Hold, due_at), or never does (Suppress); the reason
// is local_time. `source` says whose zone it is: "device" "user" "project". A check is added when it is
// wanted, and always to Suppress.
[[nodiscard]] Decision apply_local_time(const LocalSendTime& wanted, std::string_view zone,
                                        std::string_view source, Time accepted_at, Time now,
                                        bool wants_checks);

// From when on waiting is not the caller's wish: what the age of a delivery is counted from.
[[nodiscard]] Time sending_began(const Notification& notification, Time now);

}  // namespace carillon::model
