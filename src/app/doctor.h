// What `carillon doctor` looks at, as values: each check says OK, WARN or FAIL, and what to do.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/transport.h"
#include "base/clock.h"
#include "base/json.h"
#include "cache/inspect.h"
#include "pipeline/ingest.h"
#include "queue/inspect.h"
#include "store/inspect.h"

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
// PostgreSQL, Redis and Kafka, where settings name them: they are asked, and nothing is changed. Takes as
// long as they do to answer, a quarter of a minute at most for each.
void check_shared(const AppOptions& options, Findings& findings);
// What an engine says of itself: a setting, empty where it is not told; and the number it begins with, or 0.
using SettingTexts = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] std::string setting_of(const SettingTexts& settings, std::string_view name);
[[nodiscard]] std::int64_t number_of(const std::string& text);
// What is made of their answers. judge_hints() looks at the topics of lanes among those of `facts`,
// judge_records() at those that it is told of.
void judge_hints(const queue::KafkaFacts& facts, const std::string& prefix, Findings& findings);
struct RecordTopics {
  std::vector<std::string> in;  // kafka.topics
  std::string dead, told;       // kafka.dead_letter_topic, kafka.events_topic; empty: none
  bool are_made = true;         // by a process that starts: queue.create_topics
  Millis dedup_window{0};       // dedup.window
  [[nodiscard]] std::vector<std::string> names() const;
};
void judge_records(const queue::KafkaFacts& facts, const RecordTopics& topics, Findings& findings);
// Asks Kafka, if there is one, for both.
void check_kafka(const AppOptions& options, Findings& findings);
void judge_postgres(const store::PostgresFacts& facts, const AppOptions& options, Findings& findings);
void judge_redis(const cache::RedisFacts& facts, Findings& findings);

// The JSON of a call that succeeded; otherwise a finding says what went wrong, and it is null.
struct Asked {
  net::HttpResponse answer;
  base::JsonDocument document;
  base::JsonElement root;
};
std::unique_ptr<Asked> ask(Transport& transport, std::string method, std::string target,
                           const std::string& check, Findings& findings);

// ---- the installation: these ask the API, of a running server or of the stopped store
void check_store(Transport& transport, Findings& findings);
void check_accountability(Transport& transport, Findings& findings);
// `lease`: of a store that is shared, which providers' timeouts have to fit into; 0: of none.
void check_integrations(Transport& transport, Millis lease, Findings& findings);
// Pauses that stand; first of all those a restore has set.
void check_pauses(Transport& transport, Findings& findings);
// Sends that wait for an approval, and whether some end soon without one.
void check_approvals(Transport& transport, Time now, Findings& findings);
// Imports, exports and the like: those that failed lately.
void check_jobs(Transport& transport, Time now, Findings& findings);
// Schedules whose last run was refused.
void check_schedules(Transport& transport, Findings& findings);
// Whether there are the apps that topics are taken as, as far as they are of `project`, which is asked.
void check_topic_apps(Transport& transport, const pipeline::IngestOptions& options,
                      const std::string& project, Findings& findings);
// Dead letters that nobody replayed, and whether there are new ones.
// Deliveries that are due and not taken.
void check_queues(Transport& transport, Findings& findings);  // and the dead letters
// How old the last backup is, and whether another would fit beside it; not over HTTP.
void check_backup(Transport& transport, Time now, Findings& findings);
// Running: /healthz answers there. Stopped: the addresses are free.
void check_listeners(Transport& transport, const AppOptions& options, Findings& findings);

std::string render_findings(const Findings& findings);
std::string findings_json(const Findings& findings);
// 1 when one of them is Fail.
int exit_status(const Findings& findings) noexcept;

}  // namespace carillon::app
