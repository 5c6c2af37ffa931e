#include "store/detail/sql_store.h"

#include "store/detail/accept_part.h"

namespace carillon::store::detail {
namespace {

std::size_t rows_of(const AcceptItem& item) {
  return 1 + item.deliveries.size() + (item.event ? 1 : 0) + item.objects.size();
}

}  // namespace

SqlStore::SqlStore(const base::KeyRing& keys, std::unique_ptr<Words> words,
                   std::unique_ptr<Counters> counters)
    : keys_(keys),
      owned_words_(std::move(words)),
      owned_counters_(std::move(counters)),
      words_(*owned_words_),
      counters_(*owned_counters_) {}

AcceptPart next_part(std::vector<AcceptItem>& items, std::size_t begin) {
  AcceptPart part;
  std::size_t end = begin;
  while (end < items.size() && (end == begin || part.rows + rows_of(items[end]) <= kCommitRowsMax)) {
    if (items[end].notification.priority == model::Priority::Critical)
      part.job_class = JobClass::AcceptCritical;
    part.rows += rows_of(items[end++]);
  }
  if (begin == 0 && end == items.size()) {
    part.items = std::move(items);
    return part;
  }
  const auto at = [&](std::size_t i) {
    return std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(i));
  };
  part.items = std::vector<AcceptItem>(at(begin), at(end));
  return part;
}

}  // namespace carillon::store::detail
