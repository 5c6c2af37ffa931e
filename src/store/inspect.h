// What a PostgreSQL that holds a store says of itself, for who looks whether it is fit (carillon doctor).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

namespace carillon::store {

struct PostgresFacts {
  std::string version;    // "15.20"
  bool is_local = false;  // reached by a Unix socket or on this machine
  bool is_encrypted = false;
  bool is_verified = false;  // sslmode=verify-full
  bool is_standby = false;
  // As this connection has them: fsync, full_page_writes, synchronous_commit, synchronous_standby_names,
  // autovacuum, max_connections, max_locks_per_transaction.
  std::map<std::string, std::string, std::less<>> settings;
  std::int64_t connections = 0;  // of everybody
  Millis clock_ahead{0};         // the server's before ours; of half a round trip's precision
  Millis oldest_transaction{0};  // open since, of anybody in this database
  struct Slot {
    std::string name;
    std::int64_t kept_bytes = 0;  // of WAL
  };
  std::vector<Slot> idle_slots;  // nobody reads them

  // ---- of the store; without one only the rest
  bool has_store = false;
  std::int64_t schema = 0, known_schema = 0;
  struct Process {
    std::int64_t node = 0;
    Time started_at{};
    Millis silent{0};  // since it was heard of
    bool has_left = false;
    std::int64_t in_processing = 0;  // deliveries
  };
  std::vector<Process> processes;
  std::optional<std::int64_t> leader;  // node; none: nobody leads, or has for a while
  Millis leader_silent{0};
  std::int64_t partitions = 0;   // of delivery
  std::int64_t days_ahead = -1;  // for which there are partitions, besides today; -1: not even for today
  bool has_rest = false;         // deliveries that are in no day's partition
};

// Reads, and changes nothing. Blocks: seconds. Errors: those of open_postgres().
Result<PostgresFacts> inspect_postgres(const base::Secret& url);

}  // namespace carillon::store
