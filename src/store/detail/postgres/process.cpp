// Opening and closing, who runs here and for how long, how well it is.
#include <filesystem>

#include "base/ids.h"
#include "base/log.h"
#include "store/detail/move/target.h"
#include "store/detail/postgres/index.h"
#include "store/detail/postgres/schema.h"
#include "store/detail/postgres/store.h"
#include "store/detail/postgres/words.h"

namespace carillon::store {

Result<std::unique_ptr<Store>> open_postgres(PostgresOptions options) {
  return detail::PostgresStore::open(std::move(options));
}

}  // namespace carillon::store

namespace carillon::store::detail {
namespace {

constexpr std::size_t kReaderThreads = 4;
// A commit over there costs more, and others have results to write.
constexpr Writer::Fill kFill{.wait = std::chrono::milliseconds(2), .enough_rows = 88, .needs_results = false};
// A process has recovered what its earlier runs left when it started so many leases ago, and what they sent
// to the server has come there or is refused.
constexpr std::int64_t kLeasesToRecover = 4;
}  // namespace

namespace {

// What the server refuses when the tables are made is a matter of where store.url leads.
Error of_the_url(Error error) {
  if (!error.message.starts_with("store: ") || error.message.contains("store.url")) return error;
  std::string_view fix;
  if (error.message.contains("(42501)"))
    fix = "; this user may make no tables there: give it a database of its own (ALTER DATABASE … OWNER TO …)";
  if (error.message.contains("(25006)"))
    fix =
        "; this server is a standby, or the database is read-only: name the primary, or all hosts with "
        "target_session_attrs=read-write";
  error.message = fmt::format("store.url: {}{}", error.message, fix);
  return error;
}

}  // namespace

PostgresStore::PostgresStore(PostgresOptions options, std::unique_ptr<PgDb> for_words)
    : SqlStore(*options.keys, std::make_unique<PgWords>(std::move(for_words)),
               std::make_unique<PgCounters>()),
      options_(std::move(options)) {}

PostgresStore::~PostgresStore() { close(); }

PgOptions PostgresStore::connection(Isolation isolation, std::string_view what) const {
  return PgOptions{.url = options_.url, .isolation = isolation, .name = fmt::format("carillon {}", what)};
}

Result<std::unique_ptr<Store>> PostgresStore::open(PostgresOptions options) {
  CARILLON_ASSERT(options.keys != nullptr);
  FolderLock lock;
  if (!options.folder.empty()) { CARILLON_TRY(lock, FolderLock::take(options.folder)); }
  CARILLON_TRY(auto db, PgDb::open(PgOptions{.url = options.url, .name = "carillon words"}));
  const Result<bool> is_new = migrate_postgres(*db);
  if (!is_new) return std::unexpected(of_the_url(is_new.error()));
  CARILLON_CHECK(refuse_half_moved(*db));
  std::unique_ptr<PostgresStore> store(new PostgresStore(std::move(options), std::move(db)));
  store->lock_ = std::move(lock);
  CARILLON_CHECK(store->start(*is_new));
  return store;
}

Result<void> PostgresStore::start(bool is_new) {
  is_new_ = is_new;
  // Others change what they would hold: they keep nothing.
  notification_cache_ = std::make_unique<NotificationCache>(0);
  profile_cache_ = std::make_unique<ProfileCache>(0);
  index_ = std::make_unique<PgIndex>();
  const auto open = [options =
                         connection(Isolation::ReadCommitted, "reader")]() -> Result<std::unique_ptr<Db>> {
    return PgDb::open(options);
  };
  CARILLON_TRY(auto by_itself, open());
  CARILLON_CHECK(subscribers_.load(*by_itself));
  CARILLON_CHECK(set_clock(*by_itself));
  PgOptions for_hot = connection(Isolation::ReadCommitted, "writer");
  for_hot.plans_once = true;
  CARILLON_TRY(auto hot, PgDb::open(for_hot));
  for_hot.name = connection(Isolation::ReadCommitted, "critical").name;
  CARILLON_TRY(auto critical, PgDb::open(std::move(for_hot)));
  CARILLON_TRY(auto others, PgDb::open(connection(Isolation::Serializable, "others")));
  readers_ = std::make_unique<Readers>(open, kReaderThreads, false);
  people_readers_ = readers_.get();
  heartbeat_ = std::make_unique<Heartbeat>(
      Heartbeat::Options{.connection = connection(Isolation::ReadCommitted, "heartbeat"),
                         .lease = options_.lease,
                         .leader_lease = options_.leader_lease,
                         .may_lead = options_.may_lead,
                         .webhooks_changed = [this](Db& db) { return subscribers_.load(db); },
                         .clock = options_.clock});
  writer_ = make_writer(std::move(hot), static_cast<PgCounters&>(counters_), outbox_);
  critical_ = make_writer(std::move(critical), critical_counters_, critical_outbox_);
  own_others_ = make_writer(std::move(others), other_counters_, other_outbox_);
  others_ = own_others_.get();
  return {};
}

// Before anything here has a time.
Result<void> PostgresStore::set_clock(Db& db) {
  if (options_.clock == nullptr) return {};
  const std::int64_t asked = base::boot_ms();
  CARILLON_TRY(const std::int64_t server_ms, db.scalar("SELECT " CARILLON_SERVER_NOW));
  const std::int64_t took = base::boot_ms() - asked;
  options_.clock->follow(server_ms, asked + took / 2, took / 2 + 1);
  return {};
}

std::unique_ptr<Writer> PostgresStore::make_writer(std::unique_ptr<PgDb> db, PgCounters& counters,
                                                   WebhookOutbox& outbox) {
  Writer::Hooks hooks{.free_ballast = [] { return false; },
                      .disk_state =
                          [this](bool is_failing, const Error* why) {
                            const std::lock_guard lock(why_mutex_);
                            why_ = why == nullptr ? std::string() : why->message;
                            is_failing_.store(is_failing);
                          },
                      .news = [this] { news_.fetch_add(1); }};
  base::Metrics* metrics = &counters == &other_counters_ ? nullptr : options_.metrics;
  return std::make_unique<Writer>(std::move(db), words_, counters, outbox, metrics, std::move(hooks), kFill);
}

Health PostgresStore::health() const {
  Health h;
  // Of the data folder: how full the database's disk is, its server knows.
  std::error_code ec;
  const auto space = std::filesystem::space(options_.folder.empty() ? "." : options_.folder, ec);
  h.disk_free_bytes = ec ? INT64_MAX : static_cast<std::int64_t>(space.available);
  if (options_.clock != nullptr) h.clock = clock_trouble(options_.clock->machine_is_ahead_ms());
  // Who writes nothing at this moment learns of it by its heartbeat.
  h.why = heartbeat_->trouble();
  if (is_failing_.load()) {
    const std::lock_guard lock(why_mutex_);
    h.why = why_;
  }
  h.can_write = h.why.empty();
  return h;
}

namespace {

// The node of that instance, else a free one, else that of a process whose lease is over the longest and of
// whose work nothing is left: what its journal knew is known to nobody else.
Result<std::int64_t> node_for(Db& db, const std::string& instance, Millis lease) {
  {
    Statement s = db.statement("SELECT node FROM process WHERE instance = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, instance).next());
    if (has_row) return s.integer(0);
  }
  {
    Statement s = db.statement(
        "SELECT min(n) FROM generate_series(0, ?1) AS n WHERE NOT EXISTS (SELECT 1 FROM process p WHERE "
        "p.node = n)");
    CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{base::kIdNodeMax}).next());
    if (has_row && !s.is_null(0)) return s.integer(0);
  }
  Statement s = db.statement(
      "DELETE FROM process WHERE node = (SELECT node FROM process WHERE renewed_at < " CARILLON_SERVER_NOW
      " - ?1 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.owner >= CAST(process.node AS bigint) * "
      "4294967296 AND d.owner < CAST(process.node + 1 AS bigint) * 4294967296) ORDER BY renewed_at LIMIT 1) "
      "RETURNING node");
  CARILLON_TRY(const bool has_row, s.bind(1, lease.count()).next());
  if (!has_row) return fail(Errc::ResourceExhausted, "1,024 processes run on this store; stop one");
  return s.integer(0);
}

}  // namespace

// On the threads of the writers, whose events they number.
Task<Result<void>> PostgresStore::number_events(std::int64_t node) {
  CARILLON_CO_TRY(const std::int64_t last, co_await read([](Db& db) -> Result<std::int64_t> {
                    return db.scalar("SELECT max(id) FROM webhook_event");
                  }));
  for (Writer* writer : {writer_.get(), others_}) {
    const std::int64_t number = writer == others_ ? 1 : 0;
    const auto call = [=](Txn& txn) -> Result<void> {
      txn.outbox.number_as(node, number, base::id_time(last));
      return {};
    };
    CARILLON_CO_CHECK(co_await write_on(*writer, call, JobClass::Other, 1));
  }
  co_return Result<void>{};
}

Task<Result<Registration>> PostgresStore::register_process(std::string instance, Time now) {
  const auto call = [this, instance = std::move(instance), now](Txn& txn) -> Result<Registration> {
    Db& db = txn.db;
    CARILLON_TRY(const std::int64_t epoch, db.scalar("SELECT coalesce(max(epoch), 0) + 1 FROM process"));
    CARILLON_TRY(const std::int64_t node, node_for(db, instance, options_.lease));
    Statement s = db.statement(
        "INSERT INTO process(node, instance, epoch, started_at, renewed_at) VALUES(?1, "
        "?2, ?3, ?4, " CARILLON_SERVER_NOW
        ") ON CONFLICT(instance) DO UPDATE SET epoch = excluded.epoch, "
        "started_at = excluded.started_at, renewed_at = excluded.renewed_at");
    CARILLON_CHECK(s.bind(1, node).bind(2, instance).bind(3, epoch).bind(4, now).run());
    Registration r;
    r.owner = Owner{static_cast<std::uint32_t>(node), static_cast<std::uint32_t>(epoch)};
    CARILLON_TRY(r.highest_id,
                 db.scalar("SELECT greatest((SELECT max(id) FROM notification), "
                           "(SELECT max(id) FROM delivery), (SELECT max(id) FROM sandbox_message), "
                           "(SELECT max(id) FROM object), (SELECT max(id) FROM object_abandoned), "
                           "(SELECT max(id) FROM job), 0)"));
    r.is_new_store = is_new_;
    return r;
  };
  CARILLON_CO_TRY(Registration r, co_await write(call));
  const auto node = static_cast<std::int64_t>(r.owner.node);
  static_cast<PgCounters&>(counters_).count_as(2 * node);
  other_counters_.count_as(2 * node + 1);
  critical_counters_.count_as(2 * (std::int64_t{base::kIdNodeMax} + 1) + node);
  heartbeat_->hold(r.owner);
  CARILLON_CO_CHECK(co_await number_events(node));
  CARILLON_CO_CHECK(co_await before_house(now));
  co_return r;
}

Result<bool> PostgresStore::is_lost(Db& db, Owner owner) {
  Statement s = db.statement(
      "SELECT 1 FROM process WHERE node = ?1 AND epoch = ?2 AND renewed_at >= " CARILLON_SERVER_NOW " - ?3");
  s.bind(1, std::int64_t{owner.node}).bind(2, std::int64_t{owner.epoch}).bind(3, options_.lease.count());
  CARILLON_TRY(const bool has_row, s.next());
  return !has_row;
}

Task<Result<std::vector<OwnedDelivery>>> PostgresStore::owned_before(Owner owner, std::int64_t after,
                                                                     std::size_t limit) {
  co_return co_await read([this, owner, after, limit](Db& db) -> Result<std::vector<OwnedDelivery>> {
    std::vector<OwnedDelivery> rows;
    Statement s =
        db.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                     " FROM delivery WHERE owner >= ?1 AND owner < ?2 AND id > ?3 ORDER BY id LIMIT ?4");
    s.bind(1, pack(Owner{owner.node, 0})).bind(2, pack(owner)).bind(3, after);
    s.bind(4, static_cast<std::int64_t>(limit));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return rows;
      rows.push_back(OwnedDelivery{read_delivery(s, words_), unpack_owner(s.integer(kDeliveryOwnerColumn))});
    }
  });
}

Task<Result<std::vector<OwnedDelivery>>> PostgresStore::owned_by_lost(std::int64_t after, std::size_t limit) {
  co_return co_await read([this, after, limit](Db& db) -> Result<std::vector<OwnedDelivery>> {
    std::vector<OwnedDelivery> rows;
    // What has an owner has an index, which is asked for what is between those that live: of theirs it holds,
    // until it is vacuumed, also what they had. Earlier runs of a process that lives are its own to recover;
    // what they took by a commit that came after it had looked is nobody's, and looked for once that is past.
    // coalesce() keeps the planner from the index of the ids, which is all.
    Statement s = db.statement(
        "WITH alive AS (SELECT CAST(node AS bigint) * 4294967296 AS first, CASE WHEN started_at "
        "< " CARILLON_SERVER_NOW
        " - ?2 * ?4 THEN epoch ELSE 0 END AS run FROM process WHERE renewed_at >= " CARILLON_SERVER_NOW
        " - ?2), gap AS (SELECT coalesce(lag(first) OVER (ORDER BY first) + 4294967296, 0) AS low, first + "
        "run "
        "AS high FROM alive UNION ALL SELECT coalesce(max(first) + 4294967296, 0), 9223372036854775807 FROM "
        "alive) SELECT " CARILLON_DELIVERY_COLUMNS
        " FROM gap, LATERAL (SELECT * FROM delivery WHERE owner >= low AND owner < high AND coalesce(id, 0) "
        "> "
        "?1 ORDER BY coalesce(id, 0) LIMIT ?3) AS d ORDER BY id LIMIT ?3");
    s.bind(1, after).bind(2, options_.lease.count()).bind(3, static_cast<std::int64_t>(limit));
    s.bind(4, kLeasesToRecover);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return rows;
      rows.push_back(OwnedDelivery{read_delivery(s, words_), unpack_owner(s.integer(kDeliveryOwnerColumn))});
    }
  });
}

Result<std::optional<std::int64_t>> PostgresStore::oldest_processing(Db& db, std::int32_t project) {
  // coalesce(): as in owned_by_lost().
  Statement s =
      db.statement("SELECT min(coalesce(id, 0)) FROM delivery WHERE owner IS NOT NULL AND project = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{project}).next());
  if (!has_row || s.is_null(0)) return std::nullopt;
  return s.integer(0);
}

Task<Result<Time>> PostgresStore::copy_to(std::string, const base::Clock&, std::shared_ptr<CopyProgress>) {
  co_return fail(Errc::FailedPrecondition,
                 "the store is in PostgreSQL: back it up with pg_dump or pg_basebackup and WAL archiving");
}

void PostgresStore::close() {
  is_closing_.store(true);
  // Accepted work is finished first; what is still in processing then is free for others at once.
  if (critical_) critical_->close();
  if (writer_) writer_->close();
  if (own_others_) own_others_->close();
  gate_.wait(base::Deadline::never());  // what was to be given back is refused now
  if (readers_) readers_->close();
  if (heartbeat_) heartbeat_->release();
  for (const std::unique_ptr<Writer>* writer : {&critical_, &writer_, &own_others_}) {
    if (*writer) (*writer)->close_database([](Db&) {});
  }
}

}  // namespace carillon::store::detail
