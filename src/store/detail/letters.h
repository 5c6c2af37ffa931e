// Dead letters as they are stored, and how they end.
#pragma once

#include <string_view>

#include "store/detail/txn.h"
#include "store/letters.h"

namespace carillon::store::detail {

class SqlStore;

inline constexpr std::string_view kReplayed = "replayed", kDiscarded = "discarded", kSettled = "settled";

// Of one by its id, if it is open.
Result<void> end_letter(Txn& txn, std::int64_t letter, std::string_view how, std::string_view by, Time now);
// Of those of a delivery that are open.
Result<void> end_letters_of(Txn& txn, std::int64_t delivery, std::string_view how, std::string_view by,
                            Time now);
// The newest of a delivery. Without its app.
Result<std::optional<DeadLetter>> letter_of(Db& db, std::int64_t delivery);

class SqlLetters final : public LetterStore {
 public:
  explicit SqlLetters(SqlStore& store) : store_(store) {}

  Task<Result<DeadLetter>> find(std::int32_t project, std::int64_t id) override;
  Task<Result<DeadLetterPage>> list(LetterFilter filter, ListPage page) override;
  Task<Result<std::vector<LetterSubject>>> subjects(std::vector<DeadLetter> letters) override;
  Task<Result<std::int64_t>> count_open(LetterFilter filter, std::int64_t below) override;
  Task<Result<std::vector<Discarded>>> discard(Discard what, Time now) override;
  // One of those; also a step of a job.
  static Result<Discarded> discard_one(Txn& txn, const Discard& what, std::int64_t letter, Time now);

 private:
  SqlStore& store_;
};

}  // namespace carillon::store::detail
