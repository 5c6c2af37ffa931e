// Named places where a test may kill the process (RELIABILITY §2.13).
//
// CARILLON_FAILPOINTS="accept.after_store:kill:3,record.after_commit:kill:1" ends the process by SIGKILL,
// as the kernel would, at the third time it passes the first place or the first time it passes the second.
// They are in every build, so that what is tested is what runs; one relaxed load each when none is set.
// tests/chaos finds the places by their names in the source: a new one needs no line elsewhere.
#pragma once

#include <atomic>
#include <string_view>

namespace carillon::base {

// The variable, read once when the process starts.
inline constexpr const char* kFailpointsVariable = "CARILLON_FAILPOINTS";

namespace detail {
// True when the variable names at least one place.
extern std::atomic<bool> failpoints_are_set;
}  // namespace detail

// Counts a hit of this place and does what is asked for there. Any thread.
void failpoint_hit(std::string_view name) noexcept;

// Replaces what the variable says: "name:kill:k", several separated by commas; k counts from 1. What
// does not read like that is left out. Number of places taken. For tests; not while another thread is at
// a failpoint.
int set_failpoints(std::string_view text);

}  // namespace carillon::base

#define CARILLON_FAILPOINT(name)                                                                   \
  do {                                                                                             \
    if (::carillon::base::detail::failpoints_are_set.load(std::memory_order_relaxed)) [[unlikely]] \
      ::carillon::base::failpoint_hit(name);                                                       \
  } while (false)
