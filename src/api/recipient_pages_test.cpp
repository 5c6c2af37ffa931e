// /p: what somebody sees and changes with a signed link and nothing else.
#include <fmt/format.h>

#include "api/api_fixture_test.h"
#include "model/public_link.h"

namespace carillon::api {
namespace {

class RecipientPages : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    as_app("PUT", "/v1/users/mina",
           R"({"name":"Mina","email":"ok@sandbox.carillon.test","phone_number":"+999000000001"})");
    ASSERT_EQ(
        as_admin("PUT", "/v1/categories/news", R"({"name":{"en":"News","ko":"소식"},"channels":["email"]})")
            .status,
        201);
    as_admin("PUT", "/v1/categories/inner", R"({"visible":false,"channels":["email"]})");
    page_ = link_of("mina");
  }
  std::string link_of(const std::string& user) {
    const std::string url = at(as_app("POST", "/v1/users/" + user + "/preferences/link"), "/url");
    return url.substr(url.find("/p/"));
  }
  std::string token_of(model::PreferenceLink link) const {
    return "/p/" + model::preference_token(link, keys_->link_key);
  }
  net::HttpResponse get(const std::string& target, net::Headers headers = {}) {
    return call("GET", target, {}, std::move(headers), Entrance::Public);
  }
  net::HttpResponse post(const std::string& target, std::string form = {}) {
    return call("POST", target, std::move(form), {{"Content-Type", "application/x-www-form-urlencoded"}},
                Entrance::Public);
  }
  std::string preferences() { return at(as_app("GET", "/v1/users/mina/preferences"), "/preferences"); }
  std::int64_t sent() {
    base::JsonDocument document;
    const auto answer = as_admin("GET", "/v1/users/mina/notifications");
    const auto root = document.parse(answer.body);
    return root ? static_cast<std::int64_t>((*root)["data"].get_array().size()) : -1;
  }
  std::string page_;
};

TEST_F(RecipientPages, ShowWhatHoldsAndNothingHidden) {
  const auto answer = get(page_ + "?utm_source=mail");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(answer.header("Cache-Control"), "no-store, max-age=0");
  EXPECT_EQ(answer.header("Referrer-Policy"), "no-referrer");
  EXPECT_NE(answer.header("Content-Security-Policy").find("script-src 'none'"), std::string_view::npos);
  EXPECT_TRUE(answer.body.contains(R"(value="news/email" checked)")) << answer.body;
  EXPECT_TRUE(answer.body.contains("cannot be switched off"));
  EXPECT_FALSE(answer.body.contains("value=\"security/email\"")) << "it is mandatory";
  EXPECT_FALSE(answer.body.contains("inner"));
  EXPECT_FALSE(answer.body.contains("<script"));
  EXPECT_FALSE(answer.body.contains("push\"")) << "there is no device";
  EXPECT_TRUE(get(page_, {{"Accept-Language", "ko"}}).body.contains("소식"));
  as_app("PATCH", "/v1/users/mina", R"({"locale":"en-GB"})");
  EXPECT_TRUE(get(page_, {{"Accept-Language", "ko"}}).body.contains("<html lang=\"en\">"));
}

TEST_F(RecipientPages, SaveWhatIsTickedAndLogIt) {
  const auto saved = post(page_, "boxes=news/email/1+news/sms/1&on=news/sms&quiet_from=22:00&quiet_to=07:30");
  ASSERT_EQ(saved.status, 303) << saved.body;
  EXPECT_EQ(saved.header("Location"), page_.substr(3) + "?done=saved");
  EXPECT_EQ(preferences(), R"([{"channel":"email","category":"news","opt_in":false}])");
  EXPECT_EQ(at(as_app("GET", "/v1/users/mina/preferences"), "/quiet_hours/to"), "07:30");
  const auto log = as_app("GET", "/v1/users/mina/preferences/log");
  EXPECT_EQ(at(log, "/data/0/source"), "page");
  EXPECT_EQ(at(log, "/data/0/actor"), "client:mina");
  const auto shown = get(page_ + "?done=saved");
  EXPECT_TRUE(shown.body.contains("role=\"status\""));
  EXPECT_TRUE(shown.body.contains(R"(value="news/email">)"));
  EXPECT_TRUE(shown.body.contains(R"(value="07:30")"));
  // The same again changes nothing and is not logged.
  const auto same = post(page_, "boxes=news/email/0+news/sms/1&on=news/sms&quiet_from=22:00&quiet_to=07:30");
  EXPECT_EQ(same.header("Location"), page_.substr(3) + "?done=nothing");
  EXPECT_EQ(at(as_app("GET", "/v1/users/mina/preferences/log"), "/data/1"), "(none)");
}

// What somebody else changed while the page was open is not undone by boxes nobody touched.
TEST_F(RecipientPages, LeaveAloneWhatWasNotTouched) {
  as_app("PATCH", "/v1/users/mina/preferences",
         R"({"preferences":[{"channel":"sms","category":"news","opt_in":false}]})");
  EXPECT_EQ(post(page_, "boxes=news/email/1+news/sms/1&on=news/sms").status, 303);
  EXPECT_EQ(preferences(), R"([{"channel":"sms","category":"news","opt_in":false},)"
                           R"({"channel":"email","category":"news","opt_in":false}])");
}

TEST_F(RecipientPages, RefuseQuietHoursThatAreNoneAndKeepWhatWasTyped) {
  for (const char* times : {"quiet_from=22:00&quiet_to=", "quiet_from=22:00&quiet_to=22:00",
                            "quiet_from=%22%3E%3Cb%3E&quiet_to=07:00", "quiet_from=25:00&quiet_to=07:00"}) {
    const auto answer = post(page_, std::string("boxes=news/email/1&") + times);
    EXPECT_EQ(answer.status, 422) << times;
    EXPECT_TRUE(answer.body.contains("aria-invalid=\"true\"")) << times;
    EXPECT_TRUE(answer.body.contains(R"(value="news/email">)")) << "the tick was taken out: " << times;
    EXPECT_TRUE(answer.body.contains("boxes\" value=\"general/")) << "but is not stored";
    EXPECT_FALSE(answer.body.contains("\"><b>"));
  }
  EXPECT_EQ(preferences(), "[]");
}

TEST_F(RecipientPages, StopOneCategoryOrEverything) {
  const auto stopped = post(page_ + "/stop", "category=news");
  ASSERT_EQ(stopped.status, 303);
  EXPECT_EQ(stopped.header("Location"), ".." + page_.substr(2) + "?done=stopped");
  EXPECT_EQ(preferences(), R"([{"channel":"*","category":"news","opt_in":false}])");
  for (const char* key : {"security", "inner", "nothing", ""})
    EXPECT_TRUE(
        post(page_ + "/stop", std::string("category=") + key).header("Location").ends_with("nothing"));
  // One box of it ticked again is a yes to that and to nothing else.
  EXPECT_EQ(post(page_, "boxes=news/email/0+news/sms/0&on=news/sms").status, 303);
  EXPECT_TRUE(preferences().contains(R"({"channel":"email","category":"news","opt_in":false})"));
  EXPECT_FALSE(preferences().contains(R"("channel":"sms")"));
  EXPECT_EQ(post(page_ + "/stop", "category=*").status, 303);
  EXPECT_EQ(preferences(), R"([{"channel":"*","category":"*","opt_in":false}])");
}

TEST_F(RecipientPages, ChangeNothingHiddenOrMandatory) {
  EXPECT_EQ(post(page_, "boxes=security/email/1+inner/email/1+gone/email/1").header("Location"),
            page_.substr(3) + "?done=nothing");
  EXPECT_EQ(preferences(), "[]");
}

TEST_F(RecipientPages, ShowTheHistoryInPages) {
  for (int i = 0; i < 23; ++i) {
    const auto sent = as_app("POST", "/v1/notifications",
                             fmt::format(R"({{"to":[{{"user_id":"mina"}}],"channels":["email"],)"
                                         R"("title":"Bell <{}>","body":"It rings."}})",
                                         i));
    ASSERT_EQ(await("/v1/notifications/" + at(sent, "/id"), "/status", "completed"), "completed");
  }
  as_app("POST", "/v1/notifications",
         R"({"to":[{"user_id":"mina"}],"channels":["email"],"category":"security",)"
         R"("title":"739154","body":"x"})");
  const auto first = get(page_ + "/history");
  ASSERT_EQ(first.status, 200);
  EXPECT_FALSE(first.body.contains("739154")) << "what is sensitive is not shown";
  EXPECT_TRUE(first.body.contains("Bell &lt;22&gt;"));
  EXPECT_FALSE(first.body.contains("Bell &lt;1&gt;"));
  const std::size_t begin = first.body.find("history?after=");
  ASSERT_NE(begin, std::string::npos);
  const std::string older = first.body.substr(begin, first.body.find('"', begin) - begin);
  const auto second = get(page_ + "/" + older);
  EXPECT_TRUE(second.body.contains("Bell &lt;1&gt;")) << second.body;
  EXPECT_FALSE(second.body.contains("history?after="));
  EXPECT_EQ(get(page_ + "/history?after=x").status, 303) << "to the first page";
}

TEST_F(RecipientPages, AreGoneForWhateverIsNoLink) {
  const std::string gone = get("/p/x").body;
  const auto is_gone = [&](const std::string& target) {
    const auto answer = get(target);
    return answer.status == 404 && answer.body == gone;
  };
  model::PreferenceLink link{.project = pipeline::kDefaultProject,
                             .user_id = "nobody",
                             .expires_at = clock_.now() + model::kPreferenceLinkTtl};
  EXPECT_TRUE(is_gone(page_ + "AAAA"));
  EXPECT_TRUE(is_gone(token_of(link))) << "of nobody";
  link.user_id = "mina";
  EXPECT_EQ(get(token_of(link)).status, 200);
  link.channel = model::Channel::Email;
  link.address_check = model::address_check("old@example.test", keys_->link_key);
  EXPECT_TRUE(is_gone(token_of(link))) << "it went to an address that is not hers any more";
  link.project = 99;
  EXPECT_TRUE(is_gone(token_of(link)));
  EXPECT_EQ(post("/p/x", "boxes=news/email/1").status, 404);
  EXPECT_EQ(post("/p/x/stop", "category=*").status, 404);
  EXPECT_EQ(post("/p/x/fresh").status, 404);
  EXPECT_EQ(as_app("DELETE", "/v1/users/mina/tokens").status, 204);
  EXPECT_TRUE(is_gone(page_)) << "called back";
  page_ = link_of("mina");
  EXPECT_EQ(get(page_).status, 200);
  clock_.advance(Millis(1000));
  as_app("DELETE", "/v1/users/mina");
  as_app("PUT", "/v1/users/mina", R"({"email":"ok@sandbox.carillon.test"})");
  EXPECT_TRUE(is_gone(page_)) << "of another who has the id now";
}

TEST_F(RecipientPages, OfferAFreshLinkWhenTheyHaveExpired) {
  clock_.advance(model::kPreferenceLinkTtl);
  const auto expired = get(page_);
  EXPECT_EQ(expired.status, 410);
  EXPECT_TRUE(expired.body.contains(fmt::format("action=\"{}/fresh\"", page_.substr(3))));
  EXPECT_TRUE(get(page_ + "/history").body.contains("action=\"fresh\""));
  EXPECT_EQ(post(page_, "boxes=news/email/1").status, 410);
  EXPECT_EQ(preferences(), "[]");
  const auto asked = post(page_ + "/fresh");
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(sent(), 1);
  // Of somebody who is not there: word for word the same, and nothing goes out.
  const model::PreferenceLink nobody{
      .project = pipeline::kDefaultProject, .user_id = "nobody", .expires_at = clock_.now()};
  EXPECT_EQ(post(token_of(nobody) + "/fresh").body, asked.body);
  model::PreferenceLink moved{
      .project = pipeline::kDefaultProject, .user_id = "mina", .expires_at = clock_.now()};
  moved.channel = model::Channel::Email;
  moved.address_check = model::address_check("old@example.test", keys_->link_key);
  EXPECT_EQ(post(token_of(moved) + "/fresh").body, asked.body);
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(post(page_ + "/fresh").status, 200);
  const auto often = post(page_ + "/fresh");
  EXPECT_EQ(often.status, 429);
  EXPECT_FALSE(often.header("Retry-After").empty());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(post(token_of(nobody) + "/fresh").status, 200);
  EXPECT_EQ(post(token_of(nobody) + "/fresh").status, 429) << "strangers are counted alike";
}

TEST_F(RecipientPages, AreNotForTooMany) {
  int status = 200;
  for (int i = 0; i < 200 && status == 200; ++i) status = get(page_).status;
  EXPECT_EQ(status, 429);
}

TEST_F(RecipientPages, LinksAreMadeForWhoIsRegistered) {
  const auto made = as_app("POST", "/v1/users/mina/preferences/link");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(at(made, "/expires_at").size(), std::string("2026-12-01T00:00:00.000Z").size()) << made.body;
  EXPECT_EQ(as_app("POST", "/v1/users/nobody/preferences/link").status, 404);
}

}  // namespace
}  // namespace carillon::api
