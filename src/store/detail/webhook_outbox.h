// The outbox of webhooks, as transactions see it: who wants which events, and writing one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/notification.h"
#include "model/profile.h"
#include "model/receipt.h"
#include "model/webhook.h"
#include "store/store_types.h"
#include "store/webhooks.h"

namespace carillon::store::detail {

class Db;
class Txn;

// The bits of webhook.state.
inline constexpr std::int64_t kWebhookEnabled = 1, kWebhookPaused = 2, kWebhookSwitchedOff = 4,
                              kWebhookAddresses = 8, kWebhookSandbox = 16;

struct Subscriber {
  std::int64_t id = 0;
  std::int32_t project = 0;
  model::WebhookEvents events = 0;  // 0: disabled
  bool has_addresses = false, has_sandbox = true;
  [[nodiscard]] bool is_of(std::int32_t whose) const noexcept {
    return id == kEventStream || project == whose;
  }
};

// What events say of a notification, read once for its deliveries in one transaction.
struct EventContext {
  std::int64_t notification = 0;  // 0: nothing is read
  std::int64_t app = 0;
  bool is_sensitive = false;
  std::string category, template_key, event_id;
  std::string metadata, tags;  // JSON; empty: none
  std::string body;            // for addresses; kept only where somebody wants those
};

// Who wants which events, as far as this process knows. Any thread.
class Subscribers {
 public:
  struct List {
    std::vector<Subscriber> all;
    model::WebhookEvents wanted = 0;  // by any of them
  };
  Result<void> load(Db& db);
  // In the place of what is known of that id.
  void put(const Subscriber& subscriber);
  void remove(std::int64_t id);
  void stream_events(bool is_on);
  [[nodiscard]] std::shared_ptr<const List> list() const;
  // Another one after each change.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(); }

  void on_events(std::function<void()> wake);
  // Calls what on_events() was given.
  void wake();

 private:
  void replace(std::vector<Subscriber> all);
  mutable std::mutex mutex_;
  std::shared_ptr<const List> list_ = std::make_shared<List>();
  std::function<void()> wake_;
  bool has_stream_ = false;
  std::atomic<std::uint64_t> generation_{1};
};

// Of one writer, on its thread.
class WebhookOutbox {
 public:
  explicit WebhookOutbox(Subscribers& subscribers) : subscribers_(subscribers) {}
  // One that draws its ids from where `other` does.
  WebhookOutbox(Subscribers& subscribers, const WebhookOutbox& other)
      : subscribers_(subscribers), numbers_(other.numbers_) {}
  // Before the first event: ids are of `node`, later than `after`, and of the two numberings that a process
  // may have each takes every second one: `writer` is 0 or 1.
  void number_as(std::int64_t node, std::int64_t writer, Time after);
  // A transaction begins: it knows who wants what until its end.
  void begin();

  // The one look that all others pay for.
  [[nodiscard]] bool wants(std::int32_t project, model::WebhookEvent event) const noexcept {
    return (all_ & model::bit(event)) != 0 && wants_exactly(project, event);
  }
  // Whether any project wants anything; wants it.
  [[nodiscard]] bool is_any() const noexcept { return all_ != 0; }
  [[nodiscard]] bool is_wanted(model::WebhookEvent event) const noexcept {
    return (all_ & model::bit(event)) != 0;
  }
  [[nodiscard]] const std::vector<Subscriber>& all() const noexcept { return list_->all; }
  [[nodiscard]] bool wants_addresses(std::int32_t project) const noexcept;

  // An id above all earlier ones of this numbering, not before `now`.
  [[nodiscard]] std::int64_t take_id(Time now);
  // Somebody is told after the commit that there is something new, once for all of it.
  void arm(Txn& txn);

  // A delivery of it has become final: the end of the transaction looks whether it was the last.
  void finished(std::int64_t notification, Time now) {
    if (is_wanted(model::WebhookEvent::NotificationCompleted)) finished_.emplace_back(notification, now);
  }

  // ---- of the transaction under way
  EventContext context;
  [[nodiscard]] std::vector<std::pair<std::int64_t, Time>> take_finished() {
    return std::exchange(finished_, {});
  }
  void forget() {
    if (context.notification != 0) context = EventContext{};
    finished_.clear();
  }

 private:
  [[nodiscard]] bool wants_exactly(std::int32_t project, model::WebhookEvent event) const noexcept;

  Subscribers& subscribers_;
  std::shared_ptr<const Subscribers::List> list_ = subscribers_.list();
  std::uint64_t generation_ = 0;  // of list_
  model::WebhookEvents all_ = 0;  // list_->wanted
  std::vector<std::pair<std::int64_t, Time>> finished_;
  struct Numbers {
    std::atomic<std::int64_t> first_of_ms{0}, last_id{0};
  };
  std::shared_ptr<Numbers> numbers_ = std::make_shared<Numbers>();
  bool is_armed_ = false;
};

// ---- writing events; each does nothing where nobody wants it
// `d` with the status and reason it has from now on.
Result<void> tell_delivery(Txn& txn, const model::Delivery& d, model::WebhookEvent event, Time now);
// That it became final as what its status says; of an open one nothing.
Result<void> tell_status(Txn& txn, const model::Delivery& d, Time now);
Result<void> tell_engagement(Txn& txn, const model::Delivery& d, model::ReceiptKind kind, Time at, Time now);
// Of those that finished() named and whose deliveries are all final now. Before the commit.
Result<void> tell_completed(Txn& txn);
Result<void> tell_cancelled(Txn& txn, const model::Notification& n, Time now);
Result<void> tell_approval(Txn& txn, const Approval& approval, model::WebhookEvent event, Time now);
Result<void> tell_preferences(Txn& txn, const model::Profile& profile, const ProfileChange& by,
                              std::string_view change, Time now);
// The devices that `after` has and `before` has not, and the reverse. Null: none.
Result<void> tell_devices(Txn& txn, const model::Profile* before, const model::Profile* after,
                          std::string_view why_removed, Time now);
Result<void> tell_suppression(Txn& txn, const Suppression& suppression, bool is_removed, Time now);
// What is kept of a user's, who is erased.
Result<void> forget_events(Txn& txn, const UserKey& user);
// Events before `before`, and what is of webhooks that are gone; true when there may be more.
Result<bool> drop_webhook_events(Txn& txn, Time before);

}  // namespace carillon::store::detail
