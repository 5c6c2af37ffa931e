#include "store/detail/words.h"

#include <mutex>

#include "store/detail/db.h"

namespace carillon::store::detail {

Result<void> Words::load(Db& db) {
  const std::unique_lock lock(mutex_);
  Statement s = db.statement("SELECT id, text FROM word ORDER BY id");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    if (s.integer(0) != static_cast<std::int64_t>(texts_.size()) + 1) {
      return fail(Errc::Corruption, "store: table word has a gap; restore from a backup");
    }
    texts_.push_back(s.string(1));
    ids_.emplace(texts_.back(), static_cast<std::uint32_t>(texts_.size()));
  }
  stored_ = texts_.size();
  return {};
}

std::uint32_t Words::id(std::string_view text) {
  if (text.empty()) return 0;
  // Only this thread writes, so it may look without the lock.
  if (const auto it = ids_.find(text); it != ids_.end()) return it->second;
  const std::unique_lock lock(mutex_);
  texts_.emplace_back(text);
  const auto id = static_cast<std::uint32_t>(texts_.size());
  ids_.emplace(texts_.back(), id);
  return id;
}

std::uint32_t Words::find(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  const auto it = ids_.find(text);
  return it == ids_.end() ? 0 : it->second;
}

std::string_view Words::text(std::int64_t id) const {
  if (id <= 0) return {};
  const std::shared_lock lock(mutex_);
  const auto index = static_cast<std::size_t>(id - 1);
  return index < texts_.size() ? std::string_view(texts_[index]) : std::string_view{};
}

Result<void> Words::write(Db& db) {
  writing_ = texts_.size();
  for (std::size_t i = stored_; i < writing_; ++i) {
    CARILLON_CHECK(db.statement("INSERT INTO word(id, text) VALUES(?1, ?2)")
                       .bind(1, static_cast<std::int64_t>(i + 1))
                       .bind(2, texts_[i])
                       .run());
  }
  return {};
}

void Words::settle(bool committed) noexcept {
  if (committed) stored_ = writing_;
}

}  // namespace carillon::store::detail
