#include "app/backup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "api/failure.h"
#include "app/keys.h"
#include "app/node.h"
#include "base/descriptor.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "carillon_version.h"

namespace carillon::app {
namespace {

namespace fs = std::filesystem;

constexpr int kNice = 10;                    // what is sent goes first
constexpr std::size_t kPathMax = 4096;       // bytes
constexpr std::int64_t kKeptPercent = 3;     // PIPELINE §5: sends are refused below it
constexpr std::int64_t kGrowthDivisor = 20;  // room for what comes in while it is copied: a twentieth
constexpr std::string_view kPartSuffix = ".part";
constexpr std::string_view kRecordKind = "backup";
constexpr std::string_view kActor = "cli";

std::string encode(const BackupDone& done) {
  base::JsonWriter out;
  out.object().field("at", to_rfc3339(done.at)).field("path", done.path);
  out.field("bytes", done.bytes).field("took_ms", done.took_ms).end_object();
  return out.str();
}

std::optional<BackupDone> decode_done(const std::string& json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  if (!root) return std::nullopt;
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  BackupDone done;
  reader.time("at", done.at);
  reader.text("path", done.path, kPathMax);
  reader.integer("bytes", done.bytes, 0, INT64_MAX);
  reader.integer("took_ms", done.took_ms, 0, INT64_MAX);
  return problems.empty() ? std::optional(done) : std::nullopt;
}

// Whatever it is, it is the same when it is tried again at once.
std::unexpected<Error> errno_error(const char* what, const std::string& path) {
  return fail(Errc::FailedPrecondition,
              fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno)));
}

store::RecordKey last_key() { return {std::string(kRecordKind), 0, "last"}; }

net::HttpResponse json_response(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "application/json");
  response.body = std::move(body);
  return response;
}

Result<BackupOrder> read_order(std::string_view body) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  BackupOrder order;
  reader.require("to");
  reader.text("to", order.to, kPathMax);
  reader.boolean("with_key", order.with_key);
  reader.done();
  if (problems.empty()) return order;
  return fail(Errc::InvalidArgument, problems.front().pointer + ": " + problems.front().detail);
}

}  // namespace

// The folder under its name while it is not whole, PATH.part; it goes with this object unless it was kept.
class Backups::Part {
 public:
  // Errors: FailedPrecondition (another process writes there; it is not to be written).
  static Result<std::shared_ptr<Part>> open(const std::string& to) {
    auto part = std::make_shared<Part>(to);
    const std::string& path = part->path_;
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("make", path);
    part->folder_ = base::Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!part->folder_) return errno_error("open", path);
    // Some network file systems lock no folders; there it is up to who starts two at once.
    if (::flock(part->folder_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return fail(Errc::FailedPrecondition, fmt::format("another backup is being written to {}", path));
    }
    if (const auto names = names_in(path); !std::ranges::all_of(names, may_be_ours)) {
      return fail(Errc::FailedPrecondition,
                  fmt::format("{} holds something else; remove it, or give another path", path));
    }
    part->is_ours_ = true;
    part->clear();  // what a killed process has left
    if (::mkdir(fmt::format("{}/{}", path, kJobsFolder).c_str(), 0700) != 0) {
      return errno_error("make a folder in", path);
    }
    return part;
  }
  explicit Part(const std::string& to) : to_(to), path_(fmt::format("{}{}", to, kPartSuffix)) {}
  ~Part() {
    if (!is_ours_) return;
    clear();
    ::rmdir(path_.c_str());
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Gives the folder its name for good, once all of it is on the disk. Errors: FailedPrecondition ·
  // Unavailable.
  Result<void> keep() {
    CARILLON_CHECK(sync_tree(path_));
    CARILLON_FAILPOINT("backup.written");
    if (::rename(path_.c_str(), to_.c_str()) != 0) return errno_error("make", to_);
    is_ours_ = false;
    return sync_path(fs::path(to_).parent_path().string());
  }

 private:
  // Whether an earlier backup may have left it; a data folder has other files, too.
  static bool may_be_ours(std::string_view name) {
    if (name.ends_with(kPartSuffix)) name.remove_suffix(kPartSuffix.size());
    return name == kKeyFile || name == kManifestFile || name == kJobsFolder ||
           std::ranges::find(store::kStoreFiles, name) != store::kStoreFiles.end();
  }
  void clear() const {
    std::error_code ignored;
    for (const std::string& name : names_in(path_)) fs::remove_all(fs::path(path_) / name, ignored);
  }

  const std::string to_, path_;
  base::Descriptor folder_;
  bool is_ours_ = false;
};

Backups::Backups(Deps deps) : deps_(std::move(deps)) {}

Backups::~Backups() { stop(); }

void Backups::stop() {
  {
    const std::lock_guard lock(mutex_);
    progress_->stop.request_stop();
  }
  gate_.wait(base::Deadline::never());
  worker_.reset();
}

Result<void> Backups::check(const BackupOrder& order) const {
  const fs::path path(order.to);
  if (!path.is_absolute() || path.filename().empty() || order.to.size() > kPathMax) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is no path for a backup; give /FOLDER/NAME", order.to));
  }
  std::error_code ec;
  if (fs::symlink_status(path, ec).type() != fs::file_type::not_found) {
    return fail(Errc::AlreadyExists,
                fmt::format("{} is there already; give a path where nothing is", order.to));
  }
  const std::string folder = path.parent_path().string();
  if (!fs::is_directory(folder, ec)) {
    return fail(Errc::InvalidArgument, fmt::format("the folder {} is not there; make it first", folder));
  }
  if (order.with_key) CARILLON_CHECK(find_key(deps_.options));
  CARILLON_TRY(const Room room, room_of(folder));
  CARILLON_TRY(const Room own, room_of(deps_.store_folder));
  const std::int64_t bytes =
      deps_.store.health().file_bytes + bytes_in(fmt::format("{}/{}", deps_.options.data, kJobsFolder));
  const std::int64_t kept = std::max(deps_.options.store.disk_free_min, own.total / 100 * kKeptPercent);
  return check_room(folder, room, bytes + bytes / kGrowthDivisor, room.device == own.device ? kept : 0);
}

Result<void> Backups::start(BackupOrder order) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::Copying || state_ == State::Checking) {
    return fail(Errc::FailedPrecondition, fmt::format("a backup to {} is under way; wait for it", path_));
  }
  CARILLON_CHECK(check(order));
  CARILLON_TRY(auto part, Part::open(order.to));
  path_ = order.to;
  error_.clear();
  state_ = State::Copying;
  progress_ = std::make_shared<store::CopyProgress>();
  if (!worker_) worker_ = std::make_unique<Worker>("backup", kNice);
  auto task = [this, order = std::move(order), part = std::move(part)]() mutable {
    return run(std::move(order), std::move(part));
  };
  if (gate_.spawn(worker_->executor(), "backup", std::move(task))) return {};
  state_ = State::Idle;
  return fail(Errc::Cancelled, "the server is stopping");
}

void Backups::enter(State state) {
  const std::lock_guard lock(mutex_);
  state_ = state;
}

Task<void> Backups::run(BackupOrder order, std::shared_ptr<Part> part) {
  const std::string to = order.to;
  auto done = co_await make(std::move(order), std::move(part));
  if (done) {
    base::log_info("backup {}: {} in {} ms, as of {}", to, size_text(done->bytes), done->took_ms,
                   to_rfc3339(done->at));
  } else {
    base::log_warn("no backup {}: {}", to, done.error().message);
  }
  const std::lock_guard lock(mutex_);
  state_ = done ? State::Done : State::Failed;
  if (done) {
    last_ = std::move(*done);
  } else {
    error_ = done.error().message;
  }
}

Task<Result<BackupDone>> Backups::make(BackupOrder order, std::shared_ptr<Part> part) {
  const auto began = std::chrono::steady_clock::now();
  Manifest manifest;
  CARILLON_CO_CHECK(copy_jobs_to(part->path()));
  CARILLON_CO_TRY(manifest.created_at, co_await deps_.store.copy_to(part->path(), deps_.clock, progress_));
  CARILLON_FAILPOINT("backup.copied");
  CARILLON_CO_CHECK(copy_jobs_to(part->path()));
  enter(State::Checking);
  CARILLON_CO_CHECK(describe(order, part->path(), manifest));
  CARILLON_CO_CHECK(part->keep());
  BackupDone done;
  done.at = manifest.created_at;
  done.path = order.to;
  done.bytes = manifest.bytes();
  done.took_ms = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began).count();
  // The backup is there, whether or not the store remembers it.
  const auto kept = co_await keep_last(done);
  if (!kept) base::log_warn("the store does not remember its backup: {}", kept.error().message);
  co_return done;
}

Result<void> Backups::copy_jobs_to(const std::string& folder) {
  return copy_jobs(fmt::format("{}/{}", deps_.options.data, kJobsFolder),
                   fmt::format("{}/{}", folder, kJobsFolder),
                   [this](std::string_view) { return !progress_->stop.stop_requested(); });
}

// Looks whether the copies are good, and writes what else belongs to a backup.
Result<void> Backups::describe(const BackupOrder& order, const std::string& folder, Manifest& manifest) {
  manifest.version = CARILLON_VERSION;
  manifest.key_id = deps_.key_id;
  manifest.instance = deps_.instance;
  CARILLON_TRY(manifest.schema, store::check_files(folder, progress_->stop.get_token()));
  std::vector<std::string> names(store::kStoreFiles.begin(), store::kStoreFiles.end());
  if (order.with_key) {
    CARILLON_TRY(const KeyText key, find_key(deps_.options));
    std::string text(key.text.reveal());
    while (text.ends_with('\n')) text.pop_back();
    names.emplace_back(kKeyFile);
    CARILLON_CHECK(write_private_file(folder + "/" + names.back(), text + "\n"));
  }
  const std::string jobs = fmt::format("{}/{}", folder, kJobsFolder);
  for (const std::string& name : names_in(jobs)) names.push_back(fmt::format("{}/{}", kJobsFolder, name));
  ::rmdir(jobs.c_str());  // mostly there are none
  progress_->done.store(0);
  for (std::string& name : names) {
    BackupFile file;
    const auto each = [&](std::string_view piece) {
      file.bytes += static_cast<std::int64_t>(piece.size());
      progress_->done.fetch_add(static_cast<std::int64_t>(piece.size()));
      return !progress_->stop.stop_requested();
    };
    const std::string path = folder + "/" + name;
    CARILLON_TRY(file.sha256, hash_file(path, each));
    file.name = std::move(name);
    manifest.files.push_back(std::move(file));
  }
  return write_private_file(fmt::format("{}/{}", folder, kManifestFile), encode(manifest) + "\n");
}

Task<Result<void>> Backups::keep_last(BackupDone done) {
  store::Record record;
  record.key = last_key();
  record.data = encode(done);
  CARILLON_CO_CHECK(co_await deps_.store.put_record(std::move(record), std::nullopt, std::string(kActor),
                                                    deps_.clock.now()));
  co_return Result<void>{};
}

Task<Result<void>> Backups::load_last() {
  const auto record = co_await deps_.store.get_record(last_key());
  if (!record && record.error().code != Errc::NotFound) co_return std::unexpected(record.error());
  const std::lock_guard lock(mutex_);
  if (record) last_ = decode_done(record->data);
  co_return Result<void>{};
}

std::string Backups::state_json() const {
  static constexpr std::array<std::string_view, 5> kNames{"idle", "copying", "checking", "done", "failed"};
  const std::lock_guard lock(mutex_);
  base::JsonWriter out;
  out.object().field("state", kNames[static_cast<std::size_t>(state_)]);
  out.field("done", progress_->done.load()).field("total", progress_->total.load());
  out.field_if("path", path_).field_if("error", error_).key("last");
  if (last_) {
    out.raw(encode(*last_));
  } else {
    out.null();
  }
  out.end_object();
  return out.str();
}

std::optional<net::HttpResponse> Backups::answer(const net::HttpRequest& request) {
  if (request.target != kBackupTarget) return std::nullopt;
  if (request.method == "GET") return json_response(200, state_json());
  auto order = read_order(request.body);
  if (!order) return api::to_response(api::Failure(order.error()), {});
  if (const auto started = start(std::move(*order)); !started) {
    return api::to_response(api::Failure(started.error()), {});
  }
  return json_response(202, state_json());
}

}  // namespace carillon::app
