#include "model/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "model/decision.h"
#include "model/local_time.h"

namespace carillon::model {
namespace {

using std::chrono::local_days;
using std::chrono::year_month_day;

constexpr auto kAheadMax = std::chrono::years(9);  // 29 February comes after eight years at the latest
constexpr int kYearMax = 9998;
constexpr unsigned kSunday = 7;        // the other name of 0
constexpr std::size_t kShownMax = 32;  // bytes of an expression repeated in an error

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<unsigned, 12> kDaysOfMonth{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kAliases{{{"@hourly", "0 * * * *"},
                                                                                 {"@daily", "0 0 * * *"},
                                                                                 {"@midnight", "0 0 * * *"},
                                                                                 {"@weekly", "0 0 * * 0"},
                                                                                 {"@monthly", "0 0 1 * *"},
                                                                                 {"@yearly", "0 0 1 1 *"},
                                                                                 {"@annually", "0 0 1 1 *"}}};

struct Field {
  std::string_view name;
  unsigned min = 0, max = 0;
  std::string_view advice;  // what may stand there
};
constexpr std::array<Field, 5> kFields{{{"minute", 0, 59, "use 0 to 59"},
                                        {"hour", 0, 23, "use 0 to 23"},
                                        {"day of month", 1, 31, "use 1 to 31"},
                                        {"month", 1, 12, "use 1 to 12 or jan to dec"},
                                        {"day of week", 0, 6, "use 0 (Sunday) to 7 (Sunday) or sun to sat"}}};
constexpr std::size_t kMonth = 3, kWeekday = 4;

constexpr std::uint64_t mask(unsigned from, unsigned to, unsigned step = 1) {
  std::uint64_t bits = 0;
  for (unsigned value = from; value <= to; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}
constexpr std::uint64_t all_of(const Field& field) { return mask(field.min, field.max); }
constexpr bool has(std::uint64_t bits, unsigned value) noexcept { return (bits >> value & 1) != 0; }

// As it may stand in an error: its beginning, printable.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, kShownMax));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Parts of a text; "" has one, which is empty.
std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    if (end == text.size()) return parts;
    begin = end + 1;
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  std::vector<std::string_view> words;
  for (std::size_t begin = text.find_first_not_of(kSpaces); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSpaces, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kSpaces, end);
  }
  return words;
}

// Reads one of the five fields.
class FieldReader {
 public:
  FieldReader(std::size_t index, std::string_view text)
      : field_(kFields[index]), index_(index), text_(text) {}

  Result<std::uint64_t> read() {
    std::uint64_t bits = 0;
    for (const std::string_view entry : split(text_, ',')) {
      if (entry.empty()) return wrong("a list has an entry on both sides of each comma; remove one");
      CARILLON_TRY(const std::uint64_t more, read_entry(entry));
      bits |= more;
    }
    if (index_ == kWeekday && has(bits, kSunday)) bits = (bits | 1) & ~(std::uint64_t{1} << kSunday);
    return bits;
  }

 private:
  [[nodiscard]] std::unexpected<Error> wrong(std::string_view why) const {
    return fail(Errc::InvalidArgument, fmt::format("{} '{}': {}", field_.name, shown(text_), why));
  }

  [[nodiscard]] unsigned value_max() const { return index_ == kWeekday ? kSunday : field_.max; }

  Result<std::uint64_t> read_entry(std::string_view entry) {
    const std::size_t slash = entry.find('/');
    const std::string_view range = entry.substr(0, slash);
    unsigned step = 1;
    if (slash != std::string_view::npos) { CARILLON_TRY(step, read_step(entry.substr(slash + 1))); }
    if (range == "*") return mask(field_.min, field_.max, step);
    const std::size_t dash = range.find('-');
    CARILLON_TRY(const unsigned from, read_value(range.substr(0, dash)));
    // A step without an end goes to the end of the field.
    if (dash == std::string_view::npos) {
      return mask(from, slash == std::string_view::npos ? from : std::max(from, field_.max), step);
    }
    CARILLON_TRY(unsigned to, read_value(range.substr(dash + 1)));
    if (index_ == kWeekday && to == 0 && from > 0) to = kSunday;
    if (from > to) {
      return wrong(fmt::format("the range {}-{} runs backwards; write {}-{},{}-{}", from, to, from,
                               field_.max, field_.min, to));
    }
    return mask(from, to, step);
  }

  Result<unsigned> read_step(std::string_view text) const {
    unsigned step = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step == 0) {
      return wrong("after the slash stands a number from 1, as in */5");
    }
    if (step > field_.max - field_.min) {
      return wrong(
          fmt::format("a step of {} is wider than the field; it has {} to {}", step, field_.min, field_.max));
    }
    return step;
  }

  Result<unsigned> read_value(std::string_view text) const {
    if (text.find_first_of("?LW#") != std::string_view::npos && !has_name(text)) {
      return wrong("?, L, W and # are of other crons; write * for any, or name the days");
    }
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return wrong(field_.advice);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
      if (const auto named = find_name(text)) return *named;
      return wrong(fmt::format("'{}' is no {}; {}", shown(text), field_.name, field_.advice));
    }
    if (value < field_.min || value > value_max()) {
      return wrong(fmt::format("{} is out of range; {}", value, field_.advice));
    }
    return value;
  }

  [[nodiscard]] bool has_name(std::string_view text) const { return find_name(text).has_value(); }

  [[nodiscard]] std::optional<unsigned> find_name(std::string_view text) const {
    const auto find = [text](const auto& names) -> std::optional<unsigned> {
      for (unsigned i = 0; i < names.size(); ++i) {
        if (std::ranges::equal(names[i], text, {}, {}, lower)) return i;
      }
      return std::nullopt;
    };
    if (index_ == kWeekday) return find(kWeekdays);
    if (index_ != kMonth) return std::nullopt;
    const auto month = find(kMonths);
    return month ? std::optional(*month + 1) : std::nullopt;
  }

  const Field& field_;
  const std::size_t index_;
  const std::string_view text_;
};

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  if (text.size() > kCronMax) {
    return fail(Errc::InvalidArgument, fmt::format("a cron expression has at most {} bytes", kCronMax));
  }
  auto words = words_of(text);
  if (words.size() == 1 && words[0].starts_with('@')) {
    const auto* const alias = std::ranges::find_if(
        kAliases, [&](const auto& a) { return std::ranges::equal(a.first, words[0], {}, {}, lower); });
    if (alias == kAliases.end()) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}' is not known; use @hourly, @daily, @weekly, @monthly or @yearly, or five "
                              "fields",
                              shown(words[0])));
    }
    words = words_of(alias->second);
  }
  if (words.size() != kFields.size()) {
    return fail(Errc::InvalidArgument,
                fmt::format("a cron expression has five fields, minute hour day-of-month month day-of-week, "
                            "such as '0 9 * * mon-fri'; this has {}{}",
                            words.size(), words.size() == 6 ? " (there are no seconds)" : ""));
  }
  Cron cron;
  std::array<std::uint64_t*, kFields.size()> into{&cron.minutes_, &cron.hours_, &cron.days_, &cron.months_,
                                                  &cron.weekdays_};
  for (std::size_t i = 0; i < words.size(); ++i) { CARILLON_TRY(*into[i], FieldReader(i, words[i]).read()); }
  if (cron.weekdays_ != all_of(kFields[kWeekday])) return cron;
  const auto first = static_cast<unsigned>(std::countr_zero(cron.days_));
  for (unsigned month = 1; month <= kDaysOfMonth.size(); ++month) {
    if (has(cron.months_, month) && first <= kDaysOfMonth[month - 1]) return cron;
  }
  return fail(Errc::InvalidArgument,
              fmt::format("day of month '{}': this never fires, because month '{}' has no day {}; name a day "
                          "the month has",
                          shown(words[2]), shown(words[3]), first));
}

bool Cron::fires_on(unsigned day, unsigned weekday) const noexcept {
  const bool by_day = has(days_, day), by_weekday = has(weekdays_, weekday);
  const bool is_day_free = days_ == all_of(kFields[2]), is_weekday_free = weekdays_ == all_of(kFields[4]);
  return is_day_free || is_weekday_free ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<Time> Cron::next(std::string_view zone, Time after) const {
  if (!is_time_zone(zone)) zone = "UTC";
  const WallTime start = wall_time(zone, after);
  const year_month_day last = year_month_day(start.day) + kAheadMax;
  for (local_days day = start.day; year_month_day(day) <= last; day += std::chrono::days(1)) {
    const year_month_day date(day);
    if (static_cast<int>(date.year()) > kYearMax) return std::nullopt;
    if (!has(months_, static_cast<unsigned>(date.month()))) {
      // On the last day of a month the loop goes on to the next one.
      day = local_days(date.year() / date.month() / std::chrono::last);
      continue;
    }
    if (!fires_on(static_cast<unsigned>(date.day()), std::chrono::weekday(day).c_encoding())) continue;
    for (std::uint64_t hours = hours_; hours != 0; hours &= hours - 1) {
      for (std::uint64_t minutes = minutes_; minutes != 0; minutes &= minutes - 1) {
        const int minute = std::countr_zero(hours) * 60 + std::countr_zero(minutes);
        if (day == start.day && minute <= start.minute) continue;
        const auto at = local_to_utc(zone, static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                     static_cast<unsigned>(date.day()), minute);
        // Not after it: the clock shows that time for the second time.
        if (at && *at > after) return at;
      }
    }
  }
  return std::nullopt;
}

std::optional<Time> Cron::newest(std::string_view zone, Time after, Time until) const {
  // The shortest stretch before `until` that holds a firing: twice as long each time.
  for (Millis stretch = std::chrono::minutes(1); until > after; stretch *= 2) {
    const Time from = std::max(after, until - stretch);
    std::optional<Time> newest;
    for (auto at = next(zone, from); at && *at <= until; at = next(zone, *at)) newest = at;
    if (newest || from == after) return newest;
  }
  return std::nullopt;
}

}  // namespace carillon::model
