// The configured accounts in action: slots, rate, breaker, throttling and pauses. Lives on the delivery
// thread.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/task.h"
#include "model/notification.h"
#include "model/outcome.h"
#include "model/status.h"
#include "pipeline/breaker.h"
#include "pipeline/directory.h"
#include "pipeline/health.h"
#include "pipeline/routes.h"
#include "providers/catalog.h"

namespace carillon::pipeline {

// What ended because an account could not be asked in time, and is sent after all once it answers.
struct Losses {
  bool may_exist = true;      // a new account does not know what an earlier process or its predecessor lost
  bool has_answered = false;  // since the last loss it took a message
  Time look_at{};             // when to look for it next
};

// One account. Delivery thread only.
class Account {
 public:
  std::int32_t project = 0;
  std::string key;
  const providers::ProviderType* type = nullptr;
  Breaker breaker;
  CallTally calls;
  RateBucket rate{0};
  InvalidationGuard guard;
  std::optional<Time> throttled_until;
  std::string paused;      // from the configuration, or set by Misconfigured
  std::string open_error;  // the provider could not be opened with these settings
  std::unique_ptr<providers::Provider> provider;
  std::size_t in_flight = 0;
  Millis timeout{15'000};
  Losses losses;
  // Its dead letter is written in a moment.
  void has_lost(Time now) noexcept { losses = {true, false, now + Millis(5000)}; }
  bool is_vendor = false;  // its endpoint is the vendor's own: reserved recipients never go there
  base::Counter outcomes[model::kOutcomeKindCount];
  base::Histogram latency;

  // None: may be asked now or within 2 s (a short Retry-After: take_slot() says no until then).
  // IntegrationPaused, ProviderDown (breaker, throttled for longer, cannot be opened).
  [[nodiscard]] model::Reason unavailable(Time now);
  [[nodiscard]] std::string why_unavailable(Time now) const;  // for people
  // Slots for this priority: others than critical hold at most 80 % of them. Counts what was taken and not
  // yet begun.
  [[nodiscard]] std::size_t free_slots(model::Priority priority) const;
  // Takes one slot, one rate token and, in the breaker's half-open state, the probe; false: none free.
  // What was taken ends with give_back(), or with begin() and then finish(), of the same lane.
  [[nodiscard]] bool take_slot(model::Lane lane, Time now);
  void give_back(model::Lane lane) noexcept;  // not used after all
  void begin() noexcept;                      // just before Provider::send()
  void finish(model::Lane lane) noexcept;     // the provider has answered
  // A delivery waits until a slot may be free for it, and waits no more.
  void wait(model::Lane lane) noexcept;
  void stop_waiting(model::Lane lane) noexcept;
  // How many of `wanted` could take a slot now; none while it is throttled.
  [[nodiscard]] std::size_t room(std::size_t wanted, model::Priority priority, Time now) const;
  // How many it can have in hand at once: its slots, or what it is asked in a second where a rate is set.
  [[nodiscard]] std::size_t slots() const noexcept;
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  // Places in that lane's window it has: of what it was given and of what waits for it.
  [[nodiscard]] std::size_t held(model::Lane lane) const noexcept { return held_[lane.index()]; }
  std::size_t reserved = 0;  // taken, not yet handed to the provider
  std::size_t testing = 0;   // tests under way
  [[nodiscard]] bool is_used() const noexcept { return in_flight + reserved + testing + waiting_ > 0; }

 private:
  std::size_t waiting_ = 0;
  std::array<std::size_t, model::kLaneCount> held_{};
};

// The accounts in the order in which they are asked this time. Who was asked last goes last, with one
// exception: while nobody knows whether it took the message, it is asked once more before the others, because
// only its own vendor knows the handle by which the message replaces itself.
[[nodiscard]] std::vector<Account*> order_again(std::vector<Account*> in_order,
                                                const model::Delivery& delivery);

class Integrations {
 public:
  struct Deps {
    boost::asio::any_io_executor executor;
    const base::Clock& clock;
    Directory& directory;
    base::Metrics& metrics;
    providers::SandboxBox& sandbox;
    std::string public_url, hello_name;
    bool has_private_addresses = false;  // webhooks.private_addresses
    std::uint32_t node = 0;              // this process's
  };
  explicit Integrations(Deps deps);
  ~Integrations();

  // Brings the accounts in line with the snapshot: opens new ones, reopens changed ones (the old
  // provider closes after what it has in flight, and its Account lives until then), closes removed and
  // disabled ones. Each project has "sandbox". Does nothing once closed.
  void apply(const Snapshot& snapshot);

  // The accounts to ask for this delivery, best first (routes, else all enabled ones of the channel
  // in order of creation; weights spread by delivery id). Of types that speak to one service (push, chat)
  // only those of one in `services` remain. Empty: no route.
  struct Query {
    std::int32_t project = 0;
    bool is_sandbox = false;
    model::Channel channel = model::Channel::Push;
    model::Platform platform = model::Platform::None;
    std::string_view country, app, category;
    std::int64_t delivery = 0;
    std::span<const std::string_view> services;
    const model::Device* device = nullptr;  // of a push; accounts that are strangers to it are left out
  };
  [[nodiscard]] std::vector<Account*> candidates(const ProjectView& view, const Query& query);
  [[nodiscard]] Account* find(std::int32_t project, std::string_view key);
  // Most free slots any account of that channel that may be asked has (critical's view); nullopt: none may
  // be asked, or none serves it: whoever waits should be looked at and held. The sandbox speaks only for
  // channels nothing else serves.
  [[nodiscard]] std::optional<std::size_t> free_slots(model::Channel channel);
  // What the accounts that may be asked can have in hand at once, of each queue.
  struct Capacity {
    std::size_t slots = 0;
    std::size_t stuck = 0;  // what waits for accounts that are full, while others of the queue have room
  };
  // nullopt: none may be asked, as above.
  using Capacities = std::array<std::optional<Capacity>, model::kQueueCount>;
  [[nodiscard]] Capacities capacities();
  void for_each(const std::function<void(Account&)>& visit);
  // How those that are configured are. On the delivery executor; ask_health() from any.
  [[nodiscard]] NodeHealth health();
  // Errors: Cancelled (stopping).
  Task<Result<NodeHealth>> ask_health();

  // The tasks may be awaited on any executor; they do their work on the delivery executor.
  //
  // Pauses or resumes at once, and in the configuration too (audited), so that it survives a restart. What
  // the system paused stays paused in this process when the Store could not take it. The system does not
  // pause twice. Errors: NotFound · the Store's.
  Task<Result<void>> pause(std::int32_t project, std::string key, std::string why, store::Actor actor);
  // Also forgets breaker and throttling: somebody says that it works again.
  Task<Result<void>> resume(std::int32_t project, std::string key, store::Actor actor);
  // Asks the vendor with the account in use (a disabled one is opened for it). Errors: NotFound.
  Task<Result<providers::TestReport>> test(std::int32_t project, std::string key);
  // Has the account's provider read what its vendor reports (a disabled one is opened for it). Errors:
  // NotFound · FailedPrecondition (it cannot be opened) · those of Provider::callback().
  Task<Result<providers::CallbackReading>> callback(std::int32_t project, std::string key,
                                                    providers::CallbackRequest request,
                                                    base::Deadline deadline);
  // Which accounts of the project could not be asked now, and why: paused, left alone after failures,
  // throttled for long, not to be opened.
  Task<std::vector<Unavailable>> unavailable(std::int32_t project);
  // Opens a provider with these settings (secrets in clear) and asks the vendor, without keeping it.
  // Errors: NotFound (provider type) · InvalidArgument, with `problems`.
  Task<Result<providers::TestReport>> test_settings(std::int32_t project, std::string provider,
                                                    std::string settings_json, base::Problems& problems);
  // Closes every provider and waits for the end of all tasks here, at the latest shortly after `deadline`.
  // On the delivery executor.
  Task<void> close(base::Deadline deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::pipeline
