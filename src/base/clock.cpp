#include "base/clock.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace carillon {
namespace {

constexpr std::int64_t kMaxTimeMs = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
constexpr Millis kMaxDuration = std::chrono::days(3650);

struct Unit {
  std::string_view text;
  std::int64_t ms;
};
// Longest unit first: the first one that divides a duration gives its shortest form.
constexpr std::array<Unit, 5> kUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

void put_digits(char* at, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// Takes exactly `width` digits from the front of `text`.
bool take_digits(std::string_view& text, std::size_t width, int& out) {
  if (text.size() < width) return false;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  out = value;
  return true;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// An optional ".digits", cut off after the millisecond.
bool take_fraction(std::string_view& text, int& ms) {
  ms = 0;
  if (!take_char(text, '.')) return true;
  std::size_t count = 0;
  for (int weight = 100; !text.empty() && text.front() >= '0' && text.front() <= '9'; weight /= 10) {
    ms += (text.front() - '0') * weight;
    text.remove_prefix(1);
    ++count;
  }
  return count > 0;
}

// "Z" or "+hh:mm", as minutes east of Greenwich.
bool take_offset(std::string_view& text, int& minutes) {
  minutes = 0;
  if (take_char(text, 'Z') || take_char(text, 'z')) return true;
  const bool is_west = !text.empty() && text.front() == '-';
  if (!is_west && (text.empty() || text.front() != '+')) return false;
  text.remove_prefix(1);
  int hour = 0, minute = 0;
  if (!take_digits(text, 2, hour) || !take_char(text, ':') || !take_digits(text, 2, minute)) return false;
  if (hour > 23 || minute > 59) return false;
  minutes = (is_west ? -1 : 1) * (hour * 60 + minute);
  return true;
}

bool take_date(std::string_view& text, std::chrono::sys_days& out) {
  int year = 0, month = 0, day = 0;
  if (!take_digits(text, 4, year) || !take_char(text, '-') || !take_digits(text, 2, month) ||
      !take_char(text, '-') || !take_digits(text, 2, day)) {
    return false;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return false;
  out = std::chrono::sys_days(date);
  return true;
}

}  // namespace

std::string to_rfc3339(Time t) {
  const std::int64_t ms = std::clamp<std::int64_t>(to_ms(t), 0, kMaxTimeMs);
  const std::int64_t in_day = ms % 86'400'000;
  const std::chrono::year_month_day date(std::chrono::sys_days(std::chrono::days(ms / 86'400'000)));
  std::string out = "0000-00-00T00:00:00.000Z";
  put_digits(&out[0], static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(&out[5], static_cast<unsigned>(date.month()), 2);
  put_digits(&out[8], static_cast<unsigned>(date.day()), 2);
  put_digits(&out[11], static_cast<unsigned>(in_day / 3'600'000), 2);
  put_digits(&out[14], static_cast<unsigned>(in_day / 60'000 % 60), 2);
  put_digits(&out[17], static_cast<unsigned>(in_day / 1'000 % 60), 2);
  put_digits(&out[20], static_cast<unsigned>(in_day % 1'000), 3);
  return out;
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  std::chrono::sys_days date;
  int hour = 0, minute = 0, second = 0, ms = 0, offset = 0;
  if (!take_date(text, date)) return std::nullopt;
  if (!take_char(text, 'T') && !take_char(text, 't')) return std::nullopt;
  if (!take_digits(text, 2, hour) || !take_char(text, ':') || !take_digits(text, 2, minute) ||
      !take_char(text, ':') || !take_digits(text, 2, second) || !take_fraction(text, ms) ||
      !take_offset(text, offset) || !text.empty()) {
    return std::nullopt;
  }
  // A leap second (RFC 3339 §5.7) ends a UTC day; it is taken as the first second of the next one.
  const bool is_leap = second == 60 && (hour * 60 + minute - offset + 2 * 1440) % 1440 == 1439;
  if (hour > 23 || minute > 59 || (second > 59 && !is_leap)) return std::nullopt;
  const std::int64_t value = date.time_since_epoch().count() * 86'400'000LL +
                             (hour * 3600LL + minute * 60LL + second - offset * 60LL) * 1000 + ms;
  if (value < 0 || value > kMaxTimeMs) return std::nullopt;
  return from_ms(value);
}

std::optional<Millis> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  // from_chars would take a minus sign.
  if (error != std::errc() || text.front() == '-') return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& u : kUnits) {
    if (u.text != unit) continue;
    if (count > kMaxDuration.count() / u.ms) return std::nullopt;
    return Millis(count * u.ms);
  }
  return std::nullopt;
}

std::string to_duration_text(Millis duration) {
  const std::int64_t ms = duration.count();
  if (ms == 0) return "0s";
  for (const Unit& u : kUnits) {
    if (ms % u.ms == 0) return std::to_string(ms / u.ms).append(u.text);
  }
  return std::to_string(ms).append("ms");
}

}  // namespace carillon
