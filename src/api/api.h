// The HTTP surface of CONTRACT §6: credentials, JSON, problems, OpenAPI, pages. The front door of api.
//
// One object answers for the TCP listener, the control socket and the command line on a stopped store:
// they differ only in who is asking.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/accounts.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "base/task.h"
#include "net/http_server.h"
#include "net/proxies.h"
#include "objects/objects.h"
#include "pipeline/ingest.h"
#include "pipeline/jobs.h"
#include "pipeline/objects.h"
#include "pipeline/pipeline.h"
#include "pipeline/webhooks.h"
#include "queue/queue.h"
#include "store/store.h"

namespace carillon::api {

struct Options {
  std::string public_url;                 // feeds every link that leaves; empty: none
  bool is_test_clock = false;             // POST /v1/test/clock moves the clock; never set in production
  std::int64_t rate_limit = 0;            // requests per second of an app without its own limit; 0: none
  std::int64_t client_send_limit = 10;    // sends a client may ask for per minute; 0: none at all
  std::int64_t registration_limit = 100;  // devices per second registered by one publishable key
  bool has_private_webhooks = false;      // alerts.private_addresses
  bool has_private_endpoints = false;     // webhooks.private_addresses
  pipeline::ObjectOptions objects;        // of uploads
  ConsoleOptions console;
  net::Proxies proxies;  // who is believed about where a request came from
};
void describe(base::SettingsGroup& group, Options& options);

struct Deps {
  pipeline::Pipeline* pipeline = nullptr;  // null on a stopped store: sends answer 503 not_running
  pipeline::Directory& directory;
  store::Store& store;
  cache::Cache& cache;
  base::Clock& clock;
  const base::KeyRing& keys;
  base::Metrics& metrics;
  base::IdGenerator& ids;
  std::function<void(Millis)> advance_clock;  // with is_test_clock
  pipeline::Jobs* jobs = nullptr;             // null: imports answer 503 not_running
  objects::Objects* objects = nullptr;        // null: uploads answer 503 not_running
  pipeline::Webhooks* webhooks = nullptr;     // null: their tests answer 503 not_running
  // "http://127.0.0.1:8080": where this process listens, for links when there is no public_url. Any thread.
  std::function<std::string()> listen_url = [] { return std::string("http://127.0.0.1:8080"); };
  const queue::Queue* queue = nullptr;       // null: none runs here
  const pipeline::Ingest* ingest = nullptr;  // null: no topics are read here
  queue::RecordWriter* records = nullptr;    // null: nothing is written to topics
  // False while a new store's first keys are being made: not ready. Any thread.
  std::function<bool()> has_begun = [] { return true; };
};

// Who is asking, decided by where the request came in.
enum class Entrance : std::uint8_t {
  Tcp,      // credentials in the request decide
  Control,  // the control socket or the command line: an administrator of this installation
  Public,   // server.public_listen: as Tcp, and only what phones, browsers and providers call
  Status,   // of a process that serves nobody: only what says how it is
};

class Api {
 public:
  static std::unique_ptr<Api> open(Deps deps, Options options);
  virtual ~Api() = default;

  // Answers one request. Runs on any executor; sends must come in on one of the pipeline's `api`
  // executors. Never throws; whatever goes wrong inside is a 500 problem and a log line.
  virtual Task<net::HttpResponse> handle(net::HttpRequest request, net::HttpPeer peer, Entrance entrance) = 0;

  // Whether a request is refused whatever its body says: its path, its method, its credential or what that
  // may do. nullopt: the body decides. Any thread.
  virtual std::optional<net::HttpResponse> refuse_head(const net::HttpRequest& head,
                                                       const net::HttpPeer& peer, Entrance entrance) = 0;

  // Streams of GET /v1/stream end within about a second, and none begins: before the servers are drained. Any
  // thread.
  virtual void end_streams() noexcept = 0;

  // The body limit of a route in bytes, for the HTTP server.
  [[nodiscard]] static std::size_t body_limit(std::string_view method, std::string_view path);
  // Whether a large body of it comes in a file (net::HttpSpools).
  [[nodiscard]] static bool is_spooled(std::string_view method, std::string_view path);
  // The OpenAPI 3.1 document, and the error registry as Markdown (docs/reference).
  [[nodiscard]] static std::string openapi_json();
  [[nodiscard]] static std::string errors_markdown();
  [[nodiscard]] static std::string providers_markdown();
};

}  // namespace carillon::api
