// Sums: accountability, statistics, queues, limits. Counter rows only; no table is ever counted here.
#include <algorithm>
#include <map>

#include "api/rate.h"
#include "api/router.h"

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
  out.end_array().field("at", to_rfc3339(call.now)).end_object();
  co_return json_reply(out);
}

constexpr Millis kStatsDefault{24LL * 3'600'000};

Task<Answer> stats(Call& call) {
  store::StatsQuery query;
  query.project = call.who.project;
  CARILLON_CO_TRY(const auto from, time_param(call, "from"));
  CARILLON_CO_TRY(const auto until, time_param(call, "until"));
  CARILLON_CO_TRY(const auto channel, channel_param(call, "channel"));
  query.until = until.value_or(call.now + Millis(1));
  query.from = from.value_or(query.until - kStatsDefault);
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.stats(query));
  base::JsonWriter out(256 * rows.size() + 128);
  out.object()
      .field("from", to_rfc3339(query.from))
      .field("until", to_rfc3339(query.until))
      .key("data")
      .array();
  for (const auto& row : rows) {
    const bool is_wanted = (!call.who.app || row.app == call.who.app->id) &&
                           (!channel || row.channel == *channel) &&
                           (!call.has_param("category") || row.category == call.param("category")) &&
                           (!call.has_param("template") || row.template_key == call.param("template"));
    if (!is_wanted) continue;
    out.object().field("hour", to_rfc3339(row.hour));
    write_app_name(out, call, row.app);
    out.field_or_null("category", row.category);
    out.field_or_null("template", row.template_key);
    out.field("channel", model::name(row.channel));
    out.field_or_null("integration", row.integration);
    // The roll-up counts what was accepted in an hour as pending.
    const std::string_view status =
        row.status == DeliveryStatus::Pending ? "accepted" : model::name(row.status);
    out.field("status", row.engagement ? model::name(*row.engagement) : status);
    out.field("n", row.n).end_object();
  }
  out.end_array().end_object();
  co_return json_reply(out);
}

Task<Answer> queues(Call& call) {
  CARILLON_CO_TRY(const auto lanes, co_await call.deps.store.lane_depths(call.now));
  base::JsonWriter out(2048);
  out.object().key("data").array();
  for (const auto& depth : lanes) {
    const double age =
        depth.oldest_due ? static_cast<double>((call.now - *depth.oldest_due).count()) / 1000.0 : 0.0;
    out.object()
        .field("queue", model::name(depth.lane.queue))
        .field("priority", model::name(depth.lane.priority));
    out.field("ready", depth.ready).field("retrying", depth.retrying).field("held", depth.held);
    out.field("in_flight", depth.in_flight).field("dead", depth.dead).field("oldest_age", std::max(age, 0.0));
    out.end_object();
  }
  out.end_array().end_object();
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
       .query = "from until channel category template"},
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
