// The cache that processes share: Redis 7.
//
// Buckets and marks are changed by scripts, 256 in each, all of a call in one round trip. The scripts only
// compare and add whole nanoseconds; the rest of the arithmetic is cache/bucket.h, as for every cache. `now`
// is the caller's: keys outlive what they say by kMargin, so that clocks may differ by so much.
#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <charconv>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "cache/bucket.h"
#include "cache/cache.h"
#include "cache/inspect.h"
#include "net/redis_client.h"
#include "net/service_url.h"

namespace carillon::cache {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kChunk = 256;           // buckets or marks of one script: half a millisecond of Redis
constexpr std::size_t kWaitingMax = 1 << 20;  // bytes of commands that wait for their answers
constexpr Millis kMargin{60'000};
constexpr Millis kInfoMax{3'000};
constexpr std::uint16_t kRedisPort = 6379;
constexpr std::int64_t kDatabaseMax = 1'000'000;

// KEYS: buckets. ARGV: now in ms, the margin in ms, then burst and cost of each. A value is the moment the
// bucket will be full again: nanoseconds since 1970 in decimal, split here before the last six digits because
// a number of Lua is exact up to 2^53. Answers allowed and until_full of each.
constexpr std::string_view kTake = R"lua(
local now, margin = tonumber(ARGV[1]), tonumber(ARGV[2])
local out = {}
for i, key in ipairs(KEYS) do
  local burst, cost = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local wait, allowed, changed = 0, 0, false
  local value = redis.call('GET', key)
  if value then
    local ms, ns = tonumber(string.sub(value, 1, -7)), tonumber(string.sub(value, -6))
    if ms and ns then wait = (ms - now) * 1000000 + ns end
  end
  if wait > burst then
    wait, changed = burst, true
  elseif not (wait > 0) then
    wait = 0
  end
  if cost >= 0 and wait + cost <= burst then
    allowed = 1
    if cost > 0 then wait, changed = wait + cost, true end
  end
  if changed then
    local ms = math.floor(wait / 1000000)
    redis.call('SET', key, string.format('%.0f%06.0f', now + ms, wait - ms * 1000000),
               'PX', string.format('%.0f', ms + margin))
  end
  out[2 * i - 1], out[2 * i] = allowed, wait
end
return out
)lua";

// KEYS: marks. ARGV: the end of each in ms since 1970, and for how many ms the keys are kept.
constexpr std::string_view kMark = R"lua(
for _, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value or (tonumber(value) or 0) < tonumber(ARGV[1]) then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  end
end
return #KEYS
)lua";

struct Script {
  explicit Script(std::string_view lua) : text(lua), sha(base::hex(base::sha1(lua))) {}
  std::string_view text;
  std::string sha;
};

// Part of what a call is about: entries [first, first + count).
struct Chunk {
  std::size_t first = 0, count = 0;
};

std::vector<Chunk> chunks_of(std::size_t count) {
  std::vector<Chunk> chunks;
  for (std::size_t at = 0; at < count; at += kChunk) chunks.push_back({at, std::min(kChunk, count - at)});
  return chunks;
}

std::unexpected<Error> unexpected_reply(const net::RedisReply& reply) {
  const bool is_error = reply.kind == net::RedisReply::Kind::Error;
  return fail(Errc::Unavailable, is_error ? fmt::format("Redis answered {}", reply.error_code())
                                          : "Redis answered something else");
}

// What is counted. Registered once, valid as long as the registry.
struct Meters {
  explicit Meters(base::Metrics& metrics) {
    const auto seconds = [&](const char* operation) {
      return metrics.histogram("carillon_cache_seconds", "Time of a call of the shared cache.",
                               base::Metrics::latency_buckets_s(), {{"operation", operation}});
    };
    const auto errors = [&](const char* reason) {
      return metrics.counter("carillon_cache_errors_total", "Calls the shared cache did not answer.",
                             {{"reason", reason}});
    };
    take = seconds("take");
    mark = seconds("mark_sent");
    look = seconds("were_sent");
    away = errors("away");
    timeout = errors("timeout");
    refused = errors("refused");
    full = errors("full");
    connects = metrics.counter("carillon_cache_connects_total", "Connections made to the shared cache.");
    losses =
        metrics.counter("carillon_cache_losses_total", "Connections to the shared cache that were lost.");
    metrics.gauge("carillon_cache_connections", "Connections to the shared cache that stand.", {},
                  [standing = standing] { return static_cast<double>(standing->load()); });
  }
  base::Histogram take, mark, look;
  base::Counter away, timeout, refused, full, connects, losses;
  std::shared_ptr<std::atomic<int>> standing = std::make_shared<std::atomic<int>>(0);  // read at a scrape
};

class Redis final : public Cache, private net::RedisObserver {
 public:
  Redis(const Options& options, net::RedisOptions redis, std::string shown, base::Metrics& metrics)
      : prefix_(options.prefix), timeout_(options.timeout), shown_(std::move(shown)), meters_(metrics) {
    net::RedisObserver& observer = *this;
    client_ = net::RedisClient::open(context_.get_executor(), std::move(redis), observer);
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "cache");
      context_.run();
    });
  }

  ~Redis() override {
    asio::co_spawn(context_, client_->close(), asio::use_future).get();
    guard_.reset();
    thread_.join();
  }

  // What the server says of itself.
  Task<Result<net::RedisReplies>> info() {
    net::RedisCommands commands;
    for (const char* section : {"server", "memory", "replication"}) commands.add({"INFO", section});
    co_return co_await call(std::move(commands), base::Deadline::after(kInfoMax));
  }

  // How the first attempt to connect ended.
  Result<void> first_attempt() { return first_.get_future().get(); }

  Task<Result<std::vector<Taken>>> take(std::vector<Take> takes, Time now) override {
    if (takes.empty()) co_return std::vector<Taken>();
    const auto began = std::chrono::steady_clock::now();
    const auto chunks = chunks_of(takes.size());
    std::vector<Bucket> buckets;
    buckets.reserve(takes.size());
    for (const Take& take : takes) buckets.push_back(Bucket::of(take));
    const Run run{take_, 2, 2, [&](net::RedisCommands& commands, Chunk chunk) {
                    for (std::size_t i = 0; i < chunk.count; ++i) {
                      commands.argument(key('r', takes[chunk.first + i].key));
                    }
                    commands.argument(to_ms(now));
                    commands.argument(kMargin.count());
                    for (std::size_t i = 0; i < chunk.count; ++i) {
                      commands.argument(buckets[chunk.first + i].burst);
                      commands.argument(buckets[chunk.first + i].cost);
                    }
                  }};
    CARILLON_CO_TRY(const auto replies, co_await evaluate(run, chunks));
    std::vector<Taken> result;
    result.reserve(takes.size());
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      if (!is_integers(replies[c], 2 * chunks[c].count)) co_return refuse(replies[c]);
      for (std::size_t i = 0; i < chunks[c].count; ++i) {
        const std::size_t at = chunks[c].first + i;
        const bool allowed = replies[c].items[2 * i].integer == 1;
        const std::int64_t until_full =
            std::clamp<std::int64_t>(replies[c].items[2 * i + 1].integer, 0, buckets[at].burst);
        result.push_back(answer(takes[at], buckets[at], allowed, until_full));
      }
    }
    observe(meters_.take, began);
    co_return result;
  }

  Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) override {
    if (keys.empty() || ttl <= Millis(0)) co_return Result<void>();
    const auto began = std::chrono::steady_clock::now();
    const auto chunks = chunks_of(keys.size());
    const Run run{mark_, 2, 0, [&](net::RedisCommands& commands, Chunk chunk) {
                    for (std::size_t i = 0; i < chunk.count; ++i) {
                      commands.argument(key('m', keys[chunk.first + i]));
                    }
                    commands.argument(to_ms(now + ttl));
                    commands.argument((ttl + kMargin).count());
                  }};
    CARILLON_CO_TRY(const auto replies, co_await evaluate(run, chunks));
    for (const auto& reply : replies) {
      if (reply.kind != net::RedisReply::Kind::Integer) co_return refuse(reply);
    }
    observe(meters_.mark, began);
    co_return Result<void>();
  }

  Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) override {
    if (keys.empty()) co_return std::vector<bool>();
    const auto began = std::chrono::steady_clock::now();
    net::RedisCommands commands;
    const auto chunks = chunks_of(keys.size());
    for (const Chunk chunk : chunks) {
      commands.begin(1 + chunk.count);
      commands.argument("MGET");
      for (std::size_t i = 0; i < chunk.count; ++i) commands.argument(key('m', keys[chunk.first + i]));
    }
    CARILLON_CO_TRY(const auto replies, co_await call(std::move(commands), base::Deadline::after(timeout_)));
    std::vector<bool> result;
    result.reserve(keys.size());
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const auto& reply = replies[c];
      if (reply.kind != net::RedisReply::Kind::Array || reply.items.size() != chunks[c].count) {
        co_return refuse(reply);
      }
      for (const auto& item : reply.items) result.push_back(is_later(item.text, now));
    }
    observe(meters_.look, began);
    co_return result;
  }

  bool is_shared() const noexcept override { return true; }

  std::string trouble() const override {
    if (is_usable_.load(std::memory_order_relaxed)) return {};
    const std::lock_guard lock(why_mutex_);
    return away(why_.empty() ? "it does not answer" : why_);
  }

 private:
  // A script with its arguments: so many for a chunk and so many for each of its keys, behind the keys.
  struct Run {
    const Script& script;
    std::size_t of_chunk, of_key;
    std::function<void(net::RedisCommands&, Chunk)> fill;  // writes keys and arguments

    void write(net::RedisCommands& commands, std::string_view command, std::string_view text,
               Chunk chunk) const {
      commands.begin(3 + of_chunk + (1 + of_key) * chunk.count);
      commands.argument(command);
      commands.argument(text);
      commands.argument(chunk.count);
      fill(commands, chunk);
    }
  };

  std::string key(char kind, std::string_view name) const { return prefix_ + stored_key(kind, name); }

  static bool is_integers(const net::RedisReply& reply, std::size_t count) {
    return reply.kind == net::RedisReply::Kind::Array && reply.items.size() == count &&
           std::ranges::all_of(reply.items,
                               [](const auto& item) { return item.kind == net::RedisReply::Kind::Integer; });
  }

  // Of a mark that is not there the text is empty.
  static bool is_later(std::string_view mark, Time now) {
    std::int64_t until = 0;
    std::from_chars(mark.data(), mark.data() + mark.size(), until);
    return until > to_ms(now);
  }

  static void observe(const base::Histogram& histogram, SteadyTime began) {
    histogram.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }

  std::unexpected<Error> refuse(const net::RedisReply& reply) {
    meters_.refused.add();
    return unexpected_reply(reply);
  }

  // Runs the script once for each chunk. A server that does not know it is told its text.
  Task<Result<net::RedisReplies>> evaluate(const Run& run, std::vector<Chunk> chunks) {
    const auto deadline = base::Deadline::after(timeout_);
    net::RedisCommands commands;
    for (const Chunk chunk : chunks) run.write(commands, "EVALSHA", run.script.sha, chunk);
    CARILLON_CO_TRY(auto replies, co_await call(std::move(commands), deadline));
    std::vector<std::size_t> unknown;
    net::RedisCommands again;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const bool is_error = replies[i].kind == net::RedisReply::Kind::Error;
      if (!is_error || replies[i].error_code() != "NOSCRIPT") continue;
      unknown.push_back(i);
      run.write(again, "EVAL", run.script.text, chunks[i]);
    }
    if (unknown.empty()) co_return replies;
    CARILLON_CO_TRY(auto later, co_await call(std::move(again), deadline));
    for (std::size_t i = 0; i < unknown.size(); ++i) replies[unknown[i]] = std::move(later[i]);
    co_return replies;
  }

  // One round trip: over to the thread of the connections, and back. Errors: Unavailable, counted.
  Task<Result<net::RedisReplies>> call(net::RedisCommands commands, base::Deadline deadline) {
    if (!is_usable_.load(std::memory_order_relaxed)) {
      meters_.away.add();
      co_return fail(Errc::Unavailable, "Redis is away");
    }
    const std::size_t bytes = commands.bytes().size();
    if (waiting_.fetch_add(bytes, std::memory_order_relaxed) > kWaitingMax) {
      waiting_.fetch_sub(bytes, std::memory_order_relaxed);
      meters_.full.add();
      co_return fail(Errc::Unavailable, "too many calls wait for Redis");
    }
    Result<net::RedisReplies> result = fail(Errc::Unavailable, "Redis is away");
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&](auto handler) {
          auto done = [&result, h = std::move(handler),
                       guard = asio::make_work_guard(executor)](Result<net::RedisReplies> replies) mutable {
            result = std::move(replies);
            asio::post(guard.get_executor(), [h = std::move(h)]() mutable { std::move(h)(); });
          };
          asio::post(context_,
                     [this, commands = std::move(commands), deadline, done = std::move(done)]() mutable {
                       client_->submit(std::move(commands), deadline, std::move(done));
                     });
        },
        asio::use_awaitable);
    waiting_.fetch_sub(bytes, std::memory_order_relaxed);
    if (result) co_return result;
    (result.error().code == Errc::DeadlineExceeded ? meters_.timeout : meters_.away).add();
    result.error().code = Errc::Unavailable;
    co_return result;
  }

  // ---- on the thread of the connections

  void on_usable(bool is_usable) override { is_usable_.store(is_usable, std::memory_order_relaxed); }

  std::string away(std::string_view why) const {
    return fmt::format("Redis at {} is away, each process limits rates by itself meanwhile: {}", shown_, why);
  }

  void note_why(std::string why) {
    const std::lock_guard lock(why_mutex_);
    why_ = std::move(why);
  }

  void on_connected() override {
    meters_.connects.add();
    note_why({});
    has_connected_ = true;
    if (meters_.standing->fetch_add(1) == 0 && !said_.empty()) {
      base::log_info("cache: Redis at {} is back", shown_);
      said_.clear();
    }
    end_first({});
  }

  void on_lost(const Error& why, bool was_up) override {
    if (was_up) meters_.losses.add();
    const int standing = was_up ? meters_.standing->fetch_sub(1) - 1 : meters_.standing->load();
    if (standing == 0) note_why(why.message);
    // Said once for as long as it stays so; not before it was there, which is the caller's to say.
    if (has_connected_ && standing == 0 && said_ != why.message) {
      said_ = why.message;
      base::log_warn("cache: {}", away(why.message));
    }
    end_first(std::unexpected(why));
  }

  void end_first(Result<void> result) {
    if (!std::exchange(is_first_ended_, true)) first_.set_value(std::move(result));
  }

  const std::string prefix_;
  const Millis timeout_;
  const std::string shown_;  // where it is, for logs
  const Script take_{kTake}, mark_{kMark};
  Meters meters_;
  std::atomic<bool> is_usable_{false};
  std::atomic<std::size_t> waiting_{0};  // bytes
  std::promise<Result<void>> first_;
  bool is_first_ended_ = false, has_connected_ = false;
  std::string said_;  // the last line about Redis being away; empty: it is not
  mutable std::mutex why_mutex_;
  std::string why_;  // no connection stands; under why_mutex_
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context_);
  std::unique_ptr<net::RedisClient> client_;
  std::thread thread_;
};

std::unexpected<Error> bad(std::string_view setting, std::string_view fix) {
  return fail(Errc::InvalidArgument, fmt::format("cache.{}: {}", setting, fix));
}

Result<net::RedisOptions> redis_options(const Options& options, const net::ServiceUrl& url) {
  if (url.scheme != "redis" && url.scheme != "rediss") {
    return bad("url", "begin it with redis:// or rediss://, or write memory:");
  }
  if (url.hosts.size() != 1) return bad("url", "name one host; Redis Cluster is not supported");
  if (!url.query.empty()) return bad("url", "take away what is behind the '?'");
  if (!options.password.empty() && !url.password.empty()) {
    return bad("password", "the URL has a password too; give one of them");
  }
  net::RedisOptions redis;
  redis.host = url.hosts.front().name;
  redis.port = url.hosts.front().port;
  redis.user = url.user;
  redis.password = options.password.empty() ? url.password : options.password;
  if (!redis.user.empty() && redis.password.empty()) {
    return bad("password", "the URL names a user; give the password too");
  }
  if (!url.path.empty()) {
    const char* const last = url.path.data() + url.path.size();
    const auto [end, ec] = std::from_chars(url.path.data(), last, redis.database);
    if (ec != std::errc{} || end != last || redis.database < 0 || redis.database > kDatabaseMax) {
      return bad("url", "behind the host there may be the number of a database, as in redis://host/0");
    }
  }
  redis.connections = static_cast<std::size_t>(std::max<std::int64_t>(options.connections, 1));
  if (url.scheme == "rediss") {
    auto tls = net::TlsContext::open(options.ca_file, "");
    if (!tls) return fail(tls.error().code, "cache." + tls.error().message);
    redis.tls = std::move(*tls);
  } else if (!options.ca_file.empty()) {
    return bad("ca_file", "it is for rediss://; the URL says redis://");
  }
  return redis;
}

}  // namespace

Result<std::unique_ptr<Cache>> open_redis(const Options& options, base::Metrics& metrics) {
  auto url = net::parse_service_url(options.url, kRedisPort);
  if (!url) return bad("url", url.error().message);
  CARILLON_TRY(net::RedisOptions redis, redis_options(options, *url));
  auto cache = std::make_unique<Redis>(options, std::move(redis), url->shown_hosts(), metrics);
  if (const auto first = cache->first_attempt(); !first) {
    return fail(first.error().code,
                fmt::format("cache.url: Redis at {}: {}", url->shown_hosts(), first.error().message));
  }
  return cache;
}

namespace {

// "name:value" of INFO, line by line.
std::string info_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return std::string(line.substr(name.size() + 1));
  }
  return {};
}

std::int64_t number_of(std::string_view text, std::string_view name) {
  const std::string value = info_of(text, name);
  std::int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

Result<RedisFacts> read_info(const net::RedisReplies& replies) {
  std::string text;
  for (const net::RedisReply& reply : replies) {
    if (reply.kind != net::RedisReply::Kind::Text)
      return fail(Errc::FailedPrecondition, "the user may not ask INFO");
    text += reply.text + "\n";
  }
  RedisFacts facts;
  facts.version = info_of(text, "redis_version");
  facts.policy = info_of(text, "maxmemory_policy");
  facts.memory_max = number_of(text, "maxmemory");
  facts.memory_used = number_of(text, "used_memory");
  facts.is_replica = info_of(text, "role") == "slave";
  return facts;
}

}  // namespace

Result<RedisFacts> inspect_redis(const Options& options) {
  auto url = net::parse_service_url(options.url, kRedisPort);
  if (!url) return bad("url", url.error().message);
  CARILLON_TRY(net::RedisOptions redis, redis_options(options, *url));
  redis.connections = 1;
  base::Metrics metrics;  // of nobody's
  Redis client(options, std::move(redis), url->shown_hosts(), metrics);
  Result<RedisFacts> facts = fail(Errc::Unavailable, "no answer");
  if (const auto first = client.first_attempt(); !first) {
    facts = std::unexpected(first.error());
  } else {
    asio::io_context context{1};
    auto answer = asio::co_spawn(context, client.info(), asio::use_future);
    context.run();
    const Result<net::RedisReplies> replies = answer.get();
    facts = replies ? read_info(*replies) : Result<RedisFacts>(std::unexpected(replies.error()));
  }
  if (facts) return facts;
  return fail(facts.error().code,
              fmt::format("cache.url: Redis at {}: {}", url->shown_hosts(), facts.error().message));
}

}  // namespace carillon::cache
