// Members who have some apps of a project: what they see and do is what is those apps'.
#include "api/api_fixture_test.h"
#include "api/router.h"

namespace carillon::api {
namespace {

class BoundMembers : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    const auto other = run(directory_->create_app(pipeline::kDefaultProject, "billing", "test"));
    ASSERT_TRUE(other);
    billing_ = basic(other->live);
    sid_ = member("sid", R"({"grants":{"default":"sender"},"apps":{"default":["shop"]}})");
    both_ = member("both", R"({"grants":{"default":"sender"},"apps":{"default":["shop","billing"]}})");
    sam_ = member("sam", R"({"grants":{"default":"sender"}})");
  }
  std::string member(const std::string& key, const std::string& body) {
    const auto put = as_admin("PUT", "/v1/members/" + key, body);
    EXPECT_LT(put.status, 300) << put.body;
    const auto token = as_admin("POST", "/v1/members/" + key + "/tokens", R"({"name":"laptop"})");
    return "Bearer " + at(token, "/token");
  }
  net::HttpResponse as(const std::string& who, std::string method, std::string target, std::string body = {},
                       std::string_view app = {}) {
    net::Headers headers{{"Authorization", who}};
    if (!app.empty()) headers.emplace_back("Carillon-App", std::string(app));
    return call(std::move(method), std::move(target), std::move(body), std::move(headers));
  }
  // An order of categories, so that what an app may use is something.
  void grant_only(const std::string& app, const std::string& categories) {
    ASSERT_EQ(as_admin("PATCH", "/v1/apps/" + app, fmt::format(R"({{"categories":{}}})", categories)).status,
              200);
  }

  std::string billing_, sid_, both_, sam_;
};

TEST_F(BoundMembers, SendAsTheirAppAndSeeWhatIsThatApps) {
  const auto mine = as(sid_, "POST", "/v1/notifications", kMail);
  ASSERT_EQ(mine.status, 202) << mine.body;
  const auto theirs = call("POST", "/v1/notifications", kMail, {{"Authorization", billing_}});
  ASSERT_EQ(theirs.status, 202);
  const std::string own = "/v1/notifications/" + at(mine, "/id");
  const std::string other = "/v1/notifications/" + at(theirs, "/id");
  EXPECT_EQ(at(as(sid_, "GET", own), "/app"), "shop");
  EXPECT_EQ(at(as(sid_, "GET", "/v1/notifications"), "/data/0/id"), at(mine, "/id"));
  EXPECT_EQ(at(as(sid_, "GET", "/v1/notifications"), "/data/1"), "(none)");
  for (const char* more : {"", "/deliveries"}) EXPECT_EQ(as(sid_, "GET", other + more).status, 404);
  for (const char* more : {"/cancel", "/pause", "/submit"})
    EXPECT_EQ(as(sid_, "POST", other + more).status, 404) << more;
  const auto deliveries = as_admin("GET", other + "/deliveries");
  EXPECT_EQ(as(sid_, "GET", "/v1/deliveries/" + at(deliveries, "/data/0/id")).status, 404);
  EXPECT_EQ(at(as(sam_, "GET", "/v1/notifications"), "/data/1/id"), at(mine, "/id")) << "who is not bound";
}

TEST_F(BoundMembers, ChooseAmongTheirAppsAndNoOther) {
  ASSERT_EQ(as(both_, "POST", "/v1/notifications", kMail, "shop").status, 202);
  EXPECT_EQ(at(as(both_, "GET", "/v1/notifications", {}, "shop"), "/data/0/app"), "shop");
  EXPECT_EQ(at(as(both_, "GET", "/v1/notifications"), "/data"), "[]") << "billing is the first by name";
  EXPECT_EQ(at(as(sid_, "GET", "/v1/notifications", {}, "billing"), "/code"), "app_not_found");
  EXPECT_EQ(at(as(sid_, "GET", "/v1/notifications", {}, "nothing"), "/code"), "app_not_found");
  EXPECT_EQ(at(as(both_, "GET", "/v1/apps"), "/data/1/name"), "shop");
  EXPECT_EQ(at(as(sid_, "GET", "/v1/apps"), "/data/1"), "(none)");
  EXPECT_EQ(as(sid_, "GET", "/v1/apps/billing").status, 404);
  EXPECT_EQ(as(both_, "GET", "/v1/apps/shop").status, 200);
}

TEST_F(BoundMembers, WhoIsNotBoundMayActAsOneApp) {
  ASSERT_EQ(as(sam_, "POST", "/v1/notifications", kMail, "billing").status, 202);
  EXPECT_EQ(at(as_admin("GET", "/v1/notifications"), "/data/0/app"), "billing");
  EXPECT_EQ(at(as(sam_, "GET", "/v1/notifications", {}, "shop"), "/data"), "[]");
  EXPECT_EQ(at(as(admin_, "GET", "/v1/webhooks", {}, "shop"), "/code"), "app_bound");
  EXPECT_EQ(as_admin("GET", "/v1/webhooks").status, 200);
}

TEST_F(BoundMembers, OfADisabledAppOnlyLook) {
  ASSERT_EQ(as_admin("PATCH", "/v1/apps/shop", R"({"disabled":true})").status, 200);
  EXPECT_EQ(as(sid_, "GET", "/v1/notifications").status, 200);
  EXPECT_EQ(at(as(sid_, "POST", "/v1/notifications", kMail), "/code"), "app_disabled");
}

TEST_F(BoundMembers, WriteTemplatesOfTheCategoriesThatAreTheirApps) {
  ASSERT_LT(as_admin("PUT", "/v1/categories/orders", "{}").status, 300);
  ASSERT_LT(as_admin("PUT", "/v1/categories/bills", "{}").status, 300);
  grant_only("shop", R"(["orders"])");
  const auto body = [](std::string_view category) {
    return fmt::format(R"({{"category":"{}","content":{{"en":{{"title":"t","body":"b"}}}}}})", category);
  };
  EXPECT_EQ(as(sid_, "PUT", "/v1/templates/shipped", body("orders")).status, 201);
  EXPECT_EQ(at(as(sid_, "PUT", "/v1/templates/invoice", body("bills")), "/code"), "app_category");
  ASSERT_EQ(as_admin("PUT", "/v1/templates/invoice", body("bills")).status, 201);
  EXPECT_EQ(as(sid_, "GET", "/v1/templates/invoice").status, 200);
  EXPECT_EQ(at(as(sid_, "GET", "/v1/templates/invoice"), "/used_by"), "(none)");
  for (const auto& [method, path] : {std::pair{"PUT", "/v1/templates/invoice"},
                                     {"DELETE", "/v1/templates/invoice"},
                                     {"POST", "/v1/templates/invoice/versions/1/publish"},
                                     {"POST", "/v1/templates/invoice/archive"},
                                     {"POST", "/v1/templates/invoice/unarchive"}}) {
    const auto answer = as(sid_, method, path, std::string_view(method) == "PUT" ? body("orders") : "");
    EXPECT_EQ(at(answer, "/code"), "app_category") << method << path << answer.body;
  }
  EXPECT_EQ(
      at(as(sid_, "PUT", "/v1/templates/plain", R"({"content":{"en":{"title":"t","body":"b"}}})"), "/code"),
      "app_category")
      << "without a category it could be of any";
  EXPECT_EQ(at(as(sid_, "PUT", "/v1/layouts/frame", "{}"), "/code"), "app_bound");
  EXPECT_EQ(as(sid_, "DELETE", "/v1/templates/shipped").status, 204);
  EXPECT_EQ(at(as(sid_, "POST", "/v1/notifications",
                  R"({"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],"category":"bills",)"
                  R"("title":"t","body":"b"})"),
               "/code"),
            "category_not_allowed");
}

TEST_F(BoundMembers, StopTheirAppAndNothingElse) {
  const auto all = as_admin("POST", "/v1/pauses", R"({"scope":{"channel":"sms"},"reason":"r"})");
  const auto billing = as_admin("POST", "/v1/pauses", R"({"scope":{"app":"billing"},"reason":"r"})");
  ASSERT_EQ(billing.status, 201) << billing.body;
  EXPECT_EQ(at(as(sid_, "POST", "/v1/pauses", R"({"scope":{},"reason":"r"})"), "/code"), "app_bound");
  EXPECT_EQ(at(as(sid_, "POST", "/v1/pauses", R"({"scope":{"app":"billing"},"reason":"r"})"), "/code"),
            "app_bound");
  const auto own = as(sid_, "POST", "/v1/pauses", R"({"scope":{"app":"shop"},"reason":"r"})");
  ASSERT_EQ(own.status, 201) << own.body;
  const auto list = as(sid_, "GET", "/v1/pauses");
  EXPECT_EQ(at(list, "/data/1/scope/app") == "shop" || at(list, "/data/0/scope/app") == "shop", true);
  EXPECT_EQ(at(list, "/data/2"), "(none)");
  EXPECT_EQ(as(sid_, "GET", "/v1/pauses/" + at(billing, "/id")).status, 404);
  EXPECT_EQ(as(sid_, "DELETE", "/v1/pauses/" + at(billing, "/id")).status, 404);
  EXPECT_EQ(as(sid_, "DELETE", "/v1/pauses/" + at(all, "/id")).status, 403);
  EXPECT_EQ(as(sid_, "DELETE", "/v1/pauses/" + at(own, "/id")).status, 204);
}

TEST_F(BoundMembers, HaveTheSchedulesOfTheirApp) {
  const std::string schedule = fmt::format(R"({{"cron":"0 9 * * *","notification":{}}})", kMail);
  ASSERT_EQ(call("PUT", "/v1/schedules/dunning", schedule, {{"Authorization", billing_}}).status, 201);
  ASSERT_EQ(as(sid_, "PUT", "/v1/schedules/daily", schedule).status, 201);
  EXPECT_EQ(at(as(sid_, "GET", "/v1/schedules/daily"), "/app"), "shop");
  EXPECT_EQ(as(sid_, "GET", "/v1/schedules/dunning").status, 404);
  EXPECT_EQ(as(sid_, "DELETE", "/v1/schedules/dunning").status, 404);
  EXPECT_EQ(at(as(sid_, "PUT", "/v1/schedules/dunning", schedule), "/code"), "already_exists");
  const auto list = as(sid_, "GET", "/v1/schedules");
  EXPECT_EQ(at(list, "/data/0/key"), "daily");
  EXPECT_EQ(at(list, "/data/1"), "(none)");
}

TEST_F(BoundMembers, SeeWhichSendsOfTheirAppWait) {
  ASSERT_LT(as_admin("PUT", "/v1/categories/news", R"({"approval_over":1})").status, 300);
  const std::string two =
      R"({"to":[{"email":"a@sandbox.carillon.test"},{"email":"b@sandbox.carillon.test"}],"category":"news",)"
      R"("channels":["email"],"title":"t","body":"b"})";
  const auto theirs = call("POST", "/v1/notifications", two, {{"Authorization", billing_}});
  ASSERT_EQ(at(theirs, "/status"), "awaiting_approval") << theirs.body;
  const auto ours = as_app("POST", "/v1/notifications", two);
  const std::string path = "/v1/approvals/";
  EXPECT_EQ(at(as(sid_, "GET", path.substr(0, 13)), "/data/0/id"), at(ours, "/approval_id"));
  EXPECT_EQ(at(as(sid_, "GET", "/v1/approvals"), "/data/0/app"), "shop");
  EXPECT_EQ(at(as(sid_, "GET", "/v1/approvals"), "/data/1"), "(none)");
  EXPECT_EQ(as(sid_, "GET", path + at(theirs, "/approval_id")).status, 404);
  // Whoever decides, acting as an app: about that app's sends.
  const std::string no = R"({"reason":"no"})";
  EXPECT_EQ(as(admin_, "POST", path + at(theirs, "/approval_id") + "/approve", {}, "shop").status, 404);
  EXPECT_EQ(as(admin_, "POST", path + at(theirs, "/approval_id") + "/reject", no, "shop").status, 404);
  EXPECT_EQ(as(admin_, "POST", path + at(ours, "/approval_id") + "/approve", {}, "shop").status, 200);
}

TEST_F(BoundMembers, SeeTheSandboxMessagesOfTheirApp) {
  const auto mine = as(sid_, "POST", "/v1/notifications", kMail);
  ASSERT_EQ(call("POST", "/v1/notifications", kMail, {{"Authorization", billing_}}).status, 202);
  EXPECT_EQ(await("/v1/sandbox/messages", "/data/1/channel", "email"), "email");
  const auto shown = as(sid_, "GET", "/v1/sandbox/messages");
  EXPECT_EQ(at(shown, "/data/0/notification_id"), at(mine, "/id"));
  EXPECT_EQ(at(shown, "/data/1"), "(none)");
}

TEST_F(BoundMembers, AreBoundToWhatIsThere) {
  const auto why = [&](std::string body) {
    const auto answer = as_admin("PUT", "/v1/members/new", std::move(body));
    return at(answer, "/errors/0/pointer") + " " + at(answer, "/errors/0/code");
  };
  EXPECT_EQ(why(R"({"grants":{"default":"sender"},"apps":{"default":["nothing"]}})"),
            "/apps/default/0 app_not_found");
  EXPECT_EQ(why(R"({"grants":{"default":"sender"},"apps":{"staging":["shop"]}})"),
            "/apps/staging not_granted");
  EXPECT_EQ(why(R"({"grants":{"*":"sender"},"apps":{"staging":["shop"]}})"), "/apps/staging unknown_project");
  EXPECT_EQ(why(R"({"grants":{"default":"administrator"},"apps":{"default":["shop"]}})"),
            "/apps/default administrator_not_bound");
  EXPECT_EQ(why(R"({"grants":{"default":"sender"},"apps":{"default":"shop"}})"), "/apps/default wrong_type");
  EXPECT_EQ(at(as_admin("GET", "/v1/members/sid"), "/apps/default"), R"(["shop"])");
  // Made an administrator, nobody is bound any more.
  ASSERT_EQ(as_admin("PUT", "/v1/members/sid", R"({"grants":{"default":"administrator"}})").status, 200);
  EXPECT_EQ(as(sid_, "GET", "/v1/webhooks").status, 200);
}

}  // namespace
}  // namespace carillon::api
