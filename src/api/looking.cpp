// What became of a notification: lists, counts, deliveries with their timelines.
#include <algorithm>
#include <numeric>
#include <vector>

#include "api/approvals.h"
#include "api/dead_letters.h"
#include "api/history.h"
#include "api/router.h"

namespace carillon::api {
namespace {

using model::DeliveryStatus;

constexpr std::size_t kCountedMax = 20'000;  // deliveries looked at for the counts of one notification
constexpr std::size_t kChunk = 200;

struct Counts {
  StatusCounts by_status{};
  bool is_complete = true;
  [[nodiscard]] std::int64_t of(DeliveryStatus status) const {
    return by_status[static_cast<std::size_t>(status)];
  }
  [[nodiscard]] std::int64_t total() const {
    return std::accumulate(by_status.begin(), by_status.end(), 0LL);
  }
};

Task<std::expected<Counts, Failure>> count_deliveries(Call& call, std::int64_t notification) {
  Counts counts;
  // Those expanded in chunks keep counts; others have few deliveries.
  CARILLON_CO_TRY(counts.by_status, co_await call.deps.store.status_counts(notification));
  if (std::ranges::any_of(counts.by_status, [](std::int64_t n) { return n != 0; })) co_return counts;
  store::ListPage page;
  page.limit = kChunk;
  for (std::size_t seen = 0; seen < kCountedMax; seen += kChunk) {
    CARILLON_CO_TRY(const auto rows, co_await call.deps.store.deliveries_of(notification, page));
    for (const auto& d : rows) ++counts.by_status[static_cast<std::size_t>(d.status)];
    if (rows.size() < kChunk) co_return counts;
    page.after = rows.back().id;
  }
  counts.is_complete = false;
  co_return counts;
}

model::LogStatus log_status_of(const Counts& counts) {
  std::int64_t sums[5] = {};
  for (std::size_t i = 0; i < counts.by_status.size(); ++i) {
    sums[static_cast<std::size_t>(model::log_status(static_cast<DeliveryStatus>(i)))] += counts.by_status[i];
  }
  for (const auto status : {model::LogStatus::Processing, model::LogStatus::Pending, model::LogStatus::Fail,
                            model::LogStatus::Success}) {
    if (sums[static_cast<std::size_t>(status)] > 0) return status;
  }
  return model::LogStatus::None;
}

void write_counts(base::JsonWriter& out, const Counts& counts) {
  out.key("counts").object();
  for (std::size_t i = 0; i < counts.by_status.size(); ++i) {
    if (counts.by_status[i] != 0) out.field(model::name(static_cast<DeliveryStatus>(i)), counts.by_status[i]);
  }
  out.end_object().field("counts_complete", counts.is_complete);
}

}  // namespace

namespace {

std::string_view progress_state(model::NotificationStatus status) noexcept {
  switch (status) {
    case model::NotificationStatus::Draft:
    case model::NotificationStatus::AwaitingApproval:
    case model::NotificationStatus::Scheduled: return "waiting";
    case model::NotificationStatus::Expanding: return "expanding";
    case model::NotificationStatus::Sending: return "sending";
    case model::NotificationStatus::Paused: return "paused";
    case model::NotificationStatus::Completed:
    case model::NotificationStatus::Cancelled:
    case model::NotificationStatus::Rejected:
    case model::NotificationStatus::ApprovalExpired: break;
  }
  return "done";
}

// Recipients whose deliveries are there, and of those deliveries how many have ended.
Task<std::expected<void, Failure>> write_progress(base::JsonWriter& out, Call& call,
                                                  const model::Notification& n, const Counts& counts) {
  CARILLON_CO_TRY(const auto expansion, co_await call.deps.store.expansions().progress(n.id));
  out.key("progress").object().field("state", progress_state(n.status)).key("recipients");
  if (expansion && expansion->recipients > 0) {
    out.object()
        .field("expanded", expansion->expanded)
        .field("estimated", expansion->recipients)
        .end_object();
  } else {
    out.null();
  }
  std::int64_t ended = 0;
  for (std::size_t i = 0; i < counts.by_status.size(); ++i)
    ended += model::is_final(static_cast<DeliveryStatus>(i)) ? counts.by_status[i] : 0;
  out.key("deliveries")
      .object()
      .field("total", counts.total())
      .field("ended", ended)
      .end_object()
      .end_object();
  co_return std::expected<void, Failure>{};
}

// Its latest; nullopt: it never needed one.
Task<std::expected<std::optional<store::Approval>, Failure>> approval_of(Call& call,
                                                                         std::int64_t notification) {
  store::ApprovalFilter filter;
  filter.project = call.who.project;
  filter.notification = notification;
  store::ListPage page;
  page.limit = 1;
  CARILLON_CO_TRY(auto found, co_await call.deps.store.list_approvals(filter, page));
  if (found.empty()) co_return std::nullopt;
  co_return std::move(found.front());
}

}  // namespace

namespace {

// What has not begun can be changed or decided about: whoever does sees what it says.
bool may_begin(model::NotificationStatus status) noexcept {
  return status == model::NotificationStatus::Draft ||
         status == model::NotificationStatus::AwaitingApproval ||
         status == model::NotificationStatus::Scheduled;
}

}  // namespace

Task<Answer> get_notification(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kNotificationPrefix));
  CARILLON_CO_TRY(const auto n, co_await visible_notification(call, id));
  CARILLON_CO_TRY(const Counts counts, co_await count_deliveries(call, id));
  CARILLON_CO_TRY(const auto approval, co_await approval_of(call, id));
  base::JsonWriter out(768);
  model::Notification shown = *n;
  if (shown.delivery_count == 0) shown.delivery_count = static_cast<std::int32_t>(counts.total());
  open_notification(out, call, shown);
  write_counts(out, counts);
  CARILLON_CO_CHECK(co_await write_progress(out, call, *n, counts));
  if (approval) {
    out.key("approval");
    write_approval(out, call, *approval, n.get());
  }
  if (may_begin(n->status) && !n->body.empty()) out.key("request").raw(n->body);
  out.field_or_null("log_status", model::name(log_status_of(counts)));
  out.key("outcome");
  if (n->status == model::NotificationStatus::Completed) {
    const std::int64_t good = counts.of(DeliveryStatus::Sent) + counts.of(DeliveryStatus::Delivered);
    const std::int64_t bad = counts.of(DeliveryStatus::Failed) + counts.of(DeliveryStatus::Dead) +
                             counts.of(DeliveryStatus::Unknown) + counts.of(DeliveryStatus::Expired);
    out.value(
        model::name(model::outcome_of(static_cast<std::uint64_t>(good), static_cast<std::uint64_t>(bad))));
  } else {
    out.null();
  }
  out.end_object();
  co_return json_reply(out);
}

namespace {

Task<Answer> list_notifications(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(auto filter, history_filter(call, paging));
  co_return co_await notification_list(call, paging, std::move(filter));
}

Task<Answer> list_deliveries(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(auto filter, history_filter(call, paging));
  CARILLON_CO_TRY(const auto page, co_await call.deps.store.list_deliveries(std::move(filter)));
  base::JsonWriter out(512 * page.rows.size() + 64);
  out.object().key("data").array();
  for (const auto& d : page.rows) write_delivery(out, d);
  out.end_array();
  write_page(out, call, paging, page.next);
  co_return json_reply(out);
}

Task<Answer> deliveries_of(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kNotificationPrefix));
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const auto n, co_await visible_notification(call, id));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.deliveries_of(n->id, page));
  base::JsonWriter out(512 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& d : rows) write_delivery(out, d);
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

// ---- one delivery
struct Step {
  Time at{};
  std::string what, detail;
};

// What the rows say happened, in order: accepted, each call of a provider, the end.
std::vector<Step> timeline(const model::Notification& n, const store::DeliveryDetail& detail) {
  const model::Delivery& d = detail.delivery;
  std::vector<Step> steps;
  steps.push_back({n.accepted_at, "accepted", {}});
  for (const auto& attempt : detail.attempts) {
    std::string text = attempt.integration;
    if (attempt.status != 0) text += fmt::format(" answered {}", attempt.status);
    if (!attempt.code.empty()) text += " " + attempt.code;
    steps.push_back({attempt.at, "attempt_" + attempt.outcome, std::move(text)});
  }
  const std::string reason(model::name(d.reason));
  if (d.finished_at) {
    steps.push_back(
        {*d.finished_at, std::string(model::name(d.status)), reason.empty() ? d.integration : reason});
  } else if (d.status == DeliveryStatus::Held || d.status == DeliveryStatus::Retrying) {
    const Time at = detail.attempts.empty() ? n.accepted_at : detail.attempts.back().at;
    const std::string until = d.due_at ? " until " + to_rfc3339(*d.due_at) : std::string{};
    steps.push_back({at, std::string(model::name(d.status)), reason + until});
  }
  for (const auto& receipt : detail.receipts) {
    std::string text = receipt.integration;
    if (!receipt.code.empty()) text += (text.empty() ? "" : " ") + receipt.code;
    steps.push_back({receipt.at, fmt::format("receipt_{}", model::name(receipt.kind)), std::move(text)});
  }
  if (detail.letter && detail.letter->end.how == "discarded" && detail.letter->end.at)
    steps.push_back({*detail.letter->end.at, "discarded", detail.letter->end.reason});
  return steps;
}

// The first of each kind; what the recipient did is told as `engagement`, too.
void write_receipts(base::JsonWriter& out, const std::vector<store::StoredReceipt>& receipts) {
  out.key("receipts").array();
  for (const auto& r : receipts) {
    out.object().field("kind", model::name(r.kind)).field("at", to_rfc3339(r.at));
    out.field("last_at", to_rfc3339(r.last_at))
        .field("count", r.n)
        .field_or_null("integration", r.integration);
    out.field_if("code", r.code).field_if("detail", r.detail).end_object();
  }
  out.end_array().key("engagement").array();
  for (const auto& r : receipts) {
    if (model::is_engagement(r.kind)) out.value(model::name(r.kind));
  }
  out.end_array();
}

void write_attempts(base::JsonWriter& out, const std::vector<model::Attempt>& attempts) {
  out.key("attempt_log").array();
  for (const auto& a : attempts) {
    out.object().field("number", static_cast<int>(a.number)).field("at", to_rfc3339(a.at));
    out.field("took_ms", static_cast<std::int64_t>(a.took_ms)).field("integration", a.integration);
    out.field("outcome", a.outcome);
    if (a.status != 0) out.field("status", a.status);
    out.field_if("code", a.code)
        .field_if("detail", a.detail)
        .field_if("provider_id", a.provider_id)
        .end_object();
  }
  out.end_array();
}

void write_letter(base::JsonWriter& out, const std::optional<store::DeadLetter>& letter) {
  out.key("dead_letter");
  if (!letter) {
    out.null();
    return;
  }
  out.object();
  write_id(out, "id", base::kDeadLetterPrefix, letter->id);
  out.field("reason", letter->reason).field("at", to_rfc3339(letter->at));
  write_letter_end(out, *letter);
  out.end_object();
}

Task<Answer> get_delivery(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kDeliveryPrefix));
  auto detail = co_await call.deps.store.delivery(id);
  if (!detail && detail.error().code == Errc::NotFound) {
    co_return std::unexpected(not_found(fmt::format("delivery {}", call.args[0])));
  }
  if (!detail) co_return std::unexpected(Failure(detail.error()));
  CARILLON_CO_TRY(const auto n, co_await visible_notification(call, detail->delivery.notification));
  base::JsonWriter row(2048);
  write_delivery(row, detail->delivery);
  std::string text = row.str();
  text.pop_back();  // the object goes on
  base::JsonWriter rest(1024);
  rest.object().key("timeline").array();
  for (const Step& step : timeline(*n, *detail)) {
    rest.object()
        .field("at", to_rfc3339(step.at))
        .field("event", step.what)
        .field_if("detail", step.detail)
        .end_object();
  }
  rest.end_array();
  write_attempts(rest, detail->attempts);
  write_receipts(rest, detail->receipts);
  write_letter(rest, detail->letter);
  rest.key("explain");
  auto explained = call.deps.pipeline ? co_await call.deps.pipeline->explain_delivery(id)
                                      : Result<model::Explain>(fail(Errc::NotFound, "stopped"));
  if (explained) {
    model::write_explain(rest, *explained);
  } else {
    rest.null();
  }
  rest.key("content");
  auto message = call.deps.pipeline ? co_await call.deps.pipeline->rendered(id)
                                    : Result<model::Message>(fail(Errc::NotFound, "stopped"));
  if (message) {
    model::write_message(rest, *message, detail->delivery.channel());
  } else {
    rest.null();
  }
  rest.end_object();
  Reply reply;
  reply.body = std::move(text) + "," + rest.str().substr(1);
  co_return reply;
}

Task<Answer> cancel(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kNotificationPrefix));
  CARILLON_CO_TRY(const auto n, co_await changeable_notification(call, id));
  store::CancelResult result;
  if (call.deps.pipeline != nullptr) {
    CARILLON_CO_TRY(result, co_await call.deps.pipeline->cancel(id, call.actor()));
  } else {
    CARILLON_CO_TRY(result, co_await call.deps.store.cancel(id, call.actor(), call.now));
  }
  base::JsonWriter out;
  out.object();
  write_id(out, "id", base::kNotificationPrefix, id);
  out.field("cancelled", static_cast<std::int64_t>(result.cancelled));
  out.field("in_flight", static_cast<std::int64_t>(result.in_flight));
  out.field("already_sent", static_cast<std::int64_t>(result.already_sent)).end_object();
  co_return json_reply(out);
}

Task<Answer> notifications_of_user(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(auto filter, history_filter(call, paging));
  filter.user_id = call.args[0];
  co_return co_await notification_list(call, paging, std::move(filter));
}

constexpr std::string_view kFilters =
    "limit after event_id user_id status log_status category channel from until email phone";

}  // namespace

std::span<const Route> looking_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/notifications",
       .access = allow(kScopeRead, "read"),
       .handler = list_notifications,
       .tag = "Looking",
       .summary = "List notifications, newest first",
       .response = "NotificationList",
       .query = kFilters},
      {.method = "GET",
       .pattern = "/v1/notifications/{id}",
       .access = allow(kScopeRead, "read"),
       .handler = get_notification,
       .tag = "Looking",
       .summary = "One notification with its counts and outcome",
       .response = "Notification"},
      {.method = "GET",
       .pattern = "/v1/notifications/{id}/deliveries",
       .access = allow(kScopeRead, "read"),
       .handler = deliveries_of,
       .tag = "Looking",
       .summary = "The deliveries of a notification",
       .response = "DeliveryList",
       .query = "limit after"},
      {.method = "POST",
       .pattern = "/v1/notifications/{id}/cancel",
       .access = allow(kScopeSend, "send"),
       .handler = cancel,
       .tag = "Sending",
       .summary = "Stop what is not sent yet",
       .response = "CancelAnswer"},
      {.method = "GET",
       .pattern = "/v1/deliveries",
       .access = allow(kScopeRead, "read"),
       .handler = list_deliveries,
       .tag = "Deliveries",
       .summary = "List deliveries, newest first",
       .response = "DeliveryList",
       .query = kFilters},
      {.method = "GET",
       .pattern = "/v1/deliveries/{id}",
       .access = allow(kScopeRead, "read"),
       .handler = get_delivery,
       .tag = "Deliveries",
       .summary = "One delivery: timeline, attempts, explanation, content",
       .response = "DeliveryDetail"},
      {.method = "GET",
       .pattern = "/v1/users/{user_id}/notifications",
       .access = allow(kScopeRead, "read"),
       .handler = notifications_of_user,
       .tag = "Looking",
       .summary = "What a user was sent",
       .response = "NotificationList",
       .query = "limit after status log_status category channel from until"},
  };
  return kRoutes;
}

}  // namespace carillon::api
