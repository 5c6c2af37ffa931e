#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace carillon::base {
namespace {

// A reader over one document, and "pointer code" of everything it complained of.
struct Read {
  explicit Read(std::string_view text) : reader(document.parse(text).value(), "/to/0", problems) {}
  std::vector<std::string> complaints() const {
    std::vector<std::string> out;
    for (const Problem& p : problems) out.push_back(p.pointer + " " + p.code);
    return out;
  }
  JsonDocument document;
  Problems problems;
  ObjectReader reader;
};

TEST(ObjectReader, ReadsEveryType) {
  Read r(R"({"t":"x","id":42,"big":18446744073709551615,"i":-3,"whole":2.0,"n":1.5,"b":true,"d":"30s",
             "at":"2026-11-20T16:49:03Z","ts":["a","b"],"c":"high","o":{"k":[1]},"null":null})");
  std::string t, id, big, o;
  std::int64_t i = 0, whole = 0;
  double n = 0;
  bool b = false;
  Millis d{};
  Time at{};
  std::vector<std::string> ts;
  std::size_t c = 0;
  EXPECT_TRUE(r.reader.text("t", t, 1) && r.reader.id_text("id", id, 10) && r.reader.id_text("big", big, 20));
  EXPECT_TRUE(r.reader.integer("i", i, -3, 3) && r.reader.integer("whole", whole, 0, 3));
  EXPECT_TRUE(r.reader.number("n", n, 0, 2) && r.reader.boolean("b", b));
  EXPECT_TRUE(r.reader.duration("d", d, Millis(0), Millis(30'000)) && r.reader.time("at", at));
  EXPECT_TRUE(r.reader.texts("ts", ts, 2, 1) && r.reader.one_of("c", c, {"low", "high"}));
  EXPECT_TRUE(r.reader.json_object("o", o, 11));
  EXPECT_FALSE(r.reader.text("null", t, 1) || r.reader.text("absent", t, 1) || r.reader.has("null"));
  r.reader.done();
  EXPECT_THAT(r.complaints(), testing::IsEmpty());
  EXPECT_EQ(t + id + big + o, R"(x4218446744073709551615{"k":[1]})");
  EXPECT_EQ(i + whole, -1);
  EXPECT_EQ(n, 1.5);
  EXPECT_TRUE(b);
  EXPECT_EQ(d, Millis(30'000));
  EXPECT_EQ(to_rfc3339(at), "2026-11-20T16:49:03.000Z");
  EXPECT_EQ(ts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(c, 1U);
}

TEST(ObjectReader, CollectsEveryProblemAndLeavesTargetsAlone) {
  Read r(R"({"t":"toolong","id":1.5,"i":9,"i2":"9","i3":1.5,"n":7,"b":1,"d":"soon","d2":"2h","at":"today",
             "ts":["ok",1,"long"],"c":"other","o":[],"many":[1,2,3],"a/b~":1})");
  std::string t = "old";
  std::int64_t i = 1;
  double n = 1;
  bool b = false;
  Millis d{5};
  Time at{};
  std::vector<std::string> ts{"old"};
  std::size_t c = 7;
  EXPECT_FALSE(r.reader.text("t", t, 3) || r.reader.id_text("id", t, 3) || r.reader.integer("i", i, 0, 8));
  EXPECT_FALSE(r.reader.integer("i2", i, 0, 9) || r.reader.integer("i3", i, 0, 9) ||
               r.reader.number("n", n, 0, 6));
  EXPECT_FALSE(r.reader.boolean("b", b) || r.reader.duration("d", d, Millis(0), Millis(9)));
  EXPECT_FALSE(r.reader.duration("d2", d, Millis(0), Millis(9)) || r.reader.time("at", at));
  EXPECT_FALSE(r.reader.texts("ts", ts, 3, 3) || r.reader.one_of("c", c, {"low"}) ||
               r.reader.json_object("o", t, 9));
  EXPECT_FALSE(r.reader.array("many", 2, [](JsonElement, const std::string&) { FAIL(); }));
  r.reader.require("gone");
  r.reader.done();
  EXPECT_THAT(r.complaints(),
              testing::ElementsAre("/to/0/t too_long", "/to/0/id wrong_type", "/to/0/i out_of_range",
                                   "/to/0/i2 wrong_type", "/to/0/i3 wrong_type", "/to/0/n out_of_range",
                                   "/to/0/b wrong_type", "/to/0/d invalid_duration", "/to/0/d2 out_of_range",
                                   "/to/0/at invalid_time", "/to/0/ts/1 wrong_type", "/to/0/ts/2 too_long",
                                   "/to/0/c invalid_choice", "/to/0/o wrong_type", "/to/0/many too_many",
                                   "/to/0/gone required", "/to/0/a~1b~0 unknown_field"));
  EXPECT_EQ(t, "old");
  EXPECT_EQ(i, 1);
  EXPECT_EQ(n, 1);
  EXPECT_EQ(d, Millis(5));
  EXPECT_EQ(ts.front(), "old");
  EXPECT_EQ(c, 7U);
}

TEST(ObjectReader, WalksArraysWithPointers) {
  Read r(R"({"a":[5,6]})");
  std::vector<std::string> seen;
  EXPECT_TRUE(
      r.reader.array("a", 2, [&](JsonElement e, const std::string& at) { seen.push_back(at + to_json(e)); }));
  EXPECT_EQ(seen, (std::vector<std::string>{"/to/0/a/05", "/to/0/a/16"}));
}

TEST(ObjectReader, SaysOnceThatItIsNoObject) {
  Read r("[1]");
  std::string t;
  EXPECT_FALSE(r.reader.text("a", t, 1));
  r.reader.require("a");
  r.reader.done();
  EXPECT_THAT(r.complaints(), testing::ElementsAre("/to/0 wrong_type"));
}

TEST(ObjectReader, KeepsItsAnswerSmall) {
  std::string text = "{\"" + std::string(100'000, 'k') + "\":1";
  for (int i = 0; i < 1000; ++i) text += fmt::format(",\"u{}\":1", i);
  Read r(text + "}");
  r.reader.done();
  EXPECT_EQ(r.problems.size(), kMaxProblems);
  EXPECT_LT(r.problems[0].pointer.size(), 200U);
}

}  // namespace
}  // namespace carillon::base
