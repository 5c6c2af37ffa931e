// Opening the store that lives in a PostgreSQL database, shared by any number of processes.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "base/shared_clock.h"

namespace carillon::store {

class Store;

struct PostgresOptions {
  // postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…, as libpq reads it
  // (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING).
  base::Secret url;
  std::string folder;  // the data folder: one process at a time has it; empty: nothing is locked
  Millis dedup_window{24 * 3'600'000};
  Millis lease{30'000};                 // of a process: after it, others take over what it has in processing
  Millis leader_lease{5'000};           // after it another process leads
  bool may_lead = true;                 // does what one of all processes does
  const base::KeyRing* keys = nullptr;  // outlives the store
  base::Metrics* metrics = nullptr;     // outlives the store; may be null
  base::SharedClock* clock = nullptr;   // follows the server's from open_postgres() on; likewise
};

// Connects and migrates. Errors: FailedPrecondition (refused, a server older than 14, a newer schema) ·
// Unavailable (not reached).
Result<std::unique_ptr<Store>> open_postgres(PostgresOptions options);

}  // namespace carillon::store
