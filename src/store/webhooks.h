// The Store's part that keeps webhooks, and the outbox of events for them.
//
// An event is written in the transaction that makes the change, once, with a row for each webhook that wants
// it, and one for the stream of events where that is on; where nobody wants it, nothing is. Which those are
// is known in memory: a webhook is told of what is committed after its own change was.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/webhook.h"
#include "store/actor.h"
#include "store/store_views.h"

namespace carillon::store {

struct StoredWebhook {
  std::int64_t id = 0;  // given by the store, never again; 0: a new one
  std::int32_t project = 0;
  std::int64_t version = 0;  // one more with each change
  model::Webhook webhook;
  Time created_at{}, updated_at{};
  std::optional<Time> failing_since{};  // of its latest tries none succeeded since then
};

// The numbers are stored.
enum class WebhookState : std::uint8_t { Waiting = 0, Delivered = 1, Failed = 2 };

struct WebhookEvent {
  std::int64_t id = 0;  // ascending with time, above those of a store that this one was restored from
  std::int32_t project = 0;
  model::WebhookEvent type = model::WebhookEvent::Test;
  Time at{};
  bool is_sandbox = false;
  std::int64_t app = 0;  // 0: none
  std::string user_id{}, address{};
  std::string data{};  // JSON object
};

// What became of one try.
struct WebhookTry {
  Time at{};
  std::int64_t took_ms = 0;
  int status = 0;               // of the answer; 0: there was none
  std::string error, answer{};  // error: empty when it was taken; answer: its first bytes
};
struct WebhookDelivery {
  std::int64_t webhook = 0;
  WebhookEvent event{};
  WebhookState state = WebhookState::Waiting;
  std::int64_t tries = 0;
  std::optional<Time> due_at{};  // Waiting: of the next try
  std::optional<WebhookTry> last{};
};
struct WebhookDeliveryPage {
  std::vector<WebhookDelivery> rows;
  std::int64_t next = 0;  // event id; 0: the end
};
struct WebhookDeliveryFilter {
  std::int64_t webhook = 0;
  std::optional<WebhookState> state{};
  model::WebhookEvents events = ~model::WebhookEvents{0};
  std::optional<Time> from{}, until{};  // when it happened; until: before
};

struct WebhookDueQuery {
  std::int64_t webhook = 0;
  std::size_t limit = 0;           // 1 to 1,024
  std::vector<std::int64_t> busy;  // events that are left out: being told now
};
struct WebhookResult {
  std::int64_t webhook = 0, event = 0;
  WebhookState state = WebhookState::Waiting;
  Time due_at{};  // Waiting: when it is tried again
  WebhookTry tried{};
};
// How a webhook does after its results are written.
struct WebhookHealth {
  std::int64_t webhook = 0;
  std::optional<Time> failing_since{};
};

// Which events are told again.
struct WebhookReplay {
  std::int64_t webhook = 0;
  std::int32_t project = 0;
  model::WebhookEvents events = 0;  // those the webhook wants
  bool has_sandbox = true;
  bool is_failed_only = false;  // those that were given up; else all there are, also from before the webhook
  std::int64_t from = 0, until = 0;  // event ids; until: before
};
struct WebhookReplayPiece {
  std::int64_t replayed = 0;
  std::int64_t next = 0;  // where the next piece begins; 0: there is none
};
struct WebhookBacklog {
  std::int64_t waiting = 0, failed = 0;  // each at most kWebhookCountMax
  std::optional<Time> oldest{};          // of those that wait: when it happened
};
inline constexpr std::int64_t kWebhookCountMax = 10'000;
// In the place of a webhook's id: the stream of all events (WebhookStore::stream_events()).
inline constexpr std::int64_t kEventStream = 0;

class WebhookStore {
 public:
  virtual ~WebhookStore() = default;

  // By project and key. project 0: of all. Cheap (inline on the caller's thread).
  virtual Task<Result<std::vector<StoredWebhook>>> list(std::int32_t project) = 0;
  virtual Task<Result<StoredWebhook>> get(std::int32_t project, std::string key) = 0;  // Errors: NotFound
  // Makes or changes one whose version is `webhook.version` (0: there is none); what is stored then. Audited
  // as `action`, secrets left out. One that is not paused any more is not failing any more either, and what
  // waits for its next try goes out now. Errors: Conflict · ResourceExhausted (model::kWebhooksMax).
  virtual Task<Result<StoredWebhook>> put(StoredWebhook webhook, std::string action, Actor actor,
                                          Time now) = 0;
  // With what waits for it. Audited. Errors: NotFound.
  virtual Task<Result<void>> remove(std::int32_t project, std::string key, Actor actor, Time now) = 0;
  // Changes with each put() and remove(). No I/O, any thread.
  [[nodiscard]] virtual std::uint64_t generation() const noexcept = 0;

  // ---- telling
  // `wake` is called after each commit that holds new events, on a thread of the store; it must be quick.
  // Empty: no more calls once this returns.
  virtual void on_events(std::function<void()> wake) = 0;
  // Those that are due, of each webhook the longest due first.
  virtual Task<Result<std::vector<WebhookDelivery>>> due(std::vector<WebhookDueQuery> queries, Time now) = 0;
  // From now on, until it is said otherwise, every event of every project waits for the stream too, whether
  // or not a webhook wants it. Each process says so before anything happens. Any thread.
  virtual void stream_events(bool is_on) noexcept = 0;
  // Those of the stream that need not be told again; not finding one is no error.
  virtual Task<Result<void>> streamed(std::vector<std::int64_t> events) = 0;
  // What became of tries; one entry per webhook named. Of events and webhooks that are gone nothing is
  // written.
  virtual Task<Result<std::vector<WebhookHealth>>> settle(std::vector<WebhookResult> results, Time now) = 0;

  // ---- looking and telling again
  // Newest first; examines at most 20,000 rows and may return a short page with `next` set.
  virtual Task<Result<WebhookDeliveryPage>> deliveries(WebhookDeliveryFilter filter, ListPage page) = 0;
  virtual Task<Result<WebhookDelivery>> delivery(std::int64_t webhook, std::int64_t event) = 0;  // NotFound
  // The tries of one that did not succeed, in order, at most 100.
  virtual Task<Result<std::vector<WebhookTry>>> attempts(std::int64_t webhook, std::int64_t event) = 0;
  virtual Task<Result<WebhookBacklog>> backlog(std::int64_t webhook) = 0;
  // Makes those due now, as if they were new, and returns which: events of the project that are still kept.
  virtual Task<Result<std::vector<std::int64_t>>> replay(WebhookReplay which,
                                                         std::vector<std::int64_t> events, Time now) = 0;
  // A bounded piece of a stretch of them, from `which.from` on. Doing one again changes nothing.
  virtual Task<Result<WebhookReplayPiece>> replay_piece(WebhookReplay which, Time now) = 0;
};

}  // namespace carillon::store
