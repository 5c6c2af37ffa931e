// Paging, the same for every list: newest first below `after`, a bounded number of rows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

inline constexpr std::size_t kPageMax = 200;
inline constexpr std::size_t kExaminedMax = 20'000;  // rows a list call looks at (PIPELINE §1)

[[nodiscard]] constexpr std::int64_t rows_of(const ListPage& page) noexcept {
  return static_cast<std::int64_t>(std::clamp<std::size_t>(page.limit, 1, kPageMax));
}
// Rows have ids below this.
[[nodiscard]] constexpr std::int64_t below(const ListPage& page) noexcept {
  return page.after == 0 ? INT64_MAX : page.after;
}

}  // namespace carillon::store::detail
