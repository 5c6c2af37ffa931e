// Sums: accountability, statistics, queues, limits. Counter rows only; no table is ever counted here.
#include <algorithm>
#include <map>

#include "api/live.h"
#include "api/rate.h"
#include "api/router.h"
#include "model/local_time.h"
#include "pipeline/recount.h"
#include "providers/catalog.h"

namespace carillon::api {
namespace {

using model::DeliveryStatus;

struct Account {
  std::int64_t accepted = 0;
  std::int64_t states[model::kDeliveryStatusCount] = {};

  void add(const store::CounterRow& row) {
    (row.status ? states[static_cast<std::size_t>(*row.status)] : accepted) += row.n;
  }
  [[nodiscard]] std::int64_t sum() const {
    std::int64_t total = 0;
    for (const std::int64_t n : states) total += n;
    return total;
  }
};

// Members only, no braces.
void write_account(base::JsonWriter& out, const Account& account) {
  out.field("accepted", account.accepted).key("states").object();
  for (std::size_t i = 0; i < model::kDeliveryStatusCount; ++i) {
    out.field(model::name(static_cast<DeliveryStatus>(i)), account.states[i]);
  }
  out.end_object().field("sum", account.sum()).field("exact", account.sum() == account.accepted);
}

// How long ago the first in line of each state was accepted.
Task<Result<void>> write_oldest(base::JsonWriter& out, Call& call) {
  CARILLON_CO_TRY(const auto oldest, co_await call.deps.store.telemetry().oldest(call.who.project));
  out.key("oldest").object();
  for (const auto& [state, id] : {std::pair{DeliveryStatus::Pending, oldest.pending},
                                  {DeliveryStatus::Held, oldest.held},
                                  {DeliveryStatus::Processing, oldest.processing},
                                  {DeliveryStatus::Retrying, oldest.retrying},
                                  {DeliveryStatus::Dead, oldest.dead}}) {
    out.key(model::name(state));
    if (!id) {
      out.null();
      continue;
    }
    const std::chrono::duration<double> age = call.now - base::id_time(*id);
    out.object().field("age", std::max(0.0, age.count()));
    write_id(out, "delivery_id", base::kDeliveryPrefix, *id);
    out.end_object();
  }
  out.end_object();
  co_return Result<void>{};
}

Task<Answer> accountability(Call& call) {
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.counters());
  Account total, live, sandbox;
  std::map<model::Channel, Account> channels;
  for (const auto& row : rows) {
    if (row.project != call.who.project) continue;
    total.add(row);
    (row.is_sandbox ? sandbox : live).add(row);
    channels[model::channel_of(row.queue == model::Queue::PushAny ? model::Queue::PushIos : row.queue)].add(
        row);
  }
  CARILLON_CO_TRY(const auto recounted, co_await pipeline::load_recount(call.deps.store, call.who.project));
  base::JsonWriter out(1024);
  out.object();
  write_account(out, total);
  out.key("live").object();
  write_account(out, live);
  out.end_object().key("sandbox").object();
  write_account(out, sandbox);
  out.end_object().key("channels").array();
  for (const auto& [channel, account] : channels) {
    out.object().field("channel", model::name(channel));
    write_account(out, account);
    out.end_object();
  }
  out.end_array();
  CARILLON_CO_CHECK(co_await write_oldest(out, call));
  out.field("at", to_rfc3339(call.now));
  out.field_or_null("recounted_at", recounted ? std::optional(recounted->at) : std::nullopt);
  out.field_or_null("difference", recounted ? std::optional(recounted->difference) : std::nullopt);
  out.end_object();
  co_return json_reply(out);
}

constexpr Millis kStatsDefault{24LL * 3'600'000};

// One group of GET /v1/stats?by=…: what was accepted, what became of it, what recipients did.
struct Summary {
  std::int64_t accepted = 0;
  std::int64_t states[model::kDeliveryStatusCount] = {};
  std::int64_t reported[model::kReceiptKindCount] = {};
  bool has_receipts = false;   // something reports deliveries: 0 % is a figure
  std::int64_t reporting = 0;  // of what was sent: through somebody who reports deliveries

  [[nodiscard]] std::int64_t of(DeliveryStatus status) const {
    return states[static_cast<std::size_t>(status)];
  }
  [[nodiscard]] std::int64_t of(model::ReceiptKind kind) const {
    return reported[static_cast<std::size_t>(kind)];
  }
  // What reached its provider: each is counted as sent, as delivered, or as both.
  [[nodiscard]] std::int64_t sent() const {
    return std::max(of(DeliveryStatus::Sent), of(DeliveryStatus::Delivered));
  }
};

bool reports(const Call& call, const store::StatsRow& row) {
  const auto* const integration = call.view().find_integration(row.integration);
  const auto* const type = integration ? providers::find_provider(integration->provider) : nullptr;
  return type != nullptr && type->has_receipts;
}

void add(Summary& summary, const Call& call, const store::StatsRow& row) {
  if (row.engagement) {
    summary.reported[static_cast<std::size_t>(*row.engagement)] += row.n;
  } else if (row.status == DeliveryStatus::Pending) {
    summary.accepted += row.n;  // the roll-up counts what was accepted in an hour as pending
  } else {
    summary.states[static_cast<std::size_t>(row.status)] += row.n;
  }
  const bool is_reported = reports(call, row);
  if (!row.engagement && row.status == DeliveryStatus::Sent && is_reported) summary.reporting += row.n;
  summary.has_receipts = summary.has_receipts || row.status == DeliveryStatus::Delivered || is_reported;
}

// A share of what was sent; null where nothing was, or where nobody would tell.
void write_rate(base::JsonWriter& out, std::string_view name, std::int64_t part, std::int64_t whole) {
  out.key(name);
  if (whole <= 0) {
    out.null();
  } else {
    out.value(static_cast<double>(part) / static_cast<double>(whole));
  }
}

void write_summary(base::JsonWriter& out, const Summary& s) {
  using model::ReceiptKind;
  out.field("accepted", s.accepted);
  for (const auto status : {DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Failed,
                            DeliveryStatus::Dead, DeliveryStatus::Unknown, DeliveryStatus::Suppressed,
                            DeliveryStatus::Cancelled, DeliveryStatus::Expired}) {
    out.field(model::name(status), s.of(status));
  }
  for (const auto kind : {ReceiptKind::Opened, ReceiptKind::Clicked, ReceiptKind::Converted,
                          ReceiptKind::Unsubscribed, ReceiptKind::Complained}) {
    out.field(model::name(kind), s.of(kind));
  }
  out.field("receipts", s.has_receipts ? "yes" : "no receipts").key("rates").object();
  // Of what went through those who report it: the silence of the others is no failure.
  const std::int64_t delivered = s.of(DeliveryStatus::Delivered);
  write_rate(out, "delivery", delivered, s.has_receipts ? std::max(s.reporting, delivered) : 0);
  write_rate(out, "open", s.of(ReceiptKind::Opened), s.sent());
  write_rate(out, "click", s.of(ReceiptKind::Clicked), s.sent());
  write_rate(out, "conversion", s.of(ReceiptKind::Converted), s.sent());
  write_rate(out, "unsubscribe", s.of(ReceiptKind::Unsubscribed), s.sent());
  out.end_object();
}

constexpr std::string_view kGroupings[] = {"app", "category", "channel", "integration", "template"};

std::string group_of(const Call& call, const store::StatsRow& row) {
  const std::string_view by = call.param("by");
  if (by == "category") return row.category;
  if (by == "channel") return std::string(model::name(row.channel));
  if (by == "integration") return row.integration;
  if (by == "template") return row.template_key;
  const auto app = call.snapshot->apps.find(row.app);
  return app == call.snapshot->apps.end() ? std::string() : app->second->name;
}

void write_hours(base::JsonWriter& out, const Call& call, const std::vector<store::StatsRow>& rows) {
  for (const auto& row : rows) {
    out.object().field("hour", to_rfc3339(row.hour));
    write_app_name(out, call, row.app);
    out.field_or_null("category", row.category);
    out.field_or_null("template", row.template_key);
    out.field("channel", model::name(row.channel));
    out.field_or_null("integration", row.integration);
    const std::string_view status =
        row.status == DeliveryStatus::Pending ? "accepted" : model::name(row.status);
    out.field("status", row.engagement ? model::name(*row.engagement) : status);
    out.field("n", row.n).end_object();
  }
}

void write_groups(base::JsonWriter& out, const Call& call, const std::vector<store::StatsRow>& rows) {
  std::map<std::string, Summary> groups;
  for (const auto& row : rows) add(groups[group_of(call, row)], call, row);
  for (const auto& [name, summary] : groups) {
    out.object().field_or_null(call.param("by"), name);
    write_summary(out, summary);
    out.end_object();
  }
}

// What begins at the same moment, as far as ?interval= tells moments apart. Days are those of the project's
// time zone: what is rolled up by the hour belongs to the day in which its hour began.
Time begin_of(const Call& call, Time hour) {
  if (call.param("interval") == "hour") return hour;
  const std::string& zone = call.view().settings.time_zone;
  const std::chrono::year_month_day day(model::wall_time(zone, hour).day);
  const auto begin =
      model::local_to_utc(zone.empty() ? "UTC" : zone, static_cast<int>(day.year()),
                          static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()), 0);
  return begin.value_or(std::chrono::floor<std::chrono::days>(hour));
}

void write_intervals(base::JsonWriter& out, const Call& call, const std::vector<store::StatsRow>& rows) {
  const bool is_grouped = !call.param("by").empty();
  std::map<std::pair<Time, std::string>, Summary> groups;
  // Rows of an hour come together, and calendars cost more than sums.
  std::optional<Time> hour;
  Time begin{};
  for (const auto& row : rows) {
    if (hour != row.hour) begin = begin_of(call, *(hour = row.hour));
    std::string name = is_grouped ? group_of(call, row) : std::string();
    add(groups[{begin, std::move(name)}], call, row);
  }
  for (const auto& [key, summary] : groups) {
    out.object().field("at", to_rfc3339(key.first));
    if (is_grouped) out.field_or_null(call.param("by"), key.second);
    write_summary(out, summary);
    out.end_object();
  }
}

Task<Answer> stats(Call& call) {
  store::StatsQuery query;
  query.project = call.who.project;
  CARILLON_CO_TRY(const auto from, time_param(call, "from"));
  CARILLON_CO_TRY(const auto until, time_param(call, "until"));
  CARILLON_CO_TRY(const auto channel, channel_param(call, "channel"));
  const std::string_view by = call.param("by");
  if (!by.empty() && std::ranges::find(kGroupings, by) == std::end(kGroupings)) {
    co_return failed_at("?by", "invalid_choice", "use app, category, channel, integration or template");
  }
  const std::string_view interval = call.param("interval");
  if (call.has_param("interval") && interval != "hour" && interval != "day")
    co_return failed_at("?interval", "invalid_choice", "use hour or day");
  query.until = until.value_or(call.now + Millis(1));
  query.from = from.value_or(query.until - kStatsDefault);
  CARILLON_CO_TRY(auto rows, co_await call.deps.store.stats(query));
  std::erase_if(rows, [&](const store::StatsRow& row) {
    return !((!call.who.app || row.app == call.who.app->id) && (!channel || row.channel == *channel) &&
             (!call.has_param("category") || row.category == call.param("category")) &&
             (!call.has_param("template") || row.template_key == call.param("template")));
  });
  base::JsonWriter out(256 * rows.size() + 128);
  out.object().field("from", to_rfc3339(query.from)).field("until", to_rfc3339(query.until));
  out.key("data").array();
  if (!interval.empty()) {
    write_intervals(out, call, rows);
  } else {
    by.empty() ? write_hours(out, call, rows) : write_groups(out, call, rows);
  }
  out.end_array().key("total").object();
  Summary total;
  for (const auto& row : rows) add(total, call, row);
  write_summary(out, total);
  out.end_object().end_object();
  co_return json_reply(out);
}

void write_queues(base::JsonWriter& out, const std::vector<store::LaneDepth>& lanes, Time now) {
  out.array();
  for (const auto& depth : lanes) {
    const double age =
        depth.oldest_due ? static_cast<double>((now - *depth.oldest_due).count()) / 1000.0 : 0.0;
    out.object()
        .field("queue", model::name(depth.lane.queue))
        .field("priority", model::name(depth.lane.priority));
    out.field("ready", depth.ready).field("retrying", depth.retrying).field("held", depth.held);
    out.field("in_flight", depth.in_flight).field("dead", depth.dead).field("oldest_age", std::max(age, 0.0));
    out.end_object();
  }
  out.end_array();
}

Task<Answer> queues(Call& call) {
  CARILLON_CO_TRY(const auto lanes, co_await call.deps.store.lane_depths(call.now));
  base::JsonWriter out(2048);
  out.object().key("data");
  write_queues(out, lanes, call.now);
  out.end_object();
  co_return json_reply(out);
}

Task<Answer> limits(Call& call) {
  const std::int64_t limit = rate_limit_of(call);
  if (limit > 0) co_await take_rate(call, 0);
  base::JsonWriter out(512);
  out.object().key("rate").object().key("notifications_per_second");
  if (limit > 0) {
    out.value(limit);
  } else {
    out.null();
  }
  out.end_object().key("bytes").object();
  out.field("send", static_cast<std::int64_t>(model::kRequestMax));
  out.field("batch", static_cast<std::int64_t>(model::kBatchBytesMax)).end_object();
  out.key("counts").object().field("recipients", static_cast<std::int64_t>(model::kRecipientsMax));
  out.field("batch_items", static_cast<std::int64_t>(model::kBatchItemsMax));
  out.field("devices_per_user", static_cast<std::int64_t>(model::kDevicesMax));
  out.field("page", static_cast<std::int64_t>(kPageMax)).end_object().end_object();
  co_return json_reply(out);
}

}  // namespace

Task<Result<std::string>> live_counters(store::Store& store, std::int32_t project, Time now) {
  CARILLON_CO_TRY(const auto lanes, co_await store.lane_depths(now));
  CARILLON_CO_TRY(const auto rows, co_await store.counters());
  Account total;
  for (const auto& row : rows) {
    if (row.project == project) total.add(row);
  }
  base::JsonWriter out(2048);
  out.object().key("queues");
  write_queues(out, lanes, now);
  out.key("accountability").object();
  write_account(out, total);
  out.end_object().end_object();
  co_return out.str();
}

std::span<const Route> numbers_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/accountability",
       .access = allow(kScopeRead, "read"),
       .handler = accountability,
       .tag = "Looking",
       .summary = "Accepted deliveries against the sum of all their states",
       .response = "Accountability"},
      {.method = "GET",
       .pattern = "/v1/stats",
       .access = allow(kScopeAny, "read"),
       .handler = stats,
       .tag = "Looking",
       .summary = "What happened, hour by hour",
       .response = "Stats",
       .query = "from until channel category template by interval"},
      {.method = "GET",
       .pattern = "/v1/queues",
       .access = allow(kScopeRead, "read"),
       .handler = queues,
       .tag = "Looking",
       .summary = "How full each queue is, and how old its oldest row",
       .response = "QueueList"},
      {.method = "GET",
       .pattern = "/v1/limits",
       .access = allow(kScopeAny, "read"),
       .handler = limits,
       .tag = "Looking",
       .summary = "The limits that hold for the caller",
       .response = "Limits"},
  };
  return kRoutes;
}

}  // namespace carillon::api
