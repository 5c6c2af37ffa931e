#include "app/output.h"

#include <gtest/gtest.h>

namespace carillon::app {
namespace {

net::HttpResponse answer(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

TEST(Table, AlignsColumnsAndCutsBlanksAtLineEnds) {
  Table table({"NAME", "N"});
  table.add({"a", "1"});
  table.add({"longer", ""});
  EXPECT_EQ(table.text(),
            "NAME    N\n"
            "a       1\n"
            "longer\n");
}

TEST(Table, CountsWideCharactersAsTwoColumns) {
  Table table({"A", "B"});
  table.add({"주문", "x"});
  table.add({"abcd", "y"});
  EXPECT_EQ(table.text(), "A     B\n주문  x\nabcd  y\n");
}

TEST(Printable, TakesControlCharactersAndDirectionMarksOut) {
  EXPECT_EQ(printable("a\x1b[31mb\nc"), "a?[31mb c");
  EXPECT_EQ(printable("x\u202Ey"), "x?y");
  EXPECT_EQ(printable("배달의민족"), "배달의민족");
}

TEST(Cell, ShowsEveryKindOfValue) {
  base::JsonDocument document;
  const auto root = document.parse(R"({"t":"x","b":true,"n":null,"i":7,"l":["a","b"],"o":{"k":1},"e":[]})");
  ASSERT_TRUE(root);
  EXPECT_EQ(cell_at(*root, "t"), "x");
  EXPECT_EQ(cell_at(*root, "b"), "yes");
  EXPECT_EQ(cell_at(*root, "n"), "-");
  EXPECT_EQ(cell_at(*root, "i"), "7");
  EXPECT_EQ(cell_at(*root, "l"), "a, b");
  EXPECT_EQ(cell_at(*root, "o"), "k=1");
  EXPECT_EQ(cell_at(*root, "o.k"), "1");
  EXPECT_EQ(cell_at(*root, "e"), "-");
  EXPECT_EQ(cell_at(*root, "t.k"), "-");
  EXPECT_EQ(integer_at(*root, "o.k"), 1);
  EXPECT_EQ(integer_at(*root, "t"), 0);
}

TEST(RenderList, LeavesOutColumnsNobodyHas) {
  base::JsonDocument document;
  const auto root = document.parse(R"([{"key":"a"},{"key":"b","paused":null}])");
  ASSERT_TRUE(root);
  EXPECT_EQ(render_list(*root, {{"KEY", "key"}, {"PAUSED", "paused"}}, "none"), "KEY\na\nb\n");
}

TEST(RenderList, SaysWhenThereIsNothing) {
  base::JsonDocument document;
  const auto root = document.parse("[]");
  ASSERT_TRUE(root);
  EXPECT_EQ(render_list(*root, {{"KEY", "key"}}, "There is nothing."), "There is nothing.\n");
}

TEST(RenderObject, PutsListsOfObjectsBelow) {
  base::JsonDocument document;
  const auto root = document.parse(R"({"id":"x","steps":[{"at":"t","event":"sent"}],"empty":null})");
  ASSERT_TRUE(root);
  EXPECT_EQ(render_object(*root), "id  x\n\nsteps:\nat  event\nt   sent\n");
}

TEST(RenderProblem, NamesEachPointerWithItsDetail) {
  const auto text = render_problem(answer(422, R"({"title":"A phone number is not valid","detail":"1 problem",
      "errors":[{"pointer":"/to/0/phone","code":"invalid_phone","detail":"write E.164"},{"code":"required"}],
      "request_id":"req_1"})"));
  EXPECT_EQ(text,
            "A phone number is not valid: 1 problem\n"
            "  /to/0/phone  write E.164\n"
            "  (body)       required\n");
}

TEST(RenderProblem, NamesTheRequestOfAServerFault) {
  const auto text = render_problem(answer(500, R"({"title":"Something broke","request_id":"req_1"})"));
  EXPECT_EQ(text, "Something broke\n  request req_1\n");
}

TEST(RenderProblem, MakesDoWithAnAnswerThatIsNoProblem) {
  EXPECT_EQ(render_problem(answer(502, "<html>")), "the server answered 502 and no explanation\n");
}

TEST(ProgressLine, ShowsShareAndCounts) {
  EXPECT_EQ(progress_line("Replaying", 6, 24), "Replaying [######..................]  25 %  6 of 24");
  EXPECT_EQ(progress_line("Replaying", 0, 0), "Replaying [........................]   0 %  0 of 0");
  EXPECT_EQ(progress_line("Exporting", 8'100, 0), "Exporting  8100") << "of how many is not known";
}

TEST(ExitStatus, TellsWrongUseFromFailure) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(report(Error{Errc::InvalidArgument, "give --data"}), kExitUsage);
  EXPECT_EQ(report(Error{Errc::Unavailable, "no answer"}), kExitFailure);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "carillon: give --data\ncarillon: no answer\n");
}

}  // namespace
}  // namespace carillon::app
