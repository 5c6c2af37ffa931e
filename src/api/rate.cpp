#include "api/rate.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace carillon::api {

std::int64_t rate_limit_of(const Call& call) noexcept {
  if (!call.who.app) return 0;
  return call.who.app->rate_limit > 0 ? call.who.app->rate_limit : call.options.rate_limit;
}

Task<std::optional<Failure>> take_rate(Call& call, std::int64_t cost) {
  const std::int64_t limit = rate_limit_of(call);
  cache::Take take;
  take.key = fmt::format("rate/{}{}", call.who.app->id, call.who.is_test ? "/test" : "");
  take.cost = std::min(cost, limit);
  take.limit = limit;
  take.per = Millis(1000);
  std::vector<cache::Take> takes;
  takes.push_back(std::move(take));
  const auto taken = co_await call.deps.cache.take(std::move(takes), call.now);
  if (!taken) {
    base::log_debug("the rate of an app is not checked: {}", taken.error().message);
    co_return std::nullopt;
  }
  const cache::Taken& bucket = taken->front();
  const auto reset = std::chrono::ceil<std::chrono::seconds>(bucket.reset_after).count();
  call.extra.emplace_back("RateLimit-Policy", fmt::format("\"app\";q={};w=1", limit));
  call.extra.emplace_back("RateLimit", fmt::format("\"app\";r={};t={}", bucket.remaining, reset));
  if (bucket.allowed) co_return std::nullopt;
  Failure failure(
      429, "rate_limited",
      fmt::format("this app may send {} notifications per second; slow down and send it again", limit));
  failure.retry_after = bucket.retry_after;
  co_return failure;
}

Task<std::optional<Failure>> take_tokens(Call& call, cache::Take take, std::string detail) {
  std::vector<cache::Take> takes;
  takes.push_back(std::move(take));
  const auto taken = co_await call.deps.cache.take(std::move(takes), call.now);
  if (!taken) {
    base::log_debug("the rate of a client is not checked: {}", taken.error().message);
    co_return std::nullopt;
  }
  if (taken->front().allowed) co_return std::nullopt;
  Failure failure(429, "rate_limited", std::move(detail));
  failure.retry_after = taken->front().retry_after;
  co_return failure;
}

}  // namespace carillon::api
