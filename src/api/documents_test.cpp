// What is generated from the table of routes, and the registry of errors.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "api/api_fixture_test.h"
#include "api/router.h"
#include "api/schemas.h"

namespace carillon::api {
namespace {

TEST(OpenApi, ListsExactlyTheRoutes) {
  base::JsonDocument document;
  const std::string json = Api::openapi_json();
  const auto root = document.parse(json);
  ASSERT_TRUE(root) << root.error().message;
  std::set<std::string> wanted, listed;
  for (const Route* route : Router::get().routes()) {
    std::string method(route->method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    wanted.insert(method + " " + std::string(route->pattern));
  }
  for (const auto [path, operations] : base::JsonObject((*root)["paths"])) {
    for (const auto [method, operation] : base::JsonObject(operations)) {
      listed.insert(std::string(method) + " " + std::string(path));
    }
  }
  EXPECT_EQ(listed, wanted);
}

TEST(OpenApi, EveryReferenceIsDefined) {
  base::JsonDocument document;
  const std::string json = Api::openapi_json();
  const auto root = document.parse(json);
  ASSERT_TRUE(root);
  const std::regex reference(R"(#/components/schemas/(\w+))");
  std::size_t count = 0;
  for (auto it = std::sregex_iterator(json.begin(), json.end(), reference); it != std::sregex_iterator();
       ++it) {
    base::JsonElement found;
    EXPECT_EQ((*root)["components"]["schemas"][(*it)[1].str()].get(found), simdjson::SUCCESS) << (*it)[1];
    ++count;
  }
  EXPECT_GT(count, 100U);
}

TEST(OpenApi, SaysEveryAnswerAndWhatMayBeLeftOut) {
  base::JsonDocument document;
  const std::string json = Api::openapi_json();
  const auto root = document.parse(json);
  ASSERT_TRUE(root);
  const auto is_there = [&](std::string_view pointer) {
    return root->at_pointer(pointer).error() == simdjson::SUCCESS;
  };
  const std::string user = "/paths/~1v1~1users~1{user_id}/";
  for (const std::string_view status : {"200", "201", "4XX", "5XX"}) {
    EXPECT_TRUE(is_there(user + "put/responses/" + std::string(status))) << status;
  }
  EXPECT_FALSE(is_there(user + "get/responses/201"));
  EXPECT_TRUE(is_there("/paths/~1v1~1notifications/post/responses/200"));
  EXPECT_TRUE(is_there("/paths/~1p~1{token}/get/responses/4XX/content/text~1html"));
  EXPECT_FALSE(is_there(user + "get/responses/4XX/content/text~1html"));
  // A patch need not name what a schedule cannot do without.
  EXPECT_TRUE(is_there("/components/schemas/Schedule/required"));
  EXPECT_TRUE(is_there("/components/schemas/SchedulePatch/properties/cron"));
  EXPECT_FALSE(is_there("/components/schemas/SchedulePatch/required"));
  EXPECT_TRUE(is_there("/paths/~1v1~1session/get/security/0/session"));
  bool is_required = true;
  const auto body = "/paths/~1v1~1groups~1{key}/put/requestBody/required";
  EXPECT_EQ(root->at_pointer(body).get(is_required), simdjson::SUCCESS);
  EXPECT_FALSE(is_required);
}

TEST(OpenApi, ExamplesAndSchemasAreJson) {
  for (const Schema& schema : schemas()) {
    base::JsonDocument document;
    EXPECT_TRUE(document.parse(schema.json)) << schema.name;
    if (!schema.example.empty()) EXPECT_TRUE(document.parse(schema.example)) << schema.name;
    EXPECT_EQ(schema.example.find('\''), std::string_view::npos)
        << schema.name;  // it stands in a shell's quotes
  }
}

TEST(Registry, EveryCodeUsedInTheSourceIsRegistered) {
  const std::regex uses[] = {
      std::regex(R"re(\b(?:failed|Failure|Failure failure|refuse|make_refusal)\(\s*\d{3},\s*"(\w+)")re"),
      std::regex(R"re(\bfailed_at\(\s*(?:"[^"]*"|fmt::format\("[^"]*", \w+\)),\s*"(\w+)")re"),
      std::regex(R"re(\.problem\(\s*(?:"[^"]*"|key),\s*"(\w+)")re"),
      std::regex(R"re(push_back\(\s*\{(?:"[^"]*"|[\w:]+\("[^"]*", \w+\)|at),\s*"([a-z_]+)",)re"),
      std::regex(R"re(std::string_view code = "(\w+)")re"),
  };
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("src")) {
    const std::string path = entry.path().string();
    const bool is_skipped = path.find("_test.") != std::string::npos || path.starts_with("src/sim") ||
                            path.starts_with("src/app");
    if (is_skipped || entry.path().extension() != ".cpp") continue;
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    const std::string source = text.str();
    for (const std::regex& use : uses) {
      for (auto it = std::sregex_iterator(source.begin(), source.end(), use); it != std::sregex_iterator();
           ++it) {
        EXPECT_NE(find_problem((*it)[1].str()), nullptr) << (*it)[1] << " in " << path;
        ++count;
      }
    }
  }
  EXPECT_GT(count, 80U);
}

TEST_F(ApiTest, PagesRunOnlyWhatTheirPolicyNames) {
  const auto console = call("GET", "/");
  EXPECT_TRUE(console.header("Content-Security-Policy").contains("script-src 'self';"));
  EXPECT_FALSE(console.body.contains("<script>"));
  for (const std::string path : {"/docs", "/docs/errors", "/sandbox"}) {
    const auto page = call("GET", path);
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_NE(page.header("Content-Security-Policy").find("default-src 'none'"), std::string_view::npos)
        << path;
    EXPECT_EQ(page.body.find("http://"), std::string::npos) << path;
    EXPECT_EQ(page.body.find(" onclick"), std::string::npos) << path;
    const std::size_t begin = page.body.find("<script>");
    if (begin == std::string::npos) continue;
    const std::string script = page.body.substr(begin + 8, page.body.find("</script>") - begin - 8);
    EXPECT_NE(page.header("Content-Security-Policy").find(base::base64(base::sha256(script))),
              std::string_view::npos);
    EXPECT_EQ(script.find("innerHTML"), std::string::npos);
  }
}

TEST_F(ApiTest, TitlesOfProblemsAreInTheLanguageAskedFor) {
  const net::Headers korean{{"Authorization", admin_}, {"Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8"}};
  const auto said = call("PUT", "/v1/users/ann", R"({"email":"x","nonsense":1})", korean);
  EXPECT_EQ(said.status, 400);
  EXPECT_EQ(at(said, "/title"), "여기서 쓰지 않는 필드입니다");
  EXPECT_EQ(at(said, "/code"), "unknown_field");
  EXPECT_EQ(at(said, "/errors/0/title"), "올바른 이메일 주소가 아닙니다") << said.body;
  EXPECT_EQ(said.header("Content-Language"), "ko");
  const auto english = as_admin("PUT", "/v1/users/ann", R"({"email":"x","nonsense":1})");
  EXPECT_EQ(at(english, "/title"), "A field is not known here");
  EXPECT_EQ(at(english, "/errors/0/title"), "(none)");
  EXPECT_EQ(english.header("Content-Language"), "");
}

TEST_F(ApiTest, HealthReadinessAndMetricsAnswerWithoutACredential) {
  EXPECT_EQ(at(call("GET", "/healthz"), "/status"), "ok");
  EXPECT_EQ(at(call("GET", "/readyz"), "/status"), "ready");
  EXPECT_NE(call("GET", "/metrics").body.find("carillon_http_answers_total"), std::string::npos);
  EXPECT_EQ(at(call("GET", "/openapi.json"), "/openapi"), "3.1.0");
}

// A cache that has gone away.
class AwayCache final : public cache::Cache {
 public:
  explicit AwayCache(std::unique_ptr<cache::Cache> inner) : inner_(std::move(inner)) {}
  Task<Result<std::vector<cache::Taken>>> take(std::vector<cache::Take> takes, Time now) override {
    return inner_->take(std::move(takes), now);
  }
  Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) override {
    return inner_->mark_sent(std::move(keys), ttl, now);
  }
  Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) override {
    return inner_->were_sent(std::move(keys), now);
  }
  bool is_shared() const noexcept override { return true; }
  std::string trouble() const override { return "Redis at h:6379 is away"; }

 private:
  const std::unique_ptr<cache::Cache> inner_;  // the pipeline's
};

TEST_F(ApiTest, ReadinessTellsWhatIsDoneWithoutAndStaysReady) {
  cache_ = std::make_unique<AwayCache>(std::move(cache_));
  open_api();
  const auto answer = call("GET", "/readyz");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"degraded","reasons":[],"degraded":)"
                         R"([{"part":"cache","reason":"Redis at h:6379 is away"}]})");
  open_api(false);
  EXPECT_EQ(at(call("GET", "/readyz"), "/status"), "not_ready");
}

TEST_F(ApiTest, AServerIsNotReadyBeforeItsFirstKeysAreThere) {
  has_begun_ = false;
  const auto answer = call("GET", "/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(at(answer, "/reasons/0/part"), "start");
  has_begun_ = true;
  EXPECT_EQ(call("GET", "/readyz").status, 200);
}

TEST_F(ApiTest, TheTestClockMovesForAnAdministratorOnly) {
  EXPECT_EQ(as_app("POST", "/v1/test/clock", R"({"advance":"5m"})").status, 403);
  const Time before = clock_.now();
  EXPECT_EQ(as_admin("POST", "/v1/test/clock", R"({"advance":"5m"})").status, 200);
  EXPECT_GE(clock_.now() - before, std::chrono::minutes(5));
}

TEST(Reference, ListsErrorsAndProviders) {
  EXPECT_NE(Api::errors_markdown().find("| `event_id_reused` | 422 |"), std::string::npos);
  EXPECT_NE(Api::providers_markdown().find("(`sandbox`)"), std::string::npos);
}

}  // namespace
}  // namespace carillon::api
