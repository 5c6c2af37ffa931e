// What people look at before they act: what waits, what is counted, what changed meanwhile.
#include "api/api_fixture_test.h"

namespace carillon::api {
namespace {

class LookingTest : public ApiTest {
 protected:
  std::string next(const net::HttpResponse& answer) {
    auto piece = run(answer.stream->next());
    return piece ? *piece : "(" + piece.error().message + ")";
  }
  // Reads the stream until it tells that.
  bool tells(const net::HttpResponse& stream, const std::string& what) {
    const std::string wanted = "event: changed\ndata: {\"what\":\"" + what + "\"}";
    for (int i = 0; i < 20; ++i) {
      const std::string news = next(stream);
      if (news.contains(wanted)) return true;
      if (!news.starts_with("event: ")) return false;
    }
    return false;
  }
};

TEST_F(LookingTest, ShowsWhatHasNotBegunAsItWasSentWithoutWhatIsSensitive) {
  ASSERT_EQ(as_admin("PUT", "/v1/templates/code?publish=true",
                     R"({"params":[{"name":"code","sensitive":true},{"name":"name"}],)"
                     R"("content":{"en":{"title":"{{name}}: {{code}}","body":"x"}}})")
                .status,
            201);
  const auto draft =
      as_app("POST", "/v1/notifications",
             R"({"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],"draft":true,)"
             R"("template":"code","params":{"code":"739154","name":"Ann"}})");
  ASSERT_EQ(draft.status, 202) << draft.body;
  const std::string path = "/v1/notifications/" + at(draft, "/id");
  const auto shown = as_app("GET", path);
  EXPECT_EQ(at(shown, "/request/params/name"), "Ann");
  EXPECT_EQ(at(shown, "/request/params/code"), "•••");
  EXPECT_EQ(at(shown, "/request/to/0/email"), "ok@sandbox.carillon.test");
  EXPECT_FALSE(shown.body.contains("739154"));
  EXPECT_EQ(as_app("POST", path + "/submit").status, 200);
  EXPECT_EQ(await(path, "/status", "completed"), "completed");
  EXPECT_EQ(at(as_app("GET", path), "/request"), "(none)") << "its deliveries say what was said";
}

TEST_F(LookingTest, ShowsWhatWaitsForApprovalToAViewer) {
  ASSERT_EQ(as_admin("PUT", "/v1/categories/big", R"({"approval_over":1,"channels":["email"]})").status, 201);
  const auto sent = as_app("POST", "/v1/notifications",
                           R"({"to":[{"email":"a@example.test"},{"email":"b@example.test"}],)"
                           R"("category":"big","title":"Sale","body":"Half off."})");
  ASSERT_EQ(at(sent, "/status"), "awaiting_approval") << sent.body;
  as_admin("PUT", "/v1/members/vera", R"({"grants":{"default":"viewer"}})");
  const std::string token = at(as_admin("POST", "/v1/members/vera/tokens", R"({"name":"t"})"), "/token");
  const auto shown =
      call("GET", "/v1/notifications/" + at(sent, "/id"), {}, {{"Authorization", "Bearer " + token}});
  EXPECT_EQ(at(shown, "/request/title"), "Sale") << shown.body;
  EXPECT_EQ(at(shown, "/request/to/1/email"), "b@example.test");
}

TEST_F(LookingTest, CountsByHourAndByDayOfTheProject) {
  // With an integration of its own the project sends for real; somebody without a device is not reached.
  const auto made = as_admin("PUT", "/v1/integrations/apple?test=false",
                             R"({"provider":"apns","settings":{"team_id":"ABCDE12345","key_id":"FGHIJ67890",)"
                             R"("private_key":"none","topic":"com.example.a"}})");
  ASSERT_LT(made.status, 300) << made.body;
  ASSERT_LT(as_app("PUT", "/v1/users/ann", "{}").status, 300);
  const auto sent = as_app("POST", "/v1/notifications",
                           R"({"to":[{"user_id":"ann"}],"channels":["push"],"title":"x","body":"y"})");
  ASSERT_EQ(await("/v1/notifications/" + at(sent, "/id"), "/status", "completed"), "completed");
  const std::string now = to_rfc3339(clock_.now());
  const auto hours = as_admin("GET", "/v1/stats?interval=hour");
  EXPECT_EQ(at(hours, "/data/0/at"), now.substr(0, 13) + ":00:00.000Z") << hours.body;
  EXPECT_EQ(at(hours, "/data/0/accepted"), "1");
  EXPECT_EQ(at(hours, "/data/0/channel"), "(none)");
  const auto by = as_admin("GET", "/v1/stats?interval=hour&by=channel");
  EXPECT_EQ(at(by, "/data/0/channel"), "push");
  EXPECT_EQ(at(by, "/data/0/suppressed"), "1");
  EXPECT_EQ(at(as_admin("GET", "/v1/stats?interval=day"), "/data/0/at"),
            now.substr(0, 10) + "T00:00:00.000Z");
  ASSERT_EQ(as_admin("PATCH", "/v1/settings", R"({"time_zone":"Asia/Seoul"})").status, 200);
  const std::string day = at(as_admin("GET", "/v1/stats?interval=day"), "/data/0/at");
  EXPECT_EQ(day.substr(10), "T15:00:00.000Z") << "where a day begins nine hours earlier";
  const auto wrong = as_admin("GET", "/v1/stats?interval=week");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(at(wrong, "/errors/0/pointer"), "?interval");
}

TEST_F(LookingTest, RefusesARouteToASandboxThatIsNotSetUp) {
  const char* const kRoute = R"({"chain":[{"integration":"sandbox"}]})";
  const auto refused = as_admin("PUT", "/v1/routes/all", kRoute);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(at(refused, "/errors/0/pointer"), "/chain/0/integration");
  EXPECT_EQ(at(refused, "/errors/0/code"), "unknown_integration");
  EXPECT_TRUE(at(refused, "/errors/0/detail").contains("PUT /v1/integrations/sandbox")) << refused.body;
  ASSERT_EQ(as_admin("PUT", "/v1/integrations/sandbox", R"({"provider":"sandbox"})").status, 201);
  EXPECT_EQ(as_admin("PUT", "/v1/routes/all", kRoute).status, 201);
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  EXPECT_EQ(await("/v1/notifications/" + at(sent, "/id"), "/status", "completed"), "completed");
}

TEST_F(LookingTest, TellsThatApprovalsIntegrationsAndJobsChanged) {
  as_admin("PUT", "/v1/categories/big", R"({"approval_over":1,"channels":["email"]})");
  const auto stream = call("GET", "/v1/stream", {}, {{"Authorization", admin_}});
  ASSERT_EQ(stream.status, 200);
  EXPECT_FALSE(next(stream).contains("event: changed")) << "what was there is no news";
  as_app("POST", "/v1/notifications",
         R"({"to":[{"email":"a@example.test"},{"email":"b@example.test"}],"category":"big",)"
         R"("title":"x","body":"y"})");
  EXPECT_TRUE(tells(stream, "approvals"));
  as_admin("PUT", "/v1/integrations/box", R"({"provider":"sandbox"})");
  EXPECT_TRUE(tells(stream, "integrations"));
  as_admin("POST", "/v1/integrations/box/pause", R"({"reason":"x"})");
  EXPECT_TRUE(tells(stream, "integrations"));
  store::StoredJob job;
  job.id = ids_->take();
  job.project = pipeline::kDefaultProject;
  job.kind = "import";
  job.created_at = clock_.now();
  ASSERT_TRUE(run(store_->jobs().put(std::move(job), {}, {})));
  EXPECT_TRUE(tells(stream, "jobs"));
}

}  // namespace
}  // namespace carillon::api
