// /v1/approvals: sends that wait for somebody's word.
#include "api/approvals.h"

#include <algorithm>
#include <array>

#include "api/history.h"
#include "api/latencies.h"
#include "api/router.h"
#include "api/send_answer.h"
#include "model/address.h"

namespace carillon::api {
namespace {

using store::Approval;
using store::ApprovalStatus;

constexpr std::array<std::string_view, 5> kStatusNames{"open", "approved", "rejected", "expired", "void"};
constexpr std::size_t kReasonMax = 1000;  // bytes
constexpr std::size_t kSampleMax = 10;    // recipients shown
constexpr Millis kHour{3'600'000}, kRateWindow{24LL * 3'600'000};

// Without the closing brace.
void open_approval(base::JsonWriter& out, const Call& call, const Approval& a, const model::Notification* n) {
  out.object();
  write_id(out, "id", base::kApprovalPrefix, a.id);
  write_id(out, "notification_id", base::kNotificationPrefix, a.notification);
  out.field("status", kStatusNames[static_cast<std::size_t>(a.status)]).field("audience", a.audience);
  out.field("submitted_by", a.submitted_by).field("submitted_at", to_rfc3339(a.submitted_at));
  out.field("expires_at", to_rfc3339(a.expires_at));
  out.field_or_null("decided_by", a.decided_by);
  out.field_or_null("decided_at", a.decided_at);
  out.field_or_null("reason", a.reason);
  write_app_name(out, call, n == nullptr ? 0 : n->app);
  out.field_or_null("category", n == nullptr ? std::string_view() : std::string_view(n->category));
}

}  // namespace

void write_approval(base::JsonWriter& out, const Call& call, const Approval& a,
                    const model::Notification* n) {
  open_approval(out, call, a, n);
  out.end_object();
}

namespace {

// ---- what whoever decides has to know
using Sent = std::shared_ptr<const model::Notification>;

std::vector<model::Channel> channels_of(const Call& call, const model::Notification& n,
                                        const model::Category* category) {
  if (n.request && !n.request->channels.empty()) return n.request->channels;
  if (n.request && !n.request->fallback.empty()) {
    std::vector<model::Channel> channels;
    for (const model::FallbackStep& step : n.request->fallback) channels.push_back(step.channel);
    return channels;
  }
  const auto it = call.view().templates.find(n.template_key);
  if (it != call.view().templates.end() && !it->second->channels.empty()) return it->second->channels;
  return category != nullptr ? category->channels : std::vector<model::Channel>();
}

// The limit of the category, and how much of it the app has used within the hour.
Task<Result<void>> write_hour(base::JsonWriter& out, Call& call, const model::Notification& n,
                              std::int64_t limit) {
  out.key("limit");
  if (limit == 0) {
    out.null().key("hour").null();
    co_return Result<void>{};
  }
  store::ApprovalHour hour{.project = n.project, .app = n.app, .category = n.category};
  CARILLON_CO_TRY(const std::int64_t spent, co_await call.deps.store.hour_spent(std::move(hour), call.now));
  out.value(limit).key("hour").object().field("recipients", spent).field("limit", limit);
  out.field("from", to_rfc3339(call.now - kHour)).field("until", to_rfc3339(call.now)).end_object();
  co_return Result<void>{};
}

// How long it takes at the rate of the busiest stretch lately, behind what waits already: each recipient once
// by each channel, or by the first of several that are tried in order.
Task<Result<void>> write_estimate(base::JsonWriter& out, Call& call, const model::Notification& n,
                                  std::int64_t audience, std::span<const model::Channel> channels) {
  const auto is_its = [&](model::Channel channel) {
    return std::ranges::find(channels, channel) != channels.end();
  };
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.telemetry().latency(
                                       n.project, call.now - kRateWindow, call.now + Millis(1)));
  const double rate = busiest_rate(rows, call.now, is_its);
  out.key("estimate");
  if (!(rate > 0)) {
    out.null();
    co_return Result<void>{};
  }
  CARILLON_CO_TRY(const auto lanes, co_await call.deps.store.lane_depths(call.now));
  std::int64_t queued = 0;
  for (const store::LaneDepth& depth : lanes) {
    if (is_its(model::channel_of(depth.lane.queue))) queued += depth.ready;
  }
  const bool is_in_order = n.request && !n.request->fallback.empty();
  const std::int64_t each = is_in_order ? 1 : std::max<std::int64_t>(1, std::ssize(channels));
  out.object().field("seconds", static_cast<double>(queued + audience * each) / rate).field("rate", rate);
  out.field("queued", queued).field("basis", "busiest 5 minutes of the last 24 h").end_object();
  co_return Result<void>{};
}

void write_entry(base::JsonWriter& out, const model::Recipient& to) {
  using Kind = model::RecipientKind;
  out.object();
  switch (to.kind) {
    case Kind::User: out.field("user_id", to.id); break;
    case Kind::Device: out.field("device_id", to.id); break;
    case Kind::Email: out.field("email", model::mask_address(model::Channel::Email, to.id)); break;
    case Kind::Phone: out.field("phone", model::mask_address(model::Channel::Sms, to.id)); break;
    case Kind::Address: out.field("address", model::mask_address(to.channel, to.id)); break;
    case Kind::Token: out.field("device_token", model::mask_address(model::Channel::Push, to.id)); break;
    case Kind::Group: out.field("group", to.id); break;
  }
  out.field_if("locale", to.locale).end_object();
}

// Some of those it is to: the first entries, and members of the groups it names as they are now.
Task<Result<void>> write_sample(base::JsonWriter& out, Call& call, const model::Notification& n) {
  std::vector<std::string> keys;
  std::size_t shown = 0;
  out.key("sample").array();
  for (std::size_t i = 0; n.request && i < n.request->to.size(); ++i) {
    const model::Recipient& to = n.request->to[i];
    if (to.kind == model::RecipientKind::Group) {
      keys.push_back(to.id);
    } else if (shown < kSampleMax) {
      write_entry(out, to);
      ++shown;
    }
  }
  if (shown < kSampleMax && !keys.empty()) {
    CARILLON_CO_TRY(const auto groups, co_await call.deps.store.groups(n.project, keys));
    store::MembersQuery query;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].id != 0) query.groups.push_back({i, groups[i].id});
    }
    query.limit = kSampleMax - shown;
    std::vector<store::Member> members;
    if (!query.groups.empty()) {
      CARILLON_CO_TRY(members, co_await call.deps.store.members(std::move(query)));
    }
    for (const store::Member& member : members)
      out.object().field("user_id", member.user_id).field("group", keys[member.entry]).end_object();
  }
  out.end_array();
  co_return Result<void>{};
}

Task<Answer> whole_reply(Call& call, const Approval& a, const Sent& n) {
  base::JsonWriter out(2048);
  open_approval(out, call, a, n.get());
  if (n) {
    const auto it = call.view().categories.find(n->category);
    const model::Category* const category = it == call.view().categories.end() ? nullptr : it->second.get();
    const auto channels = channels_of(call, *n, category);
    out.field_or_null("template", n->template_key).key("channels").array();
    for (const model::Channel channel : channels) out.value(model::name(channel));
    out.end_array();
    CARILLON_CO_CHECK(co_await write_hour(out, call, *n, category == nullptr ? 0 : category->approval_over));
    CARILLON_CO_CHECK(co_await write_estimate(out, call, *n, a.audience, channels));
    CARILLON_CO_CHECK(co_await write_sample(out, call, *n));
  }
  out.end_object();
  co_return json_reply(out);
}

Reply approval_reply(const Call& call, const Approval& a, const model::Notification* n) {
  base::JsonWriter out(384);
  write_approval(out, call, a, n);
  return json_reply(out);
}

std::expected<store::ApprovalFilter, Failure> read_filter(const Call& call) {
  store::ApprovalFilter filter;
  filter.project = call.who.project;
  filter.app = call.who.app_id();
  const std::string_view status = call.has_param("status") ? call.param("status") : "open";
  if (status != "all") {
    const auto found = std::ranges::find(kStatusNames, status);
    if (found == kStatusNames.end())
      return failed_at("?status", "invalid_choice", "must be open, approved, rejected, expired, void or all");
    filter.status = static_cast<ApprovalStatus>(found - kStatusNames.begin());
  }
  if (call.has_param("notification_id")) {
    const auto id = base::parse_id(base::kNotificationPrefix, call.param("notification_id"));
    if (!id) return failed_at("?notification_id", "invalid_value", "must be the id of a notification: ntf_…");
    filter.notification = *id;
  }
  return filter;
}

Task<Answer> list_approvals(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const store::ApprovalFilter filter, read_filter(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_approvals(filter, page));
  std::vector<std::int64_t> ids;
  for (const Approval& a : rows) ids.push_back(a.notification);
  CARILLON_CO_TRY(const auto sent, co_await call.deps.store.notifications(std::move(ids)));
  base::JsonWriter out(384 * rows.size() + 64);
  out.object().key("data").array();
  for (std::size_t i = 0; i < rows.size(); ++i) { write_approval(out, call, rows[i], sent[i].get()); }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

struct Found {
  Approval approval;
  Sent notification;  // null: it is gone
};

// The path's, if the caller may see it. Failures: 404.
Task<std::expected<Found, Failure>> find_approval(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kApprovalPrefix));
  auto found = co_await call.deps.store.approval(call.who.project, id);
  if (!found && found.error().code != Errc::NotFound) co_return std::unexpected(Failure(found.error()));
  Sent sent;
  if (found) {
    std::vector<std::int64_t> ids{found->notification};
    CARILLON_CO_TRY(const auto rows, co_await call.deps.store.notifications(std::move(ids)));
    sent = rows.front();
  }
  const bool is_others = call.who.app && (!sent || sent->app != call.who.app->id);
  if (!found || is_others) co_return std::unexpected(not_found(fmt::format("approval {}", call.args[0])));
  co_return Found{std::move(*found), std::move(sent)};
}

Task<Answer> get_approval(Call& call) {
  CARILLON_CO_TRY(const Found found, co_await find_approval(call));
  co_return co_await whole_reply(call, found.approval, found.notification);
}

// {"reason":"…"}, which a rejection has to give.
std::expected<std::string, Failure> read_reason(const Call& call, bool is_required) {
  if (call.request.body.empty() && !is_required) return std::string{};
  const auto root = parse_body(call.request.body.empty() ? std::string_view("{}") : call.request.body);
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  std::string reason;
  base::ObjectReader reader(*root, "", problems);
  if (is_required) reader.require("reason");
  reader.text("reason", reason, kReasonMax);
  reader.done();
  if (is_required && problems.empty() && reason.empty())
    reader.problem("reason", "required", "say why, for whoever submitted it");
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return reason;
}

template <bool is_approved>
Task<Answer> decide(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  CARILLON_CO_TRY(const Found found, co_await find_approval(call));
  store::ApprovalDecision decision;
  CARILLON_CO_TRY(decision.reason, read_reason(call, !is_approved));
  decision.approval = found.approval.id;
  decision.project = call.who.project;
  decision.is_approved = is_approved;
  decision.actor = call.actor();
  auto decided = co_await call.deps.pipeline->decide(std::move(decision));
  if (!decided && decided.error().status == 404)
    co_return std::unexpected(not_found(fmt::format("approval {}", call.args[0])));
  if (!decided) co_return std::unexpected(Failure(std::move(decided.error())));
  co_return approval_reply(call, *decided, found.notification.get());
}

constexpr Route approval_route(std::string_view method, std::string_view pattern, Handler handler,
                               std::string_view summary, std::string_view response,
                               std::string_view request = {}, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(0, "approvals"),
          .handler = handler,
          .tag = "Approvals",
          .summary = summary,
          .request = request,
          .response = response,
          .query = query};
}

}  // namespace

std::span<const Route> approval_routes() {
  static const Route kRoutes[] = {
      approval_route("GET", "/v1/approvals", list_approvals,
                     "What waits for somebody's word (or, with status, what became of it), newest first",
                     "ApprovalList", {}, "limit after status notification_id"),
      approval_route("GET", "/v1/approvals/{id}", get_approval,
                     "One approval, with what there is to know before deciding", "ApprovalDetail"),
      with_optional_body(approval_route("POST", "/v1/approvals/{id}/approve", decide<true>, "Let it go out",
                                        "Approval", "ApprovalReason")),
      approval_route("POST", "/v1/approvals/{id}/reject", decide<false>, "Refuse it, with the reason",
                     "Approval", "ApprovalReason"),
  };
  return kRoutes;
}

}  // namespace carillon::api
