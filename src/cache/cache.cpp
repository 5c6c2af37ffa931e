#include "cache/cache.h"

#include <utility>

namespace carillon::cache {
namespace {

class LocalLimits final : public Cache {
 public:
  explicit LocalLimits(std::unique_ptr<Cache> shared) : shared_(std::move(shared)) {}

  Task<Result<std::vector<Taken>>> take(std::vector<Take> takes, Time now) override {
    auto taken = co_await shared_->take(takes, now);
    if (!taken) taken = co_await local_->take(std::move(takes), now);
    co_return taken;
  }
  Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) override {
    return shared_->mark_sent(std::move(keys), ttl, now);
  }
  Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) override {
    return shared_->were_sent(std::move(keys), now);
  }
  bool is_shared() const noexcept override { return shared_->is_shared(); }
  std::string trouble() const override { return shared_->trouble(); }

 private:
  const std::unique_ptr<Cache> local_ = make_memory();
  const std::unique_ptr<Cache> shared_;
};

}  // namespace

void describe(base::SettingsGroup& group, Options& options) {
  group.text("url", options.url)
      .help(
          "Where rate buckets and sent-marks are: memory: (this process) or redis://user@host:6379/0, with "
          "TLS rediss://.");
  group.secret("password", options.password)
      .help("Redis: the password, of the user in the URL or of the default one.");
  group.text("ca_file", options.ca_file)
      .help("Redis: PEM file with the certificates to trust; empty: the system's.");
  group.text("prefix", options.prefix).help("Redis: what every key begins with.");
  group.duration("timeout", options.timeout)
      .range(1, 10'000)
      .help("Redis: how long a call may take; after that each process counts by itself.");
  group.integer("connections", options.connections).range(1, 64).help("Redis: connections kept open.");
}

Result<std::unique_ptr<Cache>> open(const Options& options, base::Metrics& metrics) {
  if (options.url == "memory:") return make_memory();
  CARILLON_TRY(auto redis, open_redis(options, metrics));
  return with_local_limits(std::move(redis));
}

std::unique_ptr<Cache> with_local_limits(std::unique_ptr<Cache> shared) {
  return std::make_unique<LocalLimits>(std::move(shared));
}

}  // namespace carillon::cache
