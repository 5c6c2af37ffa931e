#include "model/changes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::model {
namespace {

std::vector<Change> changes(std::string_view before, std::string_view after) {
  base::JsonDocument a, b;
  return changes_between(*a.parse(before), *b.parse(after));
}

TEST(Changes, NamesWhatChangedByPointer) {
  const auto found = changes(R"({"a":1,"b":{"c":"x","gone":true},"l":[1,2,3],"same":[{}]})",
                             R"({"a":2,"b":{"c":"y","new/one":null},"l":[1,5],"same":[{}]})");
  ASSERT_EQ(found.size(), 6u);
  const auto is = [&](std::size_t i, std::string_view pointer, std::string_view before,
                      std::string_view after) {
    return found[i].pointer == pointer && found[i].before == before && found[i].after == after;
  };
  EXPECT_TRUE(is(0, "/a", "1", "2"));
  EXPECT_TRUE(is(1, "/b/c", "\"x\"", "\"y\""));
  EXPECT_TRUE(is(2, "/b/new~1one", "", "null"));
  EXPECT_TRUE(is(3, "/b/gone", "true", ""));
  EXPECT_TRUE(is(4, "/l/1", "2", "5"));
  EXPECT_TRUE(is(5, "/l/2", "3", ""));
  EXPECT_TRUE(changes("{}", "{}").empty());
}

TEST(Changes, LongTextsHaveADiff) {
  const auto found = changes(R"({"t":"one\ntwo\nthree","s":"x"})", R"({"t":"one\n2\nthree","s":"y"})");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].diff, "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
  EXPECT_EQ(found[1].diff, "");
}

TEST(UnifiedDiff, ShowsThreeLinesAroundEachChange) {
  std::string before, after;
  for (int i = 1; i <= 30; ++i) {
    before += std::to_string(i) + "\n";
    after += i == 10 ? "ten\n" : i == 25 ? "" : std::to_string(i) + "\n";
  }
  EXPECT_EQ(unified_diff(before, after),
            "@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n"
            "@@ -22,7 +22,6 @@\n 22\n 23\n 24\n-25\n 26\n 27\n 28\n");
  EXPECT_EQ(unified_diff("", "a"), "@@ -0,0 +1,1 @@\n+a\n");
  EXPECT_EQ(unified_diff("a", "a"), "");
  EXPECT_EQ(unified_diff("a", "a\n"), "@@ -1,1 +1,2 @@\n a\n+\n");
}

// Lines of a hunk and what is between hunks, put together again.
std::string applied(const std::vector<std::string>& before, const std::string& diff, char wanted) {
  std::string out;
  std::size_t at = 0, begin = 0;
  while (begin < diff.size()) {
    const std::size_t end = diff.find('\n', begin);
    const std::string line = diff.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with("@@")) {
      const std::size_t comma = line.find(',');
      std::size_t from = std::stoul(line.substr(4, comma - 4));
      if (line.substr(comma + 1, line.find(' ', comma) - comma - 1) != "0") --from;
      while (at < from) out += before[at++] + "\n";
      continue;
    }
    if (line[0] != '+') ++at;
    if (line[0] == ' ' || line[0] == wanted) out += line.substr(1) + "\n";
  }
  while (at < before.size()) out += before[at++] + "\n";
  return out;
}

RC_GTEST_PROP(UnifiedDiffProperty, AppliedItMakesTheNewText, ()) {
  const auto lines = rc::gen::container<std::vector<std::string>>(
      rc::gen::elementOf(std::vector<std::string>{"a", "b", "c", "d"}));
  const auto old_lines = *lines, new_lines = *lines;
  const auto joined = [](const std::vector<std::string>& from) {
    std::string out;
    for (const auto& line : from) out += (out.empty() ? "" : "\n") + line;
    return out;
  };
  const std::string diff = unified_diff(joined(old_lines), joined(new_lines));
  std::string wanted;
  for (const auto& line : new_lines) wanted += line + "\n";
  RC_ASSERT(applied(old_lines, diff, '+') == wanted);
}

}  // namespace
}  // namespace carillon::model
