#include "pipeline/routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::Platform;

model::Integration integration(std::string key, std::string provider) {
  model::Integration made;
  made.key = std::move(key);
  made.provider = std::move(provider);
  return made;
}

model::Route route(std::string key, std::vector<model::Route::Step> chain) {
  model::Route made;
  made.key = std::move(key);
  made.chain = std::move(chain);
  return made;
}

ProjectView view_with(std::vector<model::Integration> integrations, std::vector<model::Route> routes = {}) {
  ProjectView view;
  view.integrations = std::move(integrations);
  view.routes = std::move(routes);
  return view;
}

std::vector<std::string> keys(const RouteChain& chain) {
  std::vector<std::string> result;
  for (const auto* i : chain.integrations) result.push_back(i->key);
  return result;
}

RouteQuery mail() {
  RouteQuery query;
  query.channel = Channel::Email;
  return query;
}

RouteQuery push(Platform platform) {
  RouteQuery query;
  query.channel = Channel::Push;
  query.platform = platform;
  return query;
}

using Keys = std::vector<std::string>;

TEST(RouteChain, TakesTheIntegrationsOfTheChannelInOrderOfCreationWithoutARoute) {
  const auto view =
      view_with({integration("m1", "smtp"), integration("t", "twilio_sms"), integration("m2", "smtp")});
  const auto chain = route_chain(view, mail());
  EXPECT_EQ(keys(chain), (Keys{"m1", "m2"}));
  EXPECT_EQ(chain.rule, "");
}

TEST(RouteChain, TakesOnlyProvidersThatServeThePlatform) {
  const auto view = view_with({integration("a", "apns"), integration("f", "fcm")});
  EXPECT_EQ(keys(route_chain(view, push(Platform::Ios))).front(), "a");
  const auto android = keys(route_chain(view, push(Platform::Android)));
  EXPECT_EQ(std::ranges::count(android, "a"), 0);
  EXPECT_EQ(std::ranges::count(android, "f"), 1);
}

model::Integration serving(std::string key, std::string provider, std::string bundle,
                           std::string environment = {}) {
  model::Integration made = integration(std::move(key), std::move(provider));
  made.bundle = std::move(bundle);
  made.environment = std::move(environment);
  return made;
}

Keys strangers(const std::vector<model::Integration>& all, const model::Device& device) {
  std::vector<const model::Integration*> chain;
  for (const auto& each : all) chain.push_back(&each);
  Keys found;
  for (const auto& each : all) {
    if (is_stranger(each, device, chain)) found.push_back(each.key);
  }
  return found;
}

TEST(RouteChain, LeavesOutAccountsOfOtherAppsWhereOneIsOfTheDevices) {
  model::Device device;
  device.bundle = "com.shop";
  device.environment = "production";
  const auto shop = serving("shop", "apns", "com.shop", "production");
  const auto builds = serving("builds", "apns", "com.shop", "development");
  const auto other = serving("other", "apns", "com.other", "production");
  const auto any = serving("any", "apns", "", "production");
  const auto google = serving("google", "fcm", "another-project");
  EXPECT_EQ(strangers({shop, builds, other, any, google}, device), (Keys{"builds", "other"}));
  EXPECT_EQ(strangers({builds, other, google}, device), Keys{})
      << "where none fits each is asked, and says so";
  EXPECT_EQ(strangers({google, serving("ours", "fcm", "com.shop")}, device), Keys{"google"});
  device.bundle.clear();
  device.environment.clear();
  EXPECT_EQ(strangers({shop, builds, other}, device), Keys{}) << "a device that does not say is anybody's";
}

TEST(RouteChain, SaysWhoseAnAccountIs) {
  model::Device device;
  device.bundle = "com.shop";
  device.environment = "development";
  EXPECT_EQ(why_stranger(serving("other", "apns", "com.other", "development"), device),
            "it serves devices of com.other, this one is of com.shop");
  EXPECT_EQ(why_stranger(serving("shop", "apns", "com.shop", "production"), device),
            "it serves production tokens, the device's are of development");
}

TEST(RouteChain, LeavesOutWhatIsDisabledUnknownOrOfAnotherChannel) {
  auto off = integration("off", "smtp");
  off.enabled = false;
  const auto view = view_with({off, integration("odd", "no_such_provider"), integration("t", "twilio_sms")},
                              {route("r", {{"off"}, {"odd"}, {"t"}, {"missing"}})});
  const auto chain = route_chain(view, mail());
  EXPECT_TRUE(chain.integrations.empty());
  EXPECT_EQ(chain.rule, "r") << "the route decided all the same";
}

TEST(RouteChain, TakesTheSandboxOnlyWhereARouteNamesIt) {
  auto view = view_with({integration("box", "sandbox")});
  EXPECT_TRUE(route_chain(view, mail()).integrations.empty());
  view.routes.push_back(route("r", {{"box"}}));
  EXPECT_EQ(keys(route_chain(view, mail())), Keys{"box"});
  EXPECT_EQ(keys(route_chain(view, push(Platform::Ios))), Keys{"box"});
}

TEST(RouteChain, LetsTheFirstRouteThatMatchesDecide) {
  auto narrow = route("narrow", {{"m2"}});
  narrow.app = "shop";
  auto never = route("never", {{"m1"}});
  never.channel = Channel::Sms;
  const auto view = view_with({integration("m1", "smtp"), integration("m2", "smtp")},
                              {never, narrow, route("rest", {{"m1"}})});
  auto query = mail();
  query.app = "shop";
  EXPECT_EQ(route_chain(view, query).rule, "narrow");
  EXPECT_EQ(keys(route_chain(view, query)), Keys{"m2"});
  query.app = "other";
  EXPECT_EQ(route_chain(view, query).rule, "rest");
}

TEST(RouteChain, MatchesEveryFieldThatIsNotEmpty) {
  auto exact = route("exact", {{"f"}});
  exact.channel = Channel::Push;
  exact.platform = "android";
  exact.country = "KR";
  exact.app = "shop";
  exact.category = "news";
  const auto view = view_with({integration("f", "fcm")}, {exact});
  RouteQuery query = push(Platform::Android);
  query.country = "KR";
  query.app = "shop";
  query.category = "news";
  EXPECT_EQ(route_chain(view, query).rule, "exact");
  const auto rule_with = [&](auto change) {
    RouteQuery other = query;
    change(other);
    return std::string(route_chain(view, other).rule);
  };
  EXPECT_EQ(rule_with([](RouteQuery& q) { q.platform = Platform::Web; }), "");
  EXPECT_EQ(rule_with([](RouteQuery& q) { q.country = "US"; }), "");
  EXPECT_EQ(rule_with([](RouteQuery& q) { q.country = ""; }), "");
  EXPECT_EQ(rule_with([](RouteQuery& q) { q.app = "x"; }), "");
  EXPECT_EQ(rule_with([](RouteQuery& q) { q.category = "x"; }), "");
  EXPECT_EQ(rule_with([](RouteQuery& q) { q.channel = Channel::Email; }), "");
}

TEST(RouteChain, DrawsTheFirstPlaceByWeightAndKeepsTheOrderOfTheRest) {
  const auto view = view_with({integration("a", "smtp"), integration("b", "smtp"), integration("c", "smtp")},
                              {route("r", {{"a", 70}, {"b", 20}, {"c", 10}})});
  std::map<std::string, int> first;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    auto query = mail();
    query.delivery = (std::int64_t{59'000'000'000} + i / 7) * 4'194'304 + i % 7;  // ids as they are made
    const auto chain = keys(route_chain(view, query));
    ASSERT_EQ(chain.size(), 3U);
    ++first[chain.front()];
    Keys rest(chain.begin() + 1, chain.end());
    EXPECT_TRUE(std::ranges::is_sorted(rest));
  }
  EXPECT_NEAR(first["a"], kDraws * 0.7, kDraws * 0.03);
  EXPECT_NEAR(first["b"], kDraws * 0.2, kDraws * 0.03);
  EXPECT_NEAR(first["c"], kDraws * 0.1, kDraws * 0.03);
}

TEST(RouteChain, GivesADeliveryTheSameOrderEachTime) {
  const auto view =
      view_with({integration("a", "smtp"), integration("b", "smtp")}, {route("r", {{"a", 1}, {"b", 1}})});
  auto query = mail();
  query.delivery = 123'456'789'012;
  const auto order = keys(route_chain(view, query));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(keys(route_chain(view, query)), order);
}

TEST(RouteChain, KeepsItsOrderWithoutWeights) {
  const auto view =
      view_with({integration("a", "smtp"), integration("b", "smtp")}, {route("r", {{"b", 0}, {"a", 0}})});
  auto query = mail();
  for (std::int64_t i = 0; i < 1000; ++i) {
    query.delivery = i * 4'194'304;
    EXPECT_EQ(keys(route_chain(view, query)), (Keys{"b", "a"}));
  }
}

TEST(RouteChain, CountsAStepWithoutAWeightAsOneBesideOthers) {
  const auto view =
      view_with({integration("a", "smtp"), integration("b", "smtp")}, {route("r", {{"a", 3}, {"b", 0}})});
  int first = 0;
  constexpr int kDraws = 10'000;
  for (std::int64_t i = 0; i < kDraws; ++i) {
    auto query = mail();
    query.delivery = (std::int64_t{59'000'000'000} + i) * 4'194'304;
    if (keys(route_chain(view, query)).front() == "a") ++first;
  }
  EXPECT_NEAR(first, kDraws * 0.75, kDraws * 0.03);
}

}  // namespace
}  // namespace carillon::pipeline
