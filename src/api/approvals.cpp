// /v1/approvals: sends that wait for somebody's word.
#include "api/approvals.h"

#include <array>

#include "api/router.h"
#include "api/send_answer.h"

namespace carillon::api {
namespace {

using store::Approval;
using store::ApprovalStatus;

constexpr std::array<std::string_view, 5> kStatusNames{"open", "approved", "rejected", "expired", "void"};
constexpr std::size_t kReasonMax = 1000;  // bytes

}  // namespace

void write_approval(base::JsonWriter& out, const Approval& a) {
  out.object();
  write_id(out, "id", base::kApprovalPrefix, a.id);
  write_id(out, "notification_id", base::kNotificationPrefix, a.notification);
  out.field("status", kStatusNames[static_cast<std::size_t>(a.status)]).field("audience", a.audience);
  out.field("submitted_by", a.submitted_by).field("submitted_at", to_rfc3339(a.submitted_at));
  out.field("expires_at", to_rfc3339(a.expires_at));
  out.field_or_null("decided_by", a.decided_by);
  out.field_or_null("decided_at", a.decided_at);
  out.field_or_null("reason", a.reason);
  out.end_object();
}

namespace {

Reply approval_reply(const Approval& a) {
  base::JsonWriter out(384);
  write_approval(out, a);
  return json_reply(out);
}

std::expected<store::ApprovalFilter, Failure> read_filter(const Call& call) {
  store::ApprovalFilter filter;
  filter.project = call.who.project;
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
  base::JsonWriter out(384 * rows.size() + 64);
  out.object().key("data").array();
  for (const Approval& a : rows) write_approval(out, a);
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

Task<Answer> get_approval(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kApprovalPrefix));
  auto found = co_await call.deps.store.approval(call.who.project, id);
  if (!found && found.error().code == Errc::NotFound)
    co_return std::unexpected(not_found(fmt::format("approval {}", call.args[0])));
  if (!found) co_return std::unexpected(Failure(found.error()));
  co_return approval_reply(*found);
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
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kApprovalPrefix));
  store::ApprovalDecision decision;
  CARILLON_CO_TRY(decision.reason, read_reason(call, !is_approved));
  decision.approval = id;
  decision.project = call.who.project;
  decision.is_approved = is_approved;
  decision.actor = call.actor();
  auto decided = co_await call.deps.pipeline->decide(std::move(decision));
  if (!decided && decided.error().status == 404)
    co_return std::unexpected(not_found(fmt::format("approval {}", call.args[0])));
  if (!decided) co_return std::unexpected(Failure(std::move(decided.error())));
  co_return approval_reply(*decided);
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
      approval_route("GET", "/v1/approvals/{id}", get_approval, "One approval", "Approval"),
      with_optional_body(approval_route("POST", "/v1/approvals/{id}/approve", decide<true>, "Let it go out",
                                        "Approval", "ApprovalReason")),
      approval_route("POST", "/v1/approvals/{id}/reject", decide<false>, "Refuse it, with the reason",
                     "Approval", "ApprovalReason"),
  };
  return kRoutes;
}

}  // namespace carillon::api
