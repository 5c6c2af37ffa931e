#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

namespace carillon::base {
namespace {

std::string refusal(std::string_view text) {
  JsonDocument document;
  const auto root = document.parse(text);
  if (root) return "accepted";
  EXPECT_EQ(root.error().code, Errc::InvalidArgument);
  return root.error().message;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonDocument, LimitsDepth) {
  EXPECT_EQ(refusal(nested(kJsonMaxDepth)), "accepted");
  EXPECT_THAT(refusal(nested(kJsonMaxDepth + 1)), testing::HasSubstr("deeper"));
  std::string objects = "1";
  for (std::size_t i = 0; i < kJsonMaxDepth; ++i) objects = R"({"a":)" + objects + "}";
  EXPECT_EQ(refusal(objects), "accepted");
  EXPECT_THAT(refusal(R"({"a":)" + objects + "}"), testing::HasSubstr("deeper"));
  // A large document makes the parser grow; the limit stays.
  EXPECT_THAT(refusal(nested(kJsonMaxDepth + 1) + std::string(1'000'000, ' ')), testing::HasSubstr("deeper"));
}

TEST(JsonDocument, RefusesAKeyThatStandsTwice) {
  EXPECT_THAT(refusal(R"({"a":1,"b":2,"a":3})"), testing::HasSubstr("\"a\" stands twice"));
  EXPECT_THAT(refusal(R"([{"x":{"":1,"":2}}])"), testing::HasSubstr("stands twice"));
  EXPECT_THAT(refusal("{\"a\":1,\"\\u0061\":2}"), testing::HasSubstr("stands twice"));
  EXPECT_EQ(refusal(R"([{"a":1},{"a":1,"b":{"a":1}}])"), "accepted");
  for (const int count : {11, 12, 13, 14, 100}) {
    std::string many = "{";
    for (int i = 0; i < count; ++i) many += fmt::format("\"k{}\":{},", i, i);
    EXPECT_EQ(refusal(many + "\"z\":0}"), "accepted") << count;
    EXPECT_THAT(refusal(many + fmt::format("\"k{}\":0}}", count - 1)), testing::HasSubstr("stands twice"))
        << count;
  }
}

TEST(JsonDocument, SaysWhatIsWrong) {
  EXPECT_THAT(refusal(""), testing::HasSubstr("empty"));
  EXPECT_THAT(refusal("\"\xff\""), testing::HasSubstr("UTF-8"));
  EXPECT_THAT(refusal("{\"a\":1,}"), testing::HasSubstr("not JSON"));
  EXPECT_THAT(refusal("123456789012345678901234567890"), testing::HasSubstr("64 bits"));
  EXPECT_THAT(refusal("{} {}"), testing::HasSubstr("not JSON"));
}

TEST(JsonDocument, IsReusedAfterALargeOrABrokenDocument) {
  JsonDocument document;
  EXPECT_TRUE(document.parse("\"" + std::string(3'000'000, 'x') + "\""));
  EXPECT_FALSE(document.parse("{"));
  const auto root = document.parse(R"({"a":[1]})");
  ASSERT_TRUE(root);
  EXPECT_EQ(to_json(*root), R"({"a":[1]})");
  JsonDocument moved = std::move(document);
  EXPECT_TRUE(moved.parse("1"));
  EXPECT_TRUE(document.parse("2"));  // NOLINT(bugprone-use-after-move): gets a new parser
}

TEST(JsonWriter, WritesCompactJson) {
  JsonWriter w;
  w.object()
      .field("a", 1)
      .field("b", "x")
      .key("c")
      .array()
      .value(true)
      .null()
      .value(-2.5)
      .object()
      .end_object();
  w.end_array()
      .field_if("d", std::optional<int>())
      .field_if("e", std::string())
      .field_if("f", std::optional(3U));
  w.key("g").raw("[1]").end_object();
  EXPECT_EQ(w.str(), R"({"a":1,"b":"x","c":[true,null,-2.5,{}],"f":3,"g":[1]})");
  EXPECT_EQ(w.array().end_array().str(), "[]");
}

TEST(JsonWriter, AFieldThatIsAlwaysThereIsNullWithoutAValue) {
  JsonWriter out;
  out.object().field_or_null("a", std::optional(3)).field_or_null("b", std::optional<int>());
  out.field_or_null("c", "text").field_or_null("d", std::string());
  out.field_or_null("e", from_ms(0)).field_or_null("f", std::optional<Time>()).end_object();
  EXPECT_EQ(out.str(), R"({"a":3,"b":null,"c":"text","d":null,"e":"1970-01-01T00:00:00.000Z","f":null})");
}

TEST(FirstCharacters, AreWhole) {
  EXPECT_EQ(first_characters("abc", 3), "abc");
  EXPECT_EQ(first_characters("abc", 2), "ab");
  EXPECT_EQ(first_characters("a한b", 3), "a");
  EXPECT_EQ(first_characters("a한b", 4), "a한");
  EXPECT_EQ(first_characters("한", 0), "");
}

TEST(JsonWriter, WritesNumbersSoThatTheyReadBack) {
  JsonWriter w;
  w.array().value(std::numeric_limits<std::int64_t>::min()).value(std::numeric_limits<std::uint64_t>::max());
  w.value(0.1).value(1.0).value(1e300).value(std::nan("")).value(HUGE_VAL).end_array();
  EXPECT_EQ(w.str(), "[-9223372036854775808,18446744073709551615,0.1,1.0,1e+300,null,null]");
}

TEST(JsonWriterDeathTest, AssertsThatItIsBalanced) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH((void)JsonWriter().object().str(), "assertion failed");
}

TEST(JsonString, EscapesWhatMustBeEscaped) {
  std::string out;
  append_json_string(out, std::string("plain text, \"quoted\" \\ \n\r\t\b\f\x01\x1f\x7f \xC3\xA9") +
                              std::string("\0end", 4));
  EXPECT_EQ(out, "\"plain text, \\\"quoted\\\" \\\\ \\n\\r\\t\\b\\f\\u0001\\u001f\x7f \xC3\xA9\\u0000end\"");
}

TEST(JsonString, EscapesAtEveryPosition) {
  for (const char c : {'"', '\\', '\n', '\x1f', '\0'}) {
    for (std::size_t at = 0; at < 40; ++at) {
      std::string text(40, 'x');
      text[at] = c;
      std::string out;
      append_json_string(out, text);
      JsonDocument document;
      const auto root = document.parse(out);
      ASSERT_TRUE(root) << out;
      EXPECT_EQ(std::string_view(*root), text);
    }
  }
}

TEST(JsonString, ReplacesWhatIsNotUtf8) {  // Unicode 15 §3.9, table 3-8 and its neighbours
  EXPECT_EQ(to_valid_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                          "b\x80"
                          "c\x80\xBF"
                          "d"),
            "a\uFFFD\uFFFD\uFFFD"
            "b\uFFFD"
            "c\uFFFD\uFFFD"
            "d");
  EXPECT_EQ(to_valid_utf8("\xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(to_valid_utf8("\xE2\x82"), "\uFFFD");
  EXPECT_EQ(to_valid_utf8("\u20AC \U0001F600"), "\u20AC \U0001F600");
}

RC_GTEST_PROP(JsonString, IsAlwaysJsonAndReadsBackAsValidUtf8, (const std::string& text)) {
  std::string out;
  append_json_string(out, text);
  JsonDocument document;
  const auto root = document.parse(out);
  RC_ASSERT(root.has_value());
  RC_ASSERT(std::string(std::string_view(*root)) == to_valid_utf8(text));
}

TEST(ToJson, KeepsValuesAsTheyWere) {
  const std::string text = R"({"a":[1,-1,18446744073709551615,1.0,1.5,true,false,null,"é\n"],"b":{},"c":[]})";
  JsonDocument document;
  EXPECT_EQ(to_json(document.parse(text).value()), text);
}

}  // namespace
}  // namespace carillon::base
