// Opening and closing: the folder's lock, the database, the ballast, who runs here, how well it is.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/ids.h"
#include "base/log.h"
#include "store/detail/history_index.h"
#include "store/detail/move/mark.h"
#include "store/detail/schema.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kBallastBytes = 256LL << 20;
constexpr std::int64_t kBallastOnlyAbove = 4LL << 30;  // free bytes: a small disk is left alone
constexpr std::int64_t kDiskFreePercent = 3;
constexpr std::int64_t kDiskCheckEveryMs = 1'000;
constexpr std::size_t kReaderThreads = 2;
constexpr std::int64_t kPeopleCacheBytes = 4 << 20;  // the writer's share of people.db

struct DiskSpace {
  std::int64_t free = 0, total = 0;
};

DiskSpace disk_space(const std::string& folder) {
  struct statvfs s{};
  if (::statvfs(folder.c_str(), &s) != 0) return {};
  return {static_cast<std::int64_t>(s.f_bavail * s.f_frsize),
          static_cast<std::int64_t>(s.f_blocks * s.f_frsize)};
}

// Sends are refused while less is free.
std::int64_t disk_needed(const DiskSpace& space, const SqliteOptions& options) {
  return std::max(options.disk_free_min_bytes, space.total / 100 * kDiskFreePercent);
}

std::unique_ptr<Readers> make_readers(const std::string& path, std::int64_t cache_bytes) {
  const auto open = [path, cache_bytes]() -> Result<std::unique_ptr<Db>> {
    return SqliteDb::open(path, DbMode::Reader, cache_bytes);
  };
  return std::make_unique<Readers>(open, kReaderThreads, true);
}

std::int64_t steady_ms() {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void make_ballast(const std::string& folder) {
  if (disk_space(folder).free < kBallastOnlyAbove) return;
  const std::string path = folder + "/ballast";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (::fallocate(fd, 0, 0, kBallastBytes) != 0) ::unlink(path.c_str());  // a file system without it
  ::close(fd);
}

}  // namespace

SqliteStore::SqliteStore(SqliteOptions options)
    : SqlStore(*options.keys, std::make_unique<Words>(), std::make_unique<Counters>()),
      options_(std::move(options)),
      path_(options_.folder + "/carillon.db"),
      people_path_(options_.folder + "/people.db") {}

SqliteStore::~SqliteStore() { close(); }

Result<std::unique_ptr<Store>> SqliteStore::open(SqliteOptions options) {
  CARILLON_ASSERT(options.keys != nullptr);
  std::error_code ec;
  std::filesystem::create_directories(options.folder, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("cannot make {}: {}", options.folder, ec.message()));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options)));
  CARILLON_TRY(store->lock_, FolderLock::take(store->options_.folder));
  CARILLON_CHECK(store->open_database());
  make_ballast(store->options_.folder);
  return store;
}

Result<void> SqliteStore::open_database() {
  {
    CARILLON_TRY(const std::unique_ptr<SqliteDb> people,
                 SqliteDb::open(people_path_, DbMode::Writer, kPeopleCacheBytes));
    CARILLON_CHECK(migrate(*people, File::People));
  }
  CARILLON_TRY(std::unique_ptr<SqliteDb> db, SqliteDb::open(path_, DbMode::Writer, options_.cache_bytes));
  CARILLON_CHECK(db->attach(people_path_, "people", kPeopleCacheBytes));
  CARILLON_TRY(is_new_, migrate(*db, File::Everything));
  CARILLON_CHECK(refuse_marked(*db, options_.folder));
  ::chmod(path_.c_str(), 0600);
  ::chmod(people_path_.c_str(), 0600);
  CARILLON_CHECK(words_.load(*db));
  CARILLON_CHECK(counters_.load(*db));
  CARILLON_CHECK(claims_.load(*db));
  CARILLON_CHECK(subscribers_.load(*db));
  CARILLON_TRY(const std::int64_t last_event, db->scalar("SELECT max(id) FROM webhook_event"));
  // A node that no process has: others are made of the same clock.
  outbox_.number_as(base::kIdNodeMax, 0, base::id_time(last_event));
  dedup_ = std::make_unique<Dedup>(options_.dedup_window, options_.dedup_memory_bytes);
  CARILLON_CHECK(dedup_->load(*db, options_.folder + "/dedup.snapshot"));
  notification_cache_ = std::make_unique<NotificationCache>(options_.notification_cache_bytes);
  profile_cache_ = std::make_unique<ProfileCache>(options_.profile_cache_bytes);
  history_ = std::make_unique<History>(*options_.keys);
  CARILLON_CHECK(history_->load(*db));
  CARILLON_CHECK(suppression_filter_.load(*db));
  index_ = std::make_unique<HistoryIndex>(*history_);
  readers_ = make_readers(path_, options_.cache_bytes / 4);
  // Each send reads somebody else: what is read again are the inner pages, 3 MB for a million users.
  own_people_readers_ = make_readers(people_path_, options_.cache_bytes * 3 / 4);
  people_readers_ = own_people_readers_.get();
  Writer::Hooks hooks{.free_ballast = [this] { return free_ballast(); },
                      .disk_state =
                          [this](bool is_failing, const Error* why) {
                            const std::lock_guard lock(why_mutex_);
                            why_ = why == nullptr ? std::string() : why->message;
                            is_failing_.store(is_failing);
                          },
                      .news = [this] { news_.fetch_add(1); }};
  writer_ = std::make_unique<Writer>(std::move(db), words_, counters_, outbox_, options_.metrics,
                                     std::move(hooks), Writer::Fill{});
  others_ = writer_.get();
  return {};
}

bool SqliteStore::free_ballast() {
  const bool is_freed = ::unlink((options_.folder + "/ballast").c_str()) == 0;
  if (is_freed)
    base::log_error("store: the disk is full; gave up the ballast so that results can be recorded");
  return is_freed;
}

bool SqliteStore::accepts_writes() const {
  const std::int64_t now = steady_ms();
  std::int64_t checked = disk_checked_ms_.load(std::memory_order_relaxed);
  if (now - checked >= kDiskCheckEveryMs &&
      disk_checked_ms_.compare_exchange_strong(checked, now, std::memory_order_relaxed)) {
    const DiskSpace space = disk_space(options_.folder);
    has_room_.store(space.free >= disk_needed(space, options_));
  }
  return has_room_.load(std::memory_order_relaxed);
}

Health SqliteStore::health() const {
  Health h;
  const DiskSpace space = disk_space(options_.folder);
  h.disk_free_bytes = space.free;
  h.disk_needed_bytes = disk_needed(space, options_);
  for (const std::string& path : {path_, path_ + "-wal", people_path_, people_path_ + "-wal"}) {
    struct stat s{};
    if (::stat(path.c_str(), &s) == 0) h.file_bytes += s.st_size;
  }
  if (is_failing_.load()) {
    const std::lock_guard lock(why_mutex_);
    h.can_write = false;
    h.why = why_;
  } else if (!accepts_writes()) {
    h.can_write = false;
    h.why = fmt::format("the disk is nearly full: {} MiB free", h.disk_free_bytes >> 20);
  }
  return h;
}

Task<Result<Registration>> SqliteStore::register_process(std::string instance, Time now) {
  co_return co_await write([this, instance = std::move(instance), now](Txn& txn) -> Result<Registration> {
    CARILLON_TRY(const std::int64_t epoch, txn.db.scalar("SELECT max(epoch) FROM process"));
    CARILLON_TRY(const std::int64_t nodes, txn.db.scalar("SELECT count(*) FROM process"));
    Statement s = txn.db.statement(
        "INSERT INTO process(instance, node, epoch, started_at) VALUES(?1, ?2, ?3, ?4) "
        "ON CONFLICT DO UPDATE SET epoch = excluded.epoch, started_at = excluded.started_at RETURNING node");
    s.bind(1, instance).bind(2, nodes % (base::kIdNodeMax + 1)).bind(3, epoch + 1).bind(4, now);
    CARILLON_TRY(const bool has_row, s.next());
    CARILLON_ASSERT(has_row);
    Registration r;
    r.owner = Owner{s.as<std::uint32_t>(0), static_cast<std::uint32_t>(epoch + 1)};
    CARILLON_TRY(r.highest_id, txn.db.scalar("SELECT max(ifnull((SELECT max(id) FROM notification), 0), "
                                             "ifnull((SELECT max(id) FROM delivery), 0), "
                                             "ifnull((SELECT max(id) FROM sandbox_message), 0), "
                                             "ifnull((SELECT max(id) FROM object), 0), "
                                             "ifnull((SELECT max(id) FROM object_abandoned), 0), "
                                             "ifnull((SELECT max(id) FROM job), 0))"));
    r.is_new_store = is_new_;
    return r;
  });
}

// One process at a time has the files: whoever was here before is gone.
Result<bool> SqliteStore::is_lost(Db& db, Owner owner) {
  CARILLON_TRY(const std::int64_t last, db.scalar("SELECT max(epoch) FROM process"));
  return std::int64_t{owner.epoch} < last;
}

// Of what was claimed in runs that are not all recorded: a few thousand at most, some of them done.
Result<std::optional<std::int64_t>> SqliteStore::oldest_processing(Db& db, std::int32_t project) {
  CARILLON_TRY(const auto ids, ClaimLog::find(db, 0));
  for (const std::int64_t id : ids) {
    Statement s = db.statement("SELECT 1 FROM delivery WHERE id = ?1 AND status = 2 AND project = ?2");
    CARILLON_TRY(const bool is_it, s.bind(1, id).bind(2, std::int64_t{project}).next());
    if (is_it) return id;
  }
  return std::nullopt;
}

void SqliteStore::close() {
  // Accepted work is finished first; then nobody reads, and the last connection leaves no WAL behind.
  if (writer_) writer_->close();
  backup_.reset();  // what was not done yet stays half
  if (readers_) readers_->close();
  if (own_people_readers_) own_people_readers_->close();
  if (writer_) {
    writer_->close_database([this](Db& db) { dedup_->save(db, options_.folder + "/dedup.snapshot"); });
  }
  lock_ = {};
}

}  // namespace carillon::store::detail
