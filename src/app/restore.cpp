#include "app/restore.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <filesystem>

#include "app/keys.h"
#include "base/descriptor.h"
#include "base/failpoint.h"
#include "base/ids.h"
#include "model/admin.h"
#include "pipeline/directory.h"
#include "pipeline/project_record.h"
#include "store/store.h"

namespace carillon::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFilling = "restoring";  // DATA/…: being put together, of no account
constexpr std::string_view kReady = "restored";     // DATA/…: whole, to be moved to its place
constexpr std::string_view kLock = "carillon.lock";
constexpr std::string_view kRecordKind = "restore";
// What belongs to the store that was there and to no other. What a backup has takes the place of the rest.
constexpr std::array<std::string_view, 11> kOfTheOldStore{
    "carillon.db-wal", "carillon.db-shm", "people.db-wal",
    "people.db-shm",   "dedup.snapshot",  "dedup.snapshot.new",
    "instance",        "journal",         "first-run.json",
    "control",         "ballast"};
constexpr std::int64_t kSpare = 8 << 20;  // bytes besides the files: what opening the store writes

template <class T>
T run_to_end(Task<T> task) {
  boost::asio::io_context context{1};
  auto value = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return value.get();
}

std::unexpected<Error> errno_error(const char* what, const std::string& path) {
  return fail(Errc::Unavailable,
              fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno)));
}

// The lock a running store has on its folder.
class FolderLock {
 public:
  static Result<std::unique_ptr<FolderLock>> take(const std::string& data) {
    auto lock = std::make_unique<FolderLock>();
    const std::string path = fmt::format("{}/{}", data, kLock);
    lock->file_ = base::Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock->file_) return errno_error("open", path);
    if (::flock(lock->file_.get(), LOCK_EX | LOCK_NB) != 0) {
      return fail(Errc::FailedPrecondition,
                  fmt::format("{} is in use; stop the server that runs there", data));
    }
    return lock;
  }

 private:
  base::Descriptor file_;
};

// Moves what is in DATA/restored to its place. Whatever interrupts it, doing it again ends the same: what is
// in its place already is touched no more.
Result<void> put_in_place(const std::string& data) {
  const fs::path ready = fs::path(data) / kReady;
  std::error_code ec;
  for (const std::string_view name : kOfTheOldStore) {
    fs::remove_all(fs::path(data) / name, ec);
    if (ec) return fail(Errc::Unavailable, fmt::format("cannot remove {}/{}: {}", data, name, ec.message()));
  }
  for (const std::string& name : names_in(ready.string())) {
    const fs::path from = ready / name, to = fs::path(data) / name;
    if (fs::is_directory(from, ec)) fs::remove_all(to, ec);  // no name is given to two folders
    if (!ec) fs::rename(from, to, ec);
    if (ec) break;
    CARILLON_FAILPOINT("restore.moving");
  }
  if (!ec) fs::remove(ready, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("cannot end the restore in {}: {}", data, ec.message()));
  return sync_path(data);
}

// The pauses are what keeps a restored store from sending: they are in it before it is in its place.
Task<Result<std::vector<std::string>>> write_pauses(store::Store& store, std::string reason, Time now) {
  base::SystemClock clock;
  base::IdGenerator ids(clock, 0, 0);
  std::vector<std::int32_t> projects{pipeline::kDefaultProject};
  CARILLON_CO_TRY(const auto records,
                  co_await pipeline::all_records(store, std::string(pipeline::kKindProject), 0));
  for (const auto& record : records) {
    if (record.key.key != "default") projects.push_back(static_cast<std::int32_t>(record.id));
  }
  std::vector<std::string> written;
  for (const std::int32_t project : projects) {
    model::Pause pause;
    pause.id = base::id_text(pipeline::kPausePrefix, ids.take());
    pause.reason = reason;
    pause.by = pipeline::kRestoreActor;
    pause.at = now;
    store::Record record;
    record.key = {std::string(pipeline::kKindPause), project, pause.id};
    record.data = model::encode(pause);
    CARILLON_CO_CHECK(
        co_await store.put_record(std::move(record), 0, std::string(pipeline::kRestoreActor), now));
    written.push_back(pause.id);
  }
  store::Record note;
  note.key = {std::string(kRecordKind), 0, "last"};
  base::JsonWriter out;
  out.object().field("at", to_rfc3339(now)).field("reason", reason).end_object();
  note.data = out.str();
  CARILLON_CO_CHECK(
      co_await store.put_record(std::move(note), std::nullopt, std::string(pipeline::kRestoreActor), now));
  // Who signed out, or was shown out, since the backup is not let in by it.
  CARILLON_CO_CHECK(co_await store.sessions().end_all(std::string(pipeline::kRestoreActor), now));
  co_return written;
}

class Restore {
 public:
  Restore(const RestoreOrder& order, const AppOptions& options)
      : order_(order),
        options_(options),
        filling_(fmt::format("{}/{}", options.data, kFilling)),
        ready_(fmt::format("{}/{}", options.data, kReady)) {}

  ~Restore() {
    if (is_done_) return;
    std::error_code ignored;
    if (lock_) fs::remove_all(filling_, ignored);
    if (!is_folder_ours_) return;
    fs::remove(fmt::format("{}/{}", options_.data, kLock), ignored);
    fs::remove(options_.data, ignored);
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  Result<Restored> run(const std::function<void(std::int64_t, std::int64_t)>& seen) {
    CARILLON_CHECK(read_backup());
    CARILLON_CHECK(choose_key());
    CARILLON_CHECK(take_folder());
    CARILLON_CHECK(fill(seen));
    CARILLON_CHECK(begin_paused());
    CARILLON_CHECK(put());
    is_done_ = true;
    return std::move(restored_);
  }

 private:
  [[nodiscard]] const Manifest& manifest() const noexcept { return restored_.manifest; }

  Result<void> read_backup() {
    if (!options_.store.url.empty()) {
      return fail(
          Errc::FailedPrecondition,
          "store.url is set; a restore fills the data folder: restore without it, then move the files");
    }
    CARILLON_TRY(restored_.manifest, read_manifest(order_.from));
    const auto known = store::known_schema();
    if (manifest().schema.everything > known.everything || manifest().schema.people > known.people) {
      return fail(
          Errc::FailedPrecondition,
          fmt::format("the backup was made by a newer version ({}, schema {}, this program knows {}); "
                      "restore it with that version",
                      manifest().version, manifest().schema.everything, known.everything));
    }
    return {};
  }

  // The key that is needed, from where it is; nothing of it may be guessed wrong, or what it sealed is lost.
  Result<void> choose_key() {
    const auto use = [this](std::string_view text, const std::string& where) -> Result<bool> {
      CARILLON_TRY(auto keys, read_key(text, where));
      if (keys->sealer.key_id() != manifest().key_id) return false;
      keys_ = std::move(keys);
      key_text_ = base::Secret(std::string(text));
      return true;
    };
    const auto must = [&](std::string_view text, const std::string& where) -> Result<void> {
      CARILLON_TRY(const bool fits, use(text, where));
      if (fits) return {};
      return fail(Errc::FailedPrecondition,
                  fmt::format("{} holds another key than the backup's store needs (key id {})", where,
                              manifest().key_id));
    };
    const bool is_setting = !options_.secrets_key.empty() || !options_.secrets_key_file.empty();
    if (is_setting) {  // where it is, a start takes it from there: it has to be the right one
      CARILLON_TRY(const KeyText key, find_key(options_));
      has_key_elsewhere_ = true;
      return must(key.text.reveal(), key.where);
    }
    if (!order_.key_file.empty()) {
      CARILLON_TRY(const std::string text, read_file(order_.key_file));
      return must(text, order_.key_file);
    }
    const std::string path = fmt::format("{}/{}", order_.from, kKeyFile);
    if (manifest().find(kKeyFile) != nullptr) {
      CARILLON_TRY(const std::string text, read_file(path));
      return must(text, path);
    }
    if (const auto present = find_key(options_)) {
      CARILLON_TRY(const bool fits, use(present->text.reveal(), present->where));
      if (fits) return {};
    }
    return fail(Errc::FailedPrecondition,
                fmt::format("the backup was made without its secret key (key id {}); give the key with "
                            "--key-file FILE, or as CARILLON_SECRETS_KEY",
                            manifest().key_id));
  }

  Result<void> take_folder() {
    std::error_code ec;
    is_folder_ours_ = fs::create_directories(options_.data, ec);
    if (ec) return fail(Errc::Unavailable, fmt::format("cannot make {}: {}", options_.data, ec.message()));
    if (is_folder_ours_) fs::permissions(options_.data, fs::perms::owner_all, ec);
    const auto names = names_in(options_.data);
    const bool is_empty =
        std::ranges::all_of(names, [](const std::string& name) { return name == kFilling || name == kLock; });
    if (!is_empty && !order_.is_forced) {
      return fail(Errc::FailedPrecondition,
                  fmt::format("{} is not empty; give another folder, or --force to replace the store in it",
                              options_.data));
    }
    CARILLON_TRY(lock_, FolderLock::take(options_.data));
    // An earlier one that was interrupted: the folder is to be as it was if this one fails.
    if (fs::is_directory(ready_, ec)) CARILLON_CHECK(put_in_place(options_.data));
    fs::remove_all(filling_, ec);
    if (ec || ::mkdir(filling_.c_str(), 0700) != 0) return errno_error("make", filling_);
    CARILLON_TRY(const Room room, room_of(options_.data));
    return check_room(options_.data, room, manifest().bytes() + kSpare, 0);
  }

  Result<void> fill(const std::function<void(std::int64_t, std::int64_t)>& seen) {
    std::int64_t done = 0;
    const std::int64_t total = manifest().bytes();
    const std::string jobs = fmt::format("{}/{}", filling_, kJobsFolder);
    if (::mkdir(jobs.c_str(), 0700) != 0) return errno_error("make", jobs);
    for (const BackupFile& file : manifest().files) {
      if (file.name == kKeyFile) continue;
      const auto each = [&](std::string_view piece) {
        seen(done += static_cast<std::int64_t>(piece.size()), total);
        return true;
      };
      const std::string from = fmt::format("{}/{}", order_.from, file.name);
      CARILLON_TRY(const std::string hash, copy_file(from, fmt::format("{}/{}", filling_, file.name), each));
      if (hash != file.sha256) {
        return fail(Errc::Corruption,
                    fmt::format("{} is not the file the backup was made with (its SHA-256 is "
                                "another): the backup is damaged",
                                from));
      }
    }
    CARILLON_TRY(const auto found, store::check_files(filling_));
    if (found == manifest().schema) return {};
    return fail(Errc::Corruption,
                "the files have another schema than manifest.json says: the backup is damaged");
  }

  Result<void> begin_paused() {
    store::SqliteOptions sqlite;
    sqlite.folder = filling_;
    sqlite.disk_free_min_bytes = 0;
    sqlite.keys = keys_.get();
    CARILLON_TRY(const auto store, store::open_sqlite(std::move(sqlite)));
    const Time now = base::SystemClock().now();
    auto reason = fmt::format("restored from the backup of {}; what was open then may have been sent since",
                              to_rfc3339(manifest().created_at));
    auto pauses = run_to_end(write_pauses(*store, std::move(reason), now));
    store->close();
    if (!pauses) return std::unexpected(pauses.error());
    restored_.pauses = std::move(*pauses);
    for (const std::string_view name : store::kStoreFiles) {
      // All is in the file itself, or what is moved into place is not all of it.
      const std::string log = fmt::format("{}/{}-wal", filling_, name);
      std::error_code ec;
      if (fs::exists(log, ec)) return fail(Errc::Unavailable, fmt::format("cannot finish writing {}", log));
    }
    return {};
  }

  Result<void> put() {
    std::error_code ignored;
    for (const std::string_view name :
         {kLock, std::string_view("ballast"), std::string_view("dedup.snapshot")}) {
      fs::remove(fmt::format("{}/{}", filling_, name), ignored);
    }
    if (!has_key_elsewhere_) {
      std::string text(key_text_.reveal());
      while (text.ends_with('\n')) text.pop_back();
      CARILLON_CHECK(write_private_file(fmt::format("{}/{}", filling_, kKeyFile), text + "\n"));
    }
    CARILLON_CHECK(sync_tree(filling_));
    CARILLON_FAILPOINT("restore.filled");
    if (::rename(filling_.c_str(), ready_.c_str()) != 0) return errno_error("make", ready_);
    is_done_ = true;  // what fails from here on is finished by the next start
    CARILLON_CHECK(sync_path(options_.data));
    CARILLON_FAILPOINT("restore.ready");
    return put_in_place(options_.data);
  }

  const RestoreOrder& order_;
  const AppOptions& options_;
  const std::string filling_, ready_;
  Restored restored_;
  std::unique_ptr<base::KeyRing> keys_;
  base::Secret key_text_;
  bool has_key_elsewhere_ = false;  // in the settings: it is not written into the folder
  bool is_folder_ours_ = false, is_done_ = false;
  std::unique_ptr<FolderLock> lock_;
};

}  // namespace

Result<Restored> restore_backup(const RestoreOrder& order, const AppOptions& options,
                                const std::function<void(std::int64_t, std::int64_t)>& seen) {
  Restore restore(order, options);
  return restore.run(seen);
}

Result<void> finish_restore(const std::string& data) {
  std::error_code ec;
  if (!fs::is_directory(fs::path(data) / kReady, ec)) return {};
  CARILLON_TRY(const auto lock, FolderLock::take(data));
  if (!fs::is_directory(fs::path(data) / kReady, ec)) return {};
  return put_in_place(data);
}

}  // namespace carillon::app
