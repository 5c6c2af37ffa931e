// Cron expressions: what fires again and again by the clock of a time zone. Pure.
//
// Five fields, "minute hour day-of-month month day-of-week", of numbers, names of months and days, ranges,
// lists and steps; or @hourly @daily @midnight @weekly @monthly @yearly @annually. Where both fields of
// days are restricted (leave out a value), a day that either of them names fires.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace carillon::model {

inline constexpr std::size_t kCronMax = 256;  // bytes of an expression

class Cron {
 public:
  // Errors: InvalidArgument, in words for whoever wrote it: the field, what is wrong, how to mend it.
  // An expression that never fires (30 February) is one of them.
  [[nodiscard]] static Result<Cron> parse(std::string_view text);

  // The first firing after `after`, by a clock of that zone (IANA name; an unknown one is UTC). A local time
  // that summer time skips fires at the first moment after the gap, one that is repeated the first time
  // only. nullopt: none before the year 9999.
  [[nodiscard]] std::optional<Time> next(std::string_view zone, Time after) const;
  // The last firing after `after` and not after `until`; nullopt: none. Quick however long that is.
  [[nodiscard]] std::optional<Time> newest(std::string_view zone, Time after, Time until) const;

 private:
  Cron() = default;
  [[nodiscard]] bool fires_on(unsigned day, unsigned weekday) const noexcept;
  // Bit n: the value n. Sunday is bit 0 of weekdays_.
  std::uint64_t minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
};

}  // namespace carillon::model
