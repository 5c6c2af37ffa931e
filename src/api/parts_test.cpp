// The pure parts: cursors, slices of batches, failures.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "api/cursor.h"
#include "api/failure.h"
#include "api/slices.h"

namespace carillon::api {
namespace {

const base::Secret kKey("key of a test");

TEST(Cursor, ReadsBackInItsScopeOnly) {
  const Cursor cursor{42, "a:b/ü"};
  const std::string text = write_cursor(cursor, "list/1", kKey);
  EXPECT_EQ(read_cursor(text, "list/1", kKey), cursor);
  EXPECT_FALSE(read_cursor(text, "list/2", kKey));
  EXPECT_FALSE(read_cursor(text, "list/1", base::Secret("another")));
}

TEST(Cursor, AChangedOneIsRefused) {
  const std::string text = write_cursor({42, "key"}, "list", kKey);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_cursor(changed, "list", kKey)) << i;
  }
  for (const char* made_up : {"", "x", "!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_FALSE(read_cursor(made_up, "list", kKey)) << made_up;
  }
}

TEST(BatchSlices, AreTheElementsAsTheyWereWritten) {
  using Slices = std::vector<std::string_view>;
  EXPECT_EQ(batch_slices(R"([{"a":1}, [2] ,"x,]}",null])"),
            (Slices{R"({"a":1})", "[2]", R"("x,]}")", "null"}));
  EXPECT_EQ(
      batch_slices(R"( { "other" : {"notifications":[1]} , "notifications" : [ {"t":"\"]}\\"} , 2 ] } )"),
      (Slices{R"({"t":"\"]}\\"})", "2"}));
  EXPECT_EQ(batch_slices("[]"), Slices{});
  EXPECT_EQ(batch_slices(R"({"notifications":7})"), Slices{});
  EXPECT_EQ(batch_slices(R"({})"), Slices{});
}

TEST(BatchSlices, NeverReadBeyondATextThatIsNotJson) {
  EXPECT_TRUE(rc::check("any bytes", [](const std::string& text) {
    for (const std::string& input : {text, "[" + text, R"({"notifications":[)" + text}) {
      for (const auto slice : batch_slices(input)) {
        RC_ASSERT(slice.data() >= input.data());
        RC_ASSERT(slice.data() + slice.size() <= input.data() + input.size());
      }
    }
  }));
}

TEST(Failure, HasTheStatusOfItsWorstProblem) {
  base::Problems both;
  both.push_back({"/a", "invalid_phone", "x"});
  both.push_back({"/b", "unknown_field", "y"});
  EXPECT_EQ(Failure(both).status, 400);
  EXPECT_EQ(Failure(both).code, "unknown_field");
  both.pop_back();
  EXPECT_EQ(Failure(both).status, 422);
}

TEST(Failure, KeepsOurOwnFaultsToTheLog) {
  const Failure failure(Error{Errc::Internal, "secret detail"});
  EXPECT_EQ(failure.status, 500);
  EXPECT_EQ(to_response(failure, "r").body.find("secret detail"), std::string::npos);
}

TEST(Failure, EscapesWhatItRepeats) {
  EXPECT_EQ(escape_html(R"(<a href="x">'&)"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
}

}  // namespace
}  // namespace carillon::api
