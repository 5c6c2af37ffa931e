// What `carillon doctor` looks at, as values: each check says OK, WARN or FAIL, and what to do.
#pragma once

#include <string>
#include <vector>

#include "app/transport.h"
#include "base/clock.h"

namespace carillon::app {

enum class Health : std::uint8_t { Ok, Warn, Fail };

struct Finding {
  std::string check;  // "data folder"
  Health health = Health::Ok;
  std::string detail;  // what was seen; no secret
  std::string fix;     // what to do; empty when nothing is
};
using Findings = std::vector<Finding>;

// ---- the machine: these look at files and the system only
void check_data_folder(const AppOptions& options, Findings& findings);
void check_disk(const AppOptions& options, Findings& findings);
void check_secret_key(const AppOptions& options, Findings& findings);
// The store's file: SQLite, journal mode WAL (every commit is then synchronous, see store/).
void check_store_file(const AppOptions& options, Findings& findings);
// The outcome journal: readable, and how much of it waits for the next start.
void check_journal(const AppOptions& options, Findings& findings);
// Files of the data folder are not from the future, and the kernel calls its clock synchronised.
void check_clock(const AppOptions& options, Time now, Findings& findings);
void check_file_limit(const AppOptions& options, Findings& findings);

// ---- the installation: these ask the API, of a running server or of the stopped store
void check_store(Transport& transport, Findings& findings);
void check_accountability(Transport& transport, Findings& findings);
void check_integrations(Transport& transport, Findings& findings);
// Running: /healthz answers there. Stopped: the addresses are free.
void check_listeners(Transport& transport, const AppOptions& options, Findings& findings);

std::string render_findings(const Findings& findings);
std::string findings_json(const Findings& findings);
// 1 when one of them is Fail.
int exit_status(const Findings& findings) noexcept;

}  // namespace carillon::app
