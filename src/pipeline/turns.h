// Whose turn it is among the priorities: 16:8:4:1 (PIPELINE §5).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "model/channel.h"

namespace carillon::pipeline {

// What each priority is owed. Kept from call to call: with few slots at a time the smallest share would never
// get a turn otherwise.
using Credits = std::array<int, model::kPriorityCount>;

// Smooth weighted round robin: each turn everybody earns their share, the richest is served and pays for all.
// A turn that priority does not want (`is_empty(p)`) goes to the most urgent one that does. Somebody must.
template <class IsEmpty>
[[nodiscard]] std::size_t next_turn(Credits& credits, IsEmpty is_empty) {
  static constexpr Credits kShare{16, 8, 4, 1};
  static constexpr int kShares = 29;
  for (std::size_t p = 0; p < credits.size(); ++p) credits[p] += kShare[p];
  const auto richest = static_cast<std::size_t>(std::ranges::max_element(credits) - credits.begin());
  credits[richest] -= kShares;
  if (!is_empty(richest)) return richest;
  std::size_t served = 0;
  while (is_empty(served)) ++served;
  return served;
}

}  // namespace carillon::pipeline
