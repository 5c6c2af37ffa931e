// Copies of the store's files that lie somewhere else: what a backup holds and a restore brings back.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"

namespace carillon::store {

// The files that Store::copy_to() makes, and that open_sqlite() opens.
inline constexpr std::array<std::string_view, 2> kStoreFiles{"carillon.db", "people.db"};

// How far Store::copy_to() is, in bytes; any thread. `total` grows with the store.
struct CopyProgress {
  std::atomic<std::int64_t> done{0}, total{0};
  std::stop_source stop;  // for whoever does not want it any more
};

// How many steps of the schema each file has seen.
struct SchemaVersions {
  std::int64_t everything = 0, people = 0;
  friend bool operator==(const SchemaVersions&, const SchemaVersions&) = default;
};
// Of this program. A store with higher ones was written by a newer one.
SchemaVersions known_schema() noexcept;

// Reads the files of a folder nobody works in through (SQLite's quick_check) and leaves them as they are;
// seconds per gigabyte. Blocks. Errors: Corruption (names the file and what is wrong with it) · Cancelled
// (`stop`).
Result<SchemaVersions> check_files(const std::string& folder, const std::stop_token& stop = {});

}  // namespace carillon::store
