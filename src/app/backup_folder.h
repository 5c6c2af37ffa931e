// A backup as it lies on a disk: a folder with the store's files and a manifest.json that says what they are.
//
// The manifest is written last and the folder gets its name after that: a folder of that name is whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "store/backup.h"

namespace carillon::app {

inline constexpr std::string_view kManifestFile = "manifest.json";
inline constexpr std::string_view kKeyFile = "secret.key";
// What open jobs work on: DATA/jobs, and likewise in a backup. Each file is there, whole, before its job is
// stored, and goes some time after the job's end.
inline constexpr std::string_view kJobsFolder = "jobs";

struct BackupFile {
  std::string name;  // in the folder: "carillon.db", "jobs/job_…"
  std::int64_t bytes = 0;
  std::string sha256;  // hexadecimal, lower case
};

struct Manifest {
  std::string version;  // of the program that made it
  Time created_at{};    // the moment the files are of
  store::SchemaVersions schema;
  std::string key_id;    // of the secret key that the store needs (base::Sealer::key_id)
  std::string instance;  // the process whose store it is
  std::vector<BackupFile> files;

  [[nodiscard]] const BackupFile* find(std::string_view name) const noexcept;
  [[nodiscard]] std::int64_t bytes() const noexcept;
};
std::string encode(const Manifest& manifest);
// Errors: InvalidArgument (no manifest; names what is wrong) · FailedPrecondition (of a newer format).
Result<Manifest> decode_manifest(std::string_view json);
// That of the backup in `folder`. Errors: NotFound (there is no backup) · those of decode_manifest.
Result<Manifest> read_manifest(const std::string& folder);

// Called with the bytes of each piece that was read; false ends the reading.
using OnPiece = std::function<bool(std::string_view piece)>;
// Errors: NotFound · Unavailable · Cancelled (`each` did not want any more).
Result<void> read_pieces(const std::string& path, const OnPiece& each);
// The hash of a file, as in BackupFile. `each` may be empty. Errors: those of read_pieces.
Result<std::string> hash_file(const std::string& path, const OnPiece& each);
// Writes a new file (0600) of what another holds, and its hash; after an error there is none. Errors: those
// of read_pieces.
Result<std::string> copy_file(const std::string& from, const std::string& to, const OnPiece& each);
// Copies the files of jobs from one DATA/jobs (there may be none) to another, which has some already. Who
// takes a copy of the store does it before and after: then it has those of each job that is open in the copy.
// Errors: Unavailable · Cancelled.
Result<void> copy_jobs(const std::string& from, const std::string& to, const OnPiece& each);
// Bytes of the files in a folder; 0 when there is none.
std::int64_t bytes_in(const std::string& folder);
// What a folder holds, in order; nothing when there is none.
std::vector<std::string> names_in(const std::string& folder);
// A file, or the names in a folder, are on the disk when this returns. Errors: Unavailable.
Result<void> sync_path(const std::string& path);
// The same for a folder with all that is in it.
Result<void> sync_tree(const std::string& folder);

// Room on the file system of a folder, in bytes. Errors: Unavailable.
struct Room {
  std::int64_t free = 0, total = 0;
  std::uint64_t device = 0;  // which file system it is
};
Result<Room> room_of(const std::string& folder);
// Whether `bytes` fit there and leave `kept` free. Errors: FailedPrecondition, in words for a person.
Result<void> check_room(const std::string& folder, const Room& room, std::int64_t bytes, std::int64_t kept);
// "12.3 MiB".
std::string size_text(std::int64_t bytes);

}  // namespace carillon::app
