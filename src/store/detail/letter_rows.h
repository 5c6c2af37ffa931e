// What dead letters of business events and of records have in common: the row in dead_letter by which they
// are listed, replayed and counted, and one with the same number in a table of their own, found by a hash.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/json.h"
#include "store/detail/letters.h"
#include "store/detail/txn.h"
#include "store/ingest.h"
#include "store/store_views.h"

namespace carillon::store::detail {

// Rows of `event_letter e` and `record_letter r`, each with its `dead_letter d`.
#define CARILLON_EVENT_LETTER_COLUMNS                                                                      \
  "e.letter, d.project, e.app, e.is_test, e.rule, d.reason, d.error, e.event, e.hash, d.at, d.is_closed, " \
  "d.notification"
#define CARILLON_RECORD_LETTER_COLUMNS                                                                   \
  "r.letter, d.project, r.app, r.topic, r.part, r.place, d.reason, d.error, r.record, r.hash, r.tries, " \
  "r.due_at, r.at, d.is_closed, r.ended, d.notification"
EventLetter read_event_letter(const Statement& s);
RecordLetter read_record_letter(const Statement& s);

// The table of a kind, and its statements.
struct LetterTable {
  std::string_view kind;  // in dead_letter
  const char* find;
  const char* drop[3];  // the heads, whom they name, the rows themselves
};
#define CARILLON_LETTERS_BEFORE(table) "(SELECT letter FROM " table " WHERE at < ?1 ORDER BY at LIMIT ?2)"
#define CARILLON_LETTER_TABLE(kind, table, only)                                      \
  LetterTable {                                                                       \
    kind,                                                                             \
        "SELECT t.letter, d.is_closed, d.notification FROM " table                    \
        " t JOIN dead_letter d ON d.id = t.letter WHERE t.hash = ?1" only " LIMIT 1", \
    {                                                                                 \
      "DELETE FROM dead_letter WHERE id IN " CARILLON_LETTERS_BEFORE(table),          \
          "DELETE FROM named WHERE item IN " CARILLON_LETTERS_BEFORE(table),          \
          "DELETE FROM " table " WHERE letter IN " CARILLON_LETTERS_BEFORE(table)     \
    }                                                                                 \
  }
inline constexpr LetterTable kEventLetters =
    CARILLON_LETTER_TABLE("event", "event_letter", " AND coalesce(d.ended, '') <> 'discarded'");
inline constexpr LetterTable kRecordLetters = CARILLON_LETTER_TABLE("record", "record_letter", "");

// The letter of that hash, if there is one: the open one, or one that was replayed. An event that
// was discarded makes another: whoever posts it again wants it; a record that comes again was not meant to.
Result<std::optional<KeptLetter>> find_letter(Txn& txn, const LetterTable& table, const base::Hash128& hash);
// The row in dead_letter; its number.
Result<std::int64_t> insert_head(Txn& txn, const LetterTable& table, std::int32_t project,
                                 std::string_view reason, std::string_view error, Time now);
Result<void> write_reason(Txn& txn, std::int64_t id, std::string_view reason, std::string_view error);
// Closes the row (end_letter()); `notification` is what it became, or 0.
Result<void> close_head(Txn& txn, std::int64_t id, std::int64_t notification, std::string_view how,
                        std::string_view by, Time now);
// Ends the object of an audit entry: what the letter became.
void tell_notification(base::JsonWriter& detail, std::int64_t notification);
// A piece of those that came before; true when there may be more.
Result<bool> drop_letters(Txn& txn, const LetterTable& table, Time before);

// Each once: one that is kept already is refreshed, `refresh(id, letter)`, unless it was replayed; else
// `insert(letter)` gives its number.
template <class Letter, class Insert, class Refresh>
Result<std::vector<KeptLetter>> keep_letters(Txn& txn, const LetterTable& table,
                                             const std::vector<Letter>& letters, const Insert& insert,
                                             const Refresh& refresh) {
  std::vector<KeptLetter> kept;
  kept.reserve(letters.size());
  for (const Letter& letter : letters) {
    CARILLON_TRY(auto found, find_letter(txn, table, letter.hash));
    if (!found) {
      CARILLON_TRY(const std::int64_t id, insert(letter));
      found = KeptLetter{.id = id};
    } else if (!found->was_replayed) {
      CARILLON_CHECK(refresh(found->id, letter));
    }
    kept.push_back(*found);
  }
  return kept;
}

}  // namespace carillon::store::detail
