#include "model/rule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "model/notification.h"

namespace carillon::model {
namespace {

constexpr Time kNow = Time(Millis(1'790'000'000'000));

std::string rule_json(std::string_view conditions,
                      std::string_view send = R"({"to":[{"user_id":{"from":"data.user_id"}}],)"
                                              R"("channels":["push"],"title":"x"})") {
  return fmt::format(R"({{"when":{{"type":"order.shipped","conditions":{}}},"send":{}}})", conditions, send);
}

std::vector<std::string> problems_of(std::string_view json) {
  base::JsonDocument document;
  base::Problems problems;
  static_cast<void>(read_rule(*document.parse(json), "r", problems));
  std::vector<std::string> found;
  for (const auto& problem : problems) found.push_back(problem.pointer + " " + problem.code);
  return found;
}

Rule parse_rule(std::string_view json, std::string_view key = "r") {
  auto rule = decode_rule(json, key);
  EXPECT_TRUE(rule) << (rule ? "" : rule.error().message);
  return rule ? std::move(*rule) : Rule{};
}

// An event that keeps its own document.
struct Given {
  explicit Given(std::string_view data, std::string_view id = "1", std::string_view type = "order.shipped",
                 std::string_view source = "/shop") {
    base::JsonWriter out;
    out.object().field("specversion", "1.0").field("id", id).field("source", source).field("type", type);
    out.key("data").raw(data).end_object();
    base::Problems problems;
    event = read_event(*document.parse(out.str()), "", problems);
    EXPECT_TRUE(problems.empty());
  }
  base::JsonDocument document;
  Event event;
};

bool is_met(std::string_view conditions, std::string_view data) {
  base::JsonDocument document;
  base::Problems problems;
  const Condition condition = read_conditions(*document.parse(conditions), "", problems);
  EXPECT_TRUE(problems.empty()) << conditions << ": " << (problems.empty() ? "" : problems[0].detail);
  const Given given(data);
  return holds(condition, given.event, kNow);
}

// ---- conditions
TEST(Conditions, CompareNumbersExactly) {
  EXPECT_TRUE(is_met(R"({"data.n":{"eq":1}})", R"({"n":1.0})"));
  EXPECT_TRUE(is_met(R"({"data.n":1.5})", R"({"n":1.5})"));
  EXPECT_TRUE(is_met(R"({"data.n":{"gt":9007199254740992}})", R"({"n":9007199254740993})"));
  EXPECT_FALSE(is_met(R"({"data.n":{"eq":9007199254740992.0}})", R"({"n":9007199254740993})"));
  EXPECT_TRUE(is_met(R"({"data.n":{"gt":-1}})", R"({"n":18446744073709551615})"));
  EXPECT_TRUE(is_met(R"({"data.n":{"ge":10,"lt":20}})", R"({"n":10})"));
  EXPECT_FALSE(is_met(R"({"data.n":{"ge":10,"lt":20}})", R"({"n":20})"));
  EXPECT_FALSE(is_met(R"({"data.n":{"le":10}})", R"({"n":"5"})"));
}

TEST(Conditions, CompareTextsListsAndFlags) {
  EXPECT_TRUE(is_met(R"({"data.s":{"lt":"b"}})", R"({"s":"a"})"));
  EXPECT_TRUE(is_met(R"({"data.s":{"starts_with":"KR-"}})", R"({"s":"KR-11"})"));
  EXPECT_FALSE(is_met(R"({"data.s":{"starts_with":"KR-"}})", R"({"s":5})"));
  EXPECT_TRUE(is_met(R"({"data.s":{"contains":"ell"}})", R"({"s":"hello"})"));
  EXPECT_TRUE(is_met(R"({"data.s":{"contains":"b"}})", R"({"s":["a","b"]})"));
  EXPECT_TRUE(is_met(R"({"data.s":{"contains":2}})", R"({"s":[1,2.0]})"));
  EXPECT_FALSE(is_met(R"({"data.s":{"contains":"b"}})", R"({"s":{"b":1}})"));
  EXPECT_TRUE(is_met(R"({"data.s":{"in":["a",2,true]}})", R"({"s":true})"));
  EXPECT_FALSE(is_met(R"({"data.s":{"in":["a",2]}})", R"({"s":"2"})"));
  EXPECT_TRUE(is_met(R"({"data.s":false})", R"({"s":false})"));
  EXPECT_FALSE(is_met(R"({"data.s":false})", R"({"s":0})"));
}

TEST(Conditions, AreFalseForWhatIsNotThereExceptForExistsAndNot) {
  for (const char* op : {R"({"eq":1})", R"({"ne":1})", R"({"lt":1})", R"({"in":[1]})", R"({"contains":"x"})",
                         R"({"before":"now"})", R"({"exists":true})"}) {
    for (const char* data : {"{}", R"({"n":null})"}) {
      EXPECT_FALSE(is_met(fmt::format(R"({{"data.n":{}}})", op), data)) << op << data;
      EXPECT_TRUE(is_met(fmt::format(R"({{"not":{{"data.n":{}}}}})", op), data)) << op << data;
    }
  }
  EXPECT_TRUE(is_met(R"({"data.n":{"exists":false}})", "{}"));
  EXPECT_TRUE(is_met(R"({"data.n":{"exists":true}})", R"({"n":0})"));
  EXPECT_TRUE(is_met(R"({"data.n":{"ne":1}})", R"({"n":"1"})"));
}

TEST(Conditions, CompareTimesAlsoWithNow) {
  const auto data = [](Millis offset) { return fmt::format(R"({{"at":"{}"}})", to_rfc3339(kNow + offset)); };
  EXPECT_TRUE(is_met(R"({"data.at":{"before":"now"}})", data(Millis(-1))));
  EXPECT_FALSE(is_met(R"({"data.at":{"before":"now"}})", data(Millis(0))));
  EXPECT_TRUE(is_met(R"({"data.at":{"after":"now-15m"}})", data(std::chrono::minutes(-14))));
  EXPECT_FALSE(is_met(R"({"data.at":{"after":"now-15m"}})", data(std::chrono::minutes(-16))));
  EXPECT_TRUE(is_met(R"({"data.at":{"after":"now","before":"now+2h"}})", data(std::chrono::minutes(119))));
  EXPECT_TRUE(is_met(R"({"data.at":{"after":"2020-01-01T00:00:00+09:00"}})", data(Millis(0))));
  EXPECT_FALSE(is_met(R"({"data.at":{"after":"2020-01-01T00:00:00Z"}})", R"({"at":"soon"})"));
  EXPECT_FALSE(is_met(R"({"data.at":{"after":"2020-01-01T00:00:00Z"}})", R"({"at":1790000000})"));
}

TEST(Conditions, TellWhatTheyLookedAt) {
  const Rule rule =
      parse_rule(rule_json(R"({"data.n":{"ge":10},"any":[{"data.s":"x"},{"data.t":{"after":"now-1h"}}]})"));
  const Given given(R"({"n":12,"s":5})");
  const RuleMatch match = explain_match(rule, given.event, kNow);
  EXPECT_TRUE(match.type);
  EXPECT_TRUE(match.source);
  EXPECT_FALSE(match.conditions);
  ASSERT_EQ(match.checks.size(), 3U);
  EXPECT_EQ(match.checks[0].pointer, "/when/conditions/data.n/ge");
  EXPECT_EQ(match.checks[0].value, "12");
  EXPECT_TRUE(match.checks[0].holds);
  EXPECT_EQ(match.checks[1].pointer, "/when/conditions/any/0/data.s");
  EXPECT_FALSE(match.checks[1].holds);
  EXPECT_EQ(match.checks[2].why, "the event has no data.t");
}

TEST(Conditions, AreCheckedWhollyWhenARuleIsRead) {
  const auto of = [](std::string_view conditions) { return problems_of(rule_json(conditions)); };
  const std::string at = "/when/conditions";
  using Texts = std::vector<std::string>;
  EXPECT_EQ(of("[]"), Texts{at + " wrong_type"});
  EXPECT_EQ(of(R"({"data.n":{"like":1}})"), Texts{at + "/data.n/like unknown_operator"});
  EXPECT_EQ(of(R"({"n":{"eq":1},"dat.n":1})"), Texts{at + "/dat.n invalid_event_path"});
  EXPECT_EQ(of(R"({"data.n":{}})"), Texts{at + "/data.n required"});
  EXPECT_EQ(of(R"({"data.n":null})"), Texts{at + "/data.n wrong_type"});
  EXPECT_EQ(of(R"({"data.n":{"lt":true}})"), Texts{at + "/data.n/lt wrong_type"});
  EXPECT_EQ(of(R"({"data.n":{"in":[]}})"), Texts{at + "/data.n/in required"});
  EXPECT_EQ(of(R"({"data.n":{"in":[[]]}})"), Texts{at + "/data.n/in/0 wrong_type"});
  EXPECT_EQ(of(R"({"data.n":{"exists":"yes"}})"), Texts{at + "/data.n/exists wrong_type"});
  EXPECT_EQ(of(R"({"data.n":{"starts_with":1}})"), Texts{at + "/data.n/starts_with wrong_type"});
  EXPECT_EQ(of(R"({"data.n":{"before":"now-15"}})"), Texts{at + "/data.n/before invalid_time"});
  EXPECT_EQ(of(R"({"any":{}})"), Texts{at + "/any wrong_type"});
  EXPECT_EQ(of(R"({"any":[]})"), Texts{at + "/any required"});
  EXPECT_EQ(of(R"({"any":[{}]})"), Texts{at + "/any/0 required"});
  EXPECT_EQ(of(R"({"not":{}})"), Texts{at + "/not required"});
  EXPECT_EQ(of(fmt::format(R"({{"data.n":"{}"}})", std::string(1025, 'x'))), Texts{at + "/data.n too_long"});
  std::string deep = R"({"data.n":1})";
  for (int i = 0; i < 7; ++i) deep = fmt::format(R"({{"not":{}}})", deep);
  EXPECT_TRUE(of(deep).empty());
  EXPECT_EQ(of(fmt::format(R"({{"not":{}}})", deep)).back().find("too_deep") != std::string::npos, true);
  std::string many;
  for (int i = 0; i < 65; ++i) many += fmt::format(R"({}{{"data.n":{}}})", i == 0 ? "" : ",", i);
  EXPECT_EQ(of(fmt::format(R"({{"all":[{}]}})", many)), Texts{at + "/all/64/data.n too_many"});
}

// ---- conditions against a naive evaluator
struct Tree {
  int kind = 0;  // 0 all, 1 any, 2 not, 3 compare
  std::vector<Tree> inner;
  std::string field, op;
  int value = 0;
};

Tree make_tree(int depth) {
  Tree tree;
  tree.kind = depth >= 4 ? 3 : *rc::gen::inRange(0, 4);
  if (tree.kind == 3) {
    tree.field = *rc::gen::elementOf(std::vector<std::string>{"a", "b", "c"});
    tree.op = *rc::gen::elementOf(std::vector<std::string>{"eq", "ne", "lt", "le", "gt", "ge", "exists"});
    tree.value = *rc::gen::inRange(0, 4);
    return tree;
  }
  const int count = tree.kind == 2 ? 1 : *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) tree.inner.push_back(make_tree(depth + 1));
  return tree;
}

std::string json_of(const Tree& tree) {
  if (tree.kind == 3) {
    return fmt::format(
        R"({{"data.{}":{{"{}":{}}}}})", tree.field, tree.op,
        tree.op == "exists" ? (tree.value % 2 == 0 ? "true" : "false") : std::to_string(tree.value));
  }
  if (tree.kind == 2) return fmt::format(R"({{"not":{}}})", json_of(tree.inner[0]));
  std::string items;
  for (const Tree& inner : tree.inner) items += (items.empty() ? "" : ",") + json_of(inner);
  return fmt::format(R"({{"{}":[{}]}})", tree.kind == 0 ? "all" : "any", items);
}

using Values = std::map<std::string, std::optional<int>>;

bool naive(const Tree& tree, const Values& values) {
  bool all = true, any = false;
  for (const Tree& inner : tree.inner) {
    const bool is_held = naive(inner, values);
    all = all && is_held;
    any = any || is_held;
  }
  if (tree.kind < 3) return tree.kind == 0 ? all : tree.kind == 1 ? any : !all;
  const auto& value = values.at(tree.field);
  if (tree.op == "exists") return value.has_value() == (tree.value % 2 == 0);
  if (!value) return false;
  if (tree.op == "eq") return *value == tree.value;
  if (tree.op == "ne") return *value != tree.value;
  if (tree.op == "lt") return *value < tree.value;
  if (tree.op == "le") return *value <= tree.value;
  if (tree.op == "gt") return *value > tree.value;
  return *value >= tree.value;
}

Values make_values() {
  Values values;
  for (const char* field : {"a", "b", "c"}) {
    const int n = *rc::gen::inRange(-1, 4);
    values[field] = n < 0 ? std::nullopt : std::optional(n);
  }
  return values;
}

std::string json_of(const Values& values) {
  std::string out;
  for (const auto& [field, value] : values) {
    if (value) out += fmt::format(R"({}"{}":{})", out.empty() ? "" : ",", field, *value);
  }
  return "{" + out + "}";
}

RC_GTEST_PROP(Conditions, AgreeWithANaiveEvaluator, ()) {
  const Tree tree = make_tree(0);
  const Values values = make_values();
  RC_ASSERT(is_met(json_of(tree), json_of(values)) == naive(tree, values));
}

RC_GTEST_PROP(Conditions, ObeyTheLawsOfAllAnyAndNot, ()) {
  const std::string a = json_of(make_tree(2)), b = json_of(make_tree(2)), data = json_of(make_values());
  const auto both = [&](std::string_view how, const std::string& x, const std::string& y) {
    return is_met(fmt::format(R"({{"{}":[{},{}]}})", how, x, y), data);
  };
  const auto inverse = [](const std::string& x) { return fmt::format(R"({{"not":{}}})", x); };
  RC_ASSERT(is_met(inverse(inverse(a)), data) == is_met(a, data));
  RC_ASSERT(is_met(inverse(a), data) != is_met(a, data));
  RC_ASSERT(both("all", a, b) == both("all", b, a));
  RC_ASSERT(both("any", a, b) == both("any", b, a));
  RC_ASSERT(both("all", a, a) == is_met(a, data));
  RC_ASSERT(!both("all", inverse(a), inverse(b)) == both("any", a, b));
  RC_ASSERT(!both("any", a, inverse(a)) == false);
  RC_ASSERT(both("all", a, inverse(a)) == false);
}

RC_GTEST_PROP(Conditions, SayTheSameWithAndWithoutChecks, ()) {
  const Rule rule = parse_rule(rule_json(json_of(make_tree(0))));
  const Given given(json_of(make_values()));
  RC_ASSERT(explain_match(rule, given.event, kNow).conditions == holds(rule.conditions, given.event, kNow));
}

// ---- what is sent
std::string filled(std::string_view send, std::string_view data) {
  const Rule rule = parse_rule(rule_json("{}", send));
  const Given given(data);
  const auto built = build_send(rule, given.event);
  if (built) return built->body;
  std::string text;
  for (const auto& problem : built.error()) text += problem.pointer + " " + problem.code + ";";
  return text;
}

TEST(RuleSend, TakesValuesFromTheEvent) {
  EXPECT_EQ(
      filled(
          R"({"template":"shipped","to":[{"user_id":{"from":"data.user_id"},"locale":"ko"}],)"
          R"("params":{"item":{"from":"data.items.0.name"},"n":3,"deep":{"a":[{"from":"data.user_id"}]}}})",
          R"({"user_id":12,"items":[{"name":"A \"B\""}]})"),
      R"({"event_id":"rule/r//shop/1","template":"shipped","to":[{"user_id":12,"locale":"ko"}],)"
      R"("params":{"item":"A \"B\"","n":3,"deep":{"a":[12]}}})");
}

TEST(RuleSend, MakesOneRecipientForEachElement) {
  const std::string send = R"({"channels":["push"],"title":"x","to":[{"user_id":"boss"},)"
                           R"({"each":"data.watchers","user_id":{"from":"item.id"},)"
                           R"("locale":{"from":"item.locale","default":null}}]})";
  EXPECT_EQ(filled(send, R"({"watchers":[{"id":"a"},{"id":"b","locale":"de"}]})"),
            R"({"event_id":"rule/r//shop/1","channels":["push"],"title":"x","to":[{"user_id":"boss"},)"
            R"({"user_id":"a"},{"user_id":"b","locale":"de"}]})");
  EXPECT_EQ(filled(send, R"({"watchers":[{"id":"a"},{}]})"), "/item/id missing_field;");
  EXPECT_EQ(filled(send, R"({"watchers":"a"})"), "/data/watchers invalid_value;");
  EXPECT_EQ(filled(send, "{}"), "/data/watchers missing_field;");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += fmt::format(R"({}{{"id":"u{}"}})", i == 0 ? "" : ",", i);
  EXPECT_EQ(filled(send, fmt::format(R"({{"watchers":[{}]}})", many)), "/to too_many_recipients;");
}

TEST(RuleSend, CountsItsRecipients) {
  const auto count = [](std::string_view to, std::string_view data) {
    const Rule rule =
        parse_rule(rule_json("{}", fmt::format(R"({{"channels":["push"],"title":"x","to":{}}})", to)));
    const Given given(data);
    return build_send(rule, given.event).value().recipients;
  };
  EXPECT_EQ(count(R"([{"user_id":"a"},{"user_id":"b"}])", "{}"), 2U);
  EXPECT_EQ(count(R"([{"each":"data.w","user_id":{"from":"item"}}])", R"({"w":[]})"), 0U);
  EXPECT_EQ(count(R"([{"each":"data.w","user_id":{"from":"item"}}])", R"({"w":["a","b"]})"), 2U);
  EXPECT_EQ(count(R"({"from":"data.to"})", R"({"to":[{"user_id":"a"}]})"), 1U);
  EXPECT_EQ(count(R"({"from":"data.to"})", R"({"to":"a"})"), 1U) << "left to the reader of sends to refuse";
  EXPECT_EQ(count(R"({"from":"data.to","default":null})", "{}"), 0U);
}

TEST(RuleSend, UsesDefaultsAndNamesWhatIsMissing) {
  const std::string send =
      R"({"template":"t","to":[{"user_id":{"from":"data.user_id"}}],)"
      R"("params":{"a":{"from":"data.a","default":"-"},"b":{"from":"data.b","default":null}}})";
  EXPECT_EQ(filled(send, R"({"user_id":"u"})"),
            R"({"event_id":"rule/r//shop/1","template":"t","to":[{"user_id":"u"}],"params":{"a":"-"}})");
  EXPECT_EQ(filled(send, "{}"), "/data/user_id missing_field;");
}

TEST(RuleSend, IsCheckedWhollyWhenARuleIsRead) {
  const auto of = [](std::string_view send) { return problems_of(rule_json("{}", send)); };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(of("7"), Texts{"/send wrong_type"});
  EXPECT_EQ(of(R"({"to":[{"user_id":"a"}],"title":"x","event_id":"e"})"), Texts{"/send/event_id read_only"});
  EXPECT_EQ(of(R"({"to":[{"user_id":"a"}],"title":"x","colour":"red"})"),
            Texts{"/send/colour unknown_field"});
  EXPECT_EQ(of(R"({"to":[{"user_id":{"from":"user"}}]})"), Texts{"/send/template missing_content"})
      << "user is an extension attribute";
  EXPECT_EQ(of(R"({"to":[{"user_id":{"from":"item.id"}}],"title":"x"})"),
            Texts{"/send/to/0/user_id/from invalid_event_path"});
  EXPECT_EQ(of(R"({"to":[{"each":7,"user_id":{"from":"item"}}],"title":"x"})"),
            Texts{"/send/to/0/each wrong_type"});
  EXPECT_EQ(of(R"({"to":[{"email":"nobody"}],"title":"x","channels":["email"]})"),
            Texts{"/send/to/0/email invalid_email"});
  EXPECT_EQ(of(R"({"to":[{"user_id":"a"}],"title":"x","category":{"from":"data.c"}})"),
            Texts{"/send/category wrong_type"});
  EXPECT_EQ(of(R"({"to":[],"title":"x"})"), Texts{"/send/to missing_recipient"});
  EXPECT_TRUE(
      of(R"({"to":[{"email":{"from":"data.mail"},"locale":{"from":"data.l"}},{"phone":{"from":"data.p"}},)"
         R"({"device_token":{"from":"data.t"},"platform":{"from":"data.pl"}},{"group":{"from":"data.g"}},)"
         R"({"address":{"channel":"chat","service":"slack","address":{"from":"data.s"}}}],)"
         R"("title":{"from":"data.title"},"url":{"from":"data.url"},"send_at":{"from":"data.at"},)"
         R"("metadata":{"from":"data.m"},"collapse_key":{"from":"data.k"},"body":"b"})")
          .empty());
}

TEST(RuleSend, ASampleFitsTheTemplatesTypes) {
  base::JsonDocument document;
  base::Problems problems;
  const Template t = read_template(
      *document.parse(R"({"params":[{"name":"a","type":"integer","required":true},{"name":"b","type":"money"},
        {"name":"c","type":"list"},{"name":"d","type":"datetime"},{"name":"e","type":"url"}],
        "content":{"en":{"body":"x"}}})"),
      "t", problems);
  ASSERT_TRUE(problems.empty());
  const auto check = [&](std::string_view params) {
    const Rule rule = parse_rule(
        rule_json("{}", fmt::format(R"({{"template":"t","to":[{{"user_id":"a"}}],"params":{}}})", params)));
    base::JsonDocument sample;
    const std::string json = rule.send.sample(&t);
    const auto request = read_send_request(*sample.parse(json), std::nullopt, "", problems);
    check_params(t, request.params, {}, "/params", problems);
    std::vector<std::string> found;
    for (const auto& problem : std::exchange(problems, {}))
      found.push_back(problem.pointer + " " + problem.code);
    return found;
  };
  using Texts = std::vector<std::string>;
  EXPECT_TRUE(
      check(R"({"a":{"from":"data.a"},"b":{"from":"data.b"},"c":{"from":"data.c"},"d":{"from":"data.d"},)"
            R"("e":{"from":"data.e"}})")
          .empty());
  EXPECT_TRUE(check(R"({"from":"data.params"})").empty());
  EXPECT_EQ(check(R"({"b":{"from":"data.b"}})"), Texts{"/params/a missing_parameter"});
  EXPECT_EQ(check(R"({"a":{"from":"data.a","default":"many"}})"), Texts{"/params/a invalid_parameter"});
  EXPECT_EQ(check(R"({"a":{"from":"data.a","default":null}})"), Texts{"/params/a missing_parameter"});
  EXPECT_EQ(check(R"({"a":1,"z":{"from":"data.z"}})"), Texts{"/params/z undeclared_parameter"});
}

// ---- event ids
std::string id_of(std::string_view source, std::string_view id, std::string_view event_id = {},
                  std::string_view data = "{}") {
  std::string json = rule_json("{}");
  if (!event_id.empty()) {
    json.insert(json.size() - 1, fmt::format(R"(,"event_id":{{"from":"{}"}})", event_id));
  }
  const Rule rule = parse_rule(json);
  const Given given(data, id, "order.shipped", source);
  const auto made = rule_event_id(rule, given.event);
  return made ? *made : made.error().front().code;
}

TEST(RuleEventId, IsMadeOfRuleSourceAndId) {
  EXPECT_EQ(id_of("/shop", "1"), "rule/r//shop/1");
  EXPECT_NE(id_of("a/b", "c"), id_of("a", "b/c"));
  EXPECT_NE(id_of("a", "b%2Fc"), id_of("a", "b/c"));
  const std::string long_id = id_of("/shop", std::string(256, 'x'));
  EXPECT_EQ(long_id.size(), std::string("rule/r//").size() + 64);
  EXPECT_NE(long_id, id_of("/shop", std::string(255, 'x') + "y"));
}

TEST(RuleEventId, CanComeFromTheEvent) {
  EXPECT_EQ(id_of("/s", "1", "data.order", R"({"order":"o-7"})"), "rule/r/o-7");
  EXPECT_EQ(id_of("/s", "2", "data.order", R"({"order":7})"), "rule/r/7");
  EXPECT_EQ(id_of("/s", "2", "data.order", R"({"order":"a/b"})"), "rule/r/a%2Fb");
  EXPECT_EQ(id_of("/s", "2", "data.order", R"({"order":"a\nb"})").size(),
            std::string("rule/r//").size() + 64);
  EXPECT_EQ(id_of("/s", "2", "data.order", "{}"), "missing_field");
  EXPECT_EQ(id_of("/s", "2", "data.order", R"({"order":[]})"), "invalid_value");
}

// ---- rules and sets of them
TEST(Rule, ReadsBackAsWritten) {
  const std::string json =
      R"({"key":"r","position":5,"enabled":false,"when":{"type":["a","b.*"],"source":"/shop",)"
      R"("conditions":{"data.n":{"ge":1}}},"send":{"to":[{"user_id":"u"}],"title":"x"},)"
      R"("event_id":{"from":"data.order"}})";
  const Rule rule = parse_rule(json);
  EXPECT_EQ(encode(rule), json);
  EXPECT_EQ(rule.types, (std::vector<std::string>{"a", "b.*"}));
  EXPECT_FALSE(rule.enabled);
}

TEST(Rule, NamesWhatIsWrong) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(problems_of("{}"), (Texts{"/when required", "/send required"}));
  EXPECT_EQ(problems_of(R"({"key":"other","when":{},"send":{"to":[{"user_id":"u"}],"title":"x"},"if":1})"),
            (Texts{"/key key_mismatch", "/when/type required", "/if unknown_field"}));
  const auto when = [](std::string_view text) {
    return problems_of(fmt::format(R"({{"when":{},"send":{{"to":[{{"user_id":"u"}}],"title":"x"}}}})", text));
  };
  EXPECT_EQ(when(R"({"type":"a*b"})"), Texts{"/when/type invalid_value"});
  EXPECT_EQ(when(R"({"type":["a","*b"]})"), Texts{"/when/type/1 invalid_value"});
  EXPECT_EQ(when(R"({"type":[]})"), Texts{"/when/type required"});
  EXPECT_EQ(when(R"({"type":7})"), Texts{"/when/type wrong_type"});
  EXPECT_EQ(when(R"({"source":"/shop"})"), Texts{});
  EXPECT_EQ(when(R"({"source":7})"), Texts{"/when/source wrong_type"});
  EXPECT_EQ(when(R"({"conditions":{"data.n":1}})"), Texts{"/when/type required"});
  EXPECT_EQ(when(R"({"type":"a","source":[""]})"), Texts{"/when/source/0 invalid_text"});
  EXPECT_TRUE(when(R"({"type":"*"})").empty());
  EXPECT_EQ(
      problems_of(R"({"when":{"type":"a"},"send":{"to":[{"user_id":"u"}],"title":"x"},"event_id":"data.x"})"),
      Texts{"/event_id wrong_type"});
}

std::vector<std::string> matched(const RuleSet& rules, std::string_view type,
                                 std::string_view source = "/shop") {
  const Given given("{}", "1", type, source);
  std::vector<std::string> keys;
  for (const Rule* rule : rules.match(given.event, kNow)) keys.push_back(rule->key);
  return keys;
}

Rule simple(std::string key, std::string when, int position = 0, bool enabled = true) {
  return parse_rule(
      fmt::format(
          R"({{"position":{},"enabled":{},"when":{},"send":{{"to":[{{"user_id":"u"}}],"title":"x"}}}})",
          position, enabled, when),
      key);
}

TEST(RuleSet, FindsRulesByTypePrefixAndSourceInOrder) {
  std::vector<Rule> rules;
  rules.push_back(simple("exact", R"({"type":"order.shipped"})", 2));
  rules.push_back(simple("prefix", R"({"type":"order.*"})", 1));
  rules.push_back(simple("all", R"({"type":"*"})", 3));
  rules.push_back(simple("twice", R"({"type":["order.shipped","order.*","*"]})", 4));
  rules.push_back(simple("off", R"({"type":"*"})", 0, false));
  rules.push_back(simple("mill", R"({"type":"order.shipped","source":["/mill","/works/*"]})", 0));
  rules.push_back(simple("place", R"({"source":"/here"})", 5));
  const RuleSet set(std::move(rules));
  using Keys = std::vector<std::string>;
  EXPECT_EQ(matched(set, "order.shipped"), (Keys{"prefix", "exact", "all", "twice"}));
  EXPECT_EQ(matched(set, "order.shipped", "/works/7"), (Keys{"mill", "prefix", "exact", "all", "twice"}));
  EXPECT_EQ(matched(set, "order", "/here"), (Keys{"all", "twice", "place"}));
  EXPECT_EQ(matched(set, "order"), (Keys{"all", "twice"}));
  EXPECT_EQ(matched(set, "order."), (Keys{"prefix", "all", "twice"}));
  ASSERT_NE(set.find("off"), nullptr);
  EXPECT_EQ(set.find("none"), nullptr);
}

}  // namespace
}  // namespace carillon::model
