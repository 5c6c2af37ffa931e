#include "pipeline/route_fixture_test.h"

#include <algorithm>

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::DeliveryStatus;
using model::Platform;
using model::Queue;
using model::Reason;

class RouteTest : public RouteFixture {
 protected:
  static void expect_suppressed(const model::Delivery& d, Reason reason) {
    EXPECT_EQ(d.status, DeliveryStatus::Suppressed);
    EXPECT_EQ(d.reason, reason) << model::name(d.reason);
    EXPECT_EQ(d.finished_at, kNow);
    EXPECT_FALSE(d.due_at);
  }
  static void expect_due(const model::Delivery& d, Queue queue) {
    EXPECT_EQ(d.status, DeliveryStatus::Pending) << model::name(d.reason);
    EXPECT_EQ(d.reason, Reason::None);
    EXPECT_EQ(d.queue, queue);
    EXPECT_EQ(d.due_at, kNow);
    EXPECT_FALSE(d.finished_at);
  }
  void put_cap(model::CapPolicy policy) {
    auto news = model::general_category();
    news.key = "news";
    news.cap = model::FrequencyCap{"", 3, std::chrono::hours(24), policy};
    put_category(news);
  }
};

// A send with everything said: only recipients and channels differ.
std::string send(std::string_view to, std::string_view channels, std::string_view more = "") {
  return fmt::format(R"({{"to":[{}],"channels":[{}],"title":"T","body":"B"{}{}}})", to, channels,
                     more.empty() ? "" : ",", more);
}

TEST_F(RouteTest, MakesOneDeliveryPerEndpointInOrderOfRecipientsAndChannels) {
  add_user("bob")->email = "bob@example.com";
  const auto out = routed(send(R"({"user_id":"ann"},{"user_id":"bob"})", R"("push","email")"));
  ASSERT_TRUE(out.problems.empty());
  ASSERT_EQ(out.deliveries.size(), 5U);
  expect_due(out.deliveries[0], Queue::PushIos);
  EXPECT_EQ(out.deliveries[0].device_id, "phone");
  EXPECT_EQ(out.deliveries[0].user_id, "ann");
  expect_due(out.deliveries[1], Queue::PushAndroid);
  EXPECT_EQ(out.deliveries[1].device_id, "tablet");
  expect_due(out.deliveries[2], Queue::Email);
  EXPECT_EQ(out.deliveries[2].to_index, 0);
  expect_suppressed(out.deliveries[3], Reason::NoAddress);
  EXPECT_EQ(out.deliveries[3].to_index, 1);
  expect_due(out.deliveries[4], Queue::Email);
  EXPECT_EQ(out.recipients, 2);
}

TEST_F(RouteTest, MakesOneDeliveryAndOneDuplicateOfAUserNamedTwice) {
  const auto out = routed(send(R"({"user_id":"ann"},{"user_id":"ann"})", R"("email")"));
  ASSERT_EQ(out.deliveries.size(), 2U);
  expect_due(out.deliveries[0], Queue::Email);
  expect_suppressed(out.deliveries[1], Reason::DuplicateRecipient);
  EXPECT_EQ(out.deliveries[1].user_id, "ann");
}

TEST_F(RouteTest, SeesTheSameAddressInAUserAndARawRecipient) {
  const auto out = routed(send(R"({"user_id":"ann"},{"email":"ann@example.com"})", R"("email")"));
  ASSERT_EQ(out.deliveries.size(), 2U);
  expect_due(out.deliveries[0], Queue::Email);
  expect_suppressed(out.deliveries[1], Reason::DuplicateRecipient);
}

TEST_F(RouteTest, WritesToEachOfTwoUsersWhoShareAMailbox) {
  add_user("bob")->email = "home@example.com";
  add_user("eve")->email = "home@example.com";
  const auto out = routed(send(
      R"({"user_id":"bob"},{"user_id":"eve"},{"user_id":"bob"},{"email":"home@example.com"})", R"("email")"));
  ASSERT_EQ(out.deliveries.size(), 4U);
  expect_due(out.deliveries[0], Queue::Email);
  expect_due(out.deliveries[1], Queue::Email);
  for (const std::size_t i : {2U, 3U}) expect_suppressed(out.deliveries[i], Reason::DuplicateRecipient);
  const auto named_first =
      routed(send(R"({"email":"home@example.com"},{"user_id":"bob"},{"user_id":"eve"})", R"("email")"));
  expect_due(named_first.deliveries.at(0), Queue::Email);
  for (const std::size_t i : {1U, 2U})
    expect_suppressed(named_first.deliveries.at(i), Reason::DuplicateRecipient);
}

TEST_F(RouteTest, RepeatsEveryDeviceOfAUserNamedTwice) {
  const auto out = routed(send(R"({"user_id":"ann"},{"user_id":"ann"})", R"("push")"));
  ASSERT_EQ(out.deliveries.size(), 4U);
  expect_due(out.deliveries[1], Queue::PushAndroid);
  for (const std::size_t i : {2U, 3U}) expect_suppressed(out.deliveries[i], Reason::DuplicateRecipient);
}

TEST_F(RouteTest, SendsNothingToWhoeverSaidNo) {
  ann().preferences = {{"email", "*", false}, {"push.ios", "*", false}};
  const auto out = routed(send(R"({"user_id":"ann"})", R"("push","email","sms")"));
  ASSERT_EQ(out.deliveries.size(), 4U);
  expect_suppressed(out.deliveries[0], Reason::OptedOut);
  expect_due(out.deliveries[1], Queue::PushAndroid);
  expect_suppressed(out.deliveries[2], Reason::OptedOut);
  expect_due(out.deliveries[3], Queue::Sms);
  EXPECT_NE(out.deliveries[2].note.find("preference"), std::string::npos);
}

TEST_F(RouteTest, SendsAMandatoryCategoryAllTheSame) {
  ann().preferences = {{"*", "*", false}};
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email")", R"("category":"security")"));
  ASSERT_EQ(out.deliveries.size(), 1U);
  expect_due(out.deliveries[0], Queue::Email);
}

TEST_F(RouteTest, SendsNothingToASuppressedAddressWhoeverHoldsIt) {
  store::Suppression hit;
  hit.reason = "hard_bounce";
  people_.suppressed[People::key(Channel::Email, "ann@example.com")] = hit;
  const auto user = routed(send(R"({"user_id":"ann"})", R"("email","sms")", R"("category":"security")"));
  ASSERT_EQ(user.deliveries.size(), 2U);
  expect_suppressed(user.deliveries[0], Reason::AddressSuppressed);
  expect_due(user.deliveries[1], Queue::Sms);
  EXPECT_NE(user.deliveries[0].note.find("hard_bounce"), std::string::npos);
  const auto raw = routed(send(R"({"email":"ann@example.com"})", R"("email")"));
  expect_suppressed(raw.deliveries.at(0), Reason::AddressSuppressed);
}

TEST_F(RouteTest, TellsWhoHasNoDeviceFromWhoseDeviceIsBlocked) {
  add_user("bob");
  ann().devices.resize(1);
  ann().devices[0].enabled = false;
  const auto out = routed(send(R"({"user_id":"ann"},{"user_id":"bob"})", R"("push")"));
  ASSERT_EQ(out.deliveries.size(), 2U);
  expect_suppressed(out.deliveries[0], Reason::DeviceBlocked);
  EXPECT_EQ(out.deliveries[0].device_id, "phone");
  expect_suppressed(out.deliveries[1], Reason::NoAddress);
  EXPECT_EQ(out.deliveries[1].queue, Queue::PushAny);
}

TEST_F(RouteTest, PassesOverADeviceWithoutAToken) {
  ann().devices[0].endpoints.clear();
  const auto one = routed(send(R"({"user_id":"ann"})", R"("push")"));
  ASSERT_EQ(one.deliveries.size(), 1U);
  expect_due(one.deliveries[0], Queue::PushAndroid);
  ann().devices[1].endpoints.clear();
  const auto none = routed(send(R"({"user_id":"ann"})", R"("push")"));
  ASSERT_EQ(none.deliveries.size(), 1U);
  expect_suppressed(none.deliveries[0], Reason::NoAddress);
}

TEST_F(RouteTest, ReachesOneDeviceOnly) {
  people_.device_owner["tablet"] = "ann";
  const auto out = routed(send(R"({"device_id":"tablet"})", R"("push","email")"));
  ASSERT_TRUE(out.problems.empty());
  ASSERT_EQ(out.deliveries.size(), 1U);
  expect_due(out.deliveries[0], Queue::PushAndroid);
  EXPECT_EQ(out.deliveries[0].device_id, "tablet");
}

TEST_F(RouteTest, DefersToTheEndOfTheUsersQuietHours) {
  auto calm = model::general_category();
  calm.key = "calm";
  calm.quiet_hours = model::QuietPolicy::Defer;
  put_category(calm);
  ann().time_zone = "UTC";
  ann().quiet_hours = model::QuietHours{14 * 60, 15 * 60};  // it is 14:13:20
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email")", R"("category":"calm")"));
  ASSERT_EQ(out.deliveries.size(), 1U);
  EXPECT_EQ(out.deliveries[0].status, DeliveryStatus::Held);
  EXPECT_EQ(out.deliveries[0].reason, Reason::QuietHours);
  EXPECT_EQ(out.deliveries[0].due_at, parse_rfc3339("2026-09-21T15:00:00Z"));
}

TEST_F(RouteTest, TakesQuietHoursAndZoneFromTheProjectWhenTheUserHasNone) {
  auto calm = model::general_category();
  calm.key = "calm";
  calm.quiet_hours = model::QuietPolicy::Drop;
  put_category(calm);
  view_.settings.quiet_hours = model::QuietHours{23 * 60, 24 * 60 - 1};
  view_.settings.time_zone = "Asia/Seoul";  // 23:13:20
  const auto dropped = routed(send(R"({"user_id":"ann"})", R"("email")", R"("category":"calm")"));
  expect_suppressed(dropped.deliveries.at(0), Reason::QuietHours);
  ann().time_zone = "UTC";
  const auto sent = routed(send(R"({"user_id":"ann"})", R"("email")", R"("category":"calm")"));
  expect_due(sent.deliveries.at(0), Queue::Email);
}

TEST_F(RouteTest, IgnoresQuietHoursWhereTheCategoryDoes) {
  ann().quiet_hours = model::QuietHours{0, 24 * 60 - 1};
  expect_due(routed(send(R"({"user_id":"ann"})", R"("email")")).deliveries.at(0), Queue::Email);
}

TEST_F(RouteTest, ChargesACapOncePerUserAndChannelWhateverTheNumberOfDevices) {
  put_cap(model::CapPolicy::Drop);
  const auto out = routed(send(R"({"user_id":"ann"})", R"("push","email")", R"("category":"news")"));
  ASSERT_EQ(out.deliveries.size(), 3U);
  ASSERT_EQ(out.caps.size(), 2U);
  EXPECT_EQ(out.caps[0].delivery, 0U);
  EXPECT_EQ(out.caps[0].count, 2U) << "the devices share the charge";
  EXPECT_EQ(out.caps[0].limit, 3);
  EXPECT_EQ(out.caps[0].per, std::chrono::hours(24));
  EXPECT_TRUE(out.caps[0].drop);
  EXPECT_EQ(out.caps[1].delivery, 2U);
  EXPECT_EQ(out.caps[1].count, 1U);
  EXPECT_NE(out.caps[0].cap_key, out.caps[1].cap_key);
}

TEST_F(RouteTest, SharesACapBetweenTheDevicesOfEachOfSeveralUsers) {
  put_cap(model::CapPolicy::Defer);
  const auto bob = add_user("bob");
  bob->devices.push_back(device("b1", Platform::Ios, "apns"));
  bob->devices.push_back(device("b2", Platform::Ios, "apns"));
  const auto out =
      routed(send(R"({"user_id":"ann"},{"user_id":"bob"})", R"("push")", R"("category":"news")"));
  ASSERT_EQ(out.caps.size(), 2U);
  EXPECT_EQ(out.caps[0].delivery, 0U);
  EXPECT_EQ(out.caps[0].count, 2U);
  EXPECT_EQ(out.caps[1].delivery, 2U);
  EXPECT_EQ(out.caps[1].count, 2U);
  EXPECT_FALSE(out.caps[0].drop);
}

TEST_F(RouteTest, ChargesNoCapForWhatIsNotSent) {
  put_cap(model::CapPolicy::Drop);
  ann().preferences = {{"email", "*", false}};
  EXPECT_TRUE(routed(send(R"({"user_id":"ann"})", R"("email")", R"("category":"news")")).caps.empty());
}

TEST_F(RouteTest, CapsRawAddressesByThemselvesAndTestKeysNever) {
  put_cap(model::CapPolicy::Drop);
  const std::string asked =
      send(R"({"email":"a@example.com"},{"email":"b@example.com"})", R"("email")", R"("category":"news")");
  const auto out = routed(asked);
  ASSERT_EQ(out.caps.size(), 2U);
  EXPECT_NE(out.caps[0].cap_key, out.caps[1].cap_key);
  is_test_ = true;
  EXPECT_TRUE(routed(asked).caps.empty());
}

TEST_F(RouteTest, SendsTestKeysIntoTheSandboxEvenWithoutARoute) {
  is_test_ = true;
  view_.integrations.clear();
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email","push")"));
  ASSERT_EQ(out.deliveries.size(), 3U);
  for (const auto& d : out.deliveries) {
    EXPECT_TRUE(d.is_sandbox);
    EXPECT_EQ(d.status, DeliveryStatus::Pending);
  }
  EXPECT_TRUE(out.warnings.empty());
}

TEST_F(RouteTest, SendsEverythingIntoTheSandboxOfAProjectThatHasNothingElse) {
  view_.integrations.clear();
  view_.sandbox_is_default = true;
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email")"));
  expect_due(out.deliveries.at(0), Queue::Email);
  EXPECT_TRUE(out.deliveries[0].is_sandbox);
}

TEST_F(RouteTest, MarksAsSandboxWhatARouteSendsThere) {
  put_integration("box", "sandbox");
  model::Route to_box;
  to_box.key = "box";
  to_box.channel = Channel::Email;
  to_box.chain = {{"box"}};
  view_.routes.push_back(to_box);
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email","sms")"));
  EXPECT_TRUE(out.deliveries.at(0).is_sandbox);
  EXPECT_FALSE(out.deliveries.at(1).is_sandbox);
}

TEST_F(RouteTest, HoldsForARouteAndWarnsOncePerChannel) {
  std::erase_if(view_.integrations, [](const auto& i) { return i.provider == "smtp"; });
  const auto out =
      routed(send(R"({"user_id":"ann"},{"email":"x@example.com"})", R"("email")", R"("ttl":"1h")"));
  ASSERT_EQ(out.deliveries.size(), 2U);
  for (const auto& d : out.deliveries) {
    EXPECT_EQ(d.status, DeliveryStatus::Held);
    EXPECT_EQ(d.reason, Reason::NoRoute);
    EXPECT_EQ(d.due_at, kNow + std::chrono::hours(1)) << "the ttl ends it all the same";
  }
  ASSERT_EQ(out.warnings.size(), 1U);
  EXPECT_EQ(out.warnings[0].code, "no_route");
  EXPECT_EQ(out.warnings[0].channel, Channel::Email);
}

TEST_F(RouteTest, HoldsWhatTheStopButtonIsPressedForAndNothingElse) {
  model::Pause pause;
  pause.channel = "email";
  pause.reason = "wrong price in it";
  view_.pauses.push_back(pause);
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email","sms")"), true);
  ASSERT_EQ(out.deliveries.size(), 2U);
  EXPECT_EQ(out.deliveries[0].status, DeliveryStatus::Held);
  EXPECT_EQ(out.deliveries[0].reason, Reason::Paused);
  EXPECT_FALSE(out.deliveries[0].due_at) << "it waits for the button, not for a time";
  EXPECT_EQ(out.deliveries[1].status, DeliveryStatus::Pending);
  ASSERT_EQ(out.explains.size(), 2U);
  EXPECT_EQ(out.explains[0].decision.reason, Reason::Paused);
  EXPECT_EQ(out.explains[0].decision.checks.back().value, "wrong price in it");
}

TEST_F(RouteTest, HoldsForARouteWithoutADueTimeWhenThereIsNoTtl) {
  view_.integrations.clear();
  const auto out = routed(send(R"({"user_id":"ann"})", R"("email")"));
  EXPECT_EQ(out.deliveries.at(0).status, DeliveryStatus::Held);
  EXPECT_FALSE(out.deliveries[0].due_at);
}

TEST_F(RouteTest, RefusesUnknownRecipientsWithTheirPointer) {
  const auto out = routed(send(R"({"user_id":"ann"},{"user_id":"who"},{"device_id":"what"})", R"("push")"));
  ASSERT_EQ(out.problems.size(), 2U);
  EXPECT_EQ(out.problems[0].pointer, "/to/1/user_id");
  EXPECT_EQ(out.problems[0].code, "unknown_user");
  EXPECT_EQ(out.problems[1].pointer, "/to/2/device_id");
  EXPECT_EQ(out.problems[1].code, "unknown_device");
}

TEST_F(RouteTest, ShowsUnknownRecipientsAsSuppressedWhenAskedToSkipThem) {
  const auto out = routed(
      send(R"({"user_id":"who"},{"device_id":"what"})", R"("push","email")", R"("on_unknown":"skip")"));
  EXPECT_TRUE(out.problems.empty());
  ASSERT_EQ(out.deliveries.size(), 3U);
  for (const auto& d : out.deliveries) expect_suppressed(d, Reason::UnknownUser);
  EXPECT_EQ(out.deliveries[0].user_id, "who");
}

TEST_F(RouteTest, RefusesAddressesThatFitNoChannelAskedFor) {
  people_.device_owner["phone"] = "ann";
  const auto out = routed(send(R"({"email":"x@example.com"},{"phone":"+821012345678"},{"device_id":"phone"},
                                  {"device_token":"t","platform":"ios"})",
                               R"("webhook")"));
  std::vector<std::string> pointers;
  for (const auto& problem : out.problems) {
    EXPECT_EQ(problem.code, "recipient_channel_mismatch");
    pointers.push_back(problem.pointer);
  }
  EXPECT_EQ(pointers, (std::vector<std::string>{"/to/0/email", "/to/1/phone", "/to/2/device_id",
                                                "/to/3/device_token"}));
}

TEST_F(RouteTest, ReachesRawAddressesOnTheChannelsTheyFit) {
  const auto out = routed(send(R"({"email":"x@example.com"},{"phone":"+821012345678"},
                                  {"device_token":"t","platform":"android"})",
                               R"("email","sms","push")"));
  ASSERT_TRUE(out.problems.empty());
  ASSERT_EQ(out.deliveries.size(), 3U);
  expect_due(out.deliveries[0], Queue::Email);
  expect_due(out.deliveries[1], Queue::Sms);
  expect_due(out.deliveries[2], Queue::PushAndroid);
  EXPECT_EQ(out.address_keys.size(), 3U);
  for (const auto key : out.address_keys) EXPECT_GE(key, 0);
  for (const auto& d : out.deliveries) EXPECT_TRUE(d.user_id.empty());
}

TEST_F(RouteTest, DeliversIntoTheInboxAtOnce) {
  const auto out = routed(send(R"({"user_id":"ann"})", R"("inbox")"));
  ASSERT_EQ(out.deliveries.size(), 1U);
  EXPECT_EQ(out.deliveries[0].status, DeliveryStatus::Delivered);
  EXPECT_EQ(out.deliveries[0].finished_at, kNow);
  EXPECT_EQ(out.deliveries[0].queue, Queue::None);
}

TEST_F(RouteTest, CarriesPriorityAndTtlIntoEveryDelivery) {
  const auto out =
      routed(send(R"({"user_id":"ann"})", R"("push","email")", R"("priority":"bulk","ttl":"5m")"));
  for (const auto& d : out.deliveries) {
    EXPECT_EQ(d.priority, model::Priority::Bulk);
    EXPECT_EQ(d.expires_at, kNow + std::chrono::minutes(5));
    EXPECT_EQ(d.project, view_.id);
  }
}

TEST_F(RouteTest, RoutesMoreEndpointsThanFitIntoOneAnswer) {
  std::string to;
  for (int i = 0; i < 300; ++i) to += fmt::format(R"({}{{"email":"u{}@example.com"}})", i ? "," : "", i);
  EXPECT_EQ(routed(send(to, R"("email")")).deliveries.size(), 300U)
      << "the caller expands them in the background";
}

TEST_F(RouteTest, ExplainsWhichServiceADeviceLacks) {
  put_integration("jpush", "jpush");
  ann().devices[1].endpoints.front().service = "jpush";
  const auto out = routed(send(R"({"user_id":"ann"})", R"("push")"), true);
  ASSERT_EQ(out.explains.size(), 2U);
  EXPECT_EQ(out.explains[1].route.chosen, "jpush");
  ASSERT_EQ(out.explains[1].route.skipped.size(), 1U);
  EXPECT_EQ(out.explains[1].route.skipped[0].first, "android");
}

TEST_F(RouteTest, ExplainsWhoseABareTokenIs) {
  view_.integrations.front().key = "google";
  view_.integrations.front().provider = "fcm";  // it reaches iPhones too, by tokens of its own
  put_integration("apple", "apns");
  const auto out = routed(send(R"({"device_token":"abc","platform":"ios"})", R"("push")"), true);
  ASSERT_EQ(out.explains.size(), 1U);
  EXPECT_EQ(out.explains[0].route.chosen, "apple");
  ASSERT_FALSE(out.explains[0].route.skipped.empty());
  EXPECT_EQ(out.explains[0].route.skipped[0].first, "google");
}

TEST_F(RouteTest, ExplainsWhoCannotBeAskedNow) {
  put_integration("mail2", "smtp");
  const std::string asked = send(R"({"user_id":"ann"})", R"("email")");
  unavailable_ = {{"mail", Reason::IntegrationPaused, "it is paused: moving house"}};
  const auto one = routed(asked, true).explains.at(0);
  EXPECT_EQ(one.route.chosen, "mail2");
  EXPECT_EQ(one.decision.kind, model::DecisionKind::Send);
  ASSERT_EQ(one.route.skipped.size(), 1U);
  EXPECT_EQ(one.route.skipped[0].second, "it is paused: moving house");
  unavailable_.push_back({"mail2", Reason::IntegrationPaused, "it is paused: too"});
  const auto both = routed(asked, true).explains.at(0);
  EXPECT_EQ(both.route.chosen, "");
  EXPECT_EQ(both.decision.kind, model::DecisionKind::Hold);
  EXPECT_EQ(both.decision.reason, Reason::IntegrationPaused);
  unavailable_.back().reason = Reason::ProviderDown;
  EXPECT_EQ(routed(asked, true).explains.at(0).decision.reason, Reason::ProviderDown) << "one may come back";
}

TEST_F(RouteTest, ExplainsEveryDeliveryWithoutRawAddresses) {
  ann().preferences = {{"sms", "*", false}};
  const auto out =
      routed(send(R"({"user_id":"ann"},{"email":"secret@example.com"})", R"("email","sms")"), true);
  ASSERT_EQ(out.explains.size(), out.deliveries.size());
  EXPECT_EQ(out.explains[0].recipient, "user:ann");
  EXPECT_EQ(out.explains[0].decision.kind, model::DecisionKind::Send);
  EXPECT_EQ(out.explains[0].route.chosen, "mail");
  EXPECT_FALSE(out.explains[0].decision.checks.empty());
  EXPECT_EQ(out.explains[1].decision.reason, Reason::OptedOut);
  base::JsonWriter writer;
  writer.array();
  for (const auto& explain : out.explains) model::write_explain(writer, explain);
  writer.end_array();
  EXPECT_EQ(writer.str().find("secret"), std::string::npos);
}

TEST_F(RouteTest, DecidesTheSameWithAndWithoutExplaining) {
  ann().preferences = {{"push.ios", "*", false}};
  const std::string asked =
      send(R"({"user_id":"ann"},{"user_id":"ann"},{"email":"ann@example.com"})", R"("push","email","sms")");
  const auto plain = routed(asked, false), explained = routed(asked, true);
  ASSERT_EQ(plain.deliveries.size(), explained.deliveries.size());
  EXPECT_TRUE(plain.explains.empty());
  for (std::size_t i = 0; i < plain.deliveries.size(); ++i) {
    EXPECT_EQ(plain.deliveries[i].status, explained.deliveries[i].status) << i;
    EXPECT_EQ(plain.deliveries[i].reason, explained.deliveries[i].reason) << i;
  }
}

TEST_F(RouteTest, KeepsTheSameAddressOnTwoChannelsApartInItsHash) {
  EXPECT_NE(address_key(hash_, Channel::Sms, "+821012345678"),
            address_key(hash_, Channel::Voice, "+821012345678"));
  EXPECT_EQ(address_key(hash_, Channel::Sms, "+821012345678"),
            address_key(hash_, Channel::Sms, "+821012345678"));
}

TEST_F(RouteTest, CollectsEveryAddressThatSuppressionsAreAskedFor) {
  std::vector<std::string> found;
  collect_addresses({Channel::Push, Channel::Email, Channel::Sms, Channel::Inbox, Channel::Chat}, ann(),
                    [&](Channel channel, std::string_view address) {
                      found.push_back(fmt::format("{}:{}", model::name(channel), address));
                    });
  EXPECT_EQ(found,
            (std::vector<std::string>{"email:ann@example.com", "sms:+821012345678", "chat:+821012345678"}));
}

TEST_F(RouteTest, ReachesByChatWhereAnIntegrationSpeaksTheService) {
  model::Profile someone = ann();
  someone.addresses.push_back({Channel::Chat, "slack", "C1", "sealed"});
  const auto with = [](std::initializer_list<const char*> providers) {
    ProjectView view;
    for (const char* provider : providers) {
      model::Integration integration;
      integration.key = integration.provider = provider;
      integration.enabled = true;
      view.integrations.push_back(integration);
    }
    return view;
  };
  EXPECT_EQ(address_of(someone, Channel::Chat, nullptr).address, "C1");
  const ProjectView slack = with({"slack"}), both = with({"kakao_alimtalk", "slack"});
  EXPECT_EQ(address_of(someone, Channel::Chat, &both).service, "slack");
  EXPECT_EQ(address_of(someone, Channel::Chat, &both).sealed_secret, "sealed");
  const ProjectView kakao = with({"kakao_alimtalk"}), none = with({"smtp"});
  EXPECT_EQ(address_of(someone, Channel::Chat, &kakao).service, "kakao");
  EXPECT_EQ(address_of(someone, Channel::Chat, &kakao).address, "+821012345678");
  EXPECT_EQ(address_of(someone, Channel::Chat, &none).address, "C1") << "nothing carries chat: it waits";
  someone.addresses.clear();
  EXPECT_EQ(address_of(someone, Channel::Chat, &slack).address, "");
}

// ---- groups
TEST_F(RouteTest, MembersAreRoutedAfterTheEntriesForTheEntryOfTheirGroup) {
  add_user("bob")->email = "bob@example.com";
  people_.groups = {{1, {.id = 5, .members = 2}}};
  people_.members = {{"bob", 1, false}, {"nobody", 1, false}};
  const auto out = routed(send(R"({"user_id":"ann"},{"group":"g"})", R"("email")"));
  ASSERT_TRUE(out.problems.empty());
  ASSERT_EQ(out.deliveries.size(), 3U);
  expect_due(out.deliveries[0], Queue::Email);
  expect_due(out.deliveries[1], Queue::Email);
  EXPECT_EQ(out.deliveries[1].user_id, "bob");
  EXPECT_EQ(out.deliveries[1].to_index, 1);
  expect_suppressed(out.deliveries[2], Reason::UnknownUser);
  EXPECT_EQ(out.deliveries[2].user_id, "nobody");
  EXPECT_EQ(out.recipients, 3);
}

TEST_F(RouteTest, AMemberNamedByItselfIsNotRoutedAgain) {
  people_.groups = {{0, {.id = 5, .members = 1}}};
  people_.members = {{"ann", 0, false}};
  const auto out = routed(send(R"({"group":"g"},{"user_id":"ann"})", R"("email")"));
  ASSERT_EQ(out.deliveries.size(), 1U);
  EXPECT_EQ(out.deliveries[0].to_index, 1);
  EXPECT_EQ(out.recipients, 1);
}

TEST_F(RouteTest, AMemberWhoseAddressIsNamedIsADuplicateAndTwoWhoShareAMailboxAreNot) {
  add_user("bob")->email = "home@example.com";
  add_user("eve")->email = "home@example.com";
  people_.groups = {{1, {.id = 5, .members = 3}}};
  people_.members = {{"ann", 1, false}, {"bob", 1, false}, {"eve", 1, false}};
  const auto out = routed(send(R"({"email":"ANN@example.com"},{"group":"g"})", R"("email")"));
  ASSERT_EQ(out.deliveries.size(), 4U);
  expect_suppressed(out.deliveries[1], Reason::DuplicateRecipient);
  expect_due(out.deliveries[2], Queue::Email);
  expect_due(out.deliveries[3], Queue::Email);
}

TEST_F(RouteTest, WhoLeftIsSuppressedOnEachChannel) {
  people_.groups = {{0, {.id = 5, .members = 1}}};
  people_.members = {{"ann", 0, true}};
  const auto out = routed(send(R"({"group":"g"})", R"("push","email")"));
  ASSERT_EQ(out.deliveries.size(), 2U);
  for (const auto& d : out.deliveries) {
    expect_suppressed(d, Reason::LeftGroup);
    EXPECT_EQ(d.user_id, "ann");
  }
}

TEST_F(RouteTest, AGroupNobodyMadeIsAProblemAndALargeOneIsOnlyCounted) {
  people_.groups = {{0, {.id = 5, .members = 70'000}}, {1, {.id = 0}}};
  people_.has_all_members = false;
  const auto out = routed(send(R"({"group":"g"},{"group":"h"})", R"("email")"));
  ASSERT_EQ(out.problems.size(), 1U);
  EXPECT_EQ(out.problems[0].pointer, "/to/1/group");
  EXPECT_EQ(out.problems[0].code, "unknown_group");
  EXPECT_EQ(out.recipients, 70'000);
}

}  // namespace
}  // namespace carillon::pipeline
