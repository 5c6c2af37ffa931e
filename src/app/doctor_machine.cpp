// The checks of `carillon doctor` that need no store: files, disk, clock, limits.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "app/backup_folder.h"
#include "app/doctor.h"
#include "app/keys.h"
#include "store/backup.h"

namespace carillon::app {
namespace {

constexpr double kDiskShareMin = 0.03;      // PIPELINE §5: sends are refused below this share
constexpr Millis kFutureMax{5'000};         // how far ahead a file may be before the clock is suspected
constexpr std::uint64_t kFilesSpare = 256;  // descriptors besides connections: store, journal, providers
constexpr std::size_t kSqliteHeadBytes = 100;
constexpr std::size_t kSqliteWriteVersionAt = 18;  // SQLite file format 1.3: 2 is WAL
constexpr std::size_t kSqliteUserVersionAt = 60;   // steps of the schema it has seen, big endian

using SqliteHead = std::array<char, kSqliteHeadBytes>;

std::int64_t schema_in(const SqliteHead& head) {
  std::int64_t version = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    version = version << 8 | static_cast<unsigned char>(head[kSqliteUserVersionAt + i]);
  }
  return version;
}

unsigned mode_of(const std::string& path) {
  struct ::stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0U;
}

// Of a store in files; there is none of that name where it is in PostgreSQL.
std::string store_file(const AppOptions& options) {
  constexpr std::string_view kScheme = "sqlite:";
  if (options.store.url.empty() || options.store.is_postgres()) return options.data + "/carillon.db";
  std::string path(options.store.url.reveal());
  if (path.starts_with(kScheme)) path = path.substr(kScheme.size());
  return path.ends_with(".db") ? path : path + "/carillon.db";
}

Millis modified_at(const std::string& path) {
  struct ::stat info{};
  if (::stat(path.c_str(), &info) != 0) return Millis(0);
  return Millis(info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000);
}

// `error`: why a folder cannot be written.
std::string advice_of(int error, std::string advice) {
  return error == EROFS ? "mount that file system for writing; after an error of the disk it may have become "
                          "read-only by itself: see dmesg"
                        : std::move(advice);
}

}  // namespace

void check_data_folder(const AppOptions& options, Findings& findings) {
  const std::string name = "data folder";
  std::error_code ec;
  if (!std::filesystem::is_directory(options.data, ec)) {
    findings.push_back({name, Health::Fail, options.data + " is not there",
                        "start `carillon serve` once, or give --data DIR"});
    return;
  }
  if (::access(options.data.c_str(), R_OK | W_OK | X_OK) != 0) {
    const int error = errno;
    findings.push_back(
        {name, Health::Fail, fmt::format("{}: {}", options.data, std::strerror(error)),
         advice_of(error, fmt::format("run as the user who owns it, or chown it to user {}", ::geteuid()))});
    return;
  }
  const unsigned mode = mode_of(options.data);
  if ((mode & 0022U) != 0) {
    findings.push_back({name, Health::Warn,
                        fmt::format("{}: others may write there (mode {:04o})", options.data, mode),
                        fmt::format("chmod 700 {}", options.data)});
  } else {
    findings.push_back({name, Health::Ok, fmt::format("{} (mode {:04o})", options.data, mode), ""});
  }
  const std::string first = options.data + "/first-run.json";
  if (std::filesystem::exists(first, ec)) {
    findings.push_back({"first keys", Health::Warn, first + " still holds the first keys in clear",
                        "keep them elsewhere and remove the file"});
  }
}

void check_disk(const AppOptions& options, Findings& findings) {
  struct ::statvfs disk{};
  if (::statvfs(options.data.c_str(), &disk) != 0) return;  // the folder's check has said why
  const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  const double total = static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize);
  const double needed = std::max(static_cast<double>(options.store.disk_free_min), total * kDiskShareMin);
  const auto gib = [](double bytes) { return bytes / (1024.0 * 1024 * 1024); };
  const std::string detail = fmt::format("{:.1f} GiB free of {:.1f} GiB", gib(free), gib(total));
  const auto why = fmt::format("sends are refused below {:.1f} GiB: free some space", gib(needed));
  const Health health = free < needed ? Health::Fail : free < needed * 2 ? Health::Warn : Health::Ok;
  findings.push_back({"disk", health, detail, health == Health::Ok ? "" : why});
}

void check_secret_key(const AppOptions& options, Findings& findings) {
  const std::string path = options.data + "/secret.key";
  std::error_code ec;
  const bool is_file = options.secrets_key.empty() && options.secrets_key_file.empty();
  if (is_file && !std::filesystem::exists(path, ec)) {
    const bool has_store = options.store.is_postgres() || std::filesystem::exists(store_file(options), ec);
    findings.push_back(
        {"secret key", has_store ? Health::Fail : Health::Warn, path + " is not there",
         has_store ? "put the key back, or give CARILLON_SECRETS_KEY; what it sealed is unreadable without"
                   : "the first start makes it"});
    return;
  }
  if (const auto keys = load_keys(options, false); !keys) {
    findings.push_back({"secret key", Health::Fail, keys.error().message, "put the right key back"});
    return;
  }
  const std::string file = is_file ? path : options.secrets_key_file;
  if (!file.empty() && (mode_of(file) & 0077U) != 0) {
    findings.push_back({"secret key", Health::Fail,
                        fmt::format("{}: others may read it (mode {:04o})", file, mode_of(file)),
                        fmt::format("chmod 600 {}", file)});
    return;
  }
  findings.push_back({"secret key", Health::Ok, file.empty() ? "from the settings" : file, ""});
}

void check_store_file(const AppOptions& options, Findings& findings) {
  if (options.store.is_postgres()) {
    findings.push_back({"store file", Health::Ok, "none: the store is in PostgreSQL", ""});
    return;
  }
  const std::string path = store_file(options);
  std::ifstream in(path, std::ios::binary);
  SqliteHead head{};
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (!in) {
    findings.push_back({"store file", Health::Fail, path + " is not there or cannot be read",
                        "start `carillon serve` once, or give --data DIR"});
    return;
  }
  if (std::string_view(head.data(), 15) != "SQLite format 3") {
    findings.push_back({"store file", Health::Fail, path + " is no SQLite file", "restore it from a backup"});
    return;
  }
  if (head[kSqliteWriteVersionAt] != 2) {
    findings.push_back({"store file", Health::Fail, path + " is not in WAL mode",
                        "something else has changed it; start `carillon serve` to set it back"});
    return;
  }
  if (const auto known = store::known_schema().everything; schema_in(head) > known) {
    findings.push_back({"store file", Health::Fail,
                        fmt::format("{} was written by a newer version: schema {}, this program knows {}",
                                    path, schema_in(head), known),
                        "use that version, or restore a backup"});
    return;
  }
  std::error_code ec;
  const auto bytes = std::filesystem::file_size(path, ec);
  const auto wal = std::filesystem::file_size(path + "-wal", ec);
  // A new one is in the log only.
  const std::string schema = schema_in(head) == 0 ? "" : fmt::format(", schema {}", schema_in(head));
  findings.push_back(
      {"store file", Health::Ok,
       fmt::format("{}: {} and a log of {}{}", path, size_text(static_cast<std::int64_t>(bytes)),
                   size_text(ec ? 0 : static_cast<std::int64_t>(wal)), schema),
       ""});
}

void check_journal(const AppOptions& options, Findings& findings) {
  const std::string folder = options.data + "/journal";
  std::error_code ec;
  if (!std::filesystem::exists(folder, ec)) {
    findings.push_back({"journal", Health::Ok, "nothing was sent from here yet", ""});
    return;
  }
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    const int error = errno;
    findings.push_back({"journal", Health::Fail, fmt::format("{}: {}", folder, std::strerror(error)),
                        advice_of(error, "give the folder to the user the server runs as")});
    return;
  }
  std::size_t segments = 0;
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    if (!entry.is_regular_file(ec)) continue;
    ++segments;
    bytes += entry.file_size(ec);
  }
  findings.push_back({"journal", Health::Ok,
                      fmt::format("{} segment{}, {}", segments, segments == 1 ? "" : "s",
                                  size_text(static_cast<std::int64_t>(bytes))),
                      ""});
}

void check_clock(const AppOptions& options, Time now, Findings& findings) {
  const auto newest = std::max(modified_at(store_file(options)), modified_at(store_file(options) + "-wal"));
  if (newest > now.time_since_epoch() + kFutureMax) {
    findings.push_back(
        {"clock", Health::Fail,
         fmt::format("it is {}, but the store was written at {}", to_rfc3339(now), to_rfc3339(Time(newest))),
         "set the clock: ids and due times depend on it"});
    return;
  }
  ::timex state{};
  if (::adjtimex(&state) < 0 || (state.status & STA_UNSYNC) != 0) {
    findings.push_back({"clock", Health::Warn,
                        to_rfc3339(now) + ", not synchronised as far as the kernel knows",
                        "run an NTP client (systemd-timesyncd, chrony); in a container look at the host"});
    return;
  }
  findings.push_back({"clock", Health::Ok, to_rfc3339(now) + ", synchronised", ""});
}

void check_file_limit(const AppOptions& options, Findings& findings) {
  ::rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = static_cast<std::uint64_t>(options.server.connections) + kFilesSpare;
  if (limit.rlim_cur < wanted) {
    findings.push_back({"open files", Health::Warn,
                        fmt::format("{} allowed, server.connections wants {}", limit.rlim_cur, wanted),
                        fmt::format("ulimit -n {}, or LimitNOFILE= in the unit", wanted)});
  } else {
    findings.push_back({"open files", Health::Ok, fmt::format("{} allowed", limit.rlim_cur), ""});
  }
}

}  // namespace carillon::app
