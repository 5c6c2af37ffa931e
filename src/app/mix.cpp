#include "app/mix.h"

#include <string>

namespace carillon::app {
namespace {

bool is_one_of(std::string_view url, std::string_view scheme, std::string_view with_tls) {
  return url.starts_with(scheme) || url.starts_with(with_tls);
}

std::unexpected<Error> bad(std::string_view text) { return fail(Errc::InvalidArgument, std::string(text)); }

}  // namespace

Result<void> check_mix(std::string_view store_url, std::string_view queue_url, std::string_view cache_url) {
  const bool is_sqlite = store_url.empty() || store_url.starts_with("sqlite:");
  const bool is_postgres = is_one_of(store_url, "postgres://", "postgresql://");
  if (!is_sqlite && !is_postgres) return bad("store.url: give sqlite:PATH or postgres://…");
  const bool is_kafka = is_one_of(queue_url, "kafka://", "kafkas://");
  if (queue_url != "embedded:" && !is_kafka) {
    return bad(
        "queue.url: give embedded: or, with a store on PostgreSQL, kafka://HOST:PORT or kafkas://HOST:PORT");
  }
  const bool is_redis = is_one_of(cache_url, "redis://", "rediss://");
  if (cache_url != "memory:" && !is_redis) {
    return bad(
        "cache.url: give memory: or, with a store on PostgreSQL, redis://HOST:PORT or rediss://HOST:PORT");
  }
  if (is_sqlite && is_kafka) {
    return bad(
        "queue.url: a store on SQLite serves one process, whose queue is embedded:; for Kafka, set store.url "
        "to postgres://…");
  }
  if (is_sqlite && is_redis) {
    return bad(
        "cache.url: a store on SQLite serves one process, whose cache is memory:; for Redis, set store.url "
        "to postgres://…");
  }
  return {};
}

}  // namespace carillon::app
