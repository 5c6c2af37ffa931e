// Repeated texts as small integers. Writer thread adds, anybody reads. Never forgets.
#pragma once

#include <cstdint>
#include <deque>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace carillon::store::detail {

class Db;

class Words {
 public:
  Words() = default;
  virtual ~Words() = default;
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  Result<void> load(Db& db);
  // The number of `text`, given one if new; 0 for the empty text. Writer thread.
  [[nodiscard]] virtual std::uint32_t id(std::string_view text);
  // The number if there is one, else 0 (also for the empty text). Any thread.
  [[nodiscard]] virtual std::uint32_t find(std::string_view text) const;
  // The text; empty for 0 and unknown numbers. The view stays good. Any thread.
  [[nodiscard]] virtual std::string_view text(std::int64_t id) const;
  // Stores words not yet stored; call before COMMIT, then settle(true), or settle(false) after a
  // rollback: they are written again with the next transaction.
  virtual Result<void> write(Db& db);
  virtual void settle(bool committed) noexcept;
  // Why a number could not be given since the last call; what was done with 0 in its place is worth nothing.
  virtual Result<void> failure() { return {}; }

 private:
  mutable std::shared_mutex mutex_;
  std::deque<std::string> texts_;  // texts_[id - 1]
  std::unordered_map<std::string_view, std::uint32_t> ids_;
  std::size_t stored_ = 0, writing_ = 0;
};

}  // namespace carillon::store::detail
