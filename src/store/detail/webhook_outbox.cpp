#include "store/detail/webhook_outbox.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "base/json.h"
#include "store/detail/insert.h"
#include "store/detail/pieces.h"
#include "store/detail/rows.h"
#include "store/detail/txn.h"
#include "store/webhooks.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kNumberings = 2;  // of a process, at most

using model::DeliveryStatus;
using Event = model::WebhookEvent;

std::optional<Event> event_of(DeliveryStatus status) noexcept {
  switch (status) {
    case DeliveryStatus::Sent: return Event::DeliverySent;
    case DeliveryStatus::Delivered: return Event::DeliveryDelivered;
    case DeliveryStatus::Failed: return Event::DeliveryFailed;
    case DeliveryStatus::Dead: return Event::DeliveryDead;
    case DeliveryStatus::Unknown: return Event::DeliveryUnknown;
    case DeliveryStatus::Suppressed: return Event::DeliverySuppressed;
    case DeliveryStatus::Cancelled: return Event::DeliveryCancelled;
    case DeliveryStatus::Expired: return Event::DeliveryExpired;
    case DeliveryStatus::Pending:
    case DeliveryStatus::Held:
    case DeliveryStatus::Processing:
    case DeliveryStatus::Retrying: break;
  }
  return std::nullopt;
}

std::optional<Event> event_of(model::ReceiptKind kind) noexcept {
  switch (kind) {
    case model::ReceiptKind::Opened: return Event::EngagementOpened;
    case model::ReceiptKind::Clicked: return Event::EngagementClicked;
    case model::ReceiptKind::Converted: return Event::EngagementConverted;
    case model::ReceiptKind::Unsubscribed: return Event::EngagementUnsubscribed;
    case model::ReceiptKind::Complained: return Event::EngagementComplained;
    case model::ReceiptKind::Sent:
    case model::ReceiptKind::Delivered:
    case model::ReceiptKind::Undelivered:
    case model::ReceiptKind::Bounced:
    case model::ReceiptKind::Resubscribed: break;
  }
  return std::nullopt;
}

struct NewEvent {
  std::int32_t project = 0;
  Event type = Event::Test;
  bool is_sandbox = false;
  std::int64_t app = 0;
  std::string_view user_id{}, address{};
};

// One row, and one for each webhook that wants it.
Result<void> write_event(Txn& txn, const NewEvent& event, const std::string& data, Time now) {
  WebhookOutbox& outbox = txn.outbox;
  const std::int64_t id = outbox.take_id(now);
  bool is_wanted = false;
  for (const Subscriber& one : outbox.all()) {
    const bool wants = one.is_of(event.project) && (one.events & model::bit(event.type)) != 0 &&
                       (one.has_sandbox || !event.is_sandbox);
    if (!wants) continue;
    is_wanted = true;
    Statement s = txn.db.statement(
        "INSERT INTO webhook_delivery(webhook, event, state, tries, due_at) VALUES(?1, ?2, 0, 0, ?3)");
    CARILLON_CHECK(s.bind(1, one.id).bind(2, id).bind(3, now).run());
  }
  if (!is_wanted) return {};
  Statement s = txn.db.statement(
      "INSERT INTO webhook_event(id, project, type, at, is_sandbox, app, user_id, address, data) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  s.bind(1, id).bind(2, std::int64_t{event.project}).bind(3, static_cast<std::int64_t>(event.type));
  s.bind(4, now).bind(5, std::int64_t{event.is_sandbox}).bind_or_null(6, event.app);
  s.bind_or_null(7, event.user_id).bind_or_null(8, event.address).bind(9, data);
  CARILLON_CHECK(s.run());
  outbox.arm(txn);
  return {};
}

// What the request said that comes back with its events.
void read_request(std::string_view body, EventContext& into) {
  base::JsonDocument document;
  base::JsonObject request;
  const auto root = document.parse(body);
  if (!root || root->get(request) != simdjson::SUCCESS) return;
  base::JsonElement element;
  if (request["metadata"].get(element) == simdjson::SUCCESS && element.is_object())
    into.metadata = base::to_json(element);
  if (request["tags"].get(element) == simdjson::SUCCESS && element.is_array())
    into.tags = base::to_json(element);
}

Result<void> load_context(Txn& txn, std::int32_t project, std::int64_t notification) {
  EventContext& context = txn.outbox.context;
  if (context.notification == notification) return {};
  context = EventContext{};
  Statement s = txn.db.statement(
      "SELECT app, flags, category, template, event_id, body FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return {};
  context.notification = notification;
  context.app = s.integer(0);
  context.is_sensitive = (s.integer(1) & kFlagSensitive) != 0;
  context.category = txn.words.text(s.integer(2));
  context.template_key = txn.words.text(s.integer(3));
  context.event_id = s.string(4);
  read_request(s.text(5), context);
  if (!context.is_sensitive && txn.outbox.wants_addresses(project)) context.body = s.string(5);
  return {};
}

// The raw address that entry names; empty: it names somebody else, or a device.
std::string address_of(const EventContext& context, std::size_t entry) {
  if (context.body.empty()) return {};
  base::JsonDocument document;
  const auto root = document.parse(context.body);
  if (!root) return {};
  base::JsonElement to;
  if (root->at_pointer(fmt::format("/to/{}", entry)).get(to) != simdjson::SUCCESS) return {};
  std::string_view text;
  for (const char* pointer : {"/email", "/phone", "/address/address"}) {
    if (to.at_pointer(pointer).get(text) == simdjson::SUCCESS) return std::string(text);
  }
  return {};
}

void write_ids(base::JsonWriter& out, const EventContext& context, std::int64_t notification) {
  out.field("notification_id", base::id_text(base::kNotificationPrefix, notification));
  out.field_if("event_id", context.event_id);
}

void write_context(base::JsonWriter& out, const EventContext& context, bool is_sandbox) {
  out.field_if("category", context.category).field_if("template", context.template_key);
  if (is_sandbox) out.field("sandbox", true);
  if (!context.metadata.empty()) out.key("metadata").raw(context.metadata);
  if (!context.tags.empty()) out.key("tags").raw(context.tags);
}

// Opens the object.
void write_delivery(base::JsonWriter& out, const model::Delivery& d, const EventContext& context) {
  out.object().field("delivery_id", base::id_text(base::kDeliveryPrefix, d.id));
  write_ids(out, context, d.notification);
  out.field_or_null("user_id", d.user_id).field_if("device_id", d.device_id);
  out.field("to", static_cast<std::int64_t>(d.to_index)).field("channel", model::name(d.channel()));
  out.field("status", model::name(d.status)).field_or_null("reason", model::name(d.reason));
  out.field_if("integration", d.integration).field("attempts", static_cast<std::int64_t>(d.attempts));
  out.field("generation", static_cast<std::int64_t>(d.generation));
  write_context(out, context, d.is_sandbox);
}

Result<void> tell_of_delivery(Txn& txn, const model::Delivery& d, Event event, std::optional<Time> at,
                              Time now) {
  CARILLON_CHECK(load_context(txn, d.project, d.notification));
  const EventContext& context = txn.outbox.context;
  base::JsonWriter out(384);
  write_delivery(out, d, context);
  if (at) out.field("at", to_rfc3339(*at));
  out.end_object();
  const std::string address = d.user_id.empty() ? address_of(context, d.to_index) : std::string();
  return write_event(txn, {d.project, event, d.is_sandbox, context.app, d.user_id, address}, out.str(), now);
}

struct Completed {
  bool is_it = false, is_sandbox = false;
  std::int32_t project = 0;
};

// Stored as sending or completed, not cancelled, with nothing open.
Result<Completed> look_at(Txn& txn, std::int64_t notification) {
  Completed found;
  Statement s = txn.db.statement("SELECT " CARILLON_NOTIFICATION_COLUMNS " FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return found;
  model::Notification n = read_notification(s, txn.words);
  found.project = n.project;
  found.is_sandbox = n.is_sandbox;
  if (n.is_cancelled || !txn.outbox.wants(n.project, Event::NotificationCompleted)) return found;
  // Of one that was expanded in chunks housekeeping says so, once: its counts are written with the commit.
  if (n.first_delivery != 0) CARILLON_CHECK(derive_status(txn.db, n));
  found.is_it = n.status == model::NotificationStatus::Completed;
  return found;
}

std::uint64_t sum_of(const StatusCounts& counts, std::initializer_list<DeliveryStatus> statuses) {
  std::int64_t sum = 0;
  for (const DeliveryStatus status : statuses) sum += counts[static_cast<std::size_t>(status)];
  return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
}

Result<void> tell_of_completion(Txn& txn, std::int64_t notification, const Completed& about, Time now) {
  CARILLON_CHECK(load_context(txn, about.project, notification));
  const EventContext& context = txn.outbox.context;
  CARILLON_TRY(const StatusCounts counts, counts_of(txn.db, notification));
  using enum DeliveryStatus;
  const auto outcome =
      model::outcome_of(sum_of(counts, {Sent, Delivered}), sum_of(counts, {Failed, Dead, Unknown, Expired}));
  base::JsonWriter out(384);
  out.object();
  write_ids(out, context, notification);
  out.field("status", model::name(model::NotificationStatus::Completed));
  out.field("outcome", model::name(outcome)).key("deliveries").object();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) out.field(model::name(static_cast<DeliveryStatus>(i)), counts[i]);
  }
  out.end_object();
  write_context(out, context, about.is_sandbox);
  out.end_object();
  return write_event(txn, {about.project, Event::NotificationCompleted, about.is_sandbox, context.app},
                     out.str(), now);
}

const model::Device* find_device(const model::Profile* profile, std::string_view id) {
  if (profile == nullptr) return nullptr;
  const auto it = std::ranges::find(profile->devices, id, &model::Device::device_id);
  return it == profile->devices.end() ? nullptr : &*it;
}

Result<void> tell_device(Txn& txn, const model::Profile& of, const model::Device& device, Event event,
                         std::string_view why, Time now) {
  base::JsonWriter out(192);
  // An anonymous user is a stand-in of ours: its id means nothing to anybody.
  const std::string_view user = of.is_anonymous ? std::string_view() : std::string_view(of.user_id);
  out.object().field_or_null("user_id", user).field("device_id", device.device_id);
  out.field("platform", model::name(device.platform)).field_if("bundle", device.bundle);
  if (!why.empty()) out.field("reason", why);
  out.end_object();
  return write_event(txn, {.project = of.project, .type = event, .user_id = user}, out.str(), now);
}

}  // namespace

// ---- who wants what
Result<void> Subscribers::load(Db& db) {
  std::vector<Subscriber> all;
  Statement s = db.statement("SELECT id, project, events, state FROM webhook");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    const std::int64_t state = s.integer(3);
    all.push_back({s.integer(0), s.as<std::int32_t>(1),
                   (state & kWebhookEnabled) != 0 ? s.as<model::WebhookEvents>(2) : 0,
                   (state & kWebhookAddresses) != 0, (state & kWebhookSandbox) != 0});
  }
  const std::lock_guard lock(mutex_);
  replace(std::move(all));
  return {};
}

void Subscribers::put(const Subscriber& subscriber) {
  const std::lock_guard lock(mutex_);
  std::vector<Subscriber> all = list_->all;
  const auto it = std::ranges::find(all, subscriber.id, &Subscriber::id);
  if (it == all.end()) {
    all.push_back(subscriber);
  } else {
    *it = subscriber;
  }
  replace(std::move(all));
}

void Subscribers::remove(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  std::vector<Subscriber> all = list_->all;
  std::erase_if(all, [id](const Subscriber& one) { return one.id == id; });
  replace(std::move(all));
}

void Subscribers::stream_events(bool is_on) {
  const std::lock_guard lock(mutex_);
  has_stream_ = is_on;
  replace(list_->all);
}

// Under the lock.
void Subscribers::replace(std::vector<Subscriber> all) {
  std::erase_if(all, [](const Subscriber& one) { return one.id == kEventStream; });
  if (has_stream_) {
    Subscriber stream;
    stream.id = kEventStream;
    stream.events = ~model::WebhookEvents{0};
    all.push_back(stream);
  }
  auto list = std::make_shared<List>();
  for (const Subscriber& one : all) list->wanted |= one.events;
  list->all = std::move(all);
  list_ = std::move(list);
  generation_.fetch_add(1);
}

std::shared_ptr<const Subscribers::List> Subscribers::list() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

void Subscribers::on_events(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

void Subscribers::wake() {
  const std::lock_guard lock(mutex_);
  if (wake_) wake_();
}

// ---- a writer's
void WebhookOutbox::number_as(std::int64_t node, std::int64_t writer, Time after) {
  numbers_->first_of_ms = node * static_cast<std::int64_t>(base::kIdPerMs) + writer;
  numbers_->last_id = base::id_floor(after + Millis{1}) + numbers_->first_of_ms;
}

void WebhookOutbox::begin() {
  const std::uint64_t generation = subscribers_.generation();
  if (generation == generation_) return;
  generation_ = generation;
  list_ = subscribers_.list();
  all_ = list_->wanted;
}

bool WebhookOutbox::wants_exactly(std::int32_t project, Event event) const noexcept {
  return std::ranges::any_of(list_->all, [&](const Subscriber& one) {
    return one.is_of(project) && (one.events & model::bit(event)) != 0;
  });
}

bool WebhookOutbox::wants_addresses(std::int32_t project) const noexcept {
  return std::ranges::any_of(list_->all, [&](const Subscriber& one) {
    return one.project == project && one.has_addresses && one.events != 0;
  });
}

std::int64_t WebhookOutbox::take_id(Time now) {
  const std::int64_t floor = base::id_floor(now) + numbers_->first_of_ms;
  std::int64_t last = numbers_->last_id.load();
  for (;;) {
    const std::int64_t next = std::max(last + kNumberings, floor);
    if (numbers_->last_id.compare_exchange_weak(last, next)) return next;
  }
}

void WebhookOutbox::arm(Txn& txn) {
  if (std::exchange(is_armed_, true)) return;
  txn.after_rollback([this] { is_armed_ = false; });
  txn.after_commit([this] {
    is_armed_ = false;
    subscribers_.wake();
  });
}

// ---- writing
Result<void> tell_delivery(Txn& txn, const model::Delivery& d, Event event, Time now) {
  if (!txn.outbox.wants(d.project, event)) return {};
  return tell_of_delivery(txn, d, event, std::nullopt, now);
}

Result<void> tell_status(Txn& txn, const model::Delivery& d, Time now) {
  const auto event = event_of(d.status);
  return event ? tell_delivery(txn, d, *event, now) : Result<void>{};
}

Result<void> tell_engagement(Txn& txn, const model::Delivery& d, model::ReceiptKind kind, Time at, Time now) {
  const auto event = event_of(kind);
  if (!event || !txn.outbox.wants(d.project, *event)) return {};
  return tell_of_delivery(txn, d, *event, at, now);
}

Result<void> tell_completed(Txn& txn) {
  auto finished = txn.outbox.take_finished();
  if (finished.empty()) return {};
  std::ranges::sort(finished);
  std::int64_t last = 0;
  for (const auto& [id, now] : finished) {
    if (std::exchange(last, id) == id) continue;
    // Of two whose last deliveries end at the same time, the second sees what the first did.
    CARILLON_CHECK(txn.db.lock(id));
    CARILLON_TRY(const Completed completed, look_at(txn, id));
    if (completed.is_it) CARILLON_CHECK(tell_of_completion(txn, id, completed, now));
  }
  return {};
}

Result<void> tell_cancelled(Txn& txn, const model::Notification& n, Time now) {
  if (!txn.outbox.wants(n.project, Event::NotificationCancelled)) return {};
  CARILLON_CHECK(load_context(txn, n.project, n.id));
  base::JsonWriter out(256);
  out.object();
  write_ids(out, txn.outbox.context, n.id);
  out.field("status", model::name(model::NotificationStatus::Cancelled));
  write_context(out, txn.outbox.context, n.is_sandbox);
  out.end_object();
  return write_event(txn, {n.project, Event::NotificationCancelled, n.is_sandbox, n.app}, out.str(), now);
}

Result<void> tell_approval(Txn& txn, const Approval& a, Event event, Time now) {
  if (!txn.outbox.wants(a.project, event)) return {};
  CARILLON_CHECK(load_context(txn, a.project, a.notification));
  const EventContext& context = txn.outbox.context;
  base::JsonWriter out(256);
  out.object().field("approval_id", base::id_text(base::kApprovalPrefix, a.id));
  write_ids(out, context, a.notification);
  out.field("audience", a.audience).field("submitted_by", a.submitted_by);
  out.field("expires_at", to_rfc3339(a.expires_at)).field_if("decided_by", a.decided_by);
  out.field_if("comment", a.reason);
  write_context(out, context, false);
  out.end_object();
  return write_event(txn, {.project = a.project, .type = event, .app = context.app}, out.str(), now);
}

Result<void> tell_preferences(Txn& txn, const model::Profile& profile, const ProfileChange& by,
                              std::string_view change, Time now) {
  if (!txn.outbox.wants(profile.project, Event::PreferenceChanged)) return {};
  base::JsonWriter out(change.size() + 128);
  out.object().field("user_id", profile.user_id).field_if("source", by.source);
  out.key("changes").raw(change).end_object();
  return write_event(
      txn, {.project = profile.project, .type = Event::PreferenceChanged, .user_id = profile.user_id},
      out.str(), now);
}

Result<void> tell_devices(Txn& txn, const model::Profile* before, const model::Profile* after,
                          std::string_view why_removed, Time now) {
  const std::int32_t project = after != nullptr ? after->project : before != nullptr ? before->project : 0;
  if (after != nullptr && txn.outbox.wants(project, Event::DeviceRegistered)) {
    for (const model::Device& device : after->devices) {
      if (find_device(before, device.device_id) != nullptr) continue;
      CARILLON_CHECK(tell_device(txn, *after, device, Event::DeviceRegistered, {}, now));
    }
  }
  if (before == nullptr || !txn.outbox.wants(project, Event::DeviceRemoved)) return {};
  for (const model::Device& device : before->devices) {
    if (find_device(after, device.device_id) != nullptr) continue;
    CARILLON_CHECK(tell_device(txn, *before, device, Event::DeviceRemoved, why_removed, now));
  }
  return {};
}

Result<void> tell_suppression(Txn& txn, const Suppression& suppression, bool is_removed, Time now) {
  const Event event = is_removed ? Event::SuppressionRemoved : Event::SuppressionAdded;
  if (!txn.outbox.wants(suppression.project, event)) return {};
  base::JsonWriter out(160);
  out.object().field("channel", model::name(suppression.channel)).field_if("reason", suppression.reason);
  out.end_object();
  return write_event(txn, {.project = suppression.project, .type = event, .address = suppression.hint},
                     out.str(), now);
}

// ---- dropping
namespace {

constexpr std::int64_t kDropRows = 2'000;  // per transaction and table

// Of one webhook; true when there may be more.
Result<bool> drop_of_webhook(Txn& txn, std::int64_t webhook, std::int64_t below) {
  // What is told of goes last: by it the webhook is found.
  for (const char* sql :
       {"DELETE FROM webhook_attempt WHERE (webhook, event, seq) IN (SELECT webhook, event, seq FROM "
        "webhook_attempt WHERE webhook = ?1 AND event < ?2 LIMIT ?3)",
        "DELETE FROM webhook_delivery WHERE (webhook, event) IN (SELECT webhook, event FROM webhook_delivery "
        "WHERE webhook = ?1 AND event < ?2 LIMIT ?3)"}) {
    CARILLON_CHECK(txn.db.statement(sql).bind(1, webhook).bind(2, below).bind(3, kDropRows).run());
    if (txn.db.changes() == kDropRows) return true;
  }
  return false;
}

}  // namespace

Result<void> forget_events(Txn& txn, const UserKey& user) {
  for (const Subscriber& one : txn.outbox.all()) {
    if (!one.is_of(user.project)) continue;
    for (const char* sql :
         {"DELETE FROM webhook_attempt WHERE webhook = ?1 AND event IN (SELECT id FROM "
          "webhook_event INDEXED BY webhook_event_user WHERE project = ?2 AND user_id = ?3)",
          "DELETE FROM webhook_delivery WHERE webhook = ?1 AND event IN (SELECT id FROM "
          "webhook_event INDEXED BY webhook_event_user WHERE project = ?2 AND user_id = ?3)"}) {
      Statement s = txn.db.statement(sql);
      CARILLON_CHECK(s.bind(1, one.id).bind(2, std::int64_t{user.project}).bind(3, user.user_id).run());
    }
  }
  Statement s = txn.db.statement("DELETE FROM webhook_event WHERE project = ?1 AND user_id = ?2");
  return s.bind(1, std::int64_t{user.project}).bind(2, user.user_id).run();
}

Result<bool> drop_webhook_events(Txn& txn, Time before) {
  const std::int64_t below = base::id_floor(before);
  bool has_more = false;
  for (std::int64_t webhook = 0;;) {
    {
      Statement s = txn.db.statement(
          "SELECT webhook FROM webhook_delivery WHERE webhook > ?1 ORDER BY webhook LIMIT 1");
      CARILLON_TRY(const bool has_row, s.bind(1, webhook).next());
      if (!has_row) break;
      webhook = s.integer(0);
    }
    const bool is_there =
        std::ranges::find(txn.outbox.all(), webhook, &Subscriber::id) != txn.outbox.all().end();
    CARILLON_TRY(const bool more, drop_of_webhook(txn, webhook, is_there ? below : INT64_MAX));
    has_more = has_more || more;
  }
  // What nobody fetched for so long goes, too.
  CARILLON_TRY(const bool more_streamed, drop_of_webhook(txn, kEventStream, below));
  // An event goes after what is told of it.
  if (has_more || more_streamed) return true;
  Statement s = txn.db.statement(
      "DELETE FROM webhook_event WHERE id IN (SELECT id FROM webhook_event WHERE id < ?1 ORDER BY id LIMIT "
      "?2)");
  CARILLON_CHECK(s.bind(1, below).bind(2, kDropRows).run());
  return txn.db.changes() == kDropRows;
}

}  // namespace carillon::store::detail
