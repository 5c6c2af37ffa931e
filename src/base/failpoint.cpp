#include "base/failpoint.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <string>

namespace carillon::base {
namespace {

struct Place {
  std::string name;
  std::atomic<std::int64_t> hits_left{0};
};

std::list<Place>& places() {
  static std::list<Place> list;
  return list;
}

bool add(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view action = text.substr(colon + 1);
  constexpr std::string_view kKill = "kill:";
  if (!action.starts_with(kKill)) return false;
  const std::string_view count = action.substr(kKill.size());
  std::int64_t hits = 0;
  const auto [end, ec] = std::from_chars(count.data(), count.data() + count.size(), hits);
  if (ec != std::errc{} || end != count.data() + count.size() || hits < 1) return false;
  Place& place = places().emplace_back();
  place.name = text.substr(0, colon);
  place.hits_left = hits;
  return true;
}

bool read_environment() {
  const char* const text = std::getenv(kFailpointsVariable);
  return text != nullptr && set_failpoints(text) > 0;
}

}  // namespace

namespace detail {
std::atomic<bool> failpoints_are_set = read_environment();
}  // namespace detail

int set_failpoints(std::string_view text) {
  places().clear();
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    add(one);
  }
  const int count = static_cast<int>(places().size());
  detail::failpoints_are_set.store(count > 0, std::memory_order_relaxed);
  return count;
}

void failpoint_hit(std::string_view name) noexcept {
  for (Place& place : places()) {
    if (place.name != name) continue;
    // Not abort(): nothing may run on the way out, as with kill -9.
    if (place.hits_left.fetch_sub(1, std::memory_order_relaxed) == 1) std::raise(SIGKILL);
  }
}

}  // namespace carillon::base
