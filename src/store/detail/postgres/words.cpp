#include "store/detail/postgres/words.h"

namespace carillon::store::detail {

std::uint32_t PgWords::id(std::string_view text) {
  if (text.empty()) return 0;
  {
    const std::shared_lock lock(mutex_);
    if (const auto it = ids_.find(text); it != ids_.end()) return it->second;
  }
  const Result<std::uint32_t> id = ask(text, true);
  if (id) return *id;
  const std::unique_lock lock(mutex_);
  failure_ = id.error();
  return 0;
}

std::uint32_t PgWords::find(std::string_view text) const {
  if (text.empty()) return 0;
  {
    const std::shared_lock lock(mutex_);
    if (const auto it = ids_.find(text); it != ids_.end()) return it->second;
  }
  return ask(text, false).value_or(0);
}

std::string_view PgWords::text(std::int64_t id) const {
  if (id <= 0) return {};
  const auto index = static_cast<std::size_t>(id - 1);
  {
    const std::shared_lock lock(mutex_);
    if (index < texts_.size() && !texts_[index].empty()) return texts_[index];
  }
  const std::lock_guard asking(asking_);
  Statement s = db_->statement("SELECT text FROM word WHERE id = ?1");
  const Result<bool> has_row = s.bind(1, id).next();
  if (has_row && *has_row) keep(static_cast<std::uint32_t>(id), s.text(0));
  static_cast<void>(db_->flush());
  const std::shared_lock lock(mutex_);
  return index < texts_.size() ? std::string_view(texts_[index]) : std::string_view{};
}

Result<void> PgWords::failure() {
  const std::unique_lock lock(mutex_);
  if (!failure_) return {};
  Error error = std::move(*failure_);
  failure_.reset();
  return std::unexpected(std::move(error));
}

Result<std::uint32_t> PgWords::ask(std::string_view text, bool may_add) const {
  const std::lock_guard asking(asking_);
  const auto look = [&]() -> Result<std::uint32_t> {
    Statement s = db_->statement("SELECT id FROM word WHERE text = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, text).next());
    return has_row ? s.as<std::uint32_t>(0) : 0;
  };
  const auto ask_once = [&]() -> Result<std::uint32_t> {
    CARILLON_TRY(std::uint32_t id, look());
    if (id != 0 || !may_add) return id;
    CARILLON_CHECK(
        db_->statement("INSERT INTO word(text) VALUES(?1) ON CONFLICT DO NOTHING").bind(1, text).run());
    return look();
  };
  Result<std::uint32_t> id = ask_once();
  static_cast<void>(db_->flush());
  if (!id && id.error().code == Errc::Unavailable) {  // the connection was lost while nobody used it
    id = ask_once();
    static_cast<void>(db_->flush());
  }
  if (id && *id != 0) keep(*id, text);
  return id;
}

void PgWords::keep(std::uint32_t id, std::string_view text) const {
  const std::unique_lock lock(mutex_);
  if (texts_.size() < id) texts_.resize(id);
  std::string& place = texts_[id - 1];
  if (!place.empty()) return;
  place = text;
  ids_.emplace(place, id);
}

}  // namespace carillon::store::detail
