// Tells the projects' own servers what happened: takes events from the Store's outbox, posts them signed
// (Standard Webhooks) and keeps what came of it.
//
// On a thread of its own, so that nobody's server holds up a send. Each webhook has so many posts under way
// at a time, and one where nothing but failures comes back has one. What is not settled is posted again,
// under the same webhook-id. Bounded: what is under way is in memory, the rest waits in the Store.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/task.h"
#include "net/http_client.h"
#include "pipeline/directory.h"
#include "pipeline/webhook_options.h"
#include "store/store.h"

namespace carillon::pipeline {

// What the sealed secrets of a webhook are bound to.
std::string webhook_secret_context(std::int32_t project, std::string_view key);

// What an event is posted as. Addresses are left out unless the webhook asks for them, and always where the
// category is one of security.
[[nodiscard]] std::string webhook_body(const store::WebhookEvent& event, const model::Webhook& webhook,
                                       const Snapshot& snapshot);

struct WebhookTest {
  bool ok = false;
  int status = 0;  // 0: there was no answer
  std::int64_t took_ms = 0;
  std::string detail;
};

class Webhooks {
 public:
  struct Deps {
    store::Store& store;
    const Directory& directory;
    const base::Clock& clock;
    const base::KeyRing& keys;
    base::Metrics& metrics;
    base::IdGenerator& ids;
    boost::asio::any_io_executor executor;  // one thread
  };
  Webhooks(Deps deps, WebhookOptions options);
  ~Webhooks();  // after stop()
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  void start();
  // Looks for what is due now instead of at the next tick. Any thread.
  void nudge();
  // Posts a test event now and waits for the answer, 15 s at most. Any executor. Errors: NotFound · Cancelled
  // (stopping).
  Task<Result<WebhookTest>> test(std::int32_t project, std::string key);
  // Cuts off what is under way, which is posted again after the next start. Blocks the calling thread, which
  // must not run the executor. Idempotent.
  void stop();

 private:
  struct Target {
    store::StoredWebhook stored;
    std::vector<base::Secret> secrets;  // the present one first
    std::set<std::int64_t> busy;        // events being told, or not settled yet
    int failures = 0;                   // in a row
    [[nodiscard]] bool is_open() const noexcept {
      return stored.webhook.enabled && stored.webhook.paused.empty();
    }
  };
  using TargetPtr = std::shared_ptr<Target>;
  struct Answer {
    store::WebhookTry tried;
    std::optional<Millis> retry_after;
  };
  Task<void> loop();
  Task<Result<void>> look();
  Task<Result<void>> reload();
  Task<void> tell(TargetPtr target, store::WebhookDelivery delivery);
  Task<Answer> post(const Target& target, std::string id, std::string body);
  store::WebhookResult result_of(const Target& target, const store::WebhookDelivery& delivery, Answer answer);
  Task<void> settle();
  Task<void> switch_off(std::int64_t webhook, std::string why);
  Task<Result<WebhookTest>> test_here(std::int32_t project, std::string key);
  [[nodiscard]] std::vector<base::Secret> open_secrets(const store::StoredWebhook& stored) const;

  const Deps deps_;
  const WebhookOptions options_;
  std::unique_ptr<net::HttpClient> client_;
  // Executor only.
  std::map<std::int64_t, TargetPtr> targets_;  // by id
  std::uint64_t generation_ = 0;               // of targets_; 0: none yet
  std::vector<store::WebhookResult> results_;  // not settled yet
  std::size_t busy_count_ = 0;
  bool is_settling_ = false, is_stopping_ = false, is_failing_ = false;
  std::mt19937_64 random_{std::random_device{}()};
  base::Signal wake_;
  base::Counter delivered_, again_, failed_;
  base::Histogram answer_seconds_;
  std::atomic<std::size_t> in_flight_{0}, switched_off_{0};
  base::TaskGate gate_{"webhooks"};
};

}  // namespace carillon::pipeline
