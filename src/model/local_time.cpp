// Time zones, quiet hours and local times to send at, on the tz database of the machine. libstdc++ 12 has
// none of its own.
#include "model/local_time.h"

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
constexpr int kNextDayMax = 4;              // days looked ahead for the next time a clock shows something
// The zones whose clocks are the furthest ahead and behind.
constexpr Millis kAheadMax = std::chrono::hours(14);
constexpr Millis kBehindMax = std::chrono::hours(12);
constexpr Millis kDayMax = std::chrono::hours(25);  // the longest day, unless a zone changes its date

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

struct Shown {
  date::local_days day;
  int minute = 0;  // of the day
};

Shown to_local(const date::time_zone* zone, Time t) {
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

date::local_days day_of(const LocalSendTime& wanted) {
  return date::local_days(date::year(wanted.year) / date::month(wanted.month) / date::day(wanted.day));
}

// As if it were UTC.
Time as_utc(const LocalSendTime& wanted) {
  return Time(day_of(wanted).time_since_epoch() + std::chrono::minutes(wanted.minute_of_day));
}

std::string_view name(IfPast if_past) {
  switch (if_past) {
    case IfPast::Now: return "now";
    case IfPast::NextDay: return "next_day";
    case IfPast::Skip: return "skip";
  }
  return "";
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

WallTime wall_time(std::string_view zone, Time at) {
  const Shown shown = to_local(zone_or_utc(zone), at);
  return {std::chrono::local_days(std::chrono::days(shown.day.time_since_epoch().count())), shown.minute};
}

std::string to_local_text(std::string_view zone, Time at) {
  const date::time_zone* const found = zone_or_utc(zone);
  const auto seconds = date::floor<std::chrono::seconds>(at);
  const std::chrono::seconds offset =
      found != nullptr ? found->get_info(seconds).offset : std::chrono::seconds(0);
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(std::chrono::abs(offset));
  std::string text =
      to_rfc3339(Time(seconds + offset)).substr(0, std::string_view("2026-12-01T09:00:00").size());
  return text + fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', minutes.count() / 60,
                            minutes.count() % 60);
}

LocalMoment local_moment(const LocalSendTime& wanted, std::string_view zone, Time accepted_at) {
  const date::time_zone* const found =
      zone_or_utc(wanted.zone.empty() ? zone : std::string_view(wanted.zone));
  const Time first = instants_of(found, day_of(wanted), wanted.minute_of_day).first;
  if (first > accepted_at) return {false, first};
  if (wanted.if_past != IfPast::NextDay) return {wanted.if_past == IfPast::Skip, accepted_at};
  date::local_days day = std::max(day_of(wanted), to_local(found, accepted_at).day);
  for (int i = 0; i < kNextDayMax; ++i, day += date::days(1)) {
    const Time next = instants_of(found, day, wanted.minute_of_day).first;
    if (next > accepted_at) return {false, next};
  }
  return {false, accepted_at};
}

std::optional<Time> first_local_moment(const LocalSendTime& wanted, Time accepted_at) {
  Time first = as_utc(wanted) - kAheadMax;
  if (!wanted.zone.empty()) first = local_moment(wanted, wanted.zone, accepted_at).at;
  return first > accepted_at ? std::optional(first) : std::nullopt;
}

Time last_local_moment(const LocalSendTime& wanted, Time accepted_at) {
  if (!wanted.zone.empty()) return local_moment(wanted, wanted.zone, accepted_at).at;
  const Time next = wanted.if_past == IfPast::NextDay ? accepted_at + kDayMax : accepted_at;
  return std::max(as_utc(wanted) + kBehindMax, next);
}

Decision apply_local_time(const LocalSendTime& wanted, std::string_view zone, std::string_view source,
                          Time accepted_at, Time now, bool wants_checks) {
  const LocalMoment moment = local_moment(wanted, zone, accepted_at);
  Decision decision;
  if (moment.is_skipped) {
    decision.kind = DecisionKind::Suppress;
  } else if (moment.at > now) {
    decision.kind = DecisionKind::Hold;
    decision.due_at = moment.at;
  }
  if (decision.kind != DecisionKind::Send) decision.reason = Reason::LocalTime;
  if (!wants_checks && !moment.is_skipped) return decision;
  Check check;
  check.check = "local_time";
  check.result = decision.kind == DecisionKind::Send ? "pass" : moment.is_skipped ? "stop" : "hold";
  check.rule = fmt::format("if_past:{}", name(wanted.if_past));
  check.value = fmt::format("{:04}-{:02}-{:02}T{} {}", wanted.year, wanted.month, wanted.day,
                            clock_text(wanted.minute_of_day), wanted.zone.empty() ? zone : wanted.zone);
  check.source = wanted.zone.empty() ? source : "request";
  if (!moment.is_skipped) check.at = moment.at;
  decision.checks.push_back(std::move(check));
  return decision;
}

Time sending_began(const Notification& notification, Time now) {
  const Time accepted = notification.accepted_at;
  if (!notification.request || !notification.request->send_at_local) {
    return std::max(accepted, notification.send_at.value_or(accepted));
  }
  const Time last = last_local_moment(*notification.request->send_at_local, accepted);
  return std::max(accepted, std::min(now, last));
}

}  // namespace carillon::model
