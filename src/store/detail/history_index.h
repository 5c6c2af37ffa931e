// The runs of History, and what is too new to be in them.
#pragma once

#include <span>

#include "store/detail/history.h"
#include "store/detail/look_up.h"

namespace carillon::store::detail {

class HistoryIndex final : public Index {
 public:
  explicit HistoryIndex(History& history) : history_(history) {}
  [[nodiscard]] Result<Candidates> find(Db& db, const HistoryFilter& filter, std::int64_t before,
                                        std::size_t budget) const override;
  Result<void> note(Txn& txn, std::span<const model::Delivery> deliveries,
                    std::int64_t notification) override;

 private:
  [[nodiscard]] std::int64_t key_of(const HistoryFilter& filter) const;
  static Result<Candidates> tail_of_user(Db& db, const HistoryFilter& filter, std::int64_t above,
                                         std::int64_t before, std::size_t budget);
  // Adds what it finds; the id it got to when the budget ran out, else 0.
  static Result<std::int64_t> scan_user(Db& db, const HistoryFilter& filter, std::int64_t above,
                                        std::int64_t end, std::int64_t before, std::size_t budget,
                                        Candidates& c);
  static Result<Candidates> tail_of_notifications(Db& db, const HistoryFilter& filter, std::int64_t above,
                                                  std::int64_t before, std::size_t budget);

  History& history_;
};

}  // namespace carillon::store::detail
