#include "pipeline/health.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "model/record.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kAccountsMax = 10'000;
constexpr std::size_t kTextMax = 4'096;  // bytes

void write_time(base::JsonWriter& out, std::string_view name, const std::optional<Time>& time) {
  if (time) out.field(name, to_ms(*time));
}

std::optional<Time> read_time(base::ObjectReader& reader, std::string_view name) {
  std::int64_t ms = 0;
  if (!reader.integer(name, ms, INT64_MIN, INT64_MAX)) return std::nullopt;
  return from_ms(ms);
}

}  // namespace

void add_health(AccountHealth& into, const AccountHealth& other) {
  if (other.breaker > into.breaker) {
    into.breaker = other.breaker;
    into.since = other.since;
    into.retry_at = other.retry_at;
  }
  into.calls += other.calls;
  into.errors += other.errors;
  into.in_flight += other.in_flight;
  into.throttled_until = std::max(into.throttled_until, other.throttled_until);
  if (into.problem.empty()) into.problem = other.problem;
}

std::string encode_health(const NodeHealth& health) {
  base::JsonWriter out(256 * health.accounts.size() + 64);
  out.object().key("accounts").array();
  for (const AccountHealth& one : health.accounts) {
    out.object().field("project", static_cast<std::int64_t>(one.project)).field("key", one.key);
    out.field("breaker", name(one.breaker)).field("calls", one.calls).field("errors", one.errors);
    out.field("in_flight", one.in_flight).field_if("problem", one.problem);
    write_time(out, "since", one.since);
    write_time(out, "retry_at", one.retry_at);
    write_time(out, "throttled_until", one.throttled_until);
    out.end_object();
  }
  out.end_array().end_object();
  return out.str();
}

Result<NodeHealth> decode_health(std::string_view json) {
  return model::decode_record<NodeHealth>(
      json, "health", [](base::ObjectReader& reader, NodeHealth& health, base::Problems& problems) {
        reader.array("accounts", kAccountsMax, [&](base::JsonElement element, const std::string& pointer) {
          base::ObjectReader item(element, pointer, problems);
          AccountHealth& one = health.accounts.emplace_back();
          std::int64_t project = 0;
          if (item.integer("project", project, INT32_MIN, INT32_MAX))
            one.project = static_cast<std::int32_t>(project);
          item.text("key", one.key, kTextMax);
          if (std::string state; item.text("breaker", state, kTextMax))
            one.breaker = parse_breaker_state(state).value_or(BreakerState::Closed);
          item.integer("calls", one.calls, 0, INT64_MAX);
          item.integer("errors", one.errors, 0, INT64_MAX);
          item.integer("in_flight", one.in_flight, 0, INT64_MAX);
          item.text("problem", one.problem, kTextMax);
          one.since = read_time(item, "since");
          one.retry_at = read_time(item, "retry_at");
          one.throttled_until = read_time(item, "throttled_until");
        });
      });
}

void mark_paused(model::Integration& integration, std::string why, std::string by, Time now) {
  integration.paused_at = why.empty() ? std::nullopt : std::optional(now);
  integration.paused_by = why.empty() ? std::string() : std::move(by);
  integration.paused = std::move(why);
}

}  // namespace carillon::pipeline
