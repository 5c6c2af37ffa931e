// What of a batch of sends goes into one commit.
#pragma once

#include <cstddef>
#include <vector>

#include "store/detail/writer.h"
#include "store/store_types.h"

namespace carillon::store::detail {

// What of `items` one commit holds, from `begin` on; taken out of there.
struct AcceptPart {
  std::vector<AcceptItem> items;
  JobClass job_class = JobClass::Accept;
  std::size_t rows = 0;
};
AcceptPart next_part(std::vector<AcceptItem>& items, std::size_t begin);

}  // namespace carillon::store::detail
