#include "pipeline/route_fixture_test.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::Priority;

class PlanTest : public RouteFixture {
 protected:
  // Asks for `json` and expects this refusal with its first problem at `pointer`.
  void expect_refused(std::string_view json, int status, std::string_view code, std::string_view pointer) {
    const auto made = plan(json);
    ASSERT_FALSE(made) << json;
    EXPECT_EQ(made.error().status, status) << json;
    EXPECT_EQ(made.error().code, code) << json;
    EXPECT_FALSE(made.error().detail.empty());
    ASSERT_FALSE(made.error().problems.empty());
    EXPECT_EQ(made.error().problems.front().pointer, pointer) << json;
    EXPECT_EQ(made.error().problems.front().code, code) << json;
  }
  // Named by the category, the channels are not known when the request is read.
  void put_channels(std::string category, std::vector<Channel> channels) {
    auto made = model::general_category();
    made.key = std::move(category);
    made.channels = std::move(channels);
    put_category(made);
  }
};

constexpr std::string_view kHello = R"("to":[{"user_id":"ann"}],"title":"T","body":"Hello")";

std::string hello(std::string_view more) { return fmt::format("{{{},{}}}", kHello, more); }

TEST_F(PlanTest, TakesWhatTheRequestNames) {
  const auto made = plan(hello(R"("channels":["email","push"],"category":"security")"));
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(made->category->key, "security");
  EXPECT_EQ(made->channels, (std::vector<Channel>{Channel::Email, Channel::Push}));
  EXPECT_EQ(made->view, &view_);
  EXPECT_EQ(made->app, app_);
}

TEST_F(PlanTest, TakesChannelsFromTheRequestThenTheTemplateThenTheCategory) {
  auto news = model::general_category();
  news.key = "news";
  news.channels = {Channel::Sms};
  put_category(news);
  const auto by_category = plan(hello(R"("category":"news")"));
  ASSERT_TRUE(by_category) << by_category.error().detail;
  EXPECT_EQ(by_category->channels, std::vector<Channel>{Channel::Sms});

  put_template("t", R"({"category":"news","channels":["push"],"content":{"en":{"title":"T","body":"B"}}})");
  const auto by_template = plan(R"({"to":[{"user_id":"ann"}],"template":"t"})");
  ASSERT_TRUE(by_template) << by_template.error().detail;
  EXPECT_EQ(by_template->channels, std::vector<Channel>{Channel::Push});
  EXPECT_EQ(by_template->category->key, "news");
  EXPECT_EQ(by_template->tmpl->version, 3);

  const auto by_request =
      plan(R"({"to":[{"user_id":"ann"}],"template":"t","channels":["email"],"category":"general"})");
  ASSERT_TRUE(by_request) << by_request.error().detail;
  EXPECT_EQ(by_request->channels, std::vector<Channel>{Channel::Email});
  EXPECT_EQ(by_request->category->key, "general");
}

TEST_F(PlanTest, RefusesWhatItDoesNotKnow) {
  expect_refused(hello(R"("channels":["push"],"category":"nope")"), 422, "unknown_category", "/category");
  expect_refused(R"({"to":[{"user_id":"ann"}],"template":"nope","channels":["push"]})", 422,
                 "unknown_template", "/template");
}

TEST_F(PlanTest, RefusesAVersionNobodyLookedUp) {
  put_template("t", R"({"content":{"en":{"title":"T","body":"B"}}})");
  model::SendRequest asked;
  asked.template_key = "t";
  asked.channels = {Channel::Push};
  EXPECT_TRUE(make_plan(view_, app_, false, asked, nullptr, kNow));
  asked.template_version = 9;
  const auto refused = make_plan(view_, app_, false, asked, nullptr, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "unknown_template");
  EXPECT_EQ(refused.error().problems.at(0).pointer, "/template");
  const auto found = make_plan(view_, app_, false, asked, view_.templates["t"], kNow);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tmpl, view_.templates["t"]);
}

TEST_F(PlanTest, RefusesASendWithoutChannels) {
  expect_refused(R"({"to":[{"user_id":"ann"}],"body":"b"})", 422, "no_channels", "/channels");
}

TEST_F(PlanTest, RefusesWhatTheAppMayNotUse) {
  app_->channels = {Channel::Push};
  expect_refused(hello(R"("channels":["push","email"])"), 403, "channel_not_allowed", "/channels");
  EXPECT_TRUE(plan(hello(R"("channels":["push"])")));
  app_->categories = {"general"};
  expect_refused(hello(R"("channels":["push"],"category":"security")"), 403, "category_not_allowed",
                 "/category");
}

TEST_F(PlanTest, HoldsAMemberToNoAppsGrants) {
  app_ = nullptr;
  EXPECT_TRUE(plan(hello(R"("channels":["push"],"category":"security")")));
}

TEST_F(PlanTest, RefusesContentThatSaysNothingOnAChannel) {
  put_template("mail_only", R"({"content":{"en":{"email":{"subject":"S","text":"B"}}}})");
  expect_refused(R"({"to":[{"user_id":"ann"}],"template":"mail_only","channels":["sms"]})", 422,
                 "missing_content", "/template");
  put_channels("texts", {Channel::Sms});
  expect_refused(R"({"to":[{"user_id":"ann"}],"email":{"subject":"S","text":"B"},"category":"texts"})", 422,
                 "missing_content", "/channels");
}

TEST_F(PlanTest, RefusesMailWithoutASubject) {
  put_template("bare", R"({"content":{"en":{"body":"B"}}})");
  expect_refused(R"({"to":[{"user_id":"ann"}],"template":"bare","channels":["email"]})", 422,
                 "missing_subject", "/template");
  put_channels("mails", {Channel::Email});
  expect_refused(R"({"to":[{"user_id":"ann"}],"body":"B","category":"mails"})", 422, "missing_subject",
                 "/subject");
}

TEST_F(PlanTest, RefusesMissingParametersWhereTheyAreMissing) {
  put_template("t", R"({"content":{"en":{"title":"T","body":"Hello [name]"}},
                        "params":[{"name":"name","required":true},{"name":"x"}]})");
  expect_refused(R"({"to":[{"user_id":"ann"}],"template":"t","channels":["push"]})", 422, "missing_parameter",
                 "/params/name");
  expect_refused(R"({"to":[{"user_id":"ann","params":{"name":"A"}},{"user_id":"bob","params":{"x":"y"}}],
                     "template":"t","channels":["push"]})",
                 422, "missing_parameter", "/to/1/params/name");
  EXPECT_TRUE(plan(R"({"to":[{"user_id":"ann","params":{"name":"A"}}],"template":"t","channels":["push"]})"));
  EXPECT_TRUE(plan(R"({"to":[{"user_id":"ann"}],"params":{"name":"A"},"template":"t","channels":["push"]})"));
}

TEST_F(PlanTest, TakesTheChannelsOfFallbackInTheirOrder) {
  const auto made =
      plan(hello(R"("fallback":[{"channel":"push","until":"opened","wait":"1m"},{"channel":"sms"}])"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->channels, (std::vector{model::Channel::Push, model::Channel::Sms}));
}

TEST_F(PlanTest, LowersAPriorityToWhatCategoryAndAppAllow) {
  const auto high = plan(hello(R"("channels":["push"],"priority":"high")"));
  EXPECT_EQ(high->priority, Priority::High);
  EXPECT_FALSE(high->is_lowered);

  const auto critical = plan(hello(R"("channels":["push"],"priority":"critical")"));
  EXPECT_EQ(critical->priority, Priority::High);
  EXPECT_TRUE(critical->is_lowered);

  app_->max_priority = Priority::Bulk;
  const auto bulk = plan(hello(R"("channels":["push"])"));
  EXPECT_EQ(bulk->priority, Priority::Bulk);
  EXPECT_TRUE(bulk->is_lowered);
}

TEST_F(PlanTest, LetsACriticalOnePassOnlyWithBothGrants) {
  auto codes = model::general_category();
  codes.key = "codes";
  codes.max_priority = Priority::Critical;
  put_category(codes);
  const std::string asked = hello(R"("channels":["push"],"category":"codes","priority":"critical")");
  EXPECT_EQ(plan(asked)->priority, Priority::High);
  app_->max_priority = Priority::Critical;
  EXPECT_EQ(plan(asked)->priority, Priority::Critical);
  EXPECT_EQ(plan(hello(R"("channels":["push"],"priority":"critical")"))->priority, Priority::High);
}

TEST_F(PlanTest, CountsTheTtlFromNowOrFromTheTimeOfSending) {
  EXPECT_FALSE(plan(hello(R"("channels":["push"])"))->expires_at);
  EXPECT_EQ(plan(hello(R"("channels":["push"],"ttl":"10m")"))->expires_at, kNow + std::chrono::minutes(10));
  const auto later = to_rfc3339(kNow + std::chrono::hours(2));
  EXPECT_EQ(plan(hello(fmt::format(R"("channels":["push"],"ttl":"10m","send_at":"{}")", later)))->expires_at,
            kNow + std::chrono::minutes(130));
  const auto of_category = plan(hello(R"("channels":["push"],"category":"security")"));
  EXPECT_EQ(of_category->expires_at, kNow + std::chrono::minutes(10));
}

}  // namespace
}  // namespace carillon::pipeline
