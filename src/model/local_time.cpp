// Time zones and quiet hours, on the tz database of the machine. libstdc++ 12 has none of its own.
#include "model/decision.h"

#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <unordered_map>

namespace carillon::model {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
constexpr std::size_t kZoneNameMax = 64;    // bytes; the longest real one has 32
constexpr std::size_t kZonesCached = 1024;  // names per thread, unknown ones included
constexpr int kQuietEndDaysMax = 4;         // days looked ahead for the end of a quiet period

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

// The zone of that name, or null. The database answers an unknown name with an exception, which costs
// microseconds: both answers are kept, per thread. The pointers live as long as the process.
const date::time_zone* find_zone(std::string_view name) {
  thread_local std::unordered_map<std::string, const date::time_zone*, TextHash, std::equal_to<>> cache;
  if (name.empty() || name.size() > kZoneNameMax) return nullptr;
  if (const auto at = cache.find(name); at != cache.end()) return at->second;
  const date::time_zone* zone = nullptr;
  try {
    zone = date::locate_zone(std::string(name));
    static_cast<void>(zone->get_info(date::sys_seconds{}));  // reads the zone's file, which may be broken
  } catch (const std::exception&) { zone = nullptr; }
  if (cache.size() >= kZonesCached) cache.clear();
  cache.emplace(name, zone);
  return zone;
}

const date::time_zone* zone_or_utc(std::string_view name) {
  const date::time_zone* const zone = find_zone(name);
  return zone != nullptr ? zone : find_zone("UTC");
}

struct LocalMoment {
  date::local_days day;
  int minute = 0;  // of the day
};

LocalMoment to_local(const date::time_zone* zone, Time t) {
  const auto seconds = date::floor<std::chrono::seconds>(t);
  const std::chrono::seconds offset =
      zone != nullptr ? zone->get_info(seconds).offset : std::chrono::seconds(0);
  const date::local_seconds local((seconds + offset).time_since_epoch());
  const auto day = date::floor<date::days>(local);
  return {day, static_cast<int>(date::floor<std::chrono::minutes>(local - day).count())};
}

// The instants at which a clock of that zone shows that time: two when it is repeated. A skipped time
// is shown by none; it becomes the first instant after the gap.
struct Instants {
  Time first, second;
};

Instants instants_of(const date::time_zone* zone, date::local_days day, int minute) {
  const date::local_seconds local = day + std::chrono::minutes(minute);
  const auto as_utc = [local](std::chrono::seconds offset) {
    return Time(std::chrono::duration_cast<Millis>(local.time_since_epoch() - offset));
  };
  if (zone == nullptr) return {as_utc(std::chrono::seconds(0)), as_utc(std::chrono::seconds(0))};
  const date::local_info info = zone->get_info(local);
  if (info.result == date::local_info::nonexistent) {
    const Time after_gap(std::chrono::duration_cast<Millis>(info.second.begin.time_since_epoch()));
    return {after_gap, after_gap};
  }
  const Time first = as_utc(info.first.offset);
  return {first, info.result == date::local_info::ambiguous ? as_utc(info.second.offset) : first};
}

bool is_quiet(const QuietHours& quiet, int minute) {
  if (quiet.from_min <= quiet.to_min) return quiet.from_min <= minute && minute < quiet.to_min;
  return minute >= quiet.from_min || minute < quiet.to_min;
}

// The first instant after `now` at which a clock shows the end of the quiet period and it is over.
Time end_of_quiet(const date::time_zone* zone, const QuietHours& quiet, Time now) {
  date::local_days day = to_local(zone, now).day;
  Time last = now;
  for (int i = 0; i < kQuietEndDaysMax; ++i, day += date::days(1)) {
    const Instants ends = instants_of(zone, day, quiet.to_min);
    for (const Time end : {ends.first, ends.second}) {
      if (end <= now) continue;
      // After a gap the clock may stand inside the next quiet period already.
      if (!is_quiet(quiet, to_local(zone, end).minute)) return end;
      last = end;
    }
  }
  return last;
}

std::string clock_text(int minute) { return fmt::format("{:02}:{:02}", minute / 60, minute % 60); }

void add_check(Decision& decision, const Category& category, std::string_view result, std::string value,
               std::string_view source) {
  decision.checks.push_back(
      {.check = "quiet_hours",
       .result = std::string(result),
       .rule = category.mandatory ? "mandatory" : std::string(name(category.quiet_hours)),
       .value = std::move(value),
       .source = std::string(source),
       .at = decision.due_at});
}

}  // namespace

bool is_time_zone(std::string_view zone) { return find_zone(zone) != nullptr; }

Millis utc_offset(std::string_view zone, Time at) {
  const date::time_zone* const found = find_zone(zone);
  if (found == nullptr) return Millis(0);
  return found->get_info(date::floor<std::chrono::seconds>(at)).offset;
}

std::optional<Time> local_to_utc(std::string_view zone, int year, unsigned month, unsigned day,
                                 int minute_of_day) {
  const date::time_zone* const found = find_zone(zone);
  const date::year_month_day date_given = date::year(year) / date::month(month) / date::day(day);
  if (found == nullptr || !date_given.ok() || minute_of_day < 0 || minute_of_day >= kMinutesPerDay) {
    return std::nullopt;
  }
  return instants_of(found, date::local_days(date_given), minute_of_day).first;
}

Decision apply_quiet_hours(const Category& category, const std::optional<QuietHours>& quiet,
                           std::string_view zone, Time now, bool wants_checks) {
  Decision decision;
  if (category.mandatory || category.quiet_hours == QuietPolicy::Ignore || !quiet) {
    if (wants_checks) add_check(decision, category, "pass", "", quiet ? "category" : "user");
    return decision;
  }
  const date::time_zone* const found = zone_or_utc(zone);
  const int minute = to_local(found, now).minute;
  const bool is_now = is_quiet(*quiet, minute);
  if (is_now) {
    decision.reason = Reason::QuietHours;
    decision.kind = category.quiet_hours == QuietPolicy::Drop ? DecisionKind::Suppress : DecisionKind::Hold;
    if (decision.kind == DecisionKind::Hold) decision.due_at = end_of_quiet(found, *quiet, now);
  }
  if (wants_checks) {
    const std::string value =
        fmt::format("{} to {}, now {} {}", clock_text(quiet->from_min), clock_text(quiet->to_min),
                    clock_text(minute), found != nullptr ? found->name() : "UTC");
    const std::string_view result = decision.kind == DecisionKind::Send   ? "pass"
                                    : decision.kind == DecisionKind::Hold ? "hold"
                                                                          : "stop";
    add_check(decision, category, result, value, "user");
  }
  return decision;
}

}  // namespace carillon::model
