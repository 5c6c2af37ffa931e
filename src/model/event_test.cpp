#include "model/event.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace carillon::model {
namespace {

constexpr const char* kEvent = R"({"specversion":"1.0","id":"1042","source":"/shop","type":"order.shipped",
  "subject":"o-7","time":"2026-11-20T10:00:00Z","tenant":"eu","retries":3,
  "data":{"user_id":12,"order":{"total":75000,"note":null},"items":[{"name":"Kettle"},{"name":"Cup"}],
          "a.b":"dot","7":"seven"}})";

std::vector<std::string> problems_of(std::string_view json) {
  base::JsonDocument document;
  base::Problems problems;
  static_cast<void>(read_event(*document.parse(json), "", problems));
  std::vector<std::string> found;
  for (const auto& problem : problems) found.push_back(problem.pointer + " " + problem.code);
  return found;
}

std::string with(std::string_view member) {
  return R"({"specversion":"1.0","id":"1","source":"/s","type":"t",)" + std::string(member) + "}";
}

TEST(Event, IsReadWithItsAttributesAndExtensions) {
  base::JsonDocument document;
  base::Problems problems;
  const Event event = read_event(*document.parse(kEvent), "", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(event.id, "1042");
  EXPECT_EQ(event.source, "/shop");
  EXPECT_EQ(event.type, "order.shipped");
}

TEST(Event, NamesWhatIsMissingOrWrong) {
  EXPECT_EQ(problems_of("[]"), std::vector<std::string>{" wrong_type"});
  EXPECT_EQ(problems_of("{}"), (std::vector<std::string>{"/specversion required", "/id required",
                                                         "/source required", "/type required"}));
  EXPECT_EQ(problems_of(R"({"specversion":"0.3","id":7,"source":"","type":"a\nb"})"),
            (std::vector<std::string>{"/specversion invalid_choice", "/id wrong_type", "/source invalid_text",
                                      "/type invalid_text"}));
  EXPECT_EQ(problems_of(with(R"("time":"yesterday")")), std::vector<std::string>{"/time invalid_time"});
  EXPECT_EQ(problems_of(with(R"("time":5)")), std::vector<std::string>{"/time wrong_type"});
  EXPECT_EQ(problems_of(with(R"("userId":"x")")), std::vector<std::string>{"/userId unknown_field"});
  EXPECT_EQ(problems_of(with(R"("tenant":{"a":1})")), std::vector<std::string>{"/tenant wrong_type"});
  EXPECT_EQ(problems_of(with(R"("data_base64":"AA==")")),
            std::vector<std::string>{"/data_base64 unsupported"});
  EXPECT_EQ(problems_of(with(fmt::format(R"("subject":"{}")", std::string(5000, 'x')))),
            std::vector<std::string>{"/subject too_long"});
  EXPECT_TRUE(problems_of(with(R"("data":[1,2],"subject":null)")).empty());
}

std::string look_up(std::string_view path) {
  base::JsonDocument document;
  base::Problems problems;
  const Event event = read_event(*document.parse(kEvent), "", problems);
  const auto parsed = EventPath::parse(path, false);
  if (!parsed) return "(" + parsed.error() + ")";
  const auto found = parsed->find(event);
  return found ? base::to_json(*found) : "(none)";
}

TEST(EventPath, FindsAttributesMembersAndItems) {
  EXPECT_EQ(look_up("type"), R"("order.shipped")");
  EXPECT_EQ(look_up("tenant"), R"("eu")");
  EXPECT_EQ(look_up("retries"), "3");
  EXPECT_EQ(look_up("data.user_id"), "12");
  EXPECT_EQ(look_up("data.order.total"), "75000");
  EXPECT_EQ(look_up("data.items.1.name"), R"("Cup")");
  EXPECT_EQ(look_up("data.a\\.b"), R"("dot")");
  EXPECT_EQ(look_up("data.7"), R"("seven")");
  for (const char* absent : {"data.order.note", "data.items.2.name", "data.items.x", "data.user_id.x",
                             "other", "data.items.18446744073709551616"}) {
    EXPECT_EQ(look_up(absent), "(none)") << absent;
  }
}

TEST(EventPath, RefusesWhatCanNotBeAPath) {
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("data."), std::string(".data"), std::string("data..a"),
        std::string("data.a\\"), std::string("subject.x"), std::string("User"), std::string("item.id"),
        std::string("data.") + std::string(300, 'x'), std::string("data.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a")}) {
    EXPECT_FALSE(EventPath::parse(bad, false)) << bad;
  }
  EXPECT_TRUE(EventPath::parse("item", true));
  EXPECT_EQ(EventPath::parse("item.id", true)->pointer(), "/item/id");
  EXPECT_EQ(EventPath::parse("data.a/b", false)->pointer(), "/data/a~1b");
}

std::string merged(std::string_view target, std::string_view patch) {
  base::JsonDocument a, b;
  return merge_patch(*a.parse(target), *b.parse(patch));
}

TEST(MergePatch, DoesWhatTheRfcShows) {
  // RFC 7396, appendix A.
  EXPECT_EQ(merged(R"({"a":"b"})", R"({"a":"c"})"), R"({"a":"c"})");
  EXPECT_EQ(merged(R"({"a":"b"})", R"({"b":"c"})"), R"({"a":"b","b":"c"})");
  EXPECT_EQ(merged(R"({"a":"b","b":"c"})", R"({"a":null})"), R"({"b":"c"})");
  EXPECT_EQ(merged(R"({"a":["b"]})", R"({"a":"c"})"), R"({"a":"c"})");
  EXPECT_EQ(merged(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"), R"({"a":{"b":"d"}})");
  EXPECT_EQ(merged(R"(["a","b"])", R"(["c","d"])"), R"(["c","d"])");
  EXPECT_EQ(merged(R"({"a":"foo"})", "null"), "null");
  EXPECT_EQ(merged(R"({"e":null})", R"({"a":1})"), R"({"e":null,"a":1})");
  EXPECT_EQ(merged("[1,2]", R"({"a":"b","c":null})"), R"({"a":"b"})");
  EXPECT_EQ(merged("{}", R"({"a":{"bb":{"ccc":null}}})"), R"({"a":{"bb":{}}})");
}

}  // namespace
}  // namespace carillon::model
