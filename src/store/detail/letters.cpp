// Dead letters of every kind: found, listed, given up.
#include "store/detail/letters.h"

#include <algorithm>
#include <unordered_map>

#include "base/ids.h"
#include "base/json.h"
#include "store/detail/letter_rows.h"
#include "store/detail/lists.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kPortion = 1'000;  // rows read at a time by a filter

#define CARILLON_LETTER_COLUMNS                                                                        \
  "l.id, l.delivery, l.notification, l.queue, l.kind, l.reason, l.error, l.at, l.is_closed, l.ended, " \
  "l.ended_by, l.ended_at, l.ended_reason"
// Whose it is.
#define CARILLON_LETTER_APP                                                                                \
  "CASE l.kind WHEN 'event' THEN (SELECT e.app FROM event_letter e WHERE e.letter = l.id) WHEN 'record' "  \
  "THEN (SELECT r.app FROM record_letter r WHERE r.letter = l.id) ELSE (SELECT n.app FROM notification n " \
  "WHERE n.id = l.notification) END"
// What a filter asks, but for project and place: ?4 kind, ?5 reason, ?6 a bit for each queue, ?7 from, ?8
// until, ?9 integration, ?10 rule, ?11 topic, ?12 app.
#define CARILLON_LETTER_FITS                                                                          \
  "(?4 = '' OR l.kind = ?4) AND (?5 = '' OR l.reason = ?5) AND "                                      \
  "(?6 = 0 OR (l.kind = 'delivery' AND ((?6 >> l.queue) & 1) = 1)) AND l.at >= ?7 AND l.at < ?8 AND " \
  "(?9 = '' OR EXISTS (SELECT 1 FROM delivery d JOIN word w ON w.id = d.integration WHERE d.id = "    \
  "l.delivery AND w.text = ?9)) AND "                                                                 \
  "(?10 = '' OR EXISTS (SELECT 1 FROM event_letter e WHERE e.letter = l.id AND e.rule = ?10)) AND "   \
  "(?11 = '' OR EXISTS (SELECT 1 FROM record_letter r WHERE r.letter = l.id AND r.topic = ?11)) AND " \
  "(?12 = 0 OR ?12 = " CARILLON_LETTER_APP ")"

bool is_closed(const Statement& s) { return s.integer(8) != 0; }

DeadLetter read_letter(const Statement& s) {
  return DeadLetter{
      .id = s.integer(0),
      .delivery = s.integer(1),
      .notification = s.integer(2),
      .queue = s.as<model::Queue>(3),
      .kind = s.string(4),
      .reason = s.string(5),
      .error = s.string(6),
      .at = s.time(7),
      .is_closed = is_closed(s),
      .end = {.how = s.string(9), .by = s.string(10), .reason = s.string(12), .at = s.optional_time(11)}};
}

std::int64_t queues_of(const LetterFilter& filter) {
  std::int64_t queues = 0;
  for (std::size_t q = 0; filter.channel && q < model::kQueueCount; ++q) {
    if (model::channel_of(static_cast<model::Queue>(q)) == *filter.channel) queues |= std::int64_t{1} << q;
  }
  return queues;
}

// ?1 and ?4 to ?12.
void bind_filter(Statement& s, const LetterFilter& filter) {
  s.bind(1, std::int64_t{filter.project}).bind(4, filter.kind).bind(5, filter.reason);
  s.bind(6, queues_of(filter)).bind(7, filter.from.value_or(from_ms(INT64_MIN)));
  s.bind(8, filter.until.value_or(from_ms(INT64_MAX))).bind(9, filter.integration).bind(10, filter.rule);
  s.bind(11, filter.topic).bind(12, filter.app);
}

// Each row with whether it fits, so that rows which do not are counted as looked at. One literal for each
// index, which its condition names.
#define CARILLON_LETTER_LIST(INDEX, STATE)                                                 \
  "SELECT " CARILLON_LETTER_COLUMNS ", " CARILLON_LETTER_APP ", " CARILLON_LETTER_FITS     \
  " FROM dead_letter l INDEXED BY " INDEX " WHERE l.project = ?1 AND l.id < ?2 AND " STATE \
  " ORDER BY l.id DESC LIMIT ?3"
const char* list_sql(const std::optional<bool>& is_closed) {
  return is_closed && !*is_closed ? CARILLON_LETTER_LIST("dead_letter_open", "l.is_closed = 0")
                                  : CARILLON_LETTER_LIST("dead_letter_project", "l.is_closed < 2");
}
constexpr int kAppColumn = 13, kFitsColumn = 14;

bool is_any(const LetterFilter& f) {
  return f.app == 0 && f.kind.empty() && f.reason.empty() && f.integration.empty() && f.rule.empty() &&
         f.topic.empty() && !f.channel && !f.from && !f.until && !f.is_closed.value_or(false);
}

Result<DeadLetterPage> read_page(Db& db, const LetterFilter& filter, const ListPage& page) {
  DeadLetterPage found;
  const std::int64_t limit = rows_of(page), portion = is_any(filter) ? limit + 1 : kPortion;
  std::int64_t last = below(page), examined = 0;
  for (;;) {
    Statement s = db.statement(list_sql(filter.is_closed));
    bind_filter(s, filter);
    s.bind(2, last).bind(3, portion);
    for (std::int64_t n = 0;; ++n, ++examined) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row && n < portion) return found;
      if (!has_row) break;
      const bool is_full = static_cast<std::int64_t>(found.rows.size()) == limit;
      if (is_full || examined == static_cast<std::int64_t>(kExaminedMax)) {
        found.next = last;
        return found;
      }
      last = s.integer(0);
      if (s.integer(kFitsColumn) == 0 || (filter.is_closed && *filter.is_closed != is_closed(s))) continue;
      found.rows.push_back(read_letter(s));
      found.rows.back().app = s.integer(kAppColumn);
    }
  }
}

Result<std::optional<DeadLetter>> load_letter(Db& db, std::int32_t project, std::int64_t id) {
  Statement s = db.statement("SELECT " CARILLON_LETTER_COLUMNS ", " CARILLON_LETTER_APP
                             " FROM dead_letter l WHERE l.id = ?1 AND l.project = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, id).bind(2, std::int64_t{project}).next());
  if (!has_row) return std::nullopt;
  DeadLetter letter = read_letter(s);
  letter.app = s.integer(kAppColumn);
  return letter;
}

std::string why_closed(const DeadLetter& letter) {
  if (letter.end.how == kDiscarded)
    return letter.end.reason.empty() ? "it was discarded" : "it was discarded: " + letter.end.reason;
  return "it is closed: it was " + (letter.end.how.empty() ? std::string("replayed") : letter.end.how);
}

AuditEntry audit_of(const DeadLetter& letter, const Discard& what, Time now) {
  base::JsonWriter detail;
  detail.object().field("dead_letter", base::id_text(base::kDeadLetterPrefix, letter.id));
  detail.field("failure", letter.reason).field_if("reason", what.reason).end_object();
  const bool is_delivery = letter.kind == "delivery";
  return AuditEntry{.project = what.project,
                    .at = now,
                    .actor = what.actor,
                    .action = letter.kind + ".discard",
                    .object = is_delivery ? base::id_text(base::kDeliveryPrefix, letter.delivery)
                                          : base::id_text(base::kDeadLetterPrefix, letter.id),
                    .detail = detail.str()};
}

}  // namespace

Result<void> end_letter(Txn& txn, std::int64_t letter, std::string_view how, std::string_view by, Time now) {
  Statement s = txn.db.statement(
      "UPDATE dead_letter SET is_closed = 1, ended = ?2, ended_by = ?3, ended_at = ?4 WHERE id = ?1 AND "
      "is_closed = 0");
  return s.bind(1, letter).bind(2, how).bind(3, by).bind(4, now).run();
}

Result<void> end_letters_of(Txn& txn, std::int64_t delivery, std::string_view how, std::string_view by,
                            Time now) {
  Statement s = txn.db.statement(
      "UPDATE dead_letter SET is_closed = 1, ended = ?2, ended_by = ?3, ended_at = ?4 WHERE delivery = ?1 "
      "AND is_closed = 0");
  return s.bind(1, delivery).bind(2, how).bind(3, by).bind(4, now).run();
}

Result<std::optional<DeadLetter>> letter_of(Db& db, std::int64_t delivery) {
  Statement s = db.statement("SELECT " CARILLON_LETTER_COLUMNS
                             " FROM dead_letter l INDEXED BY dead_letter_delivery WHERE l.delivery = ?1 "
                             "ORDER BY l.id DESC LIMIT 1");
  CARILLON_TRY(const bool has_row, s.bind(1, delivery).next());
  if (!has_row) return std::nullopt;
  return read_letter(s);
}

std::unique_ptr<LetterStore> SqlStore::make_letters() { return std::make_unique<SqlLetters>(*this); }

Task<Result<DeadLetter>> SqlLetters::find(std::int32_t project, std::int64_t id) {
  co_return co_await store_.look([project, id](Db& db) -> Result<DeadLetter> {
    CARILLON_TRY(auto found, load_letter(db, project, id));
    if (!found) return fail(Errc::NotFound, "no such dead letter");
    return std::move(*found);
  });
}

Task<Result<DeadLetterPage>> SqlLetters::list(LetterFilter filter, ListPage page) {
  const auto call = [filter = std::move(filter), page = std::move(page)](Db& db) {
    return read_page(db, filter, page);
  };
  co_return co_await store_.read(call);
}

Task<Result<std::int64_t>> SqlLetters::count_open(LetterFilter filter, std::int64_t below) {
  const auto call = [filter = std::move(filter), below](Db& db) -> Result<std::int64_t> {
    Statement s = db.statement(
        "SELECT count(*) FROM dead_letter l INDEXED BY dead_letter_open WHERE l.project = ?1 AND l.id < ?2 "
        "AND ?3 = 0 AND l.is_closed = 0 AND " CARILLON_LETTER_FITS);
    bind_filter(s, filter);
    CARILLON_CHECK(s.bind(2, below).bind(3, std::int64_t{0}).next());
    return s.integer(0);
  };
  co_return co_await store_.read(call);
}

namespace {

constexpr std::size_t kTogether = 16;
#define CARILLON_ANY_OF_16 " IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"

// Hands each row of `sql` to `take`; the statement is run for kTogether of the ids at a time.
template <class F>
Result<void> for_each_of(Db& db, const char* sql, const std::vector<std::int64_t>& ids, const F& take) {
  for (std::size_t begin = 0; begin < ids.size(); begin += kTogether) {
    Statement s = db.statement(sql);
    // What is left free at the end names the last one again.
    for (std::size_t i = 0; i < kTogether; ++i)
      s.bind(static_cast<int>(i) + 1, ids[std::min(begin + i, ids.size() - 1)]);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      take(s);
    }
  }
  return {};
}

}  // namespace

Task<Result<std::vector<LetterSubject>>> SqlLetters::subjects(std::vector<DeadLetter> letters) {
  const auto call = [this, letters = std::move(letters)](Db& db) -> Result<std::vector<LetterSubject>> {
    std::vector<std::int64_t> deliveries, events, records;
    for (const DeadLetter& letter : letters) {
      if (letter.kind == kEventLetters.kind)
        events.push_back(letter.id);
      else if (letter.kind == kRecordLetters.kind)
        records.push_back(letter.id);
      else
        deliveries.push_back(letter.delivery);
    }
    // Ids of letters and of deliveries are of different sequences.
    std::unordered_map<std::int64_t, model::Delivery> by_delivery;
    std::unordered_map<std::int64_t, LetterSubject> by_letter;
    CARILLON_CHECK(
        for_each_of(db, "SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery WHERE id" CARILLON_ANY_OF_16,
                    deliveries, [&](const Statement& s) {
                      model::Delivery d = read_delivery(s, store_.words_);
                      by_delivery.insert_or_assign(d.id, std::move(d));
                    }));
    CARILLON_CHECK(for_each_of(
        db,
        "SELECT " CARILLON_EVENT_LETTER_COLUMNS
        " FROM event_letter e JOIN dead_letter d ON d.id = e.letter WHERE e.letter" CARILLON_ANY_OF_16,
        events, [&](const Statement& s) { by_letter.insert_or_assign(s.integer(0), read_event_letter(s)); }));
    CARILLON_CHECK(for_each_of(
        db,
        "SELECT " CARILLON_RECORD_LETTER_COLUMNS
        " FROM record_letter r JOIN dead_letter d ON d.id = r.letter WHERE r.letter" CARILLON_ANY_OF_16,
        records,
        [&](const Statement& s) { by_letter.insert_or_assign(s.integer(0), read_record_letter(s)); }));
    std::vector<LetterSubject> found(letters.size());
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const auto letter = by_letter.find(letters[i].id);
      const auto delivery = by_delivery.find(letters[i].delivery);
      if (letter != by_letter.end())
        found[i] = letter->second;
      else if (delivery != by_delivery.end())
        found[i] = delivery->second;
    }
    return found;
  };
  co_return co_await store_.read(call);
}

Result<Discarded> SqlLetters::discard_one(Txn& txn, const Discard& what, std::int64_t letter, Time now) {
  Discarded result{.letter = letter};
  CARILLON_TRY(const auto found, load_letter(txn.db, what.project, letter));
  if (!found || (what.app != 0 && found->app != what.app)) {
    result.why = "there is no such dead letter";
    return result;
  }
  if (found->is_closed) {
    result.why = why_closed(*found);
    return result;
  }
  CARILLON_CHECK(end_letter(txn, letter, kDiscarded, what.actor.name, now));
  Statement reason = txn.db.statement("UPDATE dead_letter SET ended_reason = ?2 WHERE id = ?1");
  CARILLON_CHECK(reason.bind(1, letter).bind_or_null(2, what.reason).run());
  if (found->kind == "record") {
    Statement r = txn.db.statement("UPDATE record_letter SET due_at = NULL, ended = ?2 WHERE letter = ?1");
    CARILLON_CHECK(r.bind(1, letter).bind(2, kDiscarded).run());
  }
  CARILLON_CHECK(SqlStore::insert_audit(txn, audit_of(*found, what, now)));
  result.is_done = true;
  return result;
}

Task<Result<std::vector<Discarded>>> SqlLetters::discard(Discard what, Time now) {
  const std::size_t rows = what.letters.size() * 3;
  const auto call = [what = std::move(what), now](Txn& txn) -> Result<std::vector<Discarded>> {
    std::vector<Discarded> results;
    results.reserve(what.letters.size());
    for (const std::int64_t letter : what.letters) {
      CARILLON_TRY(Discarded one, discard_one(txn, what, letter, now));
      results.push_back(std::move(one));
    }
    return results;
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<std::vector<DeadLetter>>> SqlStore::list_outage_letters(OutageQuery query) {
  co_return co_await read([query](Db& db) -> Result<std::vector<DeadLetter>> {
    std::vector<DeadLetter> letters;
    Statement s =
        db.statement("SELECT " CARILLON_LETTER_COLUMNS
                     " FROM dead_letter l INDEXED BY dead_letter_outage "
                     "WHERE is_closed = 0 AND reason >= 'provider_down' AND reason < 'provider_down;' "
                     "AND project = ?1 AND queue = ?2 AND id > ?3 ORDER BY id LIMIT ?4");
    s.bind(1, std::int64_t{query.project}).bind(2, static_cast<std::int64_t>(query.queue));
    s.bind(3, query.after).bind(4, static_cast<std::int64_t>(query.limit));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return letters;
      letters.push_back(read_letter(s));
    }
  });
}

}  // namespace carillon::store::detail
