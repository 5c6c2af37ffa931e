// Rules, the events they turn into notifications, and the dead letters of those they cannot.
#include "api/api_fixture_test.h"
#include "api/router.h"

namespace carillon::api {
namespace {

class RulesTest : public ApiTest {
 protected:
  void put_template() {
    const auto answer = as_admin("PUT", "/v1/templates/shipped",
                                 R"({"channels":["email"],
      "params":[{"name":"item","type":"string","required":true},{"name":"count","type":"integer"}],
      "content":{"en":{"title":"{{item}}","body":"{{item}} is on its way"}}})");
    ASSERT_LT(answer.status, 300) << answer.body;
  }
  static std::string rule(std::string_view more = {}) {
    return fmt::format(
        R"({{"when":{{"type":"order.shipped","conditions":{{"data.total":{{"ge":100}}}}}},
            "send":{{"template":"shipped","to":[{{"user_id":{{"from":"data.user_id"}}}}],
                     "params":{{"item":{{"from":"data.items.0.name"}}}}}}{}}})",
        more);
  }
  static std::string event(std::string_view data, std::string_view id = "1") {
    return fmt::format(
        R"({{"specversion":"1.0","id":"{}","source":"/shop","type":"order.shipped","data":{}}})", id, data);
  }
  void SetUp() override {
    ApiTest::SetUp();
    put_template();
    as_app("PUT", "/v1/users/u1", R"({"email":"ok@sandbox.carillon.test"})");
    const auto made = as_admin("PUT", "/v1/rules/shipped", rule());
    ASSERT_EQ(made.status, 201) << made.body;
  }
  static constexpr const char* kGood = R"({"user_id":"u1","total":150,"items":[{"name":"Kettle"}]})";
  static constexpr const char* kNoUser = R"({"user_id":"nobody","total":150,"items":[{"name":"Kettle"}]})";
};

TEST_F(RulesTest, ARuleIsMadeReadListedAndRemoved) {
  EXPECT_EQ(as_admin("PUT", "/v1/rules/shipped", rule(R"(,"position":3)")).status, 200);
  EXPECT_EQ(at(as_admin("GET", "/v1/rules/shipped"), "/position"), "3");
  EXPECT_EQ(at(as_admin("GET", "/v1/rules"), "/data/0/key"), "shipped");
  EXPECT_EQ(at(as_admin("GET", "/v1/rules"), "/data/0/when/conditions/data.total/ge"), "100");
  EXPECT_EQ(as_admin("DELETE", "/v1/rules/shipped").status, 204);
  EXPECT_EQ(as_admin("DELETE", "/v1/rules/shipped").status, 404);
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(kGood)), "/matched"), "[]");
}

TEST_F(RulesTest, WhatARuleNamesMustBeThere) {
  const auto put = [&](std::string_view send) {
    return as_admin("PUT", "/v1/rules/r", fmt::format(R"({{"when":{{"type":"t"}},"send":{}}})", send));
  };
  const auto unknown = put(R"({"template":"none","to":[{"user_id":"u1"}]})");
  EXPECT_EQ(unknown.status, 422) << unknown.body;
  EXPECT_EQ(at(unknown, "/errors/0/pointer"), "/send/template");
  EXPECT_EQ(at(put(R"({"title":"x","category":"none","channels":["push"],"to":[{"user_id":"u"}]})"), "/code"),
            "unknown_category");
  EXPECT_EQ(at(put(R"({"template":"shipped","to":[{"user_id":"u1"}]})"), "/errors/0/pointer"),
            "/send/params/item");
  const auto mistyped = put(R"({"template":"shipped","to":[{"user_id":"u1"}],
      "params":{"item":{"from":"data.x"},"count":"many"}})");
  EXPECT_EQ(at(mistyped, "/errors/0/pointer"), "/send/params/count");
  EXPECT_EQ(at(put(R"({"template":{"key":"shipped","version":7},"to":[{"user_id":"u1"}]})"), "/code"),
            "unknown_template");
  const auto pinned = put(R"({"template":{"key":"shipped","version":1},"to":[{"user_id":"u1"}],
      "params":{"item":"x"}})");
  EXPECT_EQ(pinned.status, 201) << pinned.body;
  EXPECT_EQ(at(put(R"({"title":"x","to":[{"user_id":"u1"}]})"), "/code"), "no_channels");
}

TEST_F(RulesTest, AGroupThatARuleNamesMustBeThereOneThatAnEventNamesMayCome) {
  const auto put = [&](std::string_view to) {
    return as_admin(
        "PUT", "/v1/rules/r",
        fmt::format(R"({{"when":{{"type":"t"}},"send":{{"title":"x","channels":["push"],"to":[{}]}}}})", to));
  };
  const auto refused = put(R"({"user_id":"u1"},{"group":"vip"})");
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(at(refused, "/code"), "unknown_group");
  EXPECT_EQ(at(refused, "/errors/0/pointer"), "/send/to/1/group");
  EXPECT_EQ(as_admin("POST", "/v1/rules/r/test",
                     R"({"event":{"specversion":"1.0","id":"1","source":"/s","type":"t"},
      "rule":{"when":{"type":"t"},"send":{"title":"x","channels":["push"],"to":[{"group":"vip"}]}}})")
                .status,
            422);
  EXPECT_EQ(put(R"({"group":{"from":"data.team"}})").status, 201);
  ASSERT_LT(as_app("PUT", "/v1/groups/vip", R"({"name":"VIP"})").status, 300);
  EXPECT_EQ(put(R"({"user_id":{"from":"data.who"}},{"group":"vip"})").status, 200);
}

TEST_F(RulesTest, AnEventBecomesANotificationOnce) {
  const auto first = as_app("POST", "/v1/events", event(kGood));
  ASSERT_EQ(first.status, 202) << first.body;
  EXPECT_EQ(at(first, "/id"), "1");
  EXPECT_EQ(at(first, "/matched/0/rule"), "shipped");
  EXPECT_EQ(at(first, "/matched/0/status"), "accepted");
  const std::string id = at(first, "/matched/0/notification_id");
  EXPECT_EQ(await("/v1/notifications/" + id, "/outcome", "success"), "success");
  EXPECT_EQ(at(as_app("GET", "/v1/notifications/" + id), "/event_id"), "rule/shipped//shop/1");
  const auto again = as_app("POST", "/v1/events", event(kGood));
  EXPECT_EQ(at(again, "/matched/0/status"), "duplicate");
  EXPECT_EQ(at(again, "/matched/0/notification_id"), id);
  // The same event is the same event, whatever else it says by now and whatever the rule makes of it.
  as_admin("PUT", "/v1/rules/shipped", rule(R"(,"position":9)"));
  const auto other = event(R"({"user_id":"u1","total":999,"items":[{"name":"Cup"}]})");
  EXPECT_EQ(at(as_app("POST", "/v1/events", other), "/matched/0/status"), "duplicate");
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(kGood, "2")), "/matched/0/status"), "accepted");
}

TEST_F(RulesTest, ABatchHasAResultForEachEvent) {
  const std::string batch = "[" + event(kGood) + "," + event(kGood) + R"(,{"id":"x"},)" +
                            event(R"({"total":1})", "3") + "," + event(kNoUser, "4") + "]";
  const auto answer = as_app("POST", "/v1/events", batch);
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(at(answer, "/summary"), R"({"accepted":3,"duplicate":1,"refused":1})");
  EXPECT_EQ(at(answer, "/results/0/matched/0/status"), "accepted");
  EXPECT_EQ(at(answer, "/results/1/status"), "duplicate");
  EXPECT_EQ(at(answer, "/results/2/error/errors/0/pointer"), "/specversion");
  EXPECT_EQ(at(answer, "/results/3/matched"), "[]");
  EXPECT_EQ(at(answer, "/results/4/matched/0/error/code"), "unknown_user");
  EXPECT_EQ(as_app("POST", "/v1/events", "[]").status, 422);
  EXPECT_EQ(call("POST", "/v1/events", event(kGood),
                 {{"Authorization", app_}, {"Content-Type", "application/cloudevents-batch+json"}})
                .status,
            400);
  const auto binary = call("POST", "/v1/events", "{}", {{"Authorization", app_}, {"ce-specversion", "1.0"}});
  EXPECT_EQ(at(binary, "/code"), "unsupported");
}

TEST_F(RulesTest, AnEventThatCannotBeSentIsADeadLetterUntilAPersonReplaysIt) {
  const auto refused = as_app("POST", "/v1/events", event(kNoUser));
  ASSERT_EQ(refused.status, 202) << refused.body;
  EXPECT_EQ(at(refused, "/matched/0/status"), "refused");
  const std::string letter = at(refused, "/matched/0/dead_letter_id");
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(kNoUser)), "/matched/0/dead_letter_id"), letter);
  const auto list = as_admin("GET", "/v1/dead-letters");
  EXPECT_EQ(at(list, "/data/0/kind"), "event");
  EXPECT_EQ(at(list, "/data/0/event"), R"({"id":"1","source":"/shop","type":"order.shipped"})");
  EXPECT_EQ(at(list, "/data/1"), "(none)");
  const auto shown = as_admin("GET", "/v1/dead-letters/" + letter);
  EXPECT_EQ(at(shown, "/rule"), "shipped");
  EXPECT_EQ(at(shown, "/app"), "shop");
  EXPECT_EQ(at(shown, "/reason"), "unknown_user");
  EXPECT_EQ(at(shown, "/event/data/user_id"), "nobody");

  const auto replay = [&](std::string_view changes) {
    return as_admin("POST", "/v1/dead-letters/replay",
                    fmt::format(R"({{"ids":["{}"],"changes":{}}})", letter, changes));
  };
  EXPECT_EQ(at(replay("{}"), "/failed"), "1");
  EXPECT_EQ(at(replay(R"({"event":{"id":"other"}})"), "/errors/0/detail"),
            "id and source say which event it is; they stay as they are");
  EXPECT_EQ(at(replay(R"({"address":"a@example.test"})"), "/failed"), "1");
  const auto done = replay(R"({"event":{"data":{"user_id":"u1"}}})");
  EXPECT_EQ(at(done, "/done"), "1") << done.body;
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters/" + letter), "/closed"), "true");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit"), "/data/0/action"), "event.replay");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit"), "/data/0/object"), letter);
  EXPECT_EQ(at(replay("{}"), "/failed"), "1");  // closed
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(kNoUser)), "/matched/0/status"), "duplicate")
      << "what was replayed was this event";
}

TEST_F(RulesTest, AReplayByFilterTakesTheKindItsChangesAreFor) {
  as_app("POST", "/v1/events", event(R"({"total":150,"user_id":"u1"})"));
  const auto list = as_admin("GET", "/v1/dead-letters");
  EXPECT_EQ(at(list, "/data/0/reason"), "missing_field");
  EXPECT_NE(at(list, "/data/0/detail").find("/data/items/0/name"), std::string::npos);
  const auto replay = [&](std::string body) {
    return as_admin("POST", "/v1/dead-letters/replay", std::move(body));
  };
  EXPECT_EQ(at(replay(R"({"filter":{"kind":"delivery"}})"), "/total"), "0");
  EXPECT_EQ(at(replay(R"({"filter":{"rule":"other"}})"), "/total"), "0");
  EXPECT_EQ(at(replay(R"({"filter":{},"changes":{"params":{"a":1}}})"), "/total"), "0");
  const auto done = replay(R"({"filter":{"rule":"shipped"},
      "changes":{"event":{"data":{"items":[{"name":"Cup"}]}}}})");
  EXPECT_EQ(at(done, "/done"), "1") << done.body;
}

TEST_F(RulesTest, ADryRunTellsEverythingAndWritesNothing) {
  const auto test = [&](std::string_view data, std::string_view more = {}) {
    return as_admin("POST", "/v1/rules/shipped/test", fmt::format(R"({{"event":{}{}}})", event(data), more));
  };
  const auto yes = test(kGood);
  ASSERT_EQ(yes.status, 200) << yes.body;
  EXPECT_EQ(at(yes, "/matched"), "true");
  EXPECT_EQ(at(yes, "/conditions/checks/0/value"), "150");
  EXPECT_EQ(at(yes, "/notification/params/item"), "Kettle");
  EXPECT_EQ(at(yes, "/explain/0/decision"), "send");
  const auto no = test(R"({"total":50})");
  EXPECT_EQ(at(no, "/matched"), "false");
  EXPECT_EQ(at(no, "/conditions/checks/0/holds"), "false");
  EXPECT_EQ(at(no, "/notification"), "null");
  EXPECT_EQ(at(test(kNoUser), "/error/code"), "unknown_user");
  EXPECT_EQ(at(test(R"({"total":150})"), "/error/code"), "missing_field");
  EXPECT_EQ(at(test(kGood, R"(,"app":"none")"), "/errors/0/pointer"), "/app");
  EXPECT_EQ(at(test(kGood, R"(,"app":"shop")"), "/explain/0/decision"), "send");
  const auto given = as_admin("POST", "/v1/rules/new/test",
                              fmt::format(R"({{"event":{},"rule":{}}})", event(kGood), rule()));
  EXPECT_EQ(at(given, "/matched"), "true") << given.body;
  EXPECT_EQ(at(as_admin("POST", "/v1/rules/new/test",
                        fmt::format(R"({{"event":{},"rule":{{"when":{{"type":"t"}}}}}})", event(kGood))),
               "/errors/0/pointer"),
            "/rule/send");
  EXPECT_EQ(as_admin("POST", "/v1/rules/new/test", fmt::format(R"({{"event":{}}})", event(kGood))).status,
            404);
  EXPECT_EQ(as_admin("GET", "/v1/rules/new").status, 404);
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters"), "/data"), "[]");
  EXPECT_EQ(at(as_admin("GET", "/v1/notifications"), "/data"), "[]");
}

TEST_F(RulesTest, ATestKeysEventsEndInTheSandboxAndHaveIdsOfTheirOwn) {
  const auto real = as_app("POST", "/v1/events", event(kGood));
  const auto test = call("POST", "/v1/events", event(kGood), {{"Authorization", test_app_}});
  EXPECT_EQ(at(test, "/matched/0/status"), "accepted") << test.body;
  EXPECT_NE(at(test, "/matched/0/notification_id"), at(real, "/matched/0/notification_id"));
}

TEST_F(RulesTest, ADisabledRuleDoesNothingAndAnEmptyListIsNoMistake) {
  as_admin("PUT", "/v1/rules/shipped", rule(R"(,"enabled":false)"));
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(kGood)), "/matched"), "[]");
  const auto made =
      as_admin("PUT", "/v1/rules/shipped",
               R"({"when":{"type":"order.*"},"send":{"title":"x","body":"y","channels":["email"],
      "to":[{"each":"data.watchers","email":{"from":"item"}}]}})");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(R"({"watchers":[]})")), "/matched/0/status"), "skipped");
  const auto two = as_app("POST", "/v1/events",
                          event(R"({"watchers":["ok@sandbox.carillon.test","ann@example.test"]})", "2"));
  EXPECT_EQ(at(two, "/matched/0/status"), "accepted") << two.body;
  const auto bad = as_app("POST", "/v1/events", event(R"({"watchers":["nobody"]})", "3"));
  EXPECT_EQ(at(bad, "/matched/0/error/errors/0/pointer"), "/to/0/email") << bad.body;
}

TEST_F(RulesTest, AStoppedStoreTakesRulesButNoEvents) {
  open_api(false);
  EXPECT_EQ(as_admin("PUT", "/v1/rules/other", rule()).status, 201);
  EXPECT_EQ(at(as_app("POST", "/v1/events", event(kGood)), "/code"), "not_running");
  const auto tested =
      as_admin("POST", "/v1/rules/other/test", fmt::format(R"({{"event":{}}})", event(kGood)));
  EXPECT_EQ(at(tested, "/matched"), "true");
  EXPECT_EQ(at(tested, "/explain"), "null");
}

}  // namespace
}  // namespace carillon::api
