// From an accepted request to a recorded outcome: the front door of the pipeline.
//
// One object runs all stages of a process: accept (on the API's executors), expansion, claiming,
// sending and recording (on the delivery executor), sweepers. Stateless apart from bounded windows:
// everything it knows is in the Store.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "base/task.h"
#include "cache/cache.h"
#include "model/decision.h"
#include "model/notification.h"
#include "pipeline/alert_options.h"
#include "pipeline/directory.h"
#include "pipeline/integrations.h"
#include "pipeline/objects.h"
#include "pipeline/webhook_options.h"
#include "queue/queue.h"
#include "store/store.h"

namespace carillon::pipeline {

// Who asks, already authenticated.
struct Caller {
  std::int32_t project = kDefaultProject;
  std::shared_ptr<const model::App> app;  // null: a member or management key (app 0)
  bool is_test = false;                   // a ck_test_ key: ends in the sandbox
  store::Actor actor;                     // for audit: "app:shop", "key:ops", "cli"
  // A phone or browser that sends to this user, itself: its event ids are its own, and only categories
  // with client_allowed are for it. Empty: a service.
  std::string client_user{};
};

// One send as it arrived. `request` was read from `body` without problems.
struct SendItem {
  std::string body;  // JSON as received
  std::shared_ptr<model::SendRequest> request;
  base::Hash128 fingerprint{};  // only when it has an event id
};

// Why a send was not accepted: becomes a problem+json.
struct Refusal {
  int status = 422;
  std::string code, detail;
  base::Problems problems;
  std::optional<Millis> retry_after;

  // Nothing is wrong with what was sent: the same may be accepted a little later.
  [[nodiscard]] bool is_passing() const noexcept { return status >= 500 || status == 429; }
};

struct Warning {
  std::string code, detail;
  std::optional<model::Channel> channel;

  // Deliveries wait, because nothing carries `channel`.
  [[nodiscard]] bool is_no_route() const noexcept { return channel && code == "no_route"; }
};

struct SendAnswer {
  bool is_duplicate = false;
  std::int64_t id = 0;
  std::string event_id;
  model::NotificationStatus status = model::NotificationStatus::Sending;
  std::int64_t approval = 0;  // that it waits for
  std::optional<Time> dedup_until;
  bool has_counts = false;  // false while expanding, scheduled, or a repeat
  std::int64_t recipients = 0, reached = 0, suppressed = 0;
  std::vector<std::pair<model::DeliveryStatus, std::int64_t>> deliveries;  // only those above 0
  std::vector<Warning> warnings;
};
using SendResult = std::expected<SendAnswer, Refusal>;

// A dry run.
struct Explained {
  std::vector<model::Explain> decisions;
  // Of the whole send, and those `decisions` are about: of large groups only the first members. Then who is
  // in two of them is counted twice.
  std::int64_t recipients = 0, shown = 0;
};

// Which part of the work a process does. All accept, read and, when they lead, do what one of all does.
struct Duties {
  bool expands = true;                                    // groups and what was planned for later
  std::uint32_t queues = (1U << model::kQueueCount) - 1;  // bits: those whose deliveries it sends
  [[nodiscard]] bool sends(model::Queue queue) const noexcept {
    return (queues >> static_cast<unsigned>(queue) & 1U) != 0;
  }
};

struct ApprovalOptions {
  Millis expires_after{72LL * 3'600'000};  // a send that waits for somebody's word so long is never sent
};
struct Options {
  std::int64_t window = 8192;          // claimed and not yet recorded, per queue × priority
  std::int64_t careful_window = 32;    // the same for sms, voice, chat
  std::int64_t accept_backlog = 8192;  // requests waiting for a commit before 503
  std::int64_t expansion_range = 50'000;
  Millis refill_interval{1000};  // how often lanes look for due rows
  Millis drain_timeout{25'000};
  std::int64_t recount_hour = 3;  // of the day, UTC; -1: never
  std::string journal_folder;     // DATA/journal
  std::string public_url, hello_name;
  AlertOptions alerts;
  ApprovalOptions approval;
  WebhookOptions webhooks;
  ObjectOptions objects;
  store::Retention retention;
  Duties duties;  // no setting: the command says
};
void describe(base::SettingsGroup& group, Options& options);
void describe(base::SettingsGroup& group, store::Retention& retention);
void describe(base::SettingsGroup& group, ApprovalOptions& options);

// What a test message about alerts came to; nullopt: that target is not configured.
struct AlertTest {
  struct Outcome {
    bool ok = false;
    std::string detail;
  };
  std::optional<Outcome> webhook, email;
};

// A callback of a vendor names its integration in its path.
struct CallbackFrom {
  std::int32_t project = kDefaultProject;
  std::string provider, integration;
};

class Pipeline {
 public:
  struct Deps {
    store::Store& store;
    queue::Queue& queue;
    cache::Cache& cache;
    const base::Clock& clock;
    const base::KeyRing& keys;
    base::Metrics& metrics;
    base::IdGenerator& ids;
    Directory& directory;
    store::Owner owner;
    boost::asio::any_io_executor delivery;          // one thread
    std::vector<boost::asio::any_io_executor> api;  // one thread each
    objects::Objects* objects = nullptr;            // null: sends that name any are refused
  };
  // Replays the journal, recovers rows of earlier runs, then starts. Blocks the calling thread (which
  // must not run the executors). Errors: Unavailable, Corruption (store, journal folder).
  static Result<std::unique_ptr<Pipeline>> open(Deps deps, Options options);
  virtual ~Pipeline() = default;

  // Accepts sends. Await it on one of the `api` executors, or on `delivery`. One result per item, in order; a
  // result is given only after the commit that holds it. Cancelling the await does not take anything back.
  virtual Task<std::vector<SendResult>> send(Caller caller, std::vector<SendItem> items) = 0;
  // The dry run: the decisions a send would make now. Writes nothing.
  virtual Task<std::expected<Explained, Refusal>> explain(Caller caller, SendItem item) = 0;
  // The explain object of a stored delivery.
  virtual Task<Result<model::Explain>> explain_delivery(std::int64_t delivery) = 0;
  // What was or would be said in it, sensitive parameters hidden. Errors: NotFound.
  virtual Task<Result<model::Message>> rendered(std::int64_t delivery) = 0;

  // A draft goes on its way: at its time, or when somebody approved it, or now. Refusals: those of a send ·
  // 409 not_a_draft already_begun (changed by somebody else meanwhile).
  virtual Task<SendResult> submit(Caller caller, std::shared_ptr<const model::Notification> notification) = 0;
  // Another body for what has not begun. A draft stays one; anything else is submitted anew by this caller,
  // and what was approved has to be approved again. Refusals: those of a send · 409 already_begun · 422
  // read_only (the event id).
  virtual Task<SendResult> edit(Caller caller, std::shared_ptr<const model::Notification> notification,
                                SendItem item) = 0;
  // Refusals: 404 · 403 own_submission · 409 approval_closed · those of a send, when what it needs is gone.
  virtual Task<std::expected<store::Approval, Refusal>> decide(store::ApprovalDecision decision) = 0;
  // Nothing of it is sent until it is resumed; what is with a provider stays there. Errors: NotFound ·
  // Conflict (it has not begun, or has ended).
  virtual Task<Result<void>> pause(std::int64_t notification, store::Actor actor) = 0;
  virtual Task<Result<void>> resume(std::int64_t notification, store::Actor actor) = 0;
  // Stops expansion and claims at once, turns what is open cancelled. Idempotent. Errors: NotFound.
  virtual Task<Result<store::CancelResult>> cancel(std::int64_t notification, store::Actor actor) = 0;
  virtual Task<Result<std::vector<store::ReplayResult>>> replay(std::vector<store::ReplayItem> items,
                                                                store::Actor actor) = 0;
  // A pause, route or integration changed: held rows whose condition cleared go on.
  virtual void configuration_changed() = 0;
  // A schedule was written or removed. Any thread.
  virtual void schedule_changed(std::int32_t project, std::string key) = 0;
  // Looks for due work now instead of at the next tick (tests, after moving the clock).
  virtual void nudge() = 0;

  // Sends a test message to every place the project's alerts go to and waits for the answers, 15 s at most.
  // Errors: Cancelled (stopping).
  virtual Task<Result<AlertTest>> test_alerts(std::int32_t project) = 0;

  // See take_callback() (receipts.h).
  virtual Task<Result<providers::CallbackReading>> callback(CallbackFrom from,
                                                            providers::CallbackRequest request) = 0;

  [[nodiscard]] virtual Integrations& integrations() = 0;
  // True when nothing claimed is unrecorded.
  [[nodiscard]] virtual bool is_idle() const = 0;
  // Critical accepts over an app's rate, store not writable …: why this process is not ready; empty: ready.
  [[nodiscard]] virtual std::string not_ready() const = 0;

  // Ends: releases what is claimed and not begun, waits for what is in flight until drain_timeout,
  // records it, closes providers. Blocks the calling thread. Idempotent.
  virtual void drain() = 0;
};

[[nodiscard]] inline ObjectAccess object_access(const Pipeline::Deps& deps, const Options& options) {
  return {deps.store, deps.objects, deps.keys, options.public_url, options.objects};
}

}  // namespace carillon::pipeline
