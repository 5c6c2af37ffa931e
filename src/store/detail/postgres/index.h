// Notifications by user, event id and address: PostgreSQL's own indexes, always whole.
#pragma once

#include "store/detail/look_up.h"

namespace carillon::store::detail {

class PgIndex final : public Index {
 public:
  [[nodiscard]] Result<Candidates> find(Db& db, const HistoryFilter& filter, std::int64_t before,
                                        std::size_t budget) const override;
  Result<void> note(Txn&, std::span<const model::Delivery>, std::int64_t) override { return {}; }
};

}  // namespace carillon::store::detail
