// The checks of `carillon doctor` on the engines that processes share.
#include <string>

#include "app/doctor.h"
#include "app/mix.h"

namespace carillon::app {
namespace {

constexpr const char* kFix = "see the message; docs/operating/shared-engines.md has every setting";

template <class T>
void add(Findings& findings, const char* check, const Result<T>& opened, const char* well) {
  findings.push_back({check, opened ? Health::Ok : Health::Fail,
                      opened ? std::string(well) : opened.error().message, opened ? "" : kFix});
}

}  // namespace

void check_shared(const AppOptions& options, Findings& findings) {
  if (const auto mix = check_mix(options.store.url.reveal(), options.queue.url, options.cache.url); !mix) {
    findings.push_back({"engines", Health::Fail, mix.error().message, kFix});
    return;
  }
  base::Metrics metrics;
  if (options.cache.url != "memory:")
    add(findings, "cache", cache::open(options.cache, metrics), "Redis answers");
  if (options.queue.url != "embedded:") {
    add(findings, "queue", queue::open(options.queue, {}, metrics), "Kafka answers, and its topics are fit");
  }
}

}  // namespace carillon::app
