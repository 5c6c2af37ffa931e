// Every setting of a process, in its groups (generated reference: docs/reference/settings.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "base/log.h"
#include "base/settings.h"
#include "cache/cache.h"
#include "objects/objects.h"
#include "pipeline/ingest.h"
#include "pipeline/pipeline.h"
#include "queue/queue.h"

namespace carillon::app {

struct ServerOptions {
  std::string listen = "127.0.0.1:8080";
  std::string public_listen;  // host:port for /t /u /p /v1/me /v1/callbacks only; empty: none
  std::string public_url;
  std::string tls_certificate, tls_key;
  std::vector<std::string> proxies;
  std::int64_t threads = 0;  // 0: half of the machine's cores, at least 1
  std::int64_t connections = 10'000;
  bool test_clock = false;
};

struct StoreOptions {
  base::Secret url;  // empty: sqlite:DATA/carillon.db; may hold a password
  std::int64_t cache_bytes = 16 << 20;
  std::int64_t profile_cache_bytes = 24 << 20;
  std::int64_t notification_cache_bytes = 16 << 20;
  std::int64_t disk_free_min = 1 << 30;
  Millis dedup_window{0};  // as it is given; see remembers_events()
  std::int64_t dedup_memory = 256 << 20;
  Millis lease{30'000}, leader_lease{5'000};  // of a store that is shared
  [[nodiscard]] bool is_postgres() const noexcept {
    return url.reveal().starts_with("postgres://") || url.reveal().starts_with("postgresql://");
  }
  // For how long: with several processes and Kafka, what comes again may come days later.
  [[nodiscard]] Millis remembers_events() const noexcept {
    if (dedup_window > Millis(0)) return dedup_window;
    return is_postgres() ? std::chrono::days(7) : std::chrono::days(1);
  }
};

struct AppOptions {
  std::string data = "./carillon-data";
  std::string config;  // file that was read; empty: none
  ServerOptions server;
  StoreOptions store;
  queue::Options queue;
  cache::Options cache;
  pipeline::IngestOptions kafka;
  base::Secret secrets_key;  // base64 of 32 bytes
  std::string secrets_key_file;
  std::string log_level = "info", log_format = "auto";
  objects::Options objects;
  pipeline::Options pipeline;
  api::Options api;
  std::uint32_t queues = pipeline::Duties{}.queues;  // of a worker; no setting
};

// Declares all of it on `settings`; `options` must outlive `settings`.
void describe(base::Settings& settings, AppOptions& options);

// What the command line says: --config, --data, --listen, --project and any --set group.name=value.
struct CommandLine {
  std::string config, data, listen;
  std::string project;  // that a command acts in; empty: the default one
  std::vector<std::string> sets;
};
// Defaults, then the file, then the environment, then the command line. Unknown CARILLON_* variables
// are warned about. Errors: InvalidArgument naming the setting and the fix.
Result<AppOptions> load_options(const CommandLine& line, char** environment);

// Where others on this machine reach a listener: "http://127.0.0.1:8080".
std::string url_of(const ServerOptions& server, const std::string& host, std::uint16_t port);
// "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses). Errors: InvalidArgument, naming the setting.
Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text,
                                                           std::string_view setting = "server.listen");

}  // namespace carillon::app
