#include "model/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace carillon::model {
namespace {

using Cells = std::vector<std::string>;

std::vector<CsvRecord> read(std::string_view text) {
  std::vector<CsvRecord> records;
  CsvReader reader(text);
  for (CsvRecord record; reader.next(record);) records.push_back(record);
  return records;
}

TEST(Csv, ReadsPlainAndQuotedCells) {
  const auto records = read("a,b,c\r\n1,\"two, \"\"2\"\"\nlines\",\n\"\",x,\"y\"");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].cells, (Cells{"a", "b", "c"}));
  EXPECT_EQ(records[1].cells, (Cells{"1", "two, \"2\"\nlines", ""}));
  EXPECT_EQ(records[2].cells, (Cells{"", "x", "y"}));
  EXPECT_EQ(records[1].line, 2);
  EXPECT_EQ(records[2].line, 4) << "the quoted line break counts";
}

TEST(Csv, SkipsAByteOrderMarkAndEmptyLines) {
  const auto records = read("\xEF\xBB\xBF\"id\"\n\n\r\n7\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].cells, Cells{"id"});
  EXPECT_EQ(records[1].cells, Cells{"7"});
  EXPECT_EQ(records[1].line, 4);
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(read("\xEF\xBB\xBF").empty());
}

TEST(Csv, NamesABrokenRecordByItsLineAndGoesOnBehindIt) {
  const auto records = read("a\nb\"b\n\"c\"c\nd\re\n\"f\ng\nh");
  ASSERT_EQ(records.size(), 7U);
  EXPECT_EQ(records[0].cells, Cells{"a"});
  for (const std::size_t broken : {1U, 2U, 3U, 4U}) {
    EXPECT_FALSE(records[broken].error.empty()) << broken;
    EXPECT_EQ(records[broken].line, static_cast<std::int64_t>(broken) + 1);
  }
  EXPECT_NE(records[4].error.find("no end"), std::string_view::npos);
  EXPECT_EQ(records[5].cells, Cells{"g"}) << "an unclosed quote costs its own line only";
  EXPECT_EQ(records[6].cells, Cells{"h"});
  EXPECT_EQ(records[6].line, 7);
}

TEST(Csv, BoundsRowsAndCells) {
  const std::string text = "\"" + std::string(kRowMax, 'x') + "\"\nok\n" + std::string(kCellsMax, ',') +
                           "\nok\n" + std::string(kRowMax + 1, 'y') + "\nok";
  const auto records = read(text);
  ASSERT_EQ(records.size(), 6U);
  for (const std::size_t i : {0U, 2U, 4U}) EXPECT_FALSE(records[i].error.empty()) << i;
  for (const std::size_t i : {1U, 3U, 5U}) EXPECT_EQ(records[i].cells, Cells{"ok"});
}

TEST(Csv, WhatIsWrittenReadsBack) {
  EXPECT_TRUE(rc::check("any cells", [] {
    const auto cell = rc::gen::container<std::string>(
        rc::gen::element('a', ',', '"', '\r', '\n', ' ', '\0', '\xEF', '\xBB', '\xBF', '\x80'));
    const auto rows =
        *rc::gen::container<std::vector<Cells>>(rc::gen::nonEmpty(rc::gen::container<Cells>(cell)));
    std::string text;
    for (const Cells& row : rows) text += csv_row(row);
    const auto records = read(text);
    RC_ASSERT(records.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      RC_ASSERT(records[i].error.empty());
      RC_ASSERT(records[i].cells == rows[i]);
    }
  }));
}

TEST(Csv, ShowsNothingThatASpreadsheetWouldRun) {
  for (const char* evil : {"=1+1", "+8210", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠x"})
    EXPECT_EQ(no_formula(evil), "'" + std::string(evil));
  for (const char* plain : {"", "a=1", "1-2", "'=1", "ann@example.test", "홍길동"})
    EXPECT_EQ(no_formula(plain), plain);
}

TEST(Csv, GoesOnFromAnyPlaceAsIfItHadNotStopped) {
  EXPECT_TRUE(rc::check("any text", [] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\r', '\n'));
    CsvReader whole(text);
    for (CsvRecord record; whole.next(record);) {
      CsvReader rest(text, whole.place());
      CsvReader same = whole;
      CsvRecord a, b;
      RC_ASSERT(rest.next(a) == same.next(b));
      RC_ASSERT(a.cells == b.cells);
      RC_ASSERT(a.line == b.line);
    }
    RC_ASSERT(whole.place().offset == text.size());
  }));
}

}  // namespace
}  // namespace carillon::model
