#include "pipeline/integrations.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <algorithm>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "pipeline/fake_provider_test.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::Priority;
using model::Reason;
using std::chrono::seconds;

constexpr Time kNow = from_ms(1'790'000'000'000);

model::Lane lane(Priority priority) { return {model::Queue::Email, priority}; }

class AccountTest : public testing::Test {
 protected:
  explicit AccountTest() {
    auto provider = std::make_unique<FakeProvider>(10);
    provider_ = provider.get();
    account_.provider = std::move(provider);
  }
  Account account_;
  FakeProvider* provider_ = nullptr;
};

TEST_F(AccountTest, LeavesAFifthOfItsSlotsToCriticalOnes) {
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(account_.take_slot(lane(Priority::Normal), kNow)) << i;
  EXPECT_FALSE(account_.take_slot(lane(Priority::High), kNow));
  EXPECT_EQ(account_.free_slots(Priority::Bulk), 0U);
  EXPECT_EQ(account_.free_slots(Priority::Critical), 2U);
  EXPECT_TRUE(account_.take_slot(lane(Priority::Critical), kNow));
  EXPECT_TRUE(account_.take_slot(lane(Priority::Critical), kNow));
  EXPECT_FALSE(account_.take_slot(lane(Priority::Critical), kNow));
  EXPECT_EQ(account_.reserved, 10U);
}

TEST_F(AccountTest, CountsWhatTheProviderHoldsIntoTheShare) {
  provider_->slots_ = 3;
  account_.in_flight = 7;
  EXPECT_EQ(account_.free_slots(Priority::Normal), 1U);
  EXPECT_EQ(account_.free_slots(Priority::Critical), 3U);
  account_.reserved = 1;
  EXPECT_EQ(account_.free_slots(Priority::Normal), 0U);
  EXPECT_EQ(account_.free_slots(Priority::Critical), 2U);
}

TEST_F(AccountTest, KnowsWhatItHoldsOfEachLane) {
  ASSERT_TRUE(account_.take_slot(lane(Priority::Normal), kNow));
  ASSERT_TRUE(account_.take_slot(lane(Priority::Normal), kNow));
  ASSERT_TRUE(account_.take_slot(lane(Priority::Critical), kNow));
  EXPECT_EQ(account_.held(lane(Priority::Normal)), 2U);
  account_.begin();
  EXPECT_EQ(account_.held(lane(Priority::Normal)), 2U) << "until the provider has answered";
  EXPECT_EQ(account_.reserved, 2U);
  account_.finish(lane(Priority::Normal));
  account_.give_back(lane(Priority::Normal));
  EXPECT_EQ(account_.held(lane(Priority::Normal)), 0U);
  EXPECT_EQ(account_.held(lane(Priority::Critical)), 1U);
  account_.give_back(lane(Priority::Critical));
  EXPECT_FALSE(account_.is_used());
}

TEST_F(AccountTest, LetsOthersUseTheOnlySlotThereIs) {
  provider_->slots_ = 1;
  EXPECT_TRUE(account_.take_slot(lane(Priority::Bulk), kNow));
}

TEST_F(AccountTest, TellsWhyItMayNotBeAsked) {
  EXPECT_EQ(account_.unavailable(kNow), Reason::None);
  account_.throttled_until = kNow + seconds(3);
  EXPECT_EQ(account_.unavailable(kNow), Reason::ProviderDown);
  account_.throttled_until.reset();
  for (int i = 0; i < 20; ++i) account_.breaker.record(-1, kNow);
  EXPECT_EQ(account_.unavailable(kNow), Reason::ProviderDown);
  account_.paused = "wrong key";
  EXPECT_EQ(account_.unavailable(kNow), Reason::IntegrationPaused);
  account_.paused.clear();
  account_.breaker.reset();
  account_.provider.reset();
  EXPECT_EQ(account_.unavailable(kNow), Reason::ProviderDown);
  EXPECT_FALSE(account_.take_slot(lane(Priority::Critical), kNow));
}

TEST_F(AccountTest, WaitsOutAShortThrottleInTheWindow) {
  account_.throttled_until = kNow + seconds(2);
  EXPECT_EQ(account_.unavailable(kNow), Reason::None);
  EXPECT_FALSE(account_.take_slot(lane(Priority::Normal), kNow));
  EXPECT_TRUE(account_.take_slot(lane(Priority::Normal), kNow + seconds(2)));
}

TEST_F(AccountTest, TakesAProbeOnlyWithASlotAndAToken) {
  for (int i = 0; i < 20; ++i) account_.breaker.record(-1, kNow);
  const Time later = kNow + seconds(30);
  provider_->slots_ = 0;
  EXPECT_FALSE(account_.take_slot(lane(Priority::Normal), later));
  provider_->slots_ = 10;
  EXPECT_TRUE(account_.take_slot(lane(Priority::Normal), later)) << "the probe was not used up";
  EXPECT_FALSE(account_.take_slot(lane(Priority::Normal), later));
  EXPECT_EQ(account_.unavailable(later), Reason::ProviderDown) << "others are held until it answered";
}

TEST_F(AccountTest, KeepsToItsRate) {
  account_.rate = RateBucket(2);
  EXPECT_TRUE(account_.take_slot(lane(Priority::Normal), kNow));
  EXPECT_TRUE(account_.take_slot(lane(Priority::Normal), kNow));
  EXPECT_FALSE(account_.take_slot(lane(Priority::Normal), kNow));
  EXPECT_TRUE(account_.take_slot(lane(Priority::Normal), kNow + Millis(500)));
}

// ---- the accounts of a project, over a real store

class NoBox final : public providers::SandboxBox {
 public:
  Task<Result<void>> add(std::vector<providers::SandboxEntry>) override { co_return Result<void>{}; }
};

class IntegrationsTest : public testing::Test {
 protected:
  IntegrationsTest() {
    std::string name = testing::TempDir() + "carillon_integrations_XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    keys_ = std::make_unique<base::KeyRing>(*base::KeyRing::derive(base::Secret(std::string(32, 'r'))));
    store::SqliteOptions options;
    options.folder = folder_;
    options.keys = keys_.get();
    options.disk_free_min_bytes = 0;
    auto store = store::open_sqlite(options);
    if (!store) throw std::runtime_error(store.error().message);
    store_ = std::move(*store);
    directory_ = std::move(*run(Directory::open(*store_, *keys_, clock_)));
    integrations_ = std::make_unique<Integrations>(
        Integrations::Deps{io_.get_executor(), clock_, *directory_, metrics_, box_,
                           "https://carillon.example", "carillon.example"});
    apply();
  }
  ~IntegrationsTest() override {
    run(integrations_->close(base::Deadline::after(seconds(5))));
    integrations_.reset();
    directory_.reset();
    store_->close();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Runs everything on this thread until the task ended.
  template <class T>
  T run(Task<T> task) {
    auto future = boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future);
    while (future.wait_for(seconds(0)) != std::future_status::ready) {
      io_.restart();
      io_.run_one_for(seconds(5));
    }
    return future.get();
  }
  void apply() { integrations_->apply(*directory_->snapshot()); }
  void put(std::string key, std::string provider, std::string settings, bool enabled = true) {
    model::Integration integration;
    integration.key = std::move(key);
    integration.provider = std::move(provider);
    integration.settings = std::move(settings);
    integration.enabled = enabled;
    const auto stored = run(directory_->put_integration(kDefaultProject, integration, "test"));
    ASSERT_TRUE(stored) << stored.error().message;
    apply();
  }
  void put_mail(std::string key, std::string from = "a@example.com") {
    put(std::move(key), "smtp",
        fmt::format(
            R"({{"endpoint":"smtp://127.0.0.1:1","from_email":"{}","password":"p","timeout":"3s","rate":9}})",
            from));
  }
  [[nodiscard]] Account* find(std::string_view key) { return integrations_->find(kDefaultProject, key); }
  std::vector<std::string> candidates(Integrations::Query query) {
    query.project = kDefaultProject;
    const auto snapshot = directory_->snapshot();
    std::vector<std::string> keys;
    for (const auto* account : integrations_->candidates(*snapshot->project(kDefaultProject), query)) {
      keys.push_back(account->key);
    }
    return keys;
  }
  static Integrations::Query mail() {
    Integrations::Query query;
    query.channel = Channel::Email;
    return query;
  }

  std::string folder_;
  boost::asio::io_context io_;
  base::ManualClock clock_{kNow};
  base::Metrics metrics_;
  NoBox box_;
  std::unique_ptr<base::KeyRing> keys_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Integrations> integrations_;
};

using Keys = std::vector<std::string>;

TEST_F(IntegrationsTest, HasASandboxInEveryProject) {
  Account* sandbox = find("sandbox");
  ASSERT_NE(sandbox, nullptr);
  EXPECT_EQ(sandbox->type, &providers::sandbox_type());
  EXPECT_EQ(sandbox->unavailable(kNow), Reason::None);
  put_mail("mail");
  Integrations::Query query = mail();
  query.is_sandbox = true;
  EXPECT_EQ(candidates(query), Keys{"sandbox"});
}

TEST_F(IntegrationsTest, NeverLeavesTheSandboxAloneForRecipientsThatFailOnPurpose) {
  for (int i = 0; i < 100; ++i) find("sandbox")->breaker.record(-1, kNow);
  EXPECT_EQ(find("sandbox")->unavailable(kNow), Reason::None);
}

TEST_F(IntegrationsTest, OpensWhatIsConfiguredWithItsCommonSettings) {
  put_mail("mail");
  Account* account = find("mail");
  ASSERT_NE(account, nullptr);
  EXPECT_EQ(account->open_error, "");
  EXPECT_EQ(account->timeout, seconds(3));
  EXPECT_EQ(account->rate.take(100, true, kNow), 9U);
  EXPECT_EQ(candidates(mail()), Keys{"mail"});
}

TEST_F(IntegrationsTest, AsksThemInOrderOfCreation) {
  put_mail("m1");
  put_mail("m2");
  put_mail("m3");
  EXPECT_EQ(candidates(mail()), (Keys{"m1", "m2", "m3"}));
}

TEST_F(IntegrationsTest, AsksWhoFailedLast) {
  put_mail("m1");
  put_mail("m2");
  put_mail("m3");
  const std::vector<Account*> in_order = {find("m1"), find("m2"), find("m3")};
  model::Delivery d;
  const auto order = [&](std::string integration) {
    d.integration = std::move(integration);
    Keys keys;
    for (const Account* account : order_again(in_order, d)) keys.push_back(account->key);
    return keys;
  };
  EXPECT_EQ(order("m1"), (Keys{"m1", "m2", "m3"}));  // throttled or paused: nothing was tried
  d.attempts = 1;
  EXPECT_EQ(order("m1"), (Keys{"m2", "m3", "m1"}));
  EXPECT_EQ(order("m2"), (Keys{"m1", "m3", "m2"}));
  EXPECT_EQ(order("gone"), (Keys{"m1", "m2", "m3"}));
  // The vendor that may have it knows the handle: it is asked first, once.
  d.reason = Reason::UnknownOutcome;
  d.resent = 1;
  EXPECT_EQ(order("m2"), (Keys{"m2", "m1", "m3"}));
  d.resent = 2;
  EXPECT_EQ(order("m2"), (Keys{"m1", "m3", "m2"}));
  // The other endpoint of the device, though a dead address counts no attempt.
  d.attempts = 0;
  d.reason = Reason::InvalidRecipient;
  EXPECT_EQ(order("m1"), (Keys{"m2", "m3", "m1"}));
  // Who wants nothing for this address, though it is asked for others.
  for (const Reason reason : {Reason::Throttled, Reason::NoRoute}) {
    d.reason = reason;
    EXPECT_EQ(order("m2"), (Keys{"m1", "m3", "m2"}));
  }
}

TEST_F(IntegrationsTest, TellsWhichCannotBeAskedAndWhy) {
  put_mail("m1");
  put_mail("m2");
  put("bad", "smtp", R"({"endpoint":"smtp://127.0.0.1:1"})");
  EXPECT_EQ(run(integrations_->unavailable(kDefaultProject)).size(), 1U);
  find("m1")->paused = "moving house";
  find("m2")->throttled_until = clock_.now() + std::chrono::minutes(5);
  auto found = run(integrations_->unavailable(kDefaultProject));
  std::ranges::sort(found, {}, &Unavailable::integration);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].reason, Reason::ProviderDown);
  EXPECT_TRUE(found[0].why.contains("from_email")) << found[0].why;
  EXPECT_EQ(found[1].reason, Reason::IntegrationPaused);
  EXPECT_EQ(found[1].why, "it is paused: moving house");
  EXPECT_EQ(found[2].reason, Reason::ProviderDown);
  EXPECT_TRUE(found[2].why.contains("wants nothing until")) << found[2].why;
}

TEST_F(IntegrationsTest, SaysWhyAnIntegrationCannotBeOpened) {
  put("bad", "smtp", R"({"endpoint":"smtp://127.0.0.1:1","password":"hunter2"})");
  Account* account = find("bad");
  ASSERT_NE(account, nullptr);
  EXPECT_NE(account->open_error.find("from_email"), std::string::npos) << account->open_error;
  EXPECT_EQ(account->open_error.find("hunter2"), std::string::npos);
  EXPECT_EQ(account->unavailable(kNow), Reason::ProviderDown);
  const auto report = run(integrations_->test(kDefaultProject, "bad"));
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->ok);
  EXPECT_EQ(report->detail, account->open_error);
  put_mail("bad");
  EXPECT_EQ(find("bad")->unavailable(kNow), Reason::None);
}

TEST_F(IntegrationsTest, ReopensChangedSettingsAndKeepsTheOldAccountWhileItIsUsed) {
  put_mail("mail");
  Account* old = find("mail");
  ASSERT_TRUE(old->take_slot(lane(Priority::Normal), kNow));
  apply();
  EXPECT_EQ(find("mail"), old) << "nothing changed";
  put_mail("mail", "b@example.com");
  EXPECT_NE(find("mail"), old);
  EXPECT_EQ(find("mail")->reserved, 0U);
  run(base::sleep_for(Millis(60)));
  EXPECT_EQ(old->reserved, 1U);
  old->give_back(lane(Priority::Normal));
  run(base::sleep_for(Millis(60)));
}

TEST_F(IntegrationsTest, TakesAwayWhatIsRemovedOrDisabled) {
  put_mail("m1");
  put_mail("m2");
  ASSERT_TRUE(run(directory_->remove({std::string(kKindIntegration), kDefaultProject, "m1"}, "test")));
  apply();
  EXPECT_EQ(find("m1"), nullptr);
  put("m2", "smtp", R"({"endpoint":"smtp://127.0.0.1:1","from_email":"a@example.com"})", false);
  EXPECT_EQ(find("m2"), nullptr);
  EXPECT_TRUE(candidates(mail()).empty());
  const auto report = run(integrations_->test(kDefaultProject, "m2"));
  ASSERT_TRUE(report) << "a disabled one can be tested";
  EXPECT_FALSE(report->ok);
}

TEST_F(IntegrationsTest, PausesAndResumesInTheConfigurationToo) {
  put_mail("mail");
  Account* account = find("mail");
  ASSERT_TRUE(run(integrations_->pause(kDefaultProject, "mail", "535: wrong password", "system")));
  EXPECT_EQ(account->unavailable(kNow), Reason::IntegrationPaused);
  EXPECT_EQ(directory_->snapshot()->project(kDefaultProject)->find_integration("mail")->paused,
            "535: wrong password");
  apply();
  EXPECT_EQ(find("mail"), account) << "a pause is no reason to connect anew";
  EXPECT_EQ(account->paused, "535: wrong password");
  const auto generation = directory_->snapshot()->generation;
  ASSERT_TRUE(run(integrations_->pause(kDefaultProject, "mail", "again", "system")));
  EXPECT_EQ(directory_->snapshot()->generation, generation) << "the system pauses once";

  account->throttled_until = kNow + seconds(60);
  ASSERT_TRUE(run(integrations_->resume(kDefaultProject, "mail", "key:ops")));
  EXPECT_EQ(account->unavailable(kNow), Reason::None);
  apply();
  EXPECT_EQ(find("mail")->paused, "");
}

TEST_F(IntegrationsTest, PausesNothingThatIsNotThere) {
  const auto paused = run(integrations_->pause(kDefaultProject, "nope", "x", "key:ops"));
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, Errc::NotFound);
  EXPECT_EQ(run(integrations_->resume(kDefaultProject, "nope", "x")).error().code, Errc::NotFound);
  EXPECT_EQ(run(integrations_->test(kDefaultProject, "nope")).error().code, Errc::NotFound);
}

TEST_F(IntegrationsTest, TestsSettingsWithoutKeepingThem) {
  base::Problems problems;
  const auto unknown = run(integrations_->test_settings(kDefaultProject, "nope", "{}", problems));
  EXPECT_EQ(unknown.error().code, Errc::NotFound);
  const auto bad = run(integrations_->test_settings(kDefaultProject, "smtp",
                                                    R"({"endpoint":"smtp://127.0.0.1:1"})", problems));
  EXPECT_EQ(bad.error().code, Errc::InvalidArgument);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.front().pointer, "/settings/from_email");
  problems.clear();
  const auto good = run(integrations_->test_settings(kDefaultProject, "sandbox", "{}", problems));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->ok);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(find("test"), nullptr);
}

TEST_F(IntegrationsTest, TellsHowManyMayBeBegunOnAChannel) {
  EXPECT_EQ(integrations_->free_slots(Channel::Email), find("sandbox")->provider->free_slots())
      << "only the sandbox serves it";
  put_mail("mail");
  Account* account = find("mail");
  const auto all = account->provider->free_slots();
  EXPECT_EQ(integrations_->free_slots(Channel::Email), all);
  account->reserved = all;
  EXPECT_EQ(integrations_->free_slots(Channel::Email), 0U);
  account->paused = "x";
  EXPECT_EQ(integrations_->free_slots(Channel::Email), std::nullopt) << "nobody may be asked: look and hold";
  account->paused.clear();
  account->reserved = 0;
  account->throttled_until = kNow + seconds(1);
  EXPECT_EQ(integrations_->free_slots(Channel::Email), 0U);
}

TEST_F(IntegrationsTest, TellsHowMuchOfAQueueCanBeInHandAtOnce) {
  const auto of = [&](model::Queue queue) {
    return integrations_->capacities()[static_cast<std::size_t>(queue)];
  };
  const auto set = [&](std::string_view key, std::size_t in_flight, std::size_t free) {
    find(key)->provider = std::make_unique<FakeProvider>(free);
    find(key)->in_flight = in_flight;
    find(key)->rate = RateBucket(0);
  };
  ASSERT_TRUE(of(model::Queue::Email));
  EXPECT_EQ(of(model::Queue::Email)->slots, find("sandbox")->slots()) << "only the sandbox serves it";
  put_mail("mail");
  set("mail", 15, 5);
  EXPECT_EQ(of(model::Queue::Email)->slots, 20U) << "those in flight are of it";
  find("mail")->rate = RateBucket(2.5);
  EXPECT_EQ(of(model::Queue::Email)->slots, 3U) << "what it is asked in a second";
  put_mail("other");
  set("mail", 20, 0);
  set("other", 0, 1000);
  EXPECT_EQ(of(model::Queue::Email)->slots, 1020U);
  EXPECT_EQ(of(model::Queue::Sms)->slots, find("sandbox")->slots());

  const model::Lane waits{model::Queue::Email, Priority::Normal};
  for (int i = 0; i < 7; ++i) find("mail")->wait(waits);
  EXPECT_EQ(of(model::Queue::Email)->stuck, 7U) << "they keep the other's waiting";
  set("other", 1000, 0);
  EXPECT_EQ(of(model::Queue::Email)->stuck, 0U) << "nobody has room";
  for (int i = 0; i < 7; ++i) find("mail")->stop_waiting(waits);

  find("mail")->paused = find("other")->paused = "x";
  EXPECT_FALSE(of(model::Queue::Email)) << "nobody may be asked: they are looked at and held";
  find("mail")->in_flight = find("other")->in_flight = 0;
}

TEST_F(IntegrationsTest, ShowsItsMetrics) {
  put_mail("mail");
  find("mail")->outcomes[static_cast<std::size_t>(model::OutcomeKind::Sent)].add(3);
  EXPECT_EQ(metrics_.value("carillon_provider_outcomes_total",
                           {{"integration", "mail"}, {"channel", "email"}, {"outcome", "sent"}}),
            3U);
  EXPECT_NE(metrics_.text().find("carillon_breaker_open{integration=\"mail\"} 0"), std::string::npos);
  for (int i = 0; i < 20; ++i) find("mail")->breaker.record(-1, kNow);
  EXPECT_NE(metrics_.text().find("carillon_breaker_open{integration=\"mail\"} 1"), std::string::npos);
}

TEST_F(IntegrationsTest, RefusesEverythingOnceClosed) {
  put_mail("mail");
  run(integrations_->close(base::Deadline::after(seconds(5))));
  EXPECT_EQ(run(integrations_->test(kDefaultProject, "mail")).error().code, Errc::Cancelled);
  EXPECT_EQ(run(integrations_->pause(kDefaultProject, "mail", "x", "y")).error().code, Errc::Cancelled);
  run(integrations_->close(base::Deadline::after(seconds(5))));
}

}  // namespace
}  // namespace carillon::pipeline
