#include "model/sender.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

struct ReadBack {
  Sender sender;
  base::Problems problems;
};
ReadBack read(std::string_view json) {
  base::JsonDocument document;
  ReadBack result;
  read_sender(*document.parse(json), result.sender, result.problems);
  return result;
}

TEST(Sender, CoversWhatItIsAndNothingElse) {
  const auto shop = read(R"({"email":"Shop@Example.COM","name":"Shop"})");
  ASSERT_TRUE(shop.problems.empty());
  EXPECT_TRUE(shop.sender.covers_email("Shop@example.com"));
  EXPECT_FALSE(shop.sender.covers_email("other@example.com"));
  EXPECT_FALSE(shop.sender.covers_email(""));
  const auto domain = read(R"({"domain":"Example.COM"})");
  ASSERT_TRUE(domain.problems.empty());
  EXPECT_TRUE(domain.sender.covers_email("any@example.com"));
  EXPECT_FALSE(domain.sender.covers_email("any@sub.example.com"));
  EXPECT_FALSE(domain.sender.covers_email("any@notexample.com"));
  EXPECT_FALSE(domain.sender.covers_phone(""));
  const auto text = read(R"({"alphanumeric":"Bells 24"})");
  EXPECT_TRUE(text.sender.covers_phone("Bells 24"));
  EXPECT_TRUE(read(R"({"phone":"+82 10-1234-5678"})").sender.covers_phone("+821012345678"));
}

TEST(Sender, MayBeBoundToIntegrations) {
  const auto bound = read(R"({"domain":"example.com","integrations":["eu"]})");
  EXPECT_TRUE(bound.sender.may_carry("eu"));
  EXPECT_FALSE(bound.sender.may_carry("us"));
  EXPECT_TRUE(read(R"({"domain":"example.com"})").sender.may_carry("us"));
}

TEST(Sender, IsExactlyOneThing) {
  const std::pair<const char*, const char*> wrong[] = {
      {"{}", "required"},
      {R"({"email":"a@example.com","domain":"example.com"})", "conflicting_fields"},
      {R"({"email":"a@"})", "invalid_email"},
      {R"({"domain":"exa mple"})", "invalid_value"},
      {R"({"phone":"123"})", "invalid_phone"},
      {R"({"alphanumeric":"12345"})", "invalid_value"},
      {R"({"alphanumeric":"far too long a name"})", "invalid_value"},
      {R"({"email":"a@example.com","colour":1})", "unknown_field"}};
  for (const auto& [json, code] : wrong) {
    const auto result = read(json);
    ASSERT_FALSE(result.problems.empty()) << json;
    EXPECT_EQ(result.problems[0].code, code) << json;
  }
}

TEST(Sender, ReadsBackWhatIsStored) {
  Sender sender = read(R"({"phone":"+821012345678","name":"x","integrations":["a","b"]})").sender;
  const auto stored = decode_sender(encode(sender));
  ASSERT_TRUE(stored);
  EXPECT_EQ(*stored, sender);
  EXPECT_EQ(decode_sender("{}").error().code, Errc::Corruption);
}

}  // namespace
}  // namespace carillon::model
