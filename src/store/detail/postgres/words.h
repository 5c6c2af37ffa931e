// Words that several processes give numbers to: the database does.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "store/detail/postgres/connection.h"
#include "store/detail/words.h"

namespace carillon::store::detail {

// A word is stored by a transaction of its own, on a connection of its own, before anybody uses its number.
// There are as many as categories, templates and integrations, so nearly always memory knows it.
class PgWords final : public Words {
 public:
  explicit PgWords(std::unique_ptr<PgDb> db) : db_(std::move(db)) {}
  // Any thread. 0 when the database is away: see failure().
  [[nodiscard]] std::uint32_t id(std::string_view text) override;
  [[nodiscard]] std::uint32_t find(std::string_view text) const override;
  [[nodiscard]] std::string_view text(std::int64_t id) const override;
  Result<void> write(Db&) override { return {}; }
  void settle(bool) noexcept override {}
  Result<void> failure() override;

 private:
  Result<std::uint32_t> ask(std::string_view text, bool may_add) const;
  void keep(std::uint32_t id, std::string_view text) const;

  mutable std::mutex asking_;  // before mutex_
  std::unique_ptr<PgDb> db_;
  mutable std::shared_mutex mutex_;
  mutable std::deque<std::string> texts_;  // texts_[id - 1]; empty: not known yet
  mutable std::unordered_map<std::string_view, std::uint32_t> ids_;
  mutable std::optional<Error> failure_;  // under mutex_
};

}  // namespace carillon::store::detail
