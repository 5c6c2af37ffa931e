#include "pipeline/integrations.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/log.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::Priority;
using model::Reason;

constexpr std::string_view kSandboxKey = "sandbox";
constexpr std::string_view kTestKey = "test";  // of providers opened for one question
constexpr Millis kShortThrottle{2000};         // waited for in the window; longer ones hold
constexpr auto kTestTimeout = std::chrono::seconds(20);
constexpr auto kTestCloseTimeout = std::chrono::seconds(2);
constexpr auto kGracePoll = std::chrono::milliseconds(20);

bool serves(const providers::ProviderType& type, Channel channel) {
  return type.is_any_channel || type.channel == channel;
}

// One sentence of what is wrong with settings. Problems never quote values: they may be secrets.
std::string sentence(const base::Problems& problems, const Error& error) {
  if (problems.empty()) return error.message;
  std::string text;
  for (const auto& problem : problems) {
    if (!text.empty()) text += "; ";
    text += problem.pointer + ": " + problem.detail;
  }
  return text;
}

}  // namespace

Reason Account::unavailable(Time now) {
  if (!paused.empty()) return Reason::IntegrationPaused;
  if (!provider || breaker.is_open(now)) return Reason::ProviderDown;
  if (throttled_until && *throttled_until - now > kShortThrottle) return Reason::ProviderDown;
  return Reason::None;
}

std::string Account::why_unavailable(Time now) const {
  if (!paused.empty()) return fmt::format("it is paused: {}", paused);
  if (!provider) return fmt::format("it cannot be used: {}", open_error);
  if (breaker.is_open(now)) {
    const auto until = breaker.open_until();
    return fmt::format("it is left alone after failures, until {}", to_rfc3339(until.value_or(now)));
  }
  return throttled_until ? fmt::format("its vendor wants nothing until {}", to_rfc3339(*throttled_until))
                         : std::string();
}

std::size_t Account::free_slots(Priority priority) const {
  if (!provider) return 0;
  const std::size_t free = provider->free_slots();
  const std::size_t unreserved = free > reserved ? free - reserved : 0;
  if (priority == Priority::Critical) return unreserved;
  const std::size_t used = in_flight + reserved;
  const std::size_t share = std::max<std::size_t>(1, (free + in_flight) * 4 / 5);
  return share > used ? std::min(unreserved, share - used) : 0;
}

bool Account::take_slot(model::Lane lane, Time now) {
  if (unavailable(now) != Reason::None || free_slots(lane.priority) == 0) return false;
  if (throttled_until && *throttled_until > now) return false;
  if (rate.take(1, lane.priority == Priority::Critical, now) == 0) return false;
  if (!breaker.allows(now)) return false;
  ++reserved;
  ++held_[lane.index()];
  return true;
}

std::size_t Account::slots() const noexcept {
  if (!provider) return 0;
  const std::size_t all = provider->free_slots() + in_flight;
  if (!(rate.per_second() > 0)) return all;
  return std::min(all, static_cast<std::size_t>(std::ceil(rate.per_second())));
}

void Account::give_back(model::Lane lane) noexcept {
  --reserved;
  --held_[lane.index()];
}

void Account::begin() noexcept {
  --reserved;
  ++in_flight;
}

void Account::finish(model::Lane lane) noexcept {
  --in_flight;
  --held_[lane.index()];
}

void Account::wait(model::Lane lane) noexcept {
  ++waiting_;
  ++held_[lane.index()];
}

void Account::stop_waiting(model::Lane lane) noexcept {
  --waiting_;
  --held_[lane.index()];
}

std::size_t Account::room(std::size_t wanted, Priority priority, Time now) const {
  if (throttled_until && *throttled_until > now) return 0;
  return rate.allows(std::min(wanted, free_slots(priority)), priority == Priority::Critical, now);
}

std::vector<Account*> order_again(std::vector<Account*> in_order, const model::Delivery& delivery) {
  const bool was_tried = delivery.attempts > 0 || delivery.reason == Reason::InvalidRecipient ||
                         delivery.reason == Reason::Throttled || delivery.reason == Reason::NoRoute;
  if (!was_tried || delivery.integration.empty()) return in_order;
  const auto last = std::ranges::find(in_order, delivery.integration, &Account::key);
  if (last == in_order.end()) return in_order;
  if (delivery.reason == Reason::UnknownOutcome && delivery.resent == 1) {
    std::rotate(in_order.begin(), last, last + 1);
  } else {
    std::rotate(last, last + 1, in_order.end());
  }
  return in_order;
}

struct Integrations::Impl {
  struct Entry {
    std::unique_ptr<Account> account;
    std::string settings;             // as stored: what it was opened with
    bool has_unstored_pause = false;  // the Store has not taken the system's pause yet
  };
  struct Project {
    TextMap<Entry> configured;
    Entry sandbox;  // for when none is configured
  };

  explicit Impl(Deps d) : deps(std::move(d)) {}

  Account* find(std::int32_t project, std::string_view key) {
    const auto at = projects.find(project);
    if (at == projects.end()) return nullptr;
    if (const auto it = at->second.configured.find(key); it != at->second.configured.end()) {
      return it->second.account.get();
    }
    return key == kSandboxKey ? at->second.sandbox.account.get() : nullptr;
  }

  Entry* find_entry(std::int32_t project, std::string_view key) {
    const auto at = projects.find(project);
    if (at == projects.end()) return nullptr;
    const auto it = at->second.configured.find(key);
    return it == at->second.configured.end() ? nullptr : &it->second;
  }

  Account* sandbox_of(std::int32_t project) {
    Account* account = find(project, kSandboxKey);
    if (account != nullptr && account->type->is_any_channel) return account;
    const auto at = projects.find(project);
    return at == projects.end() ? nullptr : at->second.sandbox.account.get();
  }

  void for_each(const std::function<void(Account&)>& visit) {
    for (auto& [id, project] : projects) {
      for (auto& [key, entry] : project.configured) visit(*entry.account);
      if (project.sandbox.account) visit(*project.sandbox.account);
    }
  }

  // ---- opening
  providers::Context context(std::int32_t project, const providers::ProviderType& type,
                             std::string_view key) const {
    providers::Context context;
    context.executor = deps.executor;
    context.clock = &deps.clock;
    context.sandbox = &deps.sandbox;
    context.integration = key;
    context.hello_name = deps.hello_name;
    const auto snapshot = deps.directory.snapshot();
    const auto* const view = snapshot->project(project);
    if (view != nullptr) context.push_key = view->push_key.private_key;
    context.has_private_addresses = deps.has_private_addresses;
    if (!deps.public_url.empty()) {
      context.callback_url = fmt::format("{}/v1/callbacks/{}/{}", deps.public_url, type.name, key);
      const bool is_named = project != kDefaultProject && view != nullptr;
      if (is_named) context.callback_url += "?project=" + net::percent_encode(view->name);
    }
    return context;
  }

  static providers::CommonOptions defaults(const providers::ProviderType& type) {
    providers::CommonOptions common;
    common.endpoint = type.default_endpoint;
    return common;
  }

  Result<std::unique_ptr<providers::Provider>> open_provider(
      std::int32_t project, const providers::ProviderType& type, std::string_view key,
      const std::string& settings, base::Problems& problems, providers::CommonOptions& common) const {
    base::JsonDocument document;
    CARILLON_TRY(const auto root, document.parse(settings));
    CARILLON_TRY(auto provider, type.open(root, problems, context(project, type, key), defaults(type)));
    // Rate and timeout are ours to keep; what the provider declared itself is no problem here.
    common = defaults(type);
    base::SettingsGroup group("settings");
    providers::describe(group, common);
    base::Problems ignored;
    group.apply(root, "", ignored);
    return provider;
  }

  Result<std::unique_ptr<providers::Provider>> open_stored(std::int32_t project, const model::Integration& i,
                                                           const providers::ProviderType& type,
                                                           base::Problems& problems,
                                                           providers::CommonOptions& common) const {
    CARILLON_TRY(const std::string settings, deps.directory.open_settings(project, i));
    return open_provider(project, type, i.key, settings, problems, common);
  }

  void open_into(Account& account, const model::Integration& i) const {
    base::Problems problems;
    providers::CommonOptions common;
    auto opened = open_stored(account.project, i, *account.type, problems, common);
    account.open_error.clear();
    if (opened) {
      account.provider = std::move(*opened);
      account.rate = RateBucket(common.rate);
      account.timeout = common.timeout;
      account.is_vendor =
          account.type->recipients_name_endpoint
              ? common.endpoint.empty()
              : !account.type->default_endpoint.empty() && common.endpoint == account.type->default_endpoint;
      return;
    }
    account.open_error = sentence(problems, opened.error());
    base::log_error("integration '{}' cannot be used: {}", i.key, account.open_error);
  }

  void register_metrics(Account& account) const {
    const std::string channel(account.type->is_any_channel ? "any" : model::name(account.type->channel));
    for (std::size_t k = 0; k < model::kOutcomeKindCount; ++k) {
      account.outcomes[k] =
          deps.metrics.counter("carillon_provider_outcomes_total", "Answers of providers.",
                               {{"integration", account.key},
                                {"channel", channel},
                                {"outcome", std::string(model::name(static_cast<model::OutcomeKind>(k)))}});
    }
    account.latency =
        deps.metrics.histogram("carillon_provider_seconds", "From handing a message over to the answer.",
                               base::Metrics::latency_buckets_s(), {{"integration", account.key}});
    auto flag = std::make_shared<std::atomic<bool>>(false);
    account.breaker.show_in(flag);
    deps.metrics.gauge("carillon_breaker_open", "1 while an integration is left alone after failures.",
                       {{"integration", account.key}},
                       [flag] { return flag->load(std::memory_order_relaxed) ? 1.0 : 0.0; });
  }

  std::unique_ptr<Account> make_account(std::int32_t project, const model::Integration& i,
                                        const providers::ProviderType& type) const {
    auto account = std::make_unique<Account>();
    account->project = project;
    account->key = i.key;
    account->type = &type;
    account->paused = i.paused;
    // Reserved recipients fail on purpose: that says nothing about the sandbox's health.
    if (type.is_any_channel) account->breaker = Breaker::never();
    register_metrics(*account);
    open_into(*account, i);
    return account;
  }

  // ---- in line with the configuration
  void apply_one(Project& project, std::int32_t id, const model::Integration& i) {
    const auto* type = providers::find_provider(i.provider);
    if (!i.enabled || type == nullptr) return remove(project, i.key);
    auto& entry = project.configured[i.key];
    if (entry.account && (entry.account->type != type || entry.settings != i.settings))
      bury(std::move(entry.account));
    if (!entry.account) {
      entry = Entry{make_account(id, i, *type), i.settings, false};
      return;
    }
    if (!entry.account->provider) open_into(*entry.account, i);
    if (!entry.has_unstored_pause) entry.account->paused = i.paused;
  }

  void remove(Project& project, const std::string& key) {
    const auto it = project.configured.find(key);
    if (it == project.configured.end()) return;
    bury(std::move(it->second.account));
    project.configured.erase(it);
  }

  void apply_project(std::int32_t id, const ProjectView& view) {
    Project& project = projects[id];
    std::vector<std::string> gone;
    for (const auto& [key, entry] : project.configured) {
      if (view.find_integration(key) == nullptr) gone.push_back(key);
    }
    for (const auto& key : gone) remove(project, key);
    for (const auto& integration : view.integrations) apply_one(project, id, integration);
    if (project.sandbox.account) return;
    model::Integration sandbox;
    sandbox.key = kSandboxKey;
    sandbox.provider = providers::sandbox_type().name;
    project.sandbox = Entry{make_account(id, sandbox, providers::sandbox_type()), sandbox.settings, false};
  }

  // Flights point to their account until they are finished: it goes when nothing uses it any more.
  void bury(std::unique_ptr<Account> account) {
    if (!account->provider) return;
    graveyard.push_back(std::move(account));
    Account* dead = graveyard.back().get();
    dead->paused = "replaced";  // what waits for it looks for another
    const auto task = [this, dead]() -> Task<void> {
      while (dead->is_used() && !is_closed) co_await base::sleep_for(kGracePoll);
      co_await dead->provider->close(is_closed ? close_deadline : base::Deadline::after(dead->timeout));
      if (!dead->is_used()) std::erase_if(graveyard, [dead](const auto& a) { return a.get() == dead; });
    };
    gate.spawn(deps.executor, "close integration", task);
  }

  // ---- tasks, on the delivery executor
  Task<Result<void>> store_pause(std::int32_t project, std::string key, std::string why, store::Actor actor) {
    const auto snapshot = deps.directory.snapshot();
    const auto* view = snapshot->project(project);
    const auto* stored = view ? view->find_integration(key) : nullptr;
    if (stored == nullptr) co_return fail(Errc::NotFound, fmt::format("there is no integration '{}'", key));
    model::Integration changed = *stored;
    mark_paused(changed, std::move(why), actor.name, deps.clock.now());
    co_return co_await deps.directory.put_integration(project, std::move(changed), std::move(actor));
  }

  Task<Result<void>> pause(std::int32_t project, std::string key, std::string why, store::Actor actor) {
    if (why.empty()) why = "paused";
    if (Entry* entry = find_entry(project, key)) {
      if (!entry->account->paused.empty() && actor == "system") co_return Result<void>{};
      entry->account->paused = why;
      entry->has_unstored_pause = true;
    }
    auto stored = co_await store_pause(project, key, std::move(why), std::move(actor));
    if (Entry* entry = find_entry(project, key); entry != nullptr && stored)
      entry->has_unstored_pause = false;
    co_return stored;
  }

  Task<Result<void>> resume(std::int32_t project, std::string key, store::Actor actor) {
    CARILLON_CO_CHECK(co_await store_pause(project, key, {}, std::move(actor)));
    if (Entry* entry = find_entry(project, key)) {
      entry->has_unstored_pause = false;
      entry->account->paused.clear();
      entry->account->throttled_until.reset();
      entry->account->breaker.reset(deps.clock.now());
    }
    co_return Result<void>{};
  }

  Task<providers::TestReport> ask(std::unique_ptr<providers::Provider> provider) {
    auto report = co_await provider->test(base::Deadline::after(kTestTimeout));
    co_await provider->close(base::Deadline::after(kTestCloseTimeout));
    co_return report;
  }

  // A provider of its own for an account that is not in use. Errors: NotFound · FailedPrecondition (its
  // settings).
  Result<std::unique_ptr<providers::Provider>> open_spare(std::int32_t project,
                                                          const std::string& key) const {
    const auto snapshot = deps.directory.snapshot();
    const auto* view = snapshot->project(project);
    const auto* stored = view ? view->find_integration(key) : nullptr;
    const auto* type = stored ? providers::find_provider(stored->provider) : nullptr;
    if (type == nullptr) return fail(Errc::NotFound, fmt::format("there is no integration '{}'", key));
    base::Problems problems;
    providers::CommonOptions common;
    auto opened = open_stored(project, *stored, *type, problems, common);
    if (!opened) return fail(Errc::FailedPrecondition, sentence(problems, opened.error()));
    return std::move(*opened);
  }

  Task<Result<providers::TestReport>> test(std::int32_t project, std::string key) {
    if (Account* account = find(project, key)) {
      if (!account->provider) co_return providers::TestReport{false, account->open_error};
      ++account->testing;
      auto report = co_await account->provider->test(base::Deadline::after(kTestTimeout));
      --account->testing;
      co_return report;
    }
    auto opened = open_spare(project, key);
    if (opened) co_return co_await ask(std::move(*opened));
    if (opened.error().code == Errc::NotFound) co_return std::unexpected(std::move(opened.error()));
    co_return providers::TestReport{false, std::move(opened.error().message)};
  }

  // A disabled account's vendor still reports.
  Task<Result<providers::CallbackReading>> callback(std::int32_t project, std::string key,
                                                    providers::CallbackRequest request,
                                                    base::Deadline deadline) {
    if (Account* account = find(project, key); account != nullptr && account->provider) {
      ++account->testing;
      auto reading = co_await account->provider->callback(request, deadline);
      --account->testing;
      co_return reading;
    }
    CARILLON_CO_TRY(const auto opened, open_spare(project, key));
    auto reading = co_await opened->callback(request, deadline);
    co_await opened->close(base::Deadline::after(kTestCloseTimeout));
    co_return reading;
  }

  Task<std::vector<Unavailable>> unavailable(std::int32_t id) {
    std::vector<Unavailable> found;
    const Time now = deps.clock.now();
    const auto at = projects.find(id);
    if (at == projects.end()) co_return found;
    for (const auto& [key, entry] : at->second.configured) {
      const Reason reason = entry.account->unavailable(now);
      if (reason != Reason::None) found.push_back({key, reason, entry.account->why_unavailable(now)});
    }
    co_return found;
  }

  struct Tested {
    Result<providers::TestReport> report;
    base::Problems problems;
  };
  Task<Tested> test_settings(std::int32_t project, std::string name, std::string settings) {
    Tested tested;
    const auto* type = providers::find_provider(name);
    if (type == nullptr) {
      tested.report = fail(Errc::NotFound, fmt::format("there is no provider type '{}'", name));
      co_return tested;
    }
    providers::CommonOptions common;
    auto opened = open_provider(project, *type, kTestKey, settings, tested.problems, common);
    if (!opened) {
      tested.report = std::unexpected(std::move(opened.error()));
    } else {
      tested.report = co_await ask(std::move(*opened));
    }
    co_return tested;
  }

  // Runs `task` on the delivery executor, counted so that close() waits for it. Errors: Cancelled (closing).
  template <class T, class F>
  Task<T> on_delivery(F task, T refused) {
    if (!gate.enter()) co_return refused;
    struct Leave {
      base::TaskGate& gate;
      ~Leave() { gate.leave(); }
    } leave{gate};
    co_return co_await boost::asio::co_spawn(deps.executor, std::move(task), boost::asio::use_awaitable);
  }

  const Deps deps;
  std::map<std::int32_t, Project> projects;
  std::vector<std::unique_ptr<Account>> graveyard;
  bool is_closed = false;
  base::Deadline close_deadline = base::Deadline::never();
  base::TaskGate gate{"integrations"};
};

namespace {

std::unexpected<Error> closing() { return fail(Errc::Cancelled, "this process is stopping"); }

}  // namespace

Integrations::Integrations(Deps deps) : impl_(std::make_unique<Impl>(std::move(deps))) {}
Integrations::~Integrations() = default;

void Integrations::apply(const Snapshot& snapshot) {
  if (impl_->is_closed) return;
  for (auto& [id, project] : impl_->projects) {
    if (snapshot.project(id) != nullptr) continue;
    while (!project.configured.empty())
      impl_->remove(project, std::string(project.configured.begin()->first));
  }
  for (const auto& [id, view] : snapshot.projects) impl_->apply_project(id, *view);
}

std::vector<Account*> Integrations::candidates(const ProjectView& view, const Query& query) {
  std::vector<Account*> result;
  if (query.is_sandbox) {
    if (Account* sandbox = impl_->sandbox_of(query.project)) result.push_back(sandbox);
    return result;
  }
  const RouteChain chain = route_chain(
      view, {query.channel, query.platform, query.country, query.app, query.category, query.delivery});
  result.reserve(chain.integrations.size());
  for (const auto* integration : chain.integrations) {
    Account* account = impl_->find(query.project, integration->key);
    if (account == nullptr || std::ranges::find(result, account) != result.end()) continue;
    if (query.device != nullptr && is_stranger(*integration, *query.device, chain.integrations)) continue;
    const bool speaks = account->type->service.empty() || account->type->is_any_channel ||
                        std::ranges::find(query.services, account->type->service) != query.services.end();
    if (speaks) result.push_back(account);
  }
  return result;
}

Account* Integrations::find(std::int32_t project, std::string_view key) { return impl_->find(project, key); }

std::optional<std::size_t> Integrations::free_slots(Channel channel) {
  const Time now = impl_->deps.clock.now();
  std::optional<std::size_t> real, sandbox;
  bool is_served = false;
  impl_->for_each([&](Account& account) {
    if (!serves(*account.type, channel)) return;
    is_served |= !account.type->is_any_channel;
    if (account.unavailable(now) != Reason::None) return;
    auto& most = account.type->is_any_channel ? sandbox : real;
    const bool is_waiting = account.throttled_until && *account.throttled_until > now;
    most = std::max(most.value_or(0), is_waiting ? 0 : account.free_slots(Priority::Critical));
  });
  return is_served ? real : sandbox;
}

Integrations::Capacities Integrations::capacities() {
  const Time now = impl_->deps.clock.now();
  struct Seen {
    Capacity of{};
    bool is_asked = false, has_room = false;
  };
  std::array<Seen, model::kQueueCount> real{}, sandbox{};
  std::array<bool, model::kQueueCount> is_served{};
  impl_->for_each([&](Account& account) {
    const bool may_be_asked = account.unavailable(now) == Reason::None;
    const bool has_room = may_be_asked && account.room(1, Priority::Normal, now) > 0;
    for (std::size_t q = 0; q < model::kQueueCount; ++q) {
      const auto queue = static_cast<model::Queue>(q);
      if (!serves(*account.type, model::channel_of(queue), model::platform_of(queue))) continue;
      is_served[q] |= !account.type->is_any_channel;
      if (!may_be_asked) continue;
      Seen& seen = account.type->is_any_channel ? sandbox[q] : real[q];
      seen.is_asked = true;
      seen.has_room |= has_room;
      seen.of.slots += account.slots();
      if (!has_room) seen.of.stuck += account.waiting();
    }
  });
  Capacities all;
  for (std::size_t q = 0; q < model::kQueueCount; ++q) {
    const Seen& seen = is_served[q] ? real[q] : sandbox[q];
    if (!seen.is_asked) continue;
    all[q] = seen.of;
    if (!seen.has_room) all[q]->stuck = 0;
  }
  return all;
}

NodeHealth Integrations::health() {
  NodeHealth health;
  health.node = impl_->deps.node;
  health.at = impl_->deps.clock.now();
  for (const auto& [id, project] : impl_->projects) {
    for (const auto& [key, entry] : project.configured) {
      const Account& account = *entry.account;
      const CallTally::Totals lately = account.calls.within(health.at);
      AccountHealth& one = health.accounts.emplace_back();
      one.project = id;
      one.key = account.key;
      one.breaker = account.breaker.state(health.at);
      one.since = account.breaker.since(health.at);
      one.retry_at = account.breaker.open_until();
      one.calls = lately.calls;
      one.errors = lately.errors;
      if (account.throttled_until && *account.throttled_until > health.at)
        one.throttled_until = account.throttled_until;
      one.problem = account.open_error;
      one.in_flight = static_cast<std::int64_t>(account.in_flight);
    }
  }
  return health;
}

Task<Result<NodeHealth>> Integrations::ask_health() {
  auto task = [this]() -> Task<Result<NodeHealth>> { co_return health(); };
  return impl_->on_delivery<Result<NodeHealth>>(std::move(task), closing());
}

void Integrations::for_each(const std::function<void(Account&)>& visit) { impl_->for_each(visit); }

Task<Result<void>> Integrations::pause(std::int32_t project, std::string key, std::string why,
                                       store::Actor actor) {
  auto task = [impl = impl_.get(), project, k = std::move(key), w = std::move(why), a = std::move(actor)] {
    return impl->pause(project, k, w, a);
  };
  return impl_->on_delivery<Result<void>>(std::move(task), closing());
}

Task<Result<void>> Integrations::resume(std::int32_t project, std::string key, store::Actor actor) {
  auto task = [impl = impl_.get(), project, k = std::move(key), a = std::move(actor)] {
    return impl->resume(project, k, a);
  };
  return impl_->on_delivery<Result<void>>(std::move(task), closing());
}

Task<std::vector<Unavailable>> Integrations::unavailable(std::int32_t project) {
  auto task = [impl = impl_.get(), project] { return impl->unavailable(project); };
  return impl_->on_delivery<std::vector<Unavailable>>(std::move(task), {});
}

Task<Result<providers::TestReport>> Integrations::test(std::int32_t project, std::string key) {
  auto task = [impl = impl_.get(), project, k = std::move(key)] { return impl->test(project, k); };
  return impl_->on_delivery<Result<providers::TestReport>>(std::move(task), closing());
}

Task<Result<providers::CallbackReading>> Integrations::callback(std::int32_t project, std::string key,
                                                                providers::CallbackRequest request,
                                                                base::Deadline deadline) {
  auto task = [impl = impl_.get(), project, k = std::move(key), r = std::move(request), deadline] {
    return impl->callback(project, k, r, deadline);
  };
  return impl_->on_delivery<Result<providers::CallbackReading>>(std::move(task), closing());
}

Task<Result<providers::TestReport>> Integrations::test_settings(std::int32_t project, std::string provider,
                                                                std::string settings_json,
                                                                base::Problems& problems) {
  auto task = [impl = impl_.get(), project, p = std::move(provider), s = std::move(settings_json)] {
    return impl->test_settings(project, p, s);
  };
  auto tested = co_await impl_->on_delivery<Impl::Tested>(std::move(task), Impl::Tested{closing(), {}});
  for (auto& problem : tested.problems) problems.push_back(std::move(problem));
  co_return std::move(tested.report);
}

Task<void> Integrations::close(base::Deadline deadline) {
  Impl& impl = *impl_;
  if (std::exchange(impl.is_closed, true)) co_return;
  impl.close_deadline = deadline;
  impl.gate.close();
  std::vector<Account*> accounts;
  impl.for_each([&](Account& account) { accounts.push_back(&account); });
  for (Account* account : accounts) {
    if (account->provider) co_await account->provider->close(deadline);
  }
  while (impl.gate.count() > 0) co_await base::sleep_for(kGracePoll);
}

}  // namespace carillon::pipeline
