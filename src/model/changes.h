// What differs between two documents: for people who compare versions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace carillon::model {

inline constexpr std::size_t kChangesMax = 1000;  // told of two documents

struct Change {
  std::string pointer;        // RFC 6901
  std::string before, after;  // JSON; empty: not there
  // Of two texts of which one has several lines or more than 80 bytes: unified_diff() of them.
  std::string diff;
};

// Objects are compared by key, arrays by position; what was added or removed is one change. In the order
// of `after`, what is gone behind it. At most kChangesMax. Both elements' documents must live meanwhile.
[[nodiscard]] std::vector<Change> changes_between(base::JsonElement before, base::JsonElement after);

// Lines beginning with ' ', '-' or '+' under "@@ -from,count +from,count @@", three lines around each
// change; empty when the texts are the same. Texts that differ in more than 2,000 lines are shown as wholly
// replaced between what they have in common at both ends.
[[nodiscard]] std::string unified_diff(std::string_view before, std::string_view after);

}  // namespace carillon::model
