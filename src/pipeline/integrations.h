// The configured accounts in action: slots, rate, breaker, throttling, pauses, and the guard against
// mass invalidation. Lives on the delivery thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/task.h"
#include "model/outcome.h"
#include "model/status.h"
#include "pipeline/directory.h"
#include "providers/catalog.h"

namespace carillon::pipeline {

// Closed → (≥ 20 calls in 10 s, half of them failures) → Open 30 s, doubling to 10 min → one probe at
// a time (half open) → Closed. Pure; time is handed in.
class Breaker {
 public:
  // `vote`: model::breaker_vote().
  void record(int vote, Time now);
  // True: a call may begin; in the half-open state only one until its vote came.
  [[nodiscard]] bool allows(Time now);
  [[nodiscard]] bool is_open(Time now) const;
  [[nodiscard]] std::optional<Time> open_until() const { return open_until_; }

 private:
  struct Second { std::int64_t second = 0; int calls = 0, failures = 0; };
  std::deque<Second> window_;
  std::optional<Time> open_until_;
  Millis next_open_{30'000};
  bool probing_ = false;
};

// Tokens per second with a burst of one second's worth (at least 1). Pure.
class RateBucket {
 public:
  explicit RateBucket(double per_second) : rate_(per_second) {}  // 0: unlimited
  // How many of `wanted` may go now; takes them. `reserve` tokens are left for critical ones.
  std::size_t take(std::size_t wanted, bool is_critical, Time now);

 private:
  double rate_;
  double tokens_ = 0;
  std::optional<Time> last_;
};

// PROVIDERS §13.3: when most of a window's answers call tokens bad, it is a configuration fault.
class InvalidationGuard {
 public:
  enum class Verdict { Forget, Keep, Suspect };  // Suspect: pause the integration
  // Of one suspicious InvalidRecipient. Forget only while answers that are good outweigh.
  Verdict suspicious(Time now);
  void good(Time now);

 private:
  void roll(Time now);
  std::int64_t window_start_ms_ = 0;
  std::int64_t good_ = 0, bad_ = 0, good_before_ = 0, bad_before_ = 0;  // two windows of 5 min
};

// One account. Delivery thread only.
class Account {
 public:
  std::int32_t project = 0;
  std::string key;
  const providers::ProviderType* type = nullptr;
  Breaker breaker;
  RateBucket rate{0};
  InvalidationGuard guard;
  std::optional<Time> throttled_until;
  std::string paused;      // from the configuration, or set by Misconfigured
  std::string open_error;  // the provider could not be opened with these settings
  std::unique_ptr<providers::Provider> provider;
  std::size_t in_flight = 0;
  Millis timeout{15'000};
  base::Counter outcomes[model::kOutcomeKindCount];
  base::Histogram latency;
  base::Counter sent_by_priority[model::kPriorityCount];

  // None: may be asked now. IntegrationPaused, ProviderDown (breaker, throttled, cannot be opened).
  [[nodiscard]] model::Reason unavailable(Time now);
  // Slots for this priority: others than critical leave 20 % free. Counts what was taken and not yet
  // begun.
  [[nodiscard]] std::size_t free_slots(model::Priority priority) const;
  // Takes one slot, one rate token and, in the breaker's half-open state, the probe; false: none free.
  // Between this and Provider::send() the slot is counted in `reserved`.
  [[nodiscard]] bool take_slot(model::Priority priority, Time now);
  std::size_t reserved = 0;  // taken, not yet handed to the provider
};

class Integrations {
 public:
  struct Deps {
    boost::asio::any_io_executor executor;
    const base::Clock& clock;
    Directory& directory;
    base::Metrics& metrics;
    providers::SandboxBox& sandbox;
    std::string public_url, hello_name;
  };
  explicit Integrations(Deps deps);
  ~Integrations();

  // Brings the accounts in line with the snapshot: opens new ones, reopens changed ones (the old
  // provider closes after what it has in flight, and its Account lives until then), closes removed
  // ones. Each project has "sandbox".
  void apply(const Snapshot& snapshot);

  // The accounts to ask for this delivery, best first (routes, else all enabled ones of the channel
  // in order of creation; weights spread by delivery id; `avoid` goes last). `service` must match for
  // push: only accounts whose type serves one of `services` remain. Empty: no route.
  struct Query {
    std::int32_t project = 0;
    bool is_sandbox = false;
    model::Channel channel = model::Channel::Push;
    model::Platform platform = model::Platform::None;
    std::string_view country, app, category, avoid;
    std::int64_t delivery = 0;
    std::span<const std::string_view> services;
  };
  [[nodiscard]] std::vector<Account*> candidates(const ProjectView& view, const Query& query);
  [[nodiscard]] Account* find(std::int32_t project, std::string_view key);
  // Most free slots any account of that channel has (critical's view); nullopt: no account serves it.
  [[nodiscard]] std::optional<std::size_t> free_slots(model::Channel channel);
  void for_each(const std::function<void(Account&)>& visit);

  // Pauses or resumes in the configuration too (audited), so that it survives a restart.
  Task<Result<void>> pause(std::int32_t project, std::string key, std::string why, std::string actor);
  Task<Result<void>> resume(std::int32_t project, std::string key, std::string actor);
  Task<Result<providers::TestReport>> test(std::int32_t project, std::string key);
  // Opens a provider with these settings and asks the vendor, without keeping it.
  Task<Result<providers::TestReport>> test_settings(std::string provider, std::string settings_json,
                                                    base::Problems& problems);
  Task<void> close(base::Deadline deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::pipeline
