#include "store/detail/letter_rows.h"

#include "base/ids.h"
#include "model/channel.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kDropRows = 500;  // per transaction; one may have a megabyte

}  // namespace

Result<std::optional<KeptLetter>> find_letter(Txn& txn, const LetterTable& table, const base::Hash128& hash) {
  Statement s = txn.db.statement(table.find);
  CARILLON_TRY(const bool has_row, s.bind(1, hash).next());
  if (!has_row) return std::nullopt;
  return KeptLetter{.id = s.integer(0), .was_replayed = s.integer(1) != 0, .notification = s.integer(2)};
}

Result<std::int64_t> insert_head(Txn& txn, const LetterTable& table, std::int32_t project,
                                 std::string_view reason, std::string_view error, Time now) {
  Statement s = txn.db.statement(
      "INSERT INTO dead_letter(project, delivery, notification, queue, kind, reason, error, at, is_closed) "
      "VALUES(?1, 0, 0, ?2, ?3, ?4, ?5, ?6, 0)");
  s.bind(1, std::int64_t{project}).bind(2, static_cast<std::int64_t>(model::Queue::None));
  CARILLON_CHECK(s.bind(3, table.kind).bind(4, reason).bind_or_null(5, error).bind(6, now).run());
  return txn.db.last_id();
}

Result<void> write_reason(Txn& txn, std::int64_t id, std::string_view reason, std::string_view error) {
  Statement s = txn.db.statement("UPDATE dead_letter SET reason = ?2, error = ?3 WHERE id = ?1");
  return s.bind(1, id).bind(2, reason).bind_or_null(3, error).run();
}

Result<void> close_head(Txn& txn, std::int64_t id, std::int64_t notification, std::string_view how,
                        std::string_view by, Time now) {
  Statement s = txn.db.statement("UPDATE dead_letter SET notification = ?2 WHERE id = ?1");
  CARILLON_CHECK(s.bind(1, id).bind(2, notification).run());
  return end_letter(txn, id, how, by, now);
}

void tell_notification(base::JsonWriter& detail, std::int64_t notification) {
  detail.key("notification");
  if (notification != 0) {
    detail.value(base::id_text(base::kNotificationPrefix, notification));
  } else {
    detail.null();
  }
  detail.end_object();
}

Result<bool> drop_letters(Txn& txn, const LetterTable& table, Time before) {
  for (const char* sql : table.drop)
    CARILLON_CHECK(txn.db.statement(sql).bind(1, before).bind(2, kDropRows).run());
  return txn.db.changes() == kDropRows;
}

}  // namespace carillon::store::detail
