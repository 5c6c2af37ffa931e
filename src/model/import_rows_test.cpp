#include "model/import_rows.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

std::vector<ImportRow> rows_of(std::string_view text, ImportFormat format = ImportFormat::Csv,
                               ImportKind kind = ImportKind::Users) {
  std::vector<ImportRow> rows;
  auto reader = ImportRows::open(text, format, kind);
  EXPECT_TRUE(reader);
  if (!reader) return rows;
  for (ImportRow row; reader->next(row);) rows.push_back(row);
  return rows;
}

base::Problems refused(std::string_view text, ImportKind kind = ImportKind::Users) {
  const auto reader = ImportRows::open(text, ImportFormat::Csv, kind);
  EXPECT_FALSE(reader);
  return reader ? base::Problems{} : reader.error();
}

TEST(ImportRows, ACsvRowIsTheBodyOfItsUser) {
  const auto rows = rows_of(
      "user_id,email,attributes.plan,attributes.city\r\n1,a@example.com,pro,\r\n2,,,\"a \"\"b\"\"\"\r\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].json, R"({"user_id":"1","email":"a@example.com","attributes":{"plan":"pro"}})");
  EXPECT_EQ(rows[1].json, R"({"user_id":"2","email":null,"attributes":{"city":"a \"b\""}})");
  EXPECT_EQ(rows_of("user_id,attributes\n1,\"{\"\"a\"\": [1]}\"")[0].json,
            R"({"user_id":"1","attributes":{"a":[1]}})");
}

TEST(ImportRows, ABrokenRowHasItsLineAndPointer) {
  const auto rows = rows_of("user_id,name,attributes\n1,\xFF,\n2,x\n3,x,{\n4,\"x\n5,ok,\n");
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].problems.at(0).pointer, "/name");
  EXPECT_EQ(rows[0].problems.at(0).code, "invalid_text");
  EXPECT_EQ(rows[1].problems.at(0).code, "invalid_csv");
  EXPECT_EQ(rows[1].line, 3);
  EXPECT_EQ(rows[2].problems.at(0).code, "not_json");
  EXPECT_EQ(rows[3].problems.at(0).code, "invalid_csv");
  EXPECT_TRUE(rows[4].problems.empty());
}

TEST(ImportRows, ColumnsThatCannotBeUsedAreNamed) {
  const auto unknown = refused("user_id,mail,email,email,attributes.\n");
  ASSERT_EQ(unknown.size(), 3U);
  EXPECT_EQ(unknown[0].pointer, "/columns/1");
  EXPECT_EQ(unknown[0].code, "unknown_column");
  EXPECT_NE(unknown[0].detail.find("'mail'"), std::string::npos);
  EXPECT_EQ(unknown[1].code, "duplicate_column");
  EXPECT_EQ(unknown[2].pointer, "/columns/4");
  EXPECT_EQ(refused("email\na@b.c").at(0).code, "required");
  EXPECT_EQ(refused("").at(0).code, "required");
  EXPECT_EQ(refused("\"user_id\n1\n").at(0).code, "invalid_csv");
  EXPECT_EQ(refused("user_id,attributes,attributes.x\n").at(0).code, "conflicting_fields");
  EXPECT_EQ(refused("user_id,email\n", ImportKind::Members).at(0).pointer, "/columns/1");
}

TEST(ImportRows, NdjsonIsALineEach) {
  const auto rows = rows_of(
      "\xEF\xBB\xBF{\"user_id\":1}\r\n\n  \n{\"user_id\":2}\n" + std::string(kRowMax + 1, ' ') + "x\n{}",
      ImportFormat::Ndjson);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].json, R"({"user_id":1})");
  EXPECT_EQ(rows[1].line, 4);
  EXPECT_EQ(rows[2].problems.at(0).code, "too_long");
  EXPECT_EQ(rows[3].line, 6);
}

TEST(ImportRows, GoesOnWhereItWas) {
  for (const auto& [text, format] : {std::pair("user_id\n1\n2\n3\n", ImportFormat::Csv),
                                     std::pair("{\"a\":1}\n\n{}\n{}\n", ImportFormat::Ndjson)}) {
    auto reader = ImportRows::open(text, format, ImportKind::Members);
    ImportRow row, same;
    ASSERT_TRUE(reader && reader->next(row));
    const TextPlace place = reader->place();
    ASSERT_TRUE(reader->next(row));
    auto again = ImportRows::open(text, format, ImportKind::Members);
    again->seek(place);
    ASSERT_TRUE(again->next(same));
    EXPECT_EQ(row.json, same.json);
    EXPECT_EQ(row.line, same.line);
  }
}

TEST(ImportRows, AMemberHasAUserIdAndNothingElse) {
  const auto read = [](std::string_view json, base::Problems& problems) {
    base::JsonDocument document;
    return read_member(document.parse(json).value(), problems);
  };
  base::Problems none, extra, missing, bad;
  EXPECT_EQ(read(R"({"user_id":42})", none), "42");
  EXPECT_FALSE(read(R"({"user_id":"x","email":"y"})", extra));
  EXPECT_EQ(extra.at(0).code, "unknown_field");
  EXPECT_FALSE(read(R"({"user_id":null})", missing));
  EXPECT_EQ(missing.at(0).code, "required");
  EXPECT_FALSE(read("{\"user_id\":\"a\\u0001\"}", bad));
  EXPECT_EQ(bad.at(0).code, "invalid_user_id");
}

TEST(ImportRows, AreCountedAsTheyAreRead) {
  const std::string csv = "user_id,name\n1,a,b\n\n2,\"open\n3,\"x\ny\"\n4,\xff";
  const std::string ndjson = "{}\n\n  \r\n[1]\nnot json\n" + std::string(kRowMax + 1, 'x');
  for (const auto& [text, format] : {std::pair{csv, ImportFormat::Csv}, {ndjson, ImportFormat::Ndjson}}) {
    auto rows = ImportRows::open(text, format, ImportKind::Users);
    ASSERT_TRUE(rows);
    const std::int64_t counted = rows->count();
    std::int64_t n = 0;
    for (ImportRow row; rows->next(row); ++n) EXPECT_EQ(rows->count(), counted - n - 1);
    EXPECT_EQ(counted, n);
    EXPECT_GT(n, 3);
  }
}

}  // namespace
}  // namespace carillon::model
