#include "pipeline/drafts.h"

#include <algorithm>

#include "pipeline/policy.h"
#include "pipeline/refusal.h"
#include "pipeline/senders.h"
#include "pipeline/sensitive.h"

namespace carillon::pipeline {
namespace {

using model::NotificationStatus;

std::unexpected<Refusal> refuse(int status, std::string code, std::string detail, std::string pointer = {}) {
  return std::unexpected(make_refusal(status, std::move(code), std::move(detail), std::move(pointer)));
}

// Errors of the store's drafts as those who called see them.
std::unexpected<Refusal> refuse(const Error& error, std::string conflict_code) {
  if (error.code == Errc::Conflict) return refuse(409, std::move(conflict_code), error.message);
  if (error.code == Errc::NotFound) return refuse(404, "not_found", error.message);
  return std::unexpected(unavailable(error));
}

// What was written by an app is sent in its name, whoever submits it.
Caller sender_of(const Caller& caller, const Snapshot& snapshot, const model::Notification& n) {
  Caller sender = caller;
  sender.project = n.project;
  sender.is_test = n.is_sandbox;
  const auto app = snapshot.apps.find(n.app);
  sender.app = app == snapshot.apps.end() ? nullptr : app->second;
  return sender;
}

bool has_begun(NotificationStatus status) {
  return status != NotificationStatus::Draft && status != NotificationStatus::AwaitingApproval &&
         status != NotificationStatus::Scheduled;
}

}  // namespace

Task<std::shared_ptr<const model::Template>> named_version(Directory& directory, std::int32_t project,
                                                           const model::SendRequest& request) {
  auto found = co_await directory.template_version(project, request.template_key, request.template_version);
  co_return found ? std::move(*found) : nullptr;
}

std::expected<Plan, Refusal> plan_send(const Snapshot& snapshot, const Options& options, const Caller& caller,
                                       const model::SendRequest& request,
                                       std::shared_ptr<const model::Template> named, Time now) {
  const auto* view = snapshot.project(caller.project);
  if (view == nullptr) return refuse(404, "unknown_project", "there is no such project");
  if (view->archived.contains(request.template_key)) {
    return refuse(
        422, "template_archived",
        fmt::format("the template '{}' is archived; use another, or unarchive it", request.template_key),
        "/template");
  }
  auto plan = make_plan(*view, caller.app, caller.is_test, request, std::move(named), now);
  if (plan) {
    if (auto refusal = refuse_from(*plan->view, request)) return std::unexpected(std::move(*refusal));
    if (auto refusal = refuse_by_policy(caller, *plan, options.public_url))
      return std::unexpected(std::move(*refusal));
  }
  return plan;
}

Task<std::expected<Plan, Refusal>> plan_send(Directory& directory, const Snapshot& snapshot,
                                             const Options& options, const Caller& caller,
                                             const model::SendRequest& request, Time now) {
  std::shared_ptr<const model::Template> named;
  if (names_version(request)) named = co_await named_version(directory, caller.project, request);
  co_return plan_send(snapshot, options, caller, request, std::move(named), now);
}

std::int64_t audience_of(const model::SendRequest& request, const People& people) {
  const auto groups = static_cast<std::int64_t>(people.groups.size());
  std::int64_t audience = static_cast<std::int64_t>(request.to.size()) - groups;
  for (const auto& [entry, group] : people.groups) audience += group.members;
  return audience;
}

bool needs_approval(const Plan& plan, std::int64_t audience) noexcept {
  const std::int64_t over = plan.category->approval_over;
  return over != 0 && !plan.is_test && audience > over;
}

std::optional<store::ApprovalShare> share_of(const Plan& plan, std::int64_t audience) noexcept {
  const std::int64_t over = plan.category->approval_over;
  if (over == 0 || plan.is_test || audience > over) return std::nullopt;
  return store::ApprovalShare{.recipients = audience, .limit = over};
}

store::Approval open_approval(base::IdGenerator& ids, const model::Notification& n, std::int64_t audience,
                              const Caller& caller, Millis lasts, Time now) {
  store::Approval approval;
  approval.id = ids.take(1);
  approval.notification = n.id;
  approval.project = n.project;
  approval.audience = audience;
  approval.submitted_by = caller.actor.name;
  approval.submitted_at = now;
  approval.expires_at = now + lasts;
  return approval;
}

Task<std::expected<Drafts::Considered, Refusal>> Drafts::consider(const Snapshot& snapshot, Caller caller,
                                                                  const model::SendRequest& request,
                                                                  Time objects_since, Time now) {
  auto plan = co_await plan_send(deps_.directory, snapshot, options_, caller, request, now);
  if (!plan) co_return std::unexpected(std::move(plan.error()));
  if (names_objects(request, plan->tmpl.get())) {
    auto found = co_await find_objects(object_access(deps_, options_), caller, *plan, request, objects_since);
    if (!found) co_return std::unexpected(std::move(found.error()));
    plan->objects = std::move(*found);
  }
  PeopleQuery query;
  query.project = caller.project;
  query.request = &request;
  query.channels = &plan->channels;
  std::vector<PeopleQuery*> queries{&query};
  if (const auto loaded = co_await load_people(deps_.store, deps_.keys.address_hash, std::move(queries));
      !loaded) {
    co_return refuse(loaded.error(), {});
  }
  Routed routed = route({*plan, request, query.people, deps_.keys.address_hash, now});
  if (!routed.problems.empty()) { co_return std::unexpected(make_refusal(422, std::move(routed.problems))); }
  Considered made;
  for (const auto& [entry, group] : query.people.groups) made.groups.push_back({entry, group.id});
  made.named = namings(deps_.keys, caller.project, request, query.people);
  made.audience = audience_of(request, query.people);
  made.plan = std::move(*plan);
  co_return made;
}

store::Rewrite Drafts::make_rewrite(const Caller& caller, const Considered& considered,
                                    model::Notification changed, bool stays_draft, bool waits, Time now) {
  const Plan& plan = considered.plan;
  changed.status = stays_draft ? NotificationStatus::Draft
                   : waits     ? NotificationStatus::AwaitingApproval
                               : NotificationStatus::Scheduled;
  changed.priority = plan.priority;
  changed.category = plan.category->key;
  changed.template_key = plan.tmpl ? plan.tmpl->key : std::string{};
  changed.template_version = plan.tmpl ? plan.tmpl->version : 0;
  changed.expires_at = plan.expires_at;
  changed.send_at = plan.send_at;
  // Its age is counted from the moment it may go out, which is this one when no later was asked for.
  if (changed.status == NotificationStatus::Scheduled)
    changed.send_at = std::max(plan.send_at.value_or(now), now);
  store::Rewrite change;
  change.audience = considered.groups;
  change.named = considered.named;
  change.recipients = considered.audience;
  change.objects = plan.objects;
  const std::int64_t audience = considered.audience;
  if (waits)
    change.approval =
        open_approval(deps_.ids, changed, audience, caller, options_.approval.expires_after, now);
  if (changed.status == NotificationStatus::Scheduled) change.share = share_of(plan, audience);
  change.actor = caller.actor;
  change.notification = std::move(changed);
  return change;
}

Task<SendResult> Drafts::rewrite(Caller caller, const model::Notification& before,
                                 model::Notification changed, bool stays_draft, std::string action) {
  const Time now = deps_.clock.now();
  const auto snapshot = deps_.directory.snapshot();
  const Time objects_since = action == "notification.submit" ? before.accepted_at : now;
  auto considered = co_await consider(*snapshot, sender_of(caller, *snapshot, before), *changed.request,
                                      objects_since, now);
  if (!considered) co_return std::unexpected(std::move(considered.error()));
  const std::int64_t audience = considered->audience;
  const bool is_lowered =
      audience > static_cast<std::int64_t>(model::kInlineEndpointsMax) && make_bulk(considered->plan);
  SendAnswer answer;
  answer.id = changed.id;
  answer.event_id = changed.event_id;
  answer.recipients = audience;
  if (is_lowered) answer.warnings.push_back(kLoweredToBulk);
  // What waited for an approval goes on waiting for one, however small it has become.
  bool waits = !stays_draft && (before.status == NotificationStatus::AwaitingApproval ||
                                needs_approval(considered->plan, audience));
  for (bool is_stored = false; !is_stored;) {
    store::Rewrite change = make_rewrite(caller, *considered, changed, stays_draft, waits, now);
    change.expected_body = before.body;
    CARILLON_CO_TRY(change.sealed, seal_sensitive(considered->plan, deps_.keys, change.notification));
    change.action = action;
    answer.status = change.notification.status;
    if (waits) answer.approval = change.approval->id;
    const auto stored = co_await deps_.store.rewrite(std::move(change), now);
    if (!stored) co_return refuse(stored.error(), "already_begun");
    is_stored = *stored;
    waits = true;  // the hour is spent
  }
  if (answer.status == NotificationStatus::Scheduled) expand_();
  co_return answer;
}

Task<SendResult> Drafts::submit(Caller caller, std::shared_ptr<const model::Notification> n) {
  if (n->status != NotificationStatus::Draft) {
    co_return refuse(409, "not_a_draft",
                     fmt::format("it is {}; only a draft can be submitted", model::name(n->status)));
  }
  const auto whole = co_await opened(deps_.store, deps_.keys, n);
  if (!whole) co_return refuse(whole.error(), {});
  if (!*whole) co_return refuse(409, "already_begun", "it has begun, or ended, meanwhile");
  model::Notification changed = *n;
  changed.body = (*whole)->body;
  changed.request = (*whole)->request;
  co_return co_await rewrite(std::move(caller), *n, std::move(changed), false, "notification.submit");
}

Task<SendResult> Drafts::edit(Caller caller, std::shared_ptr<const model::Notification> n, SendItem item) {
  if (has_begun(n->status)) {
    co_return refuse(409, "already_begun",
                     fmt::format("it is {}; only what has not begun can be changed", model::name(n->status)));
  }
  if (item.request->event_id != n->event_id)
    co_return refuse(422, "read_only", "the event id of a notification cannot be changed", "/event_id");
  model::Notification changed = *n;
  changed.body = std::move(item.body);
  changed.request = std::move(item.request);
  const bool stays_draft = n->status == NotificationStatus::Draft;
  co_return co_await rewrite(std::move(caller), *n, std::move(changed), stays_draft, "notification.update");
}

Task<std::expected<store::Approval, Refusal>> Drafts::decide(store::ApprovalDecision decision) {
  const Time now = deps_.clock.now();
  const auto found = co_await deps_.store.approval(decision.project, decision.approval);
  if (!found) co_return refuse(found.error(), {});
  if (found->submitted_by == decision.actor.name) {
    co_return refuse(403, "own_submission",
                     fmt::format("'{}' submitted it; somebody else has to decide", decision.actor.name));
  }
  if (decision.is_approved && found->status == store::ApprovalStatus::Open) {
    std::vector<std::int64_t> ids{found->notification};
    const auto notifications = co_await deps_.store.notifications(std::move(ids));
    if (!notifications) co_return refuse(notifications.error(), {});
    const auto& n = notifications->front();
    if (!n || !n->request) co_return refuse(409, "approval_closed", "the send is not there any more");
    const auto snapshot = deps_.directory.snapshot();
    Caller by;
    by.actor = decision.actor;
    const Caller sender = sender_of(by, *snapshot, *n);
    const auto whole = co_await opened(deps_.store, deps_.keys, n);
    if (!whole) co_return refuse(whole.error(), {});
    if (!*whole) co_return refuse(409, "approval_closed", "the send has ended meanwhile");
    const auto plan =
        co_await plan_send(deps_.directory, *snapshot, options_, sender, *(*whole)->request, now);
    if (!plan) co_return std::unexpected(plan.error());
    // It begins when it is approved, or later: its ttl and its age count from then on.
    decision.send_at = std::max(plan->send_at.value_or(now), now);
    if (plan->ttl) decision.expires_at = std::max(*plan->expires_at, now + *plan->ttl);
  }
  auto decided = co_await deps_.store.decide(std::move(decision), now);
  if (!decided) co_return refuse(decided.error(), "approval_closed");
  if (decided->status == store::ApprovalStatus::Approved) expand_();
  co_return std::move(*decided);
}

}  // namespace carillon::pipeline
