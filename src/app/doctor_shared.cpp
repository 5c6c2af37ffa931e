// The checks of `carillon doctor` on the engines that processes share: what is wrong, by the name of its
// setting, and what it may cost.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include "app/backup_folder.h"
#include "app/doctor.h"
#include "app/mix.h"

namespace carillon::app {
namespace {

constexpr const char* kFix = "see the message; docs/operating/shared-engines.md has every setting";
constexpr const char* kPostgresFix = "see the message; docs/operating/postgres.md says what is needed";
constexpr Millis kClockOff{1'000};          // leases are measured by the server's clock, ids are made of ours
constexpr Millis kClockFar{5'000};          // PIPELINE §6
constexpr Millis kOldTransaction{600'000};  // keeps the vacuum, and days that are to go
constexpr std::int64_t kKeptBytes = 1LL << 30;
constexpr std::int64_t kConnectionsOfProcess = 9;
constexpr std::int64_t kLocksOfDay = 8;  // a partition with its indexes

std::string seconds(Millis t) { return fmt::format("{:.1f} s", static_cast<double>(t.count()) / 1000); }

// ---- PostgreSQL

void judge_durability(const store::PostgresFacts& facts, Findings& findings) {
  const std::size_t before = findings.size();
  const auto off = [&](std::string_view name, std::string_view cost) {
    if (setting_of(facts.settings, name) != "off") return;
    findings.push_back({"postgres " + std::string(name), Health::Fail,
                        fmt::format("{} is off: {}", name, cost),
                        fmt::format("ALTER SYSTEM SET {} = on; SELECT pg_reload_conf();", name)});
  };
  off("fsync", "a power cut may destroy the database");
  off("full_page_writes", "a power cut in the middle of a page's write destroys the page");
  off("synchronous_commit", "sends that were answered 202 are gone after a crash");
  off("autovacuum", "tables grow without end, and stop for good when transaction numbers run out");
  const std::string commit = setting_of(facts.settings, "synchronous_commit");
  const std::string standbys = setting_of(facts.settings, "synchronous_standby_names");
  if (!standbys.empty() && (commit == "local" || commit == "remote_write")) {
    findings.push_back(
        {"postgres synchronous_commit", Health::Warn,
         fmt::format("it is {}: a standby that is promoted may lack sends that were answered 202", commit),
         "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();"});
  }
  if (findings.size() > before) return;
  findings.push_back({"postgres durability", Health::Ok,
                      standbys.empty()
                          ? "on this server's disk; a standby that is promoted may lack the last moments"
                          : "on this server's disk and on " + standbys,
                      ""});
}

void judge_connection(const store::PostgresFacts& facts, Findings& findings) {
  if (facts.is_standby) {
    findings.push_back({"postgres", Health::Fail, "this server is a standby: nothing can be written",
                        "add target_session_attrs=read-write and all hosts to store.url"});
    return;
  }
  findings.push_back({"postgres", Health::Ok,
                      fmt::format("version {}, {} of {} connections", facts.version, facts.connections,
                                  setting_of(facts.settings, "max_connections")),
                      ""});
  if (!facts.is_local && !facts.is_verified) {
    findings.push_back({"postgres TLS", Health::Warn,
                        facts.is_encrypted
                            ? "the server's certificate and name are not checked: whoever is between can "
                              "be it"
                            : "it is reached without TLS: whoever is between reads everything",
                        "sslmode=verify-full&sslrootcert=FILE in store.url"});
  }
  const std::int64_t max = number_of(setting_of(facts.settings, "max_connections"));
  if (max > 0 && facts.connections + kConnectionsOfProcess > max) {
    findings.push_back({"postgres max_connections", Health::Warn,
                        fmt::format("{} of {} connections are open, a process needs {}", facts.connections,
                                    max, kConnectionsOfProcess),
                        "ALTER SYSTEM SET max_connections = …, and restart PostgreSQL"});
  }
}

void judge_clock(const store::PostgresFacts& facts, Findings& findings) {
  const Millis off(std::abs(facts.clock_ahead.count()));
  if (off < kClockOff) {
    findings.push_back({"postgres clock", Health::Ok, "it agrees with this machine's", ""});
    return;
  }
  findings.push_back({"postgres clock", off < kClockFar ? Health::Warn : Health::Fail,
                      fmt::format("it is {} {} this machine's: leases and due times are off by that",
                                  seconds(off), facts.clock_ahead.count() > 0 ? "ahead of" : "behind"),
                      "run an NTP client on both machines"});
}

void judge_processes(const store::PostgresFacts& facts, const AppOptions& options, Findings& findings) {
  std::int64_t alive = 0;
  for (const auto& process : facts.processes) {
    const bool is_over = process.has_left || process.silent > options.store.lease;
    if (!is_over) ++alive;
    if (is_over && process.in_processing > 0) {
      findings.push_back(
          {fmt::format("process {}", process.node), Health::Warn,
           fmt::format("it is gone and has {} deliveries in processing", process.in_processing),
           "start it on its data folder, or a scheduler, which takes them over"});
    } else if (!is_over && process.silent > options.store.lease / 2) {
      findings.push_back({fmt::format("process {}", process.node), Health::Warn,
                          fmt::format("it was not heard of for {}; at {} others take over",
                                      seconds(process.silent), seconds(options.store.lease)),
                          "look at its log, and at the way to PostgreSQL"});
    }
  }
  findings.push_back({"processes", Health::Ok, fmt::format("{} alive", alive), ""});
  if (alive == 0) return;
  if (!facts.leader || facts.leader_silent > options.store.leader_lease) {
    findings.push_back({"leader", Health::Warn,
                        "nobody leads: schedules, webhooks, alerts and housekeeping stand still",
                        "start a scheduler (or serve)"});
  } else {
    findings.push_back(
        {"leader", Health::Ok,
         fmt::format("process {}, heard of {} ago", *facts.leader, seconds(facts.leader_silent)), ""});
  }
}

void judge_days(const store::PostgresFacts& facts, Findings& findings) {
  if (facts.days_ahead < 1 && !facts.processes.empty()) {
    findings.push_back({"partitions", Health::Warn,
                        facts.days_ahead < 0 ? "there is none for today: rows go into delivery_rest"
                                             : "there is none for tomorrow",
                        "a process that leads makes them: look at the log for \"housekeeping failed\""});
  } else {
    findings.push_back(
        {"partitions", Health::Ok,
         fmt::format("{} days of deliveries, made {} ahead", facts.partitions, facts.days_ahead), ""});
  }
  const std::int64_t room = number_of(setting_of(facts.settings, "max_locks_per_transaction")) *
                            number_of(setting_of(facts.settings, "max_connections"));
  const std::int64_t needed = facts.partitions * kLocksOfDay * kConnectionsOfProcess;
  if (room > 0 && needed > room) {
    findings.push_back(
        {"postgres max_locks_per_transaction", Health::Warn,
         fmt::format("it has room for {} locks; {} partitions may want {}", room, facts.partitions, needed),
         "raise it, and restart PostgreSQL, or shorten retention.history"});
  }
  if (facts.oldest_transaction > kOldTransaction) {
    findings.push_back(
        {"postgres transactions", Health::Warn,
         fmt::format("one has been open for {} minutes: what is deleted takes room until it ends",
                     facts.oldest_transaction.count() / 60'000),
         "SELECT pid, query FROM pg_stat_activity ORDER BY xact_start"});
  }
  for (const auto& slot : facts.idle_slots) {
    if (slot.kept_bytes < kKeptBytes) continue;
    findings.push_back(
        {"replication slot " + slot.name, Health::Warn,
         fmt::format("nobody reads it, and {} of WAL are kept for it", size_text(slot.kept_bytes)),
         fmt::format("start what reads it, or SELECT pg_drop_replication_slot('{}'); set "
                     "max_slot_wal_keep_size",
                     slot.name)});
  }
}

}  // namespace

std::string setting_of(const SettingTexts& settings, std::string_view name) {
  const auto it = settings.find(name);
  return it == settings.end() ? std::string() : it->second;
}

std::int64_t number_of(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void judge_postgres(const store::PostgresFacts& facts, const AppOptions& options, Findings& findings) {
  judge_connection(facts, findings);
  judge_durability(facts, findings);
  judge_clock(facts, findings);
  if (!facts.has_store) {
    findings.push_back(
        {"postgres schema", Health::Warn, "the database has no store yet", "the first start makes it"});
  } else if (facts.schema > facts.known_schema) {
    findings.push_back({"postgres schema", Health::Fail,
                        fmt::format("it was written by a newer version: schema {}, this program knows {}",
                                    facts.schema, facts.known_schema),
                        "use that version, or restore a backup"});
    return;
  }
  if (facts.has_store) {
    judge_processes(facts, options, findings);
    judge_days(facts, findings);
  }
}

void judge_redis(const cache::RedisFacts& facts, Findings& findings) {
  if (facts.is_replica) {
    findings.push_back({"cache", Health::Fail, "this Redis is a replica: nothing can be written",
                        "cache.url has to name the primary"});
    return;
  }
  if (facts.policy.empty() || facts.policy == "noeviction") {
    findings.push_back({"cache", Health::Ok,
                        fmt::format("Redis {}, {} in use", facts.version, size_text(facts.memory_used)), ""});
    return;
  }
  // All of our keys have a time to live, so volatile-* takes them just the same.
  const bool is_limited = facts.memory_max > 0;
  findings.push_back(
      {"redis maxmemory-policy", is_limited ? Health::Fail : Health::Warn,
       fmt::format("it is {}{}: marks of what was sent are thrown away when memory is short, and what a lost "
                   "machine had "
                   "sent is sent again",
                   facts.policy,
                   is_limited ? fmt::format(" with {} at most", size_text(facts.memory_max)) : std::string()),
       "CONFIG SET maxmemory-policy noeviction, and in redis.conf"});
}

void check_shared(const AppOptions& options, Findings& findings) {
  if (const auto mix = check_mix(options.store.url.reveal(), options.queue.url, options.cache.url); !mix) {
    findings.push_back({"engines", Health::Fail, mix.error().message, kFix});
    return;
  }
  if (options.store.is_postgres()) {
    const auto facts = store::inspect_postgres(options.store.url);
    if (facts) {
      judge_postgres(*facts, options, findings);
    } else {
      findings.push_back({"postgres", Health::Fail, facts.error().message, kPostgresFix});
    }
  }
  if (options.cache.url != "memory:") {
    const auto facts = cache::inspect_redis(options.cache);
    if (facts) {
      judge_redis(*facts, findings);
    } else {
      findings.push_back({"cache", Health::Fail, facts.error().message, kFix});
    }
  }
  check_kafka(options, findings);
}

}  // namespace carillon::app
