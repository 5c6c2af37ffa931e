#include "api/live.h"

#include "api/api_fixture_test.h"
#include "api/session_cookie.h"

namespace carillon::api {
namespace {

using namespace std::chrono_literals;

class LiveTest : public ApiTest {
 protected:
  net::HttpResponse open(const std::string& authorization) {
    auto answer = call("GET", "/v1/stream", {}, {{"Authorization", authorization}});
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(answer.header("Cache-Control"), "no-store");
    return answer;
  }
  std::string next(const net::HttpResponse& answer) {
    auto piece = run(answer.stream->next());
    return piece ? *piece : "(" + piece.error().message + ")";
  }
  std::string member_token(const std::string& key, const std::string& grants) {
    EXPECT_LT(as_admin("PUT", "/v1/members/" + key, "{\"grants\":" + grants + "}").status, 300);
    return "Bearer " + at(as_admin("POST", "/v1/members/" + key + "/tokens", R"({"name":"t"})"), "/token");
  }
};

TEST_F(LiveTest, TellsTheNumbersAtOnceAndWhenTheyChange) {
  const auto stream = open(admin_);
  const std::string first = next(stream);
  EXPECT_TRUE(first.starts_with("event: counters\ndata: {\"queues\":[")) << first;
  EXPECT_TRUE(first.ends_with("}\n\n"));
  EXPECT_TRUE(first.contains(R"("accountability":{"accepted":0)"));
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  await("/v1/notifications/" + at(sent, "/id"), "/status", "completed");
  std::string news;
  while (!news.contains(R"("accepted":1)")) {
    news = next(stream);
    ASSERT_TRUE(news.starts_with("event: counters\n")) << news;
  }
}

TEST_F(LiveTest, TellsAlertsThatAreNewAndNotThoseThatWereThere) {
  store::AlertChange change;
  change.key.project = pipeline::kDefaultProject;
  change.key.kind = model::AlertKind::IntegrationPaused;
  change.key.subject = "mail";
  change.detail = "refused";
  const auto raise = [&](const std::string& subject) {
    change.key.subject = subject;
    std::vector<store::AlertChange> changes{change};
    ASSERT_TRUE(run(store_->alerts().change(std::move(changes), std::nullopt, clock_.now())));
  };
  raise("old");
  const auto stream = open(admin_);
  EXPECT_FALSE(next(stream).contains("event: alert"));
  raise("fresh");
  std::string news;
  do { news = next(stream); } while (!news.contains("event: alert\n") && news.starts_with("event:"));
  EXPECT_TRUE(news.contains("fresh")) << news;
  // The server finds out meanwhile that both are over, which is news of either.
  EXPECT_FALSE(news.contains(R"("subject":"old","state":"open")")) << news;
}

TEST_F(LiveTest, EndsWithWhatLetItIn) {
  const std::string token = member_token("ann", R"({"default":"viewer"})");
  const auto of_token = open(token);
  EXPECT_TRUE(next(of_token).starts_with("event: counters"));
  EXPECT_EQ(as_admin("DELETE", "/v1/members/ann/tokens/t").status, 204);
  EXPECT_EQ(next(of_token), "");

  const std::string session_token = make_session_token(*keys_);
  store::SessionStart start;
  start.session = {.id = ids_->take(),
                   .hash = keys_->credential_hash(session_token),
                   .member = "ann",
                   .created_at = clock_.now(),
                   .seen_at = clock_.now(),
                   .expires_at = clock_.now() + 24h};
  const std::int64_t id = start.session.id;
  ASSERT_TRUE(run(store_->sessions().begin(std::move(start), "test", clock_.now())));
  const auto of_session = call("GET", "/v1/stream", {}, {{"Cookie", "carillon_session=" + session_token}});
  ASSERT_EQ(of_session.status, 200) << of_session.body;
  EXPECT_TRUE(next(of_session).starts_with("event: counters"));
  ASSERT_TRUE(run(store_->sessions().end("ann", id, "test", clock_.now())));
  EXPECT_EQ(next(of_session), "");

  const auto of_key = open("Bearer " + run(directory_->create_management_key(
                                               "watcher", std::vector<std::string>{"read"}, {}, "test"))
                                           .value());
  EXPECT_TRUE(next(of_key).starts_with("event: counters"));
  EXPECT_EQ(as_admin("DELETE", "/v1/keys/watcher").status, 204);
  EXPECT_EQ(next(of_key), "");
}

TEST_F(LiveTest, EndsWhenTheServerDoesAndNoneBegins) {
  const auto stream = open(admin_);
  EXPECT_NE(next(stream), "");
  api_->end_streams();
  EXPECT_EQ(next(stream), "");
  EXPECT_EQ(call("GET", "/v1/stream", {}, {{"Authorization", admin_}}).status, 503);
}

TEST_F(LiveTest, HasSoManyPlaces) {
  Live live(*store_);
  auto one = live.enter(2), two = live.enter(2);
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(live.enter(2));
  one.reset();
  EXPECT_TRUE(live.enter(2));
}

TEST_F(LiveTest, IsForPeopleAndManagementTokensOverHttp) {
  EXPECT_EQ(as_app("GET", "/v1/stream").status, 403);
  EXPECT_EQ(call("GET", "/v1/stream", {}, {}, Entrance::Control).status, 422);
}

}  // namespace
}  // namespace carillon::api
