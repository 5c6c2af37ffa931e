#include "app/backup_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/descriptor.h"
#include "base/json.h"
#include "base/sha256.h"

namespace carillon::app {
namespace {

constexpr std::int64_t kFormat = 1;  // of the manifest and the folder; a program reads its own and older ones
constexpr std::size_t kFilesMax = 2'000;       // as many jobs may be open, and more
constexpr std::size_t kNameMax = 64;           // characters of a file's name
constexpr std::size_t kManifestMax = 1 << 20;  // bytes
constexpr std::size_t kHashText = 64;          // hexadecimal digits of SHA-256
constexpr std::size_t kPiece = 1 << 20;        // bytes
constexpr std::int64_t kFileBytesMax = std::int64_t{1} << 50;

std::unexpected<Error> failed(const char* what, const std::string& path) {
  const int error = errno;
  const Errc code = error == ENOENT ? Errc::NotFound : Errc::Unavailable;
  return fail(code, fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(error)));
}

// Of a file in DATA/jobs: one that is being written has a suffix.
bool is_job_file(std::string_view name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !name.empty() && name.size() <= kNameMax &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Names are those of this program's files only: nothing else is ever written from a backup.
bool is_known(std::string_view name) {
  if (name.starts_with(kJobsFolder) && name.substr(kJobsFolder.size()).starts_with('/')) {
    return is_job_file(name.substr(kJobsFolder.size() + 1));
  }
  return name == kKeyFile || std::ranges::find(store::kStoreFiles, name) != store::kStoreFiles.end();
}

bool is_hash(std::string_view text) {
  return text.size() == kHashText && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void read_file_entry(base::JsonElement element, const std::string& pointer, Manifest& into,
                     base::Problems& problems) {
  base::ObjectReader reader(element, pointer, problems);
  BackupFile file;
  for (const char* key : {"name", "bytes", "sha256"}) reader.require(key);
  reader.text("name", file.name, kJobsFolder.size() + 1 + kNameMax);
  reader.integer("bytes", file.bytes, 0, kFileBytesMax);
  reader.text("sha256", file.sha256, kHashText);
  if (!is_known(file.name)) reader.problem("name", "invalid_choice", "is no file of a backup");
  if (!is_hash(file.sha256)) reader.problem("sha256", "invalid_choice", "is no SHA-256");
  into.files.push_back(std::move(file));
}

}  // namespace

const BackupFile* Manifest::find(std::string_view name) const noexcept {
  const auto it = std::ranges::find(files, name, &BackupFile::name);
  return it == files.end() ? nullptr : &*it;
}

std::int64_t Manifest::bytes() const noexcept {
  std::int64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

std::string encode(const Manifest& manifest) {
  base::JsonWriter out;
  out.object().field("format", kFormat).field("version", manifest.version);
  out.field("created_at", to_rfc3339(manifest.created_at));
  out.key("schema").object().field("carillon", manifest.schema.everything);
  out.field("people", manifest.schema.people).end_object();
  out.field("key_id", manifest.key_id).field("instance", manifest.instance).key("files").array();
  for (const auto& file : manifest.files) {
    out.object()
        .field("name", file.name)
        .field("bytes", file.bytes)
        .field("sha256", file.sha256)
        .end_object();
  }
  out.end_array().end_object();
  return out.str();
}

Result<Manifest> decode_manifest(std::string_view json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  if (!root) return fail(Errc::InvalidArgument, "manifest.json is no JSON: the backup is damaged");
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  Manifest manifest;
  std::int64_t format = 0;
  for (const char* key : {"format", "created_at", "schema", "key_id", "files"}) reader.require(key);
  reader.integer("format", format, 1, INT64_MAX);
  if (format > kFormat) {
    return fail(Errc::FailedPrecondition,
                "the backup was made by a newer version of Carillon; restore it with that version");
  }
  reader.text("version", manifest.version, 64);
  reader.time("created_at", manifest.created_at);
  reader.text("key_id", manifest.key_id, 64);
  reader.text("instance", manifest.instance, 64);
  if (const auto schema = reader.element("schema")) {
    base::ObjectReader versions(*schema, "/schema", problems);
    for (const char* key : {"carillon", "people"}) versions.require(key);
    versions.integer("carillon", manifest.schema.everything, 0, INT32_MAX);
    versions.integer("people", manifest.schema.people, 0, INT32_MAX);
  }
  reader.array("files", kFilesMax, [&](base::JsonElement element, const std::string& pointer) {
    read_file_entry(element, pointer, manifest, problems);
  });
  for (const std::string_view name : store::kStoreFiles) {
    if (problems.empty() && manifest.find(name) == nullptr) {
      reader.problem("files", "required", fmt::format("does not name {}", name));
    }
  }
  if (problems.empty()) return manifest;
  return fail(Errc::InvalidArgument, fmt::format("manifest.json is not that of a backup: {} {}",
                                                 problems.front().pointer, problems.front().detail));
}

Result<Manifest> read_manifest(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, kManifestFile);
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) {
    return fail(Errc::NotFound,
                fmt::format("there is no backup in {}: {} is not there", folder, kManifestFile));
  }
  std::string text;
  const auto read = read_pieces(path, [&](std::string_view piece) {
    text += piece;
    return text.size() <= kManifestMax;
  });
  if (text.size() > kManifestMax) {
    return fail(Errc::InvalidArgument, fmt::format("{} is too large to be that of a backup", path));
  }
  CARILLON_CHECK(read);
  return decode_manifest(text);
}

Result<void> read_pieces(const std::string& path, const OnPiece& each) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed("open", path);
  static_cast<void>(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
  std::string piece(kPiece, '\0');
  while (true) {
    const ssize_t n = ::read(file.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", path);
    if (n == 0) return {};
    if (!each(std::string_view(piece).substr(0, static_cast<std::size_t>(n)))) {
      return fail(Errc::Cancelled, fmt::format("stopped reading {}", path));
    }
  }
}

Result<std::string> hash_file(const std::string& path, const OnPiece& each) {
  base::Sha256 hash;
  CARILLON_CHECK(read_pieces(path, [&](std::string_view piece) {
    hash.add(piece);
    return !each || each(piece);
  }));
  return base::hex(hash.finish());
}

Result<std::string> copy_file(const std::string& from, const std::string& to, const OnPiece& each) {
  const base::Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return failed("make", to);
  base::Sha256 hash;
  Result<void> written;
  const auto read = read_pieces(from, [&](std::string_view piece) {
    hash.add(piece);
    if (!base::write_all(out.get(), piece)) written = failed("write", to);
    return written && (!each || each(piece));
  });
  if (written && read) return base::hex(hash.finish());
  ::unlink(to.c_str());
  return std::unexpected(written ? read.error() : written.error());
}

Result<void> copy_jobs(const std::string& from, const std::string& to, const OnPiece& each) {
  std::error_code ec;
  for (const std::string& name : names_in(from)) {
    const std::string target = fmt::format("{}/{}", to, name);
    if (!is_job_file(name) || std::filesystem::exists(target, ec)) continue;
    const auto copied = copy_file(fmt::format("{}/{}", from, name), target, each);
    // Its job has ended meanwhile.
    if (!copied && copied.error().code != Errc::NotFound) return std::unexpected(copied.error());
  }
  return {};
}

std::int64_t bytes_in(const std::string& folder) {
  std::int64_t sum = 0;
  for (const std::string& name : names_in(folder)) {
    std::error_code ec;
    const auto bytes = std::filesystem::file_size(fmt::format("{}/{}", folder, name), ec);
    if (!ec) sum += static_cast<std::int64_t>(bytes);
  }
  return sum;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    names.push_back(it->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

Result<void> sync_path(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed("open", path);
  if (::fsync(file.get()) != 0) return failed("sync", path);
  return {};
}

Result<void> sync_tree(const std::string& folder) {
  for (const std::string& name : names_in(folder)) {
    const std::string path = fmt::format("{}/{}", folder, name);
    std::error_code ec;
    CARILLON_CHECK(std::filesystem::is_directory(path, ec) ? sync_tree(path) : sync_path(path));
  }
  return sync_path(folder);
}

Result<Room> room_of(const std::string& folder) {
  struct ::statvfs disk{};
  struct ::stat info{};
  if (::statvfs(folder.c_str(), &disk) != 0 || ::stat(folder.c_str(), &info) != 0) {
    return failed("look at", folder);
  }
  return Room{static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize),
              static_cast<std::int64_t>(disk.f_blocks * disk.f_frsize),
              static_cast<std::uint64_t>(info.st_dev)};
}

Result<void> check_room(const std::string& folder, const Room& room, std::int64_t bytes, std::int64_t kept) {
  if (room.free - bytes >= kept) return {};
  const std::string rest =
      kept > 0 ? fmt::format(" and the server needs {} left there to take sends", size_text(kept)) : "";
  return fail(Errc::FailedPrecondition,
              fmt::format("{} has {} free, {} are needed{}: free some space, or choose another disk", folder,
                          size_text(room.free), size_text(bytes), rest));
}

std::string size_text(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace carillon::app
