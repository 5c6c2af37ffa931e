#include "pipeline/accept.h"

#include <boost/asio/post.hpp>
#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "model/event.h"
#include "pipeline/drafts.h"
#include "pipeline/flight.h"
#include "pipeline/refusal.h"
#include "pipeline/sensitive.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;
using model::NotificationStatus;

constexpr std::size_t kBatchItems = 1024;    // items routed and committed together
constexpr std::size_t kBatchesUnderWay = 2;  // batches between gathering and commit
constexpr std::int64_t kCriticalPerSecond = 100;

std::string event_scope(const Caller& caller) {
  std::string scope = fmt::format("{}/{}/{}", caller.project, caller.app ? caller.app->id : 0,
                                  caller.is_test ? "test" : "live");
  if (!caller.client_user.empty()) scope.append("/client/").append(caller.client_user);
  return scope;
}

}  // namespace

AcceptMetrics AcceptMetrics::make(base::Metrics& metrics) {
  AcceptMetrics m;
  for (std::size_t c = 0; c < model::kChannelCount; ++c) {
    const std::string channel(model::name(static_cast<model::Channel>(c)));
    m.accepted[c] =
        metrics.counter("carillon_accepted_total", "Deliveries accepted.", {{"channel", channel}});
    for (std::size_t p = 0; p < model::kPriorityCount; ++p) {
      const std::string priority(model::name(static_cast<model::Priority>(p)));
      m.bytes[c][p] = metrics.histogram("carillon_event_bytes", "Size of accepted requests.",
                                        base::Metrics::size_buckets_bytes(),
                                        {{"channel", channel}, {"priority", priority}});
    }
  }
  m.repeats = metrics.counter("carillon_repeats_total", "Sends whose event id had been accepted before.");
  m.refused = metrics.counter("carillon_refused_total", "Sends refused with a problem.");
  m.unavailable = metrics.counter("carillon_unavailable_total", "Sends answered 503.");
  m.seconds =
      metrics.histogram("carillon_accept_seconds", "From a send's arrival at the pipeline to its commit.",
                        base::Metrics::latency_buckets_s());
  return m;
}

// One call of send(): its items, their results, and who waits for them.
struct Acceptor::Call {
  Caller caller;
  std::vector<SendItem> items;
  std::vector<SendResult> results;
  std::move_only_function<void()> resume;
  SteadyTime since = std::chrono::steady_clock::now();

  // Between routing and commit: which store item belongs to which of ours.
  struct Routed {
    std::size_t item = 0, work = 0;
    std::size_t store_index = 0;
    bool is_settled = false;  // false: not stored yet
    SendAnswer answer;
    std::vector<store::Hint> hints;
    std::vector<People::User> users;  // of the hints, when places are reserved for them
    model::Channel channel = model::Channel::Push;
    model::Priority priority = model::Priority::Normal;
    std::size_t bytes = 0;
    bool is_reserved = false;      // a place in the window for each hint
    std::uint64_t lapses = 0;      // Store::lapses() then
    std::string body, whole_body;  // as stored; with what is sensitive, where something is
  };
  std::vector<Routed> routed;
};

Acceptor::Acceptor(const Pipeline::Deps& deps, boost::asio::any_io_executor executor, const Options& options,
                   AcceptMetrics metrics, Hooks hooks)
    : deps_(deps),
      executor_(std::move(executor)),
      options_(options),
      metrics_(metrics),
      hooks_(std::move(hooks)) {}

Acceptor::~Acceptor() { gate_.wait(base::Deadline::never()); }

void Acceptor::close() { is_closed_ = true; }

Task<std::vector<SendResult>> Acceptor::send(Caller caller, std::vector<SendItem> items) {
  const std::size_t count = items.size();
  if (is_closed_ ||
      waiting_items_ + count > static_cast<std::size_t>(options_.accept_backlog) + kBatchItems) {
    metrics_.unavailable.add(count);
    Refusal r = make_refusal(503, is_closed_ ? "stopping" : "overloaded",
                             is_closed_ ? "this process is stopping; send it to another or again in a moment"
                                        : "too many sends wait for the store; slow down and send it again");
    r.retry_after = Millis(1000);
    co_return std::vector<SendResult>(count, std::unexpected(r));
  }
  auto call = std::make_unique<Call>();
  call->caller = std::move(caller);
  call->items = std::move(items);
  Call* const mine = call.get();
  std::vector<SendResult> results;
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [&](auto handler) {
        mine->resume = [h = std::move(handler), mine, &results]() mutable {
          results = std::move(mine->results);
          std::move(h)();
        };
        waiting_items_ += count;
        waiting_.push_back(std::move(call));
        // While some are routed or commit, the next gathers; each further one starts when it is full.
        const std::size_t runs = starting_ + under_way_;
        const bool is_full = waiting_items_ >= (starting_ + 1) * kBatchItems;
        if (runs < kBatchesUnderWay && (starting_ == 0 || is_full)) {
          ++starting_;
          gate_.spawn(executor_, "accept", [this] { return run(); });
        }
      },
      boost::asio::use_awaitable);
  co_return results;
}

// Takes what has gathered, batch by batch, until nothing waits.
Task<void> Acceptor::run() {
  --starting_;
  ++under_way_;
  while (!waiting_.empty()) {
    std::vector<std::unique_ptr<Call>> batch;
    std::size_t items = 0, taken = 0;
    while (taken < waiting_.size() && items < kBatchItems) items += waiting_[taken++]->items.size();
    batch.reserve(taken);
    for (std::size_t i = 0; i < taken; ++i) batch.push_back(std::move(waiting_[i]));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
    waiting_items_ -= items;
    co_await commit(std::move(batch));
  }
  --under_way_;
}

namespace {

// One send on its way through routing.
struct Work {
  SendItem* item = nullptr;
  const Caller* caller = nullptr;
  std::optional<Plan> plan;
  PeopleQuery people;
  std::optional<Refusal> refusal;
  std::optional<std::int64_t> awaits_approval_of;  // recipients
  std::optional<store::ApprovalShare> share;       // it may have to be stored again, as what waits for one
  bool is_lowered = false;                         // to bulk
  std::string whole_body;                          // of one with something sensitive and an event id
};

void take_plan(Work& work, std::expected<Plan, Refusal> plan) {
  if (!plan) {
    work.refusal = std::move(plan.error());
    return;
  }
  work.plan = std::move(*plan);
  work.people.project = work.caller->project;
  work.people.request = work.item->request.get();
  work.people.channels = &work.plan->channels;
}

// Those that have to wait for somebody's word get the size of their audience; others what they take of the
// hour, which only the commit knows to be there.
void ask_for_approval(Work& work) {
  if (!work.plan || work.refusal || work.plan->category->approval_over == 0 || work.item->request->draft)
    return;
  const std::int64_t audience = audience_of(*work.item->request, work.people.people);
  if (needs_approval(*work.plan, audience)) work.awaits_approval_of = audience;
  work.share = share_of(*work.plan, audience);
}

// Of a send that was planned and names some.
Task<void> take_objects(Work& work, const Pipeline::Deps& deps, const Options& options, Time now) {
  auto found =
      co_await find_objects(object_access(deps, options), *work.caller, *work.plan, *work.item->request, now);
  if (found) {
    work.plan->objects = std::move(*found);
  } else {
    work.refusal = std::move(found.error());
  }
}

Task<std::optional<Refusal>> check_critical_rate(cache::Cache& cache, const Caller& caller,
                                                 std::int64_t count, Time now) {
  if (!caller.app) co_return std::nullopt;
  cache::Take take;
  take.key = fmt::format("critical/{}", caller.app->id);
  take.cost = count;
  take.limit = caller.app->critical_limit > 0 ? caller.app->critical_limit : kCriticalPerSecond;
  std::vector<cache::Take> takes;
  takes.push_back(std::move(take));
  auto taken = co_await cache.take(std::move(takes), now);
  if (!taken || taken->front().allowed) co_return std::nullopt;
  Refusal r =
      make_refusal(429, "critical_rate_exceeded",
                   "this app sends more critical notifications per second than it may; slow down, or use "
                   "the priority high");
  r.retry_after = taken->front().retry_after;
  co_return r;
}

void count_deliveries(SendAnswer& answer, const std::vector<model::Delivery>& deliveries) {
  std::int64_t counts[model::kDeliveryStatusCount] = {};
  answer.reached = answer.suppressed = 0;
  for (const auto& d : deliveries) {
    ++counts[static_cast<std::size_t>(d.status)];
    ++(d.status == DeliveryStatus::Suppressed ? answer.suppressed : answer.reached);
  }
  answer.deliveries.clear();
  for (std::size_t i = 0; i < model::kDeliveryStatusCount; ++i) {
    if (counts[i] > 0) answer.deliveries.emplace_back(static_cast<DeliveryStatus>(i), counts[i]);
  }
}

model::Notification make_notification(const Work& work, Time now) {
  const model::SendRequest& request = *work.item->request;
  model::Notification n;
  n.project = work.caller->project;
  n.app = work.caller->app ? work.caller->app->id : 0;
  n.priority = work.plan->priority;
  n.category = work.plan->category->key;
  if (work.plan->tmpl) {
    n.template_key = work.plan->tmpl->key;
    n.template_version = work.plan->tmpl->version;
  }
  n.is_sandbox = work.caller->is_test;
  n.event_id = request.event_id;
  n.accepted_at = now;
  n.expires_at = work.plan->expires_at;
  n.send_at = work.plan->send_at;
  n.body = work.share ? work.item->body : std::move(work.item->body);
  n.request = work.item->request;
  return n;
}

void lower_to_bulk(Work& work, model::Notification& n, SendAnswer& answer) {
  work.is_lowered = make_bulk(*work.plan) || work.is_lowered;
  if (!work.is_lowered) return;
  n.priority = work.plan->priority;
  answer.warnings.push_back(kLoweredToBulk);
}

// Seals what is sensitive. A fingerprint anybody could make would tell a short code by trying all.
std::expected<void, Refusal> keep_sensitive(Work& work, const base::KeyRing& keys, store::AcceptItem& item) {
  if (item.event) work.whole_body = item.notification.body;
  CARILLON_TRY(item.sealed, seal_sensitive(*work.plan, keys, item.notification));
  if (!item.notification.is_sensitive) {
    work.whole_body.clear();
    return {};
  }
  const std::string_view fingerprint(reinterpret_cast<const char*>(item.fingerprint.data()),
                                     item.fingerprint.size());
  item.fingerprint = keys.event_hash({"sensitive", fingerprint});
  // Nothing of it will be sent.
  const auto is_final = [](const model::Delivery& d) { return model::is_final(d.status); };
  if (item.notification.status == NotificationStatus::Sending &&
      std::ranges::all_of(item.deliveries, is_final))
    item.sealed.clear();
  return {};
}

// Decides what becomes of one planned send: its notification row, its deliveries, the answer so far.
std::expected<std::pair<store::AcceptItem, SendAnswer>, Refusal> build(Work& work, const base::KeyRing& keys,
                                                                       base::IdGenerator& ids,
                                                                       Millis approval_lasts, Time now) {
  const model::SendRequest& request = *work.item->request;
  const People& people = work.people.people;
  const RouteInput input{*work.plan, request, people, keys.address_hash, now, false};
  Routed routed = route(input);
  if (!routed.problems.empty()) { return std::unexpected(make_refusal(422, std::move(routed.problems))); }
  std::pair<store::AcceptItem, SendAnswer> made;
  auto& [item, answer] = made;
  item.notification = make_notification(work, now);
  item.objects = work.plan->objects;
  answer.warnings = std::move(routed.warnings);
  answer.event_id = request.event_id;
  answer.recipients = routed.recipients;
  if (work.plan->is_lowered) {
    answer.warnings.push_back(
        {"priority_lowered",
         fmt::format("sent as {}: the category or the app allows no more", model::name(work.plan->priority)),
         std::nullopt});
  }
  auto& n = item.notification;
  if (request.draft) {
    n.status = NotificationStatus::Draft;
  } else if (work.awaits_approval_of) {
    n.status = NotificationStatus::AwaitingApproval;
    if (*work.awaits_approval_of > static_cast<std::int64_t>(model::kInlineEndpointsMax))
      lower_to_bulk(work, n, answer);
  } else if (n.send_at && *n.send_at > now) {
    n.status = NotificationStatus::Scheduled;
  } else if (!people.has_all_members || routed.deliveries.size() > model::kInlineEndpointsMax) {
    n.status = NotificationStatus::Expanding;
    lower_to_bulk(work, n, answer);
  }
  const bool is_inline = n.status == NotificationStatus::Sending;
  if (!is_inline) {
    for (const auto& [entry, group] : people.groups) item.audience.push_back({entry, group.id});
    item.recipients = audience_of(request, people);
    item.named = namings(keys, n.project, request, people);
  }
  const std::size_t count = is_inline ? routed.deliveries.size() : 0;
  n.id = ids.take(count + 1);
  n.first_delivery = n.id + 1;
  n.delivery_count = static_cast<std::int32_t>(count);
  if (work.awaits_approval_of) {
    item.approval = open_approval(ids, n, *work.awaits_approval_of, *work.caller, approval_lasts, now);
    answer.approval = item.approval->id;
    answer.recipients = *work.awaits_approval_of;
  } else {
    item.share = work.share;
  }
  if (is_inline) {
    item.deliveries = std::move(routed.deliveries);
    item.caps = std::move(routed.caps);
    for (std::size_t i = 0; i < count; ++i) {
      item.deliveries[i].id = n.first_delivery + static_cast<std::int64_t>(i);
      item.deliveries[i].notification = n.id;
    }
    answer.has_counts = true;
    count_deliveries(answer, item.deliveries);
  }
  item.address_keys = std::move(routed.address_keys);
  item.fingerprint = work.item->fingerprint;
  if (!request.event_id.empty()) item.event = keys.event_hash({event_scope(*work.caller), request.event_id});
  if (work.plan->is_sensitive()) CARILLON_CHECK(keep_sensitive(work, keys, item));
  answer.id = n.id;
  answer.status = n.status;
  return made;
}

constexpr std::string_view kEventIdPointer = "/event_id";

// Both have the same one; one of them may have had it as its Idempotency-Key.
std::string difference_beside_event_id(base::JsonElement a, base::JsonElement b) {
  constexpr std::string_view kWithout = R"({"event_id":null})";
  base::JsonDocument patch, left, right;
  const auto without = patch.parse(kWithout);
  if (!without) return std::string(kEventIdPointer);
  const auto bare_a = left.parse(model::merge_patch(a, *without));
  const auto bare_b = right.parse(model::merge_patch(b, *without));
  if (!bare_a || !bare_b) return std::string(kEventIdPointer);
  return model::first_difference(*bare_a, *bare_b);
}

// Repeats are told apart from reuse by the fingerprint of their bytes. Where that differs, nullopt: it was
// only written differently; else the first differing member is named.
// What was sensitive in the first one may be wiped: then the rest of both is compared (`rest`: of this one),
// and where that is the same nobody can say that all was.
Task<std::optional<Refusal>> reused(const Pipeline::Deps& deps, std::int64_t first, std::string body,
                                    std::string rest, std::string event_id) {
  std::string pointer;
  std::vector<std::int64_t> ids{first};
  auto found = co_await deps.store.notifications(std::move(ids));
  if (found && found->front()) {
    const auto whole = co_await opened(deps.store, deps.keys, found->front());
    const bool is_wiped = !whole || !*whole;
    base::JsonDocument a, b;
    const auto old_body = a.parse(is_wiped ? found->front()->body : (*whole)->body);
    const auto new_body = b.parse(is_wiped ? rest : body);
    if (old_body && new_body) {
      pointer = model::first_difference(*old_body, *new_body);
      if (pointer == kEventIdPointer) pointer = difference_beside_event_id(*old_body, *new_body);
      if (pointer.empty() && !is_wiped) co_return std::nullopt;
    }
  }
  Refusal r =
      make_refusal(422, "event_id_reused",
                   fmt::format("the event id '{}' was accepted with another body ({} differs); one business "
                               "event has one id",
                               event_id, pointer.empty() ? "something" : pointer));
  r.problems.push_back(
      {pointer.empty() ? "/event_id" : pointer, "event_id_reused",
       fmt::format("differs from the first body, {}", base::id_text(base::kNotificationPrefix, first))});
  co_return r;
}

void hint_due(const std::vector<model::Delivery>& deliveries, Time now, std::vector<store::Hint>& hints) {
  for (const auto& d : deliveries) {
    if (d.status == DeliveryStatus::Pending && d.due_at && *d.due_at <= now)
      hints.push_back({d.id, d.lane()});
  }
}

}  // namespace

// One batch between gathering and answering.
class Acceptor::Batch {
 public:
  Batch(Acceptor& owner, std::vector<std::unique_ptr<Call>>& calls)
      : owner_(owner), deps_(owner.deps_), metrics_(owner.metrics_), calls_(calls), now_(deps_.clock.now()) {}

  Task<void> run() {
    co_await plan_all();
    std::vector<PeopleQuery*> queries;
    for (auto& work : works_) {
      if (work.plan && !work.refusal) queries.push_back(&work.people);
    }
    const auto loaded = co_await load_people(deps_.store, deps_.keys.address_hash, std::move(queries));
    if (loaded) std::ranges::for_each(works_, ask_for_approval);
    build_all(loaded ? nullptr : &loaded.error());
    stored_.emplace();
#ifdef CARILLON_MUTATION_ACK_BEFORE_COMMIT
    answer_before_storing();
#endif
    co_await store_all();
    if (ask_instead()) co_await store_all();
    co_await tell_states();
    if (!taken_.empty()) owner_.hooks_.taken(std::move(taken_));
    if (!hints_.empty()) owner_.hooks_.publish(hints_);
    // A change of configuration releases what it held, but not what was stored after it by the old one.
    if (is_any_held_ && views_ != deps_.directory.snapshot()) owner_.hooks_.held_by_the_past();
    CARILLON_FAILPOINT("accept.after_publish");
  }

 private:
  Task<void> plan_all() {
    const auto snapshot = deps_.directory.snapshot();
    views_ = snapshot;  // plans point into it
    for (auto& call : calls_) {
      const std::size_t first = works_.size();
      std::int64_t critical = 0;
      for (auto& item : call->items) {
        Work& work = works_.emplace_back();
        work.item = &item;
        work.caller = &call->caller;
        std::shared_ptr<const model::Template> named;
        if (names_version(*item.request))
          named = co_await named_version(deps_.directory, call->caller.project, *item.request);
        take_plan(work,
                  plan_send(*snapshot, owner_.options_, *work.caller, *item.request, std::move(named), now_));
        if (work.plan && names_objects(*item.request, work.plan->tmpl.get()))
          co_await take_objects(work, deps_, owner_.options_, now_);
        if (work.plan && work.plan->priority == model::Priority::Critical) ++critical;
      }
      if (critical == 0) continue;
      const auto over = co_await check_critical_rate(deps_.cache, call->caller, critical, now_);
      if (!over) continue;
      for (std::size_t i = first; i < works_.size(); ++i) {
        if (works_[i].plan && works_[i].plan->priority == model::Priority::Critical)
          works_[i].refusal = *over;
      }
    }
  }

  auto build(Work& work) {
    const Millis lasts = owner_.options_.approval.expires_after;
    return pipeline::build(work, deps_.keys, deps_.ids, lasts, now_);
  }

  // Stores what was built; what is left unsettled has to be asked for.
  Task<void> store_all() {
    CARILLON_FAILPOINT("accept.before_store");
    if (!items_.empty()) stored_ = co_await deps_.store.accept(std::move(items_), now_);
    CARILLON_FAILPOINT("accept.after_store");
    for (auto& call : calls_) {
      for (auto& routed : call->routed) {
        if (std::exchange(routed.is_settled, true)) continue;
        SendResult& result = call->results[routed.item];
        switch (settle(result, routed)) {
          case Settled::Yes: break;
          case Settled::Reused: co_await settle_reuse(result, routed); break;
          case Settled::NeedsApproval: routed.is_settled = false; break;
        }
      }
    }
  }

  // A repeat is answered with what became of the first one. Where that cannot be read, as it would have
  // begun.
  Task<void> tell_states() {
    std::vector<std::int64_t> ids;
    std::vector<SendAnswer*> repeats;
    for (auto& call : calls_) {
      for (SendResult& result : call->results) {
        if (!result || !result->is_duplicate) continue;
        ids.push_back(result->id);
        repeats.push_back(&*result);
      }
    }
    if (ids.empty()) co_return;
    const auto found = co_await deps_.store.notifications(std::move(ids));
    for (std::size_t i = 0; found && i < repeats.size(); ++i) {
      if (const auto& n = (*found)[i]) repeats[i]->status = n->status;
    }
  }

  // What found its share of the hour spent is built again, as what waits for an approval. False: there is
  // none.
  bool ask_instead() {
    items_.clear();
    for (auto& call : calls_) {
      for (auto& routed : call->routed) {
        if (routed.is_settled) continue;
        Work& work = works_[routed.work];
        work.awaits_approval_of = work.share->recipients;
        work.share.reset();
        routed.is_settled = true;
        if (auto made = build(work)) {
          routed = keep(routed.item, routed.work, std::move(*made));
        } else {
          call->results[routed.item] = std::unexpected(std::move(made.error()));
        }
      }
    }
    return !items_.empty();
  }

  void build_all(const Error* load_error) {
    std::size_t at = 0;
    items_.reserve(works_.size());
    taken_.reserve(works_.size());
    for (auto& call : calls_) {
      call->results.assign(call->items.size(), std::unexpected(Refusal{}));
      call->routed.reserve(call->items.size());
      for (std::size_t i = 0; i < call->items.size(); ++i, ++at) {
        Work& work = works_[at];
        if (load_error != nullptr && !work.refusal) work.refusal = unavailable(*load_error);
        if (work.refusal) {
          call->results[i] = std::unexpected(std::move(*work.refusal));
        } else if (auto made = build(work)) {
          call->routed.push_back(keep(i, at, std::move(*made)));
        } else {
          call->results[i] = std::unexpected(std::move(made.error()));
        }
      }
    }
  }

  Call::Routed keep(std::size_t index, std::size_t work, std::pair<store::AcceptItem, SendAnswer> made) {
    auto& [item, answer] = made;
    Call::Routed routed;
    routed.item = index;
    routed.work = work;
    routed.store_index = items_.size();
    routed.answer = std::move(answer);
    hint_due(item.deliveries, now_, routed.hints);
    routed.is_reserved = item.caps.empty() && reserve(routed.hints);
    if (routed.is_reserved) {
      item.take_for = deps_.owner;
      routed.lapses = deps_.store.lapses();
      routed.users = users_of(routed.hints, item.deliveries, works_[work].people.people);
    }
    is_any_held_ = is_any_held_ || std::ranges::any_of(item.deliveries, [](const model::Delivery& d) {
                     return waits_for_configuration(d.status, d.reason);
                   });
    routed.channel = item.deliveries.empty() ? model::Channel::Push : item.deliveries.front().channel();
    routed.priority = item.notification.priority;
    routed.bytes = item.notification.body.size();
    if (item.event) routed.body = item.notification.body;  // compared when the event id came before
    routed.whole_body = std::move(works_[work].whole_body);
    items_.push_back(std::move(item));
    return routed;
  }

  // Of each hint's delivery; ids of one send follow one another.
  static std::vector<People::User> users_of(const std::vector<store::Hint>& hints,
                                            const std::vector<model::Delivery>& deliveries,
                                            const People& people) {
    std::vector<People::User> users;
    users.reserve(hints.size());
    for (const auto& hint : hints) {
      const auto& d = deliveries[static_cast<std::size_t>(hint.id - deliveries.front().id)];
      const auto it = people.users.find(d.user_id);
      users.push_back(it == people.users.end() ? People::User{} : it->second);
    }
    return users;
  }

  // All of them or none.
  bool reserve(const std::vector<store::Hint>& hints) {
#ifdef CARILLON_MUTATION_ACK_BEFORE_COMMIT
    return false;  // that build does not wait to learn what was taken
#endif
    for (std::size_t i = 0; i < hints.size(); ++i) {
      if (owner_.hooks_.reserve(hints[i].lane)) continue;
      while (i-- > 0) owner_.hooks_.unreserve(hints[i].lane);
      return false;
    }
    return !hints.empty();
  }

  // What was stored as taken goes to the workers; places reserved for what was not are given back.
  void hand_over(Call::Routed& routed, std::vector<model::Delivery>* taken) {
    if (!routed.is_reserved) return;
    if (taken != nullptr && taken->size() == routed.hints.size()) {
      for (std::size_t i = 0; i < taken->size(); ++i) {
        auto& user = routed.users[i];
        taken_.push_back({std::move((*taken)[i]), routed.lapses, std::move(user.profile), user.stamp});
      }
    } else {
      for (const auto& hint : routed.hints) owner_.hooks_.unreserve(hint.lane);
    }
    routed.hints.clear();
  }

  // Reused: its event id was accepted before, with other bytes.
  enum class Settled : std::uint8_t { Yes, Reused, NeedsApproval };
  Settled settle(SendResult& result, Call::Routed& routed) {
    const bool is_stored = *stored_ && (**stored_)[routed.store_index];
    hand_over(routed, is_stored ? &(**stored_)[routed.store_index]->taken : nullptr);
    if (!is_stored) {
      const Error& error = *stored_ ? (**stored_)[routed.store_index].error() : stored_->error();
      result = std::unexpected(unavailable(error));
      metrics_.unavailable.add();
      return Settled::Yes;
    }
    const store::AcceptResult& accepted = *(**stored_)[routed.store_index];
    routed.answer.dedup_until = accepted.dedup_until;
    switch (accepted.kind) {
      case store::Accepted::EventIdReused: return Settled::Reused;
      case store::Accepted::NeedsApproval: return Settled::NeedsApproval;
      case store::Accepted::Duplicate: answer_repeat(result, routed, accepted.notification); break;
      case store::Accepted::New:
        count(routed, accepted.changed);
        hints_.insert(hints_.end(), routed.hints.begin(), routed.hints.end());
        result = std::move(routed.answer);
        break;
    }
    return Settled::Yes;
  }

  Task<void> settle_reuse(SendResult& result, Call::Routed& routed) {
    const std::int64_t first = (**stored_)[routed.store_index]->notification;
    std::string whole = routed.whole_body.empty() ? routed.body : std::move(routed.whole_body);
    auto refusal =
        co_await reused(deps_, first, std::move(whole), std::move(routed.body), routed.answer.event_id);
    if (refusal)
      result = std::unexpected(std::move(*refusal));
    else
      answer_repeat(result, routed, first);
  }

  void answer_repeat(SendResult& result, Call::Routed& routed, std::int64_t first) {
    metrics_.repeats.add();
    routed.answer.is_duplicate = true;
    routed.answer.has_counts = false;
    routed.answer.approval = 0;
    routed.answer.warnings.clear();
    routed.answer.id = first;
    result = std::move(routed.answer);
  }

#ifdef CARILLON_MUTATION_ACK_BEFORE_COMMIT
  // A build that does this has to fail the crash test (tests/chaos/test_mutations.py).
  void answer_before_storing() {
    for (auto& call : calls_) {
      for (auto& routed : call->routed) {
        call->results[routed.item] = routed.answer;
        hints_.insert(hints_.end(), routed.hints.begin(), routed.hints.end());
      }
    }
    owner_.answer(calls_);
    calls_.clear();
  }
#endif

  // What caps held or suppressed inside the commit is no longer pending.
  void count(Call::Routed& routed, const std::vector<model::Delivery>& changed) {
    auto& counts = routed.answer.deliveries;
    const auto change = [&](DeliveryStatus status, std::int64_t by) {
      const auto it = std::ranges::find(counts, status, &std::pair<DeliveryStatus, std::int64_t>::first);
      if (it == counts.end()) {
        counts.emplace_back(status, by);
      } else if ((it->second += by) == 0) {
        counts.erase(it);
      }
    };
    for (const auto& d : changed) {
      std::erase_if(routed.hints, [&](const store::Hint& hint) { return hint.id == d.id; });
      change(DeliveryStatus::Pending, -1);
      change(d.status, 1);
      if (d.status == DeliveryStatus::Suppressed) {
        ++routed.answer.suppressed;
        --routed.answer.reached;
      }
    }
    const auto channel = static_cast<std::size_t>(routed.channel);
    metrics_.bytes[channel][static_cast<std::size_t>(routed.priority)].observe(
        static_cast<double>(routed.bytes));
    metrics_.accepted[channel].add(
        static_cast<std::uint64_t>(routed.answer.reached + routed.answer.suppressed));
  }

  Acceptor& owner_;
  const Pipeline::Deps& deps_;
  const AcceptMetrics& metrics_;
  std::vector<std::unique_ptr<Call>>& calls_;
  const Time now_;
  std::shared_ptr<const Snapshot> views_;
  std::deque<Work> works_;  // People of one send point into it
  std::vector<store::AcceptItem> items_;
  std::optional<Result<std::vector<Result<store::AcceptResult>>>> stored_;
  std::vector<store::Hint> hints_;
  std::vector<Taken> taken_;
  bool is_any_held_ = false;
};

Task<void> Acceptor::commit(std::vector<std::unique_ptr<Call>> calls) {
  Batch batch(*this, calls);
  co_await batch.run();
  answer(calls);
}

void Acceptor::answer(std::vector<std::unique_ptr<Call>>& calls) {
  for (auto& call : calls) {
    for (const auto& result : call->results) {
      if (!result && result.error().status < 500) metrics_.refused.add();
    }
    metrics_.seconds.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - call->since).count());
  }
  // Resuming a waiting coroutine from here would nest one send in another.
  boost::asio::post(executor_, [done = std::move(calls)]() mutable {
    for (auto& call : done) call->resume();
  });
}

Task<std::expected<Explained, Refusal>> Acceptor::explain(Caller caller, SendItem item,
                                                          std::vector<Unavailable> not_asked) {
  const Time now = deps_.clock.now();
  const auto snapshot = deps_.directory.snapshot();
  Work work;
  work.item = &item;
  work.caller = &caller;
  take_plan(work, co_await plan_send(deps_.directory, *snapshot, options_, caller, *item.request, now));
  if (work.plan && names_objects(*item.request, work.plan->tmpl.get()))
    co_await take_objects(work, deps_, options_, now);
  if (work.refusal) co_return std::unexpected(std::move(*work.refusal));
  work.people.wants_sample = true;
  std::vector<PeopleQuery*> queries{&work.people};
  const auto loaded = co_await load_people(deps_.store, deps_.keys.address_hash, std::move(queries));
  if (!loaded) co_return std::unexpected(unavailable(loaded.error()));
  const RouteInput input{.plan = *work.plan,
                         .request = *item.request,
                         .people = work.people.people,
                         .address_hash = deps_.keys.address_hash,
                         .now = now,
                         .wants_explain = true,
                         .unavailable = not_asked};
  Routed routed = route(input);
  if (!routed.problems.empty()) { co_return std::unexpected(make_refusal(422, std::move(routed.problems))); }
  const People& people = work.people.people;
  const auto shown =
      static_cast<std::int64_t>(item.request->to.size() - people.groups.size() + people.members.size());
  co_return Explained{.decisions = std::move(routed.explains),
                      .recipients = routed.recipients,
                      .shown = people.has_all_members ? routed.recipients : shown};
}

}  // namespace carillon::pipeline
