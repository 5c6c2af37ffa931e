#include "model/audit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace carillon::model {
namespace {

std::string told(std::string_view before, std::string_view after) {
  base::JsonWriter out;
  out.object();
  write_audit_changes(out, before, after);
  out.end_object();
  return out.str();
}

TEST(AuditChanges, NameWhatWasThereAndWhatIsThereNow) {
  EXPECT_EQ(told(R"({"rate_limit":0,"name":"shop","channels":["push"]})",
                 R"({"rate_limit":50,"name":"shop","channels":["push","sms"],"disabled":true})"),
            R"({"changes":[{"pointer":"/rate_limit","before":0,"after":50},)"
            R"({"pointer":"/channels","before":["push"],"after":["push","sms"]},)"
            R"({"pointer":"/disabled","after":true}]})");
  EXPECT_EQ(told(R"({"a":{"b":1,"c":2}})", R"({"a":{"b":1}})"),
            R"({"changes":[{"pointer":"/a/c","before":2}]})");
  EXPECT_EQ(told(R"({"a":1})", R"({"a":1})"), R"({"changes":[]})");
}

TEST(AuditChanges, OfWhatIsNewOrGoneTellEachMember) {
  EXPECT_EQ(told("", R"({"a/b":1,"c":null})"),
            R"({"changes":[{"pointer":"/a~1b","after":1},{"pointer":"/c","after":null}]})");
  EXPECT_EQ(told(R"({"a":1})", ""), R"({"changes":[{"pointer":"/a","before":1}]})");
  EXPECT_EQ(told("", ""), R"({"changes":[]})");
}

TEST(AuditChanges, CompareListsOfObjectsByPosition) {
  EXPECT_EQ(told(R"({"keys":[{"key":"a","revoked":false}]})",
                 R"({"keys":[{"key":"a","revoked":true},{"key":"b"}]})"),
            R"({"changes":[{"pointer":"/keys/0/revoked","before":false,"after":true},)"
            R"({"pointer":"/keys/1","after":{"key":"b"}}]})");
  EXPECT_EQ(told(R"({"keys":[{"key":"a"},{"key":"b"}]})", R"({"keys":[{"key":"a"}]})"),
            R"({"changes":[{"pointer":"/keys/1","before":{"key":"b"}}]})");
}

TEST(AuditChanges, KeepSecretsAndAddressesToThemselves) {
  const std::string text = told(
      R"({"settings":{"api_key":"v1:k:old","url":"u"},"keys":[{"key":"ck","hash":"aa"}]})",
      R"({"settings":{"api_key":"v1:k:new","url":"u"},"keys":[{"key":"ck","hash":"bb"},)"
      R"({"key":"c2","hash":"cc"}],)"
      R"("notification":{"to":[{"email":"kim@example.com"}],"params":{"code":"123"},)"
      R"("email":{"subject":"x"}},)"
      R"("email":"kim@example.com"})");
  EXPECT_EQ(text, R"({"changes":[{"pointer":"/settings/api_key","before":{"set":true},"after":{"set":true}},)"
                  R"({"pointer":"/keys/0/hash","before":{"set":true},"after":{"set":true}},)"
                  R"({"pointer":"/keys/1","after":{"key":"c2","hash":{"set":true}}},)"
                  R"({"pointer":"/notification","after":{"to":{"set":true},"params":{"set":true},)"
                  R"("email":{"subject":"x"}}},)"
                  R"({"pointer":"/email","after":{"set":true}}]})");
  // Switches that happen to be named like a channel are told.
  EXPECT_EQ(told(R"({"default_opt_in":{"email":true}})", R"({"default_opt_in":{"email":false}})"),
            R"({"changes":[{"pointer":"/default_opt_in/email","before":true,"after":false}]})");
}

TEST(AuditChanges, CutLongTextsAtACharacter) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "가";
  const std::string kept = told("", fmt::format(R"({{"a":"{}"}})", text));
  EXPECT_NE(kept.find("가…\""), std::string::npos);
  EXPECT_LT(kept.size(), 260U);
}

TEST(AuditChanges, AreBounded) {
  base::JsonWriter many, large;
  many.object();
  large.object();
  for (int i = 0; i < 70; ++i) {
    many.field(fmt::format("k{}", i), i);
    large.key(fmt::format("k{}", i)).array();
    for (int j = 0; j < 60; ++j) large.value(std::string(300, 'x'));
    large.end_array();
  }
  many.end_object();
  large.end_object();
  const std::string told_many = told("", many.str());
  EXPECT_TRUE(told_many.ends_with(R"("more":20})")) << told_many;
  const std::string told_large = told("", large.str());
  EXPECT_LT(told_large.size(), 2 * kAuditBytesMax);
  base::JsonDocument document;
  EXPECT_TRUE(document.parse(told_large));
}

TEST(AuditChanges, OfWhatIsNoJsonAreNotTold) { EXPECT_EQ(told("not json", "{}"), "{}"); }

}  // namespace
}  // namespace carillon::model
