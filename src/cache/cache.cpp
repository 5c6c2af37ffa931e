#include "cache/cache.h"

namespace carillon::cache {

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
      .help("Redis: how long a call may take; after that it is done without.");
  group.integer("connections", options.connections).range(1, 64).help("Redis: connections kept open.");
}

Result<std::unique_ptr<Cache>> open(const Options& options, base::Metrics& metrics) {
  if (options.url == "memory:") return make_memory();
  return open_redis(options, metrics);
}

}  // namespace carillon::cache
