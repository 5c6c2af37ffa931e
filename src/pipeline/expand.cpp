#include "pipeline/expand.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/accept.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;

constexpr std::size_t kDueMax = 16;     // notifications looked up at a time
constexpr std::size_t kChunkMax = 500;  // deliveries of one transaction

// A stored request that can no longer be routed ends in one visible row.
Routed not_expandable(const Refusal& refusal, const model::Notification& n, Time now) {
  Routed routed;
  model::Delivery& d = routed.deliveries.emplace_back();
  d.project = n.project;
  d.queue = model::Queue::PushAny;
  d.priority = n.priority;
  d.status = DeliveryStatus::Failed;
  d.reason = model::Reason::NotExpandable;
  d.is_sandbox = n.is_sandbox;
  d.finished_at = now;
  base::JsonWriter note;
  note.object().field("check", refusal.code).field("value", refusal.detail).end_object();
  d.note = note.str();
  return routed;
}

}  // namespace

Task<void> Expander::run() {
  if (is_running_) co_return;
  is_running_ = true;
  bool has_more = true;
  while (has_more && !is_stopping_) {
    auto due = co_await deps_.store.due_expansions(kDueMax, deps_.clock.now());
    if (!due || due->empty()) break;
    has_more = due->size() == kDueMax;
    std::vector<std::int64_t> ids;
    for (const auto& d : *due) ids.push_back(d.notification);
    auto notifications = co_await deps_.store.notifications(std::move(ids));
    if (!notifications) break;
    for (std::size_t i = 0; i < due->size() && !is_stopping_; ++i) {
      if (!(*notifications)[i]) continue;
      const auto expanded = co_await expand((*notifications)[i], (*due)[i].cursor);
      if (!expanded && expanded.error().code != Errc::Conflict) {
        base::log_warn("{} cannot be expanded now: {}",
                       base::id_text(base::kNotificationPrefix, (*due)[i].notification),
                       expanded.error().message);
        has_more = false;
      }
    }
  }
  is_running_ = false;
}

Task<Result<void>> Expander::expand(std::shared_ptr<const model::Notification> notification,
                                    std::int64_t cursor) {
  const Time now = deps_.clock.now();
  auto routed = co_await route_stored(*notification, now);
  Routed rows = routed ? std::move(*routed) : not_expandable(routed.error(), *notification, now);
  co_return co_await commit_chunks(*notification, std::move(rows), cursor, now);
}

Task<std::expected<Routed, Refusal>> Expander::route_stored(const model::Notification& n, Time now) {
  const auto snapshot = deps_.directory.snapshot();
  const auto* view = snapshot->project(n.project);
  if (view == nullptr || !n.request) {
    Refusal gone;
    gone.code = "unknown_project";
    gone.detail = "the project or the request is gone";
    co_return std::unexpected(std::move(gone));
  }
  std::shared_ptr<const model::Template> pinned;
  if (!n.template_key.empty()) {
    auto found = co_await deps_.directory.template_version(n.project, n.template_key, n.template_version);
    if (found) pinned = std::move(*found);
  }
  const auto app = snapshot->apps.find(n.app);
  auto plan = make_plan(*view, app != snapshot->apps.end() ? app->second : nullptr, n.is_sandbox, *n.request,
                        std::move(pinned), now);
  if (!plan) co_return std::unexpected(std::move(plan.error()));
  plan->priority = n.priority;
  plan->expires_at = n.expires_at;
  plan->accepted_at = n.accepted_at;
  PeopleQuery query;
  query.project = n.project;
  query.request = n.request.get();
  query.channels = &plan->channels;
  std::vector<PeopleQuery*> queries{&query};
  const auto loaded = co_await load_people(deps_.store, deps_.keys.address_hash, std::move(queries));
  if (!loaded) {
    Refusal away;
    away.status = 503;
    away.code = "store_unavailable";
    away.detail = loaded.error().message;
    co_return std::unexpected(std::move(away));
  }
  const RouteInput input{*plan, *n.request, query.people, deps_.keys.address_hash, now, false, true};
  Routed routed = route(input);
  if (routed.problems.empty()) co_return routed;
  Refusal refusal;
  refusal.code = routed.problems.front().code;
  refusal.detail = routed.problems.front().detail;
  co_return std::unexpected(std::move(refusal));
}

// The cursor is an index into `to`: a chunk ends where an entry's deliveries end.
Task<Result<void>> Expander::commit_chunks(const model::Notification& n, Routed routed, std::int64_t cursor,
                                           Time now) {
  auto& rows = routed.deliveries;
  std::size_t at = 0;
  while (at < rows.size() && rows[at].to_index < cursor) ++at;
  bool is_done = false;
  while (!is_done && !is_stopping_) {
    std::size_t end = std::min(rows.size(), at + kChunkMax);
    while (end < rows.size() && rows[end].to_index == rows[end - 1].to_index) ++end;
    is_done = end == rows.size();
    store::ExpandItem item;
    item.notification = n.id;
    item.expected_cursor = cursor;
    item.next_cursor =
        is_done ? static_cast<std::int64_t>(n.request ? n.request->to.size() : 1) : rows[end].to_index;
    item.done = is_done;
    const std::size_t count = end - at;
    const std::int64_t first = count > 0 ? deps_.ids.take(count) : 0;
    std::vector<store::Hint> hints;
    for (std::size_t i = at; i < end; ++i) {
      rows[i].id = first + static_cast<std::int64_t>(i - at);
      rows[i].notification = n.id;
      if (rows[i].status == DeliveryStatus::Pending) hints.push_back({rows[i].id, rows[i].lane()});
      item.deliveries.push_back(std::move(rows[i]));
    }
    for (auto& cap : routed.caps) {
      if (cap.delivery < at || cap.delivery >= end) continue;
      item.caps.push_back(cap);
      item.caps.back().delivery -= at;
    }
    cursor = item.next_cursor;
    CARILLON_FAILPOINT("expand.before_chunk");
    CARILLON_CO_CHECK(co_await deps_.store.expand(std::move(item), now));
    CARILLON_FAILPOINT("expand.after_chunk");
    publish_(hints);
    at = end;
  }
  co_return Result<void>{};
}

}  // namespace carillon::pipeline
