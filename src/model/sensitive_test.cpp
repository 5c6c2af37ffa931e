#include "model/sensitive.h"

#include <gtest/gtest.h>

#include "model/notification.h"

namespace carillon::model {
namespace {

Template with_code() {
  Template t;
  for (const auto& [name, is_sensitive] : {std::pair{"code", true}, {"name", false}, {"codes", true}}) {
    ParamDeclaration& declared = t.params.emplace_back();
    declared.name = name;
    declared.sensitive = is_sensitive;
  }
  t.has_sensitive = true;
  return t;
}

TEST(WithoutSensitive, OnlyDeclaredParametersAreHidden) {
  const Template t = with_code();
  EXPECT_EQ(without_sensitive(
                R"({"to":[{"user_id":"a","params":{"code":"1","name":"A"}},{"user_id":7}],)"
                R"("template":"otp","params":{"codes":[1,{"x":2}],"name":"B","code":null},"ttl":"1m"})",
                &t, false),
            R"({"to":[{"user_id":"a","params":{"code":"•••","name":"A"}},{"user_id":7}],)"
            R"("template":"otp","params":{"codes":"•••","name":"B","code":null},"ttl":"1m"})");
}

TEST(WithoutSensitive, NothingIsChangedWhereNothingIs) {
  const Template t = with_code();
  EXPECT_EQ(
      without_sensitive(R"({"to":[{"user_id":"a"}],"template":"otp","params":{"name":"B"}})", &t, false), "");
  EXPECT_EQ(without_sensitive(R"({"to":[{"user_id":"a"}],"params":{"code":"1"}})", nullptr, false), "");
  EXPECT_EQ(without_sensitive(R"({"to":[{"user_id":"a"}],"params":{"code":"1"}})", nullptr, true),
            R"({"to":[{"user_id":"a"}],"params":{"code":"•••"}})");
  EXPECT_EQ(without_sensitive("{", &t, true), "");
}

// Every way to say something inline reads back as one that says nothing, on the same channels.
TEST(WithoutSensitive, WhatIsSaidInlineGivesWayToATitleAndABody) {
  for (const std::string_view said :
       {R"("channels":["sms"],"sms":{"body":"secret"})",
        R"("channels":["email"],"subject":"s","email":{"html":"secret"})",
        R"("channels":["push"],"push":{"data":{"x":"secret"}})",
        R"("channels":["voice"],"voice":{"text":"secret"})",
        R"("channels":["chat","webhook"],"chat":{"text":"secret"},"webhook":{"body":{"a":"secret"}})",
        R"("channels":["email"],"subject":"s","content":[{"type":"text/plain","value":"secret"}])",
        R"("channels":["inbox","sms"],"title":"secret","body":"secret","url":"https://secret.test/")"}) {
    const std::string body =
        R"({"event_id":"e","to":[{"phone":"+821012345678"},{"email":"a@b.test"}],"metadata":{"k":"v"},)" +
        std::string(said) + "}";
    const std::string hidden = without_sensitive(body, nullptr, true);
    EXPECT_EQ(hidden.find("secret"), std::string::npos) << hidden;
    EXPECT_TRUE(hidden.ends_with(R"("title":"•••","body":"•••"})")) << hidden;
    base::JsonDocument before, after;
    base::Problems problems;
    const auto was = read_send_request(*before.parse(body), std::nullopt, "", problems);
    const auto is = read_send_request(*after.parse(hidden), std::nullopt, "", problems);
    EXPECT_TRUE(problems.empty()) << body << problems.front().pointer << problems.front().detail;
    EXPECT_EQ(is.channels, was.channels);
    EXPECT_EQ(is.event_id, "e");
    EXPECT_EQ(is.metadata, was.metadata);
    EXPECT_EQ(is.to.size(), was.to.size());
    EXPECT_EQ(without_sensitive(hidden, nullptr, true), hidden);
  }
}

}  // namespace
}  // namespace carillon::model
