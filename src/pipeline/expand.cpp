#include "pipeline/expand.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/flight.h"
#include "pipeline/refusal.h"
#include "pipeline/sensitive.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;

constexpr std::size_t kDueMax = 16;      // notifications looked up, and expanded in turns
constexpr std::size_t kChunkMax = 500;   // deliveries of one transaction
constexpr std::size_t kPageUsers = 500;  // members routed together
constexpr std::size_t kPagesPerTurn = 8;
constexpr std::int64_t kPartsMax = 256;                // of a send
constexpr std::size_t kMeasuredMin = kUrgentRows / 2;  // chunks of about one size are compared
constexpr auto kLookAround = std::chrono::milliseconds(200);

bool is_group(const model::Recipient& entry) { return entry.kind == model::RecipientKind::Group; }

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

Expander::Expander(const Pipeline::Deps& deps, const base::Urgency& urgency, std::int64_t range, Hooks hooks)
    : deps_(deps),
      urgency_(urgency),
      range_(range),
      hooks_(std::move(hooks)),
      expanded_(deps.metrics.counter("carillon_expanded_recipients_total",
                                     "Recipients of large and planned sends whose deliveries this process "
                                     "made.")) {}

bool Expander::Progress::has_entries_left() const {
  if (at.part != 0) return false;
  if (!notification->request) return at.cursor == 0;
  const auto& to = notification->request->to;
  if (at.cursor >= static_cast<std::int64_t>(to.size())) return false;
  return at.audience.empty() || !std::all_of(to.begin() + at.cursor, to.end(), is_group);
}

Task<void> Expander::run() {
  if (is_running_) co_return;
  is_running_ = true;
  bool has_moved = true;  // a round in which nothing did is the last: the next tick looks again
  while (has_moved && !is_stopping_) {
    has_moved = false;
    auto due = co_await find_work();
    if (!due || due->empty()) break;
    std::vector<std::int64_t> ids;
    for (const auto& d : *due) ids.push_back(d.notification);
    auto notifications = co_await deps_.store.notifications(std::move(ids));
    if (!notifications) break;
    for (std::size_t i = 0; i < due->size() && !is_stopping_; ++i) {
      if (!(*notifications)[i]) continue;
      Progress progress{std::move((*notifications)[i]), std::move((*due)[i])};
      const auto expanded = co_await expand(progress, kPagesPerTurn);
      has_moved = has_moved || progress.has_moved;
      // Tried again at each tick; what refuses it may stand for hours, as a newer version's schema does.
      const bool is_failed = !expanded && expanded.error().code != Errc::Conflict;
      if (is_failed && failures_.is_due(expanded.error().message)) {
        base::log_warn("{} cannot be expanded now: {}",
                       base::id_text(base::kNotificationPrefix, progress.at.notification),
                       expanded.error().message);
      }
    }
  }
  is_running_ = false;
}

Task<Result<std::vector<store::DueExpansion>>> Expander::find_work() {
  auto& expansions = deps_.store.expansions();
  const Time now = deps_.clock.now();
  // Nobody else could have any.
  if (!deps_.store.is_shared()) co_return co_await expansions.due(kDueMax, now);
  co_return co_await expansions.take(deps_.owner, kDueMax, now);
}

bool Expander::is_worth_cutting(const Progress& progress) const {
  const auto& at = progress.at;
  return deps_.store.is_shared() && at.part == 0 && !at.audience.empty() && at.left >= 2 * range_;
}

Task<Result<void>> Expander::cut(Progress& progress) {
  const auto& at = progress.at;
  auto& expansions = deps_.store.expansions();
  store::MembersQuery query;
  query.groups = at.audience;
  query.moment = at.moment;
  query.after = at.after;
  const auto parts = static_cast<std::size_t>(std::clamp<std::int64_t>(at.left / range_, 2, kPartsMax));
  CARILLON_CO_TRY(auto points, co_await expansions.cut_points(std::move(query), parts));
  CARILLON_FAILPOINT("expand.before_cut");
  CARILLON_CO_CHECK(co_await expansions.cut(at.notification, at.cursor, std::move(points)));
  CARILLON_FAILPOINT("expand.after_cut");
  progress.has_moved = true;
  co_return Result<void>{};
}

Task<Result<void>> Expander::expand(Progress& progress, std::size_t pages) {
  using boost::asio::experimental::awaitable_operators::operator&&;
  const model::Notification& n = *progress.notification;
  if (progress.has_entries_left()) {
    const Time now = deps_.clock.now();
    auto routed = co_await route_stored(n, People{}, false, now);
    if (!routed && routed.error().is_passing()) co_return fail(Errc::Unavailable, routed.error().detail);
    const bool is_lost = !routed;
    Routed rows = routed ? std::move(*routed) : not_expandable(routed.error(), n, now);
    const bool is_done = is_lost || progress.at.audience.empty();
    CARILLON_CO_CHECK(co_await commit(progress, std::move(rows), is_done, {}, now));
    if (is_done) co_return Result<void>{};
  }
  if (is_worth_cutting(progress)) co_return co_await cut(progress);
  // While a page is stored, the next is read and routed.
  CARILLON_CO_TRY(Page page, co_await load_page(progress, progress.at.after));
  while (!is_stopping_) {
    const bool is_turn_over = page.is_last || --pages == 0;
    const std::string last = page.last;
    if (is_turn_over) {
      co_return co_await commit(progress, std::move(page.routed), page.is_last, last, deps_.clock.now());
    }
    const auto began = base::Urgency::Clock::now();
    auto [stored, next] =
        co_await (commit(progress, std::move(page.routed), false, last, deps_.clock.now()) &&
                  load_page(progress, last));
    CARILLON_CO_CHECK(stored);
    CARILLON_CO_TRY(page, std::move(next));
    // As much time for others as this took.
    if (urgency_.is_near() && !deps_.store.is_shared())
      co_await base::sleep_for(base::Urgency::Clock::now() - began);
  }
  co_return Result<void>{};
}

Task<void> Expander::give_way(std::size_t rows) {
  if (!deps_.store.is_shared()) co_return;
  if (const auto now = base::Urgency::Clock::now(); now - looked_at_ >= kLookAround) {
    looked_at_ = now;
    co_await hooks_.look_around();
  }
  for (std::size_t left = rows; left > 0 && is_paced() && !is_stopping_;) {
    left -= pace_.take(left);
    if (left > 0) co_await base::sleep_for(pace_.until_next());
  }
}

Task<Result<Expander::Page>> Expander::load_page(const Progress& progress, std::string after) {
  const model::Notification& n = *progress.notification;
  const Time now = deps_.clock.now();
  store::MembersQuery query;
  query.groups = progress.at.audience;
  query.moment = progress.at.moment;
  query.after = std::move(after);
  query.until = progress.at.until;
  const std::size_t limit = urgency_.step(kPageUsers, urgent_rows(deps_.store.is_shared()));
  query.limit = limit;
  People people;
  CARILLON_CO_TRY(people.members, co_await deps_.store.members(std::move(query)));
  Page page;
  page.is_last = people.members.size() < limit;
  if (people.members.empty()) co_return page;
  page.last = people.members.back().user_id;
  auto routed = co_await route_stored(n, std::move(people), true, now);
  if (!routed && routed.error().is_passing()) co_return fail(Errc::Unavailable, routed.error().detail);
  if (!routed) page.is_last = true;
  page.routed = routed ? std::move(*routed) : not_expandable(routed.error(), n, now);
  co_return page;
}

Task<Expander::RoutedOr> Expander::route_stored(const model::Notification& n, People people,
                                                bool only_members, Time now) {
  const auto snapshot = deps_.directory.snapshot();
  const auto* view = snapshot->project(n.project);
  if (view == nullptr || !n.request) {
    co_return std::unexpected(make_refusal(422, "unknown_project", "the project or the request is gone"));
  }
  std::shared_ptr<const model::SendRequest> request = n.request;
  if (n.is_sensitive) {
    const auto whole = co_await open_sensitive(deps_.store, deps_.keys, n.id);
    if (!whole) co_return std::unexpected(unavailable(whole.error()));
    if (!*whole)
      co_return std::unexpected(make_refusal(422, "sensitive_wiped", "what was sensitive is wiped"));
    request = (*whole)->request;
  }
  std::shared_ptr<const model::Template> pinned;
  if (!n.template_key.empty()) {
    auto found = co_await deps_.directory.template_version(n.project, n.template_key, n.template_version);
    if (found) pinned = std::move(*found);
  }
  const auto app = snapshot->apps.find(n.app);
  auto plan = make_plan(*view, app != snapshot->apps.end() ? app->second : nullptr, n.is_sandbox, *request,
                        std::move(pinned), now);
  if (!plan) co_return std::unexpected(std::move(plan.error()));
  plan->priority = n.priority;
  plan->expires_at = n.expires_at;
  plan->accepted_at = n.accepted_at;
  PeopleQuery query;
  query.project = n.project;
  query.request = request.get();
  query.channels = &plan->channels;
  query.only_members = only_members;
  query.people = std::move(people);
  std::vector<PeopleQuery*> queries{&query};
  const auto loaded = co_await load_people(deps_.store, deps_.keys.address_hash, std::move(queries));
  if (!loaded) co_return std::unexpected(unavailable(loaded.error()));
  // Members come by pages, from the moment the send was accepted.
  if (!only_members) {
    query.people.groups.clear();
    query.people.members.clear();
  }
  const RouteInput input{*plan, *request, query.people, deps_.keys.address_hash,
                         now,   false,    true,         only_members};
  Routed routed = route(input);
  if (routed.problems.empty()) co_return routed;
  co_return std::unexpected(make_refusal(422, std::move(routed.problems)));
}

// The cursor is an index into `to` as long as entries of it are expanded, and counts on for each chunk of
// members, whose place is the last user.
Task<Result<void>> Expander::commit(Progress& progress, Routed routed, bool is_done, std::string last_user,
                                    Time now) {
  const model::Notification& n = *progress.notification;
  auto& rows = routed.deliveries;
  const bool is_of_members = !last_user.empty() || !progress.has_entries_left();
  const auto entries = static_cast<std::int64_t>(n.request ? n.request->to.size() : 1);
  const auto belong_together = [&](const model::Delivery& a, const model::Delivery& b) {
    return is_of_members ? a.user_id == b.user_id : a.to_index == b.to_index;
  };
  std::size_t at = 0;
  while (!is_of_members && at < rows.size() && rows[at].to_index < progress.at.cursor) ++at;
  for (bool is_last_chunk = false; !is_last_chunk && !is_stopping_;) {
    std::size_t end = std::min(rows.size(), at + kChunkMax);
    while (end < rows.size() && belong_together(rows[end - 1], rows[end])) ++end;
    is_last_chunk = end == rows.size();
    store::ExpandItem item;
    item.notification = n.id;
    item.expected_cursor = progress.at.cursor;
    item.part = progress.at.part;
    item.owner = deps_.owner;
    item.done = is_last_chunk && is_done;
    if (is_of_members) {
      item.next_cursor = std::max(entries, progress.at.cursor) + 1;
      item.after = is_last_chunk ? last_user : rows[end - 1].user_id;
    } else {
      item.next_cursor = is_last_chunk ? entries : rows[end].to_index;
    }
    const std::size_t count = end - at;
    for (std::size_t i = at; i < end; ++i)
      item.recipients += i == at || !belong_together(rows[i - 1], rows[i]) ? 1 : 0;
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
    const std::int64_t next = item.next_cursor;
    const auto recipients = static_cast<std::uint64_t>(item.recipients);
    co_await give_way(count);
    const auto began = base::Pace::Clock::now();
    const bool is_measured = is_paced() && count >= kMeasuredMin && count <= kUrgentRows;
    CARILLON_FAILPOINT("expand.before_chunk");
    CARILLON_CO_CHECK(co_await deps_.store.expansions().expand(std::move(item), now));
    CARILLON_FAILPOINT("expand.after_chunk");
    if (is_measured) pace_.note(base::Pace::Clock::now() - began);
    // One for each channel of a chunk: what matters is that it happens.
    for (const auto& warning : routed.warnings) {
      if (warning.is_no_route()) hooks_.no_route(n.project, *warning.channel, 1);
    }
    expanded_.add(recipients);
    progress.at.cursor = next;
    progress.has_moved = true;
    hooks_.publish(hints);
    at = end;
  }
  co_return Result<void>{};
}

}  // namespace carillon::pipeline
