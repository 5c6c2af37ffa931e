// Moves a store from its files into PostgreSQL (store/move.h).
//
// At any moment at most one side can be opened: the files are marked first, then the database begins to fill;
// at the end everything is counted on both sides, the database is checked off, the files are marked as moved,
// and only then the database may be opened. Whatever ends the process between two of these leaves a state
// that the next call goes on from.
#include "store/move.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "base/ids.h"
#include "store/detail/folder_lock.h"
#include "store/detail/move/addresses.h"
#include "store/detail/move/mark.h"
#include "store/detail/move/rows.h"
#include "store/detail/move/tables.h"
#include "store/detail/move/target.h"
#include "store/detail/postgres/schema.h"
#include "store/detail/schema.h"
#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kCacheBytes = 16 << 20;
constexpr std::int64_t kDayMs = 86'400'000;
// What is older goes by rows when its time comes, not by days: each partition is looked into by every scan.
constexpr std::int64_t kDaysBack = 100, kDaysAhead = 10;
constexpr std::int64_t kMovingLock = 0x63'6172'6d76LL;  // who moves into a database; any number but ours
// A move that was killed is in there until the server has ended its last statement.
constexpr int kPatienceS = 15;
constexpr std::string_view kAddresses = "history_address";

std::int64_t now_ms() { return to_ms(base::SystemClock().now()); }

std::string_view step_of(AddressReader::Part part) {
  switch (part) {
    case AddressReader::Part::Blocks: return "history_block";
    case AddressReader::Part::Late: return "history";
    case AddressReader::Part::Waiting: break;
  }
  return kAddresses;
}

bool is_file(const std::string& path) {
  struct ::stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

class Mover {
 public:
  explicit Mover(const MoveOptions& options) : options_(options) {}

  Result<MoveOutlook> look();
  Result<std::vector<MovedTable>> run(const MoveSeen& seen);

 private:
  Result<void> open_files();
  Result<void> open_target();
  Result<void> be_alone();
  Result<void> judge();
  Result<void> check_key();
  Result<void> count_files();
  Result<void> begin();
  Result<void> carry_all();
  Result<void> carry(const MoveTable& table);
  Result<void> carry_addresses(AddressReader::Part part);
  Result<void> write(const std::string& copy, const std::string& insert, const MoveBatch& batch,
                     MoveStep& step);
  Result<void> carry_marks();
  Result<void> verify();
  Result<MovedTable> verify_addresses();
  Result<void> end();
  void tell(std::string_view what, std::int64_t more) {
    done_ += more;
    if (seen_ != nullptr) (*seen_)(what, done_, total_);
  }
  [[nodiscard]] SqliteDb& file_of(const MoveTable& table) {
    return table.is_people ? *people_ : *everything_;
  }

  const MoveOptions& options_;
  const MoveSeen* seen_ = nullptr;
  FolderLock lock_;
  std::unique_ptr<SqliteDb> everything_, people_;
  std::unique_ptr<PgDb> there_;
  MoveMark mark_;
  Target target_;
  SchemaVersions schema_;
  std::vector<MoveTable> plan_;
  std::unique_ptr<AddressReader> addresses_;
  std::vector<MovedTable> counts_;  // of plan_; at last of the addresses
  std::int64_t done_ = 0, total_ = 0;
};

Result<void> Mover::open_files() {
  const std::string file = options_.folder + "/carillon.db", people = options_.folder + "/people.db";
  if (!is_file(file) || !is_file(people)) {
    return fail(Errc::NotFound,
                fmt::format("there is no store in {}; give --from sqlite:DIR, the data folder of the "
                            "server that is to move",
                            options_.folder));
  }
  Result<FolderLock> lock = FolderLock::take(options_.folder);
  if (!lock) return fail(lock.error().code, lock.error().message + "; stop the server that runs there");
  lock_ = std::move(*lock);
  CARILLON_TRY(everything_, SqliteDb::open(file, DbMode::Reader, kCacheBytes));
  CARILLON_TRY(people_, SqliteDb::open(people, DbMode::Reader, kCacheBytes));
  CARILLON_TRY(schema_.everything, everything_->scalar("PRAGMA user_version"));
  CARILLON_TRY(schema_.people, people_->scalar("PRAGMA user_version"));
  if (schema_.everything == 0)
    return fail(Errc::NotFound, fmt::format("the store in {} is empty", options_.folder));
  if (schema_.everything > schema_version(File::Everything) ||
      schema_.people > schema_version(File::People)) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("{} was written by a newer version (schema {}, this program knows {}); move it with that "
                    "version",
                    options_.folder, schema_.everything, schema_version(File::Everything)));
  }
  CARILLON_TRY(mark_, read_mark(*everything_));
  return check_key();
}

// What is sealed says with which key: "v1:" its id ":" …
Result<void> Mover::check_key() {
  const std::string& id = options_.keys->sealer.key_id();
  for (const char* sql : {"SELECT data FROM record WHERE data LIKE '%\"v1:%' LIMIT 100",
                          "SELECT data FROM sealed WHERE data LIKE 'v1:%' LIMIT 100"}) {
    auto s = everything_->prepare_once(sql);
    if (!s) continue;  // an older schema has no such table
    for (;;) {
      CARILLON_TRY(const bool has_row, s->next());
      if (!has_row) break;
      std::string_view text = s->text(0);
      text.remove_prefix(text.find("v1:") + 3);
      const std::string_view found = text.substr(0, text.find(':'));
      // A text of somebody's own that looks alike has no key's length.
      if (found == id || found.size() != id.size()) continue;
      return fail(
          Errc::FailedPrecondition,
          fmt::format(
              "secrets.key: what is in {} is sealed with the key {}, and this one is {}; give the one "
              "the server there runs with",
              options_.folder, found, id));
    }
  }
  return {};
}

Result<void> Mover::open_target() {
  PgOptions options{.url = options_.url, .name = "carillon migrate", .statement_timeout_ms = 0};
  CARILLON_TRY(there_, PgDb::open(std::move(options)));
  // What is counted here is counted whole. The users of what is carried are noted by a trigger.
  return there_->exec(
      "SET enable_seqscan = on; SET enable_hashjoin = on; SET carillon.notes_users = '';");
}

// Whether what is there goes together with what is here.
Result<void> Mover::judge() {
  CARILLON_TRY(target_, look_at_target(*there_));
  if (target_.state == TargetState::Other) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("--to: the database is not empty: it holds {}; make one with createdb and give that",
                    target_.what));
  }
  const bool is_ours = target_.move != 0 && target_.move == mark_.id;
  if (target_.state != TargetState::Empty && !is_ours) {
    return fail(Errc::FailedPrecondition,
                target_.state == TargetState::Done
                    ? "--to: another store was moved into that database; give an empty one"
                    : "--to: the database holds an unfinished move of another store, or of one that was "
                      "undone; drop it and give an empty one");
  }
  // Files that were moved may only be finished with, where they went to.
  if (!mark_.moved_at || target_.state == TargetState::Checked || target_.state == TargetState::Done)
    return {};
  return fail(Errc::FailedPrecondition, fmt::format("what {} held was moved to another database on {}",
                                                    options_.folder, to_rfc3339(*mark_.moved_at)));
}

Result<void> Mover::count_files() {
  for (const MoveTable& table : plan_) {
    MovedTable& count = counts_.emplace_back();
    count.name = table.name;
    {
      CARILLON_TRY(Statement s, file_of(table).prepare_once(table.count));
      CARILLON_TRY(const bool has_row, s.next());
      count.source = has_row ? s.integer(0) : 0;
    }
    total_ += count.source;
    tell("Counting", 0);
  }
  return {};
}

Result<MoveOutlook> Mover::look() {
  MoveOutlook outlook;
  CARILLON_CHECK(open_files());
  CARILLON_CHECK(open_target());
  CARILLON_CHECK(judge());
  outlook.schema = schema_;
  outlook.is_marked = mark_.id != 0;
  outlook.state = target_.state == TargetState::Empty  ? MoveState::NotBegun
                  : target_.state == TargetState::Done ? MoveState::Done
                                                       : MoveState::Begun;
  for (SqliteDb* db : {people_.get(), everything_.get()}) {
    CARILLON_TRY(const auto names, carried_tables(*db));
    for (const std::string& name : names) {
      CARILLON_TRY(Statement s, db->prepare_once(fmt::format("SELECT count(*) FROM \"{}\"", name)));
      CARILLON_TRY(const bool has_row, s.next());
      outlook.tables.push_back({name, has_row ? s.integer(0) : 0, 0});
    }
  }
  return outlook;
}

Result<void> Mover::begin() {
  if (target_.state != TargetState::Empty) {
    // A newer program may go on with what an older one began.
    CARILLON_TRY(const bool was_empty, migrate_postgres(*there_));
    if (was_empty) return fail(Errc::Internal, "move: the tables are gone");
    return {};
  }
  std::int64_t id = 0;
  while (id == 0) {
    const base::Bytes random = base::random_bytes(7);
    for (const char c : random) id = id << 8 | static_cast<unsigned char>(c);
  }
  // What was begun in another database is another move: the two are never both finished.
  mark_.id = id;
  CARILLON_CHECK(write_mark(options_.folder, mark_));
  CARILLON_FAILPOINT("move.marked");
  CARILLON_CHECK(migrate_postgres(*there_));
  std::int64_t first = INT64_MAX, last = 0;
  for (const char* sql : {"SELECT min(id) FROM notification", "SELECT min(id) FROM delivery",
                          "SELECT max(id) FROM notification", "SELECT max(id) FROM delivery"}) {
    CARILLON_TRY(const std::int64_t id_of, everything_->scalar(sql));
    const std::int64_t day = to_ms(base::id_time(id_of)) / kDayMs;
    if (id_of == 0) continue;
    first = std::min(first, day);
    last = std::max(last, day);
  }
  const std::int64_t today = now_ms() / kDayMs;
  CARILLON_CHECK(make_days(*there_, std::max(std::min(first, today), today - kDaysBack),
                           std::min(std::max(last, today), today + kDaysAhead)));
  CARILLON_CHECK(begin_at_target(*there_, id));
  CARILLON_FAILPOINT("move.begun");
  return {};
}

// The rows of `batch` and the place they end at, in one transaction.
Result<void> Mover::write(const std::string& copy, const std::string& insert, const MoveBatch& batch,
                          MoveStep& step) {
  CARILLON_CHECK(there_->begin());
  if (!batch.rows.empty()) CARILLON_CHECK(there_->copy_in(copy.c_str(), batch.rows));
  if (!insert.empty()) CARILLON_CHECK(there_->exec(insert.c_str()));
  step.place = batch.place;
  step.n += batch.n;
  step.is_last = batch.is_last;
  CARILLON_CHECK(write_step(*there_, step));
  CARILLON_CHECK(there_->commit());
  CARILLON_FAILPOINT("move.batch");
  return {};
}

Result<void> Mover::carry(const MoveTable& table) {
  CARILLON_TRY(MoveStep step, step_at_target(*there_, table.name));
  tell(table.name, step.n);
  while (!step.is_last) {
    CARILLON_TRY(const MoveBatch batch, read_batch(file_of(table), table, step.place));
    CARILLON_CHECK(write(table.copy, table.insert, batch, step));
    tell(table.name, batch.n);
  }
  return {};
}

Result<void> Mover::carry_addresses(AddressReader::Part part) {
  static const std::string kCopy = "COPY pg_temp.aside_address(key, notification) FROM STDIN";
  static const std::string kInsert =
      "INSERT INTO history_address(key, notification) SELECT key, notification FROM pg_temp.aside_address ON "
      "CONFLICT DO NOTHING;";
  CARILLON_TRY(MoveStep step, step_at_target(*there_, step_of(part)));
  tell(kAddresses, step.n);
  while (!step.is_last) {
    CARILLON_TRY(const AddressReader::Batch read, addresses_->read(part, step.place));
    MoveBatch batch{{}, read.place, read.read, read.is_last};
    for (const auto& [key, notification] : read.entries) {
      append_copied(batch.rows, key);
      batch.rows += '\t';
      append_copied(batch.rows, notification);
      batch.rows += '\n';
    }
    CARILLON_CHECK(write(kCopy, kInsert, batch, step));
    tell(kAddresses, batch.n);
  }
  return {};
}

// Numbers go on where they were, also those of rows that are gone: of a project that was deleted, for one.
Result<void> Mover::carry_marks() {
  std::map<std::string, std::int64_t, std::less<>> last;
  {
    Statement s = everything_->statement("SELECT name, seq FROM sqlite_sequence");
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      last[s.string(0)] = s.integer(1);
    }
  }
  std::vector<std::pair<std::string, std::string>> identities;
  {
    Statement s = there_->statement(
        "SELECT CAST(table_name AS text), CAST(column_name AS text) FROM information_schema.columns WHERE "
        "is_identity = 'YES' AND table_schema = current_schema()");
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      identities.emplace_back(s.string(0), s.string(1));
    }
  }
  for (const auto& [table, column] : identities) {
    const std::int64_t low = last.contains(table) ? last.at(table) : 0;
    CARILLON_TRY(const std::int64_t high,
                 there_->number(fmt::format("SELECT max(\"{}\") FROM \"{}\"", column, table)));
    if (const std::int64_t value = std::max(low, high); value > 0) {
      CARILLON_CHECK(there_->exec(
          fmt::format("SELECT setval(pg_get_serial_sequence('\"{}\"', '{}'), {});", table, column, value)
              .c_str()));
    }
  }
  // Of `meta` what is of both: how far content was emptied, dead letters were looked at.
  CARILLON_CHECK(there_->begin());
  Statement s = everything_->statement(
      "SELECT key, value FROM meta WHERE typeof(value) = 'integer' AND key NOT IN ('dedup_floor', "
      "'history_high', 'history_run', 'move', 'moved_at')");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    Statement put = there_->statement(
        "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    CARILLON_CHECK(put.bind(1, s.text(0)).bind(2, s.integer(1)).run());
    CARILLON_CHECK(there_->flush());
  }
  return there_->commit();
}

Result<void> Mover::carry_all() {
  CARILLON_TRY(plan_, plan_move(*everything_, *people_, *there_));
  CARILLON_CHECK(make_aside(*there_));
  CARILLON_TRY(addresses_, AddressReader::open(*everything_, *people_, *options_.keys));
  CARILLON_TRY(total_, addresses_->count());
  CARILLON_CHECK(count_files());
  for (const MoveTable& table : plan_) CARILLON_CHECK(carry(table));
  for (const auto part : AddressReader::kParts) CARILLON_CHECK(carry_addresses(part));
  CARILLON_FAILPOINT("move.carried");
  return carry_marks();
}

Result<void> Mover::verify() {
  total_ = done_ = 0;
  for (const MovedTable& count : counts_) total_ += count.source;
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    CARILLON_TRY(counts_[i].target, there_->number(plan_[i].count_there));
    tell("Checking", counts_[i].source);
  }
  CARILLON_TRY(counts_.emplace_back(), verify_addresses());
  for (const MovedTable& count : counts_) {
    if (count.source == count.target) continue;
    return fail(
        Errc::Corruption,
        fmt::format("move: {} has {} rows in {} and {} in PostgreSQL; nothing was put into use. Drop the "
                    "database, make it again and repeat; report it when it stays so",
                    count.name, count.source, options_.folder, count.target));
  }
  // Whatever the planner believed of empty tables.
  return there_->exec("ANALYZE;");
}

// Each entry is looked for there.
Result<MovedTable> Mover::verify_addresses() {
  MovedTable count{std::string(kAddresses), 0, 0};
  for (const auto part : AddressReader::kParts) {
    AddressReader::Batch batch;
    while (!batch.is_last) {
      CARILLON_TRY(batch, addresses_->read(part, batch.place));
      PgArray keys, notifications;
      for (const auto& [key, notification] : batch.entries) {
        keys.add(key);
        notifications.add(notification);
      }
      PgStatement& s = there_->with_arrays(
          "SELECT count(*) FROM unnest(?1, ?2) AS i(key, notification) JOIN history_address h ON h.key = "
          "i.key AND h.notification = i.notification");
      s.bind_array(1, keys);
      s.bind_array(2, notifications);
      CARILLON_TRY(const bool has_row, s.next());
      count.source += static_cast<std::int64_t>(batch.entries.size());
      count.target += has_row ? s.integer(0) : 0;
      s.reset();
      tell("Checking", 0);
    }
  }
  return count;
}

Result<void> Mover::end() {
  if (target_.state != TargetState::Checked) {
    CARILLON_CHECK(check_off_target(*there_, options_.key_note, now_ms()));
    CARILLON_FAILPOINT("move.checked");
  }
  if (!mark_.moved_at) {
    mark_.moved_at = base::SystemClock().now();
    CARILLON_CHECK(write_mark(options_.folder, mark_));
  }
  CARILLON_FAILPOINT("move.moved");
  return finish_target(*there_);
}

Result<void> Mover::be_alone() {
  Result<void> alone =
      there_->exec(fmt::format("SET lock_timeout = '{}s'; SELECT pg_advisory_lock({}); RESET lock_timeout;",
                               kPatienceS, kMovingLock)
                       .c_str());
  if (!alone && is_busy(alone.error()))
    return fail(Errc::FailedPrecondition, "--to: another move into that database is under way");
  return alone;
}

Result<std::vector<MovedTable>> Mover::run(const MoveSeen& seen) {
  seen_ = &seen;
  CARILLON_CHECK(open_files());
  CARILLON_CHECK(open_target());
  CARILLON_CHECK(be_alone());
  CARILLON_CHECK(judge());
  if (target_.state == TargetState::Done) {
    if (!mark_.moved_at) CARILLON_CHECK(end());
    return counts_;
  }
  if (target_.state != TargetState::Checked) {
    CARILLON_CHECK(begin());
    CARILLON_CHECK(carry_all());
    CARILLON_CHECK(verify());
  }
  CARILLON_CHECK(end());
  return std::move(counts_);
}

}  // namespace
}  // namespace carillon::store::detail

namespace carillon::store {

Result<MoveOutlook> look_before_move(const MoveOptions& options) { return detail::Mover(options).look(); }

Result<std::vector<MovedTable>> move_to_postgres(const MoveOptions& options, const MoveSeen& seen) {
  return detail::Mover(options).run(seen);
}

Result<bool> undo_move(const std::string& folder) {
  if (!detail::is_file(folder + "/carillon.db")) {
    return fail(Errc::NotFound, fmt::format("there is no store in {}", folder));
  }
  CARILLON_TRY(const auto lock, detail::FolderLock::take(folder));
  CARILLON_TRY(auto db, detail::SqliteDb::open(folder + "/carillon.db", detail::DbMode::Reader, 1 << 20));
  CARILLON_TRY(const detail::MoveMark mark, detail::read_mark(*db));
  db.reset();
  if (mark.moved_at) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format(
            "the move of {} was finished on {}: what is in PostgreSQL has gone on since, and would be "
            "sent twice from here. To go back to that moment, restore a backup of before it",
            folder, to_rfc3339(*mark.moved_at)));
  }
  if (mark.id == 0) return false;
  CARILLON_CHECK(detail::write_mark(folder, {}));
  return true;
}

}  // namespace carillon::store
