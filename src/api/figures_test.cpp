// What is shown of a running server: latencies, what is first in line, how integrations are, what an approver
// has to know.
#include "api/api_fixture_test.h"
#include "api/latencies.h"

namespace carillon::api {
namespace {

using model::Channel;
using store::LatencyRow;

class Figures : public ApiTest {
 protected:
  void tell(store::Owner owner, Channel channel, std::initializer_list<std::int64_t> took,
            const std::string& report = {}, std::int64_t slots_ago = 0) {
    LatencyRow row{.project = pipeline::kDefaultProject,
                   .slot = to_ms(clock_.now()) / store::kLatencySlot.count() - slots_ago,
                   .channel = channel};
    for (const std::int64_t ms : took) row.counts.add(Millis(ms));
    std::vector<LatencyRow> rows{row};
    ASSERT_TRUE(run(store_->telemetry().tell(owner, report, std::move(rows), clock_.now())));
  }
  double number(const net::HttpResponse& answer, std::string_view pointer) {
    return std::strtod(at(answer, pointer).c_str(), nullptr);
  }
};

TEST_F(Figures, LatenciesAreThoseOfAllProcesses) {
  EXPECT_EQ(at(as_admin("GET", "/v1/stats/latency"), "/total/p50"), "null");
  tell({7, 1}, Channel::Email, {100, 100, 100});
  tell({8, 1}, Channel::Email, {3'000});
  tell({8, 1}, Channel::Sms, {50});
  tell({8, 2}, Channel::Sms, {50}, {}, 30);  // longer ago than an hour
  const auto shown = as_app("GET", "/v1/stats/latency");
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(at(shown, "/window"), "1h");
  EXPECT_EQ(at(shown, "/slot"), "300");
  EXPECT_EQ(at(shown, "/total/n"), "5");
  const std::string first = at(shown, "/data/0/channel") == "email" ? "/data/0" : "/data/1";
  EXPECT_EQ(at(shown, first + "/n"), "4");
  EXPECT_NEAR(number(shown, first + "/p50"), 0.1, 0.011);
  EXPECT_NEAR(number(shown, first + "/p99"), 3.0, 0.31);
  EXPECT_EQ(at(as_admin("GET", "/v1/stats/latency?window=6h"), "/total/n"), "6");
  for (const char* wrong : {"1m", "25h", "soon", ""})
    EXPECT_EQ(as_admin("GET", std::string("/v1/stats/latency?window=") + wrong).status, 422) << wrong;
}

TEST(LatencyFigures, TheBusiestStretchCountsByHowMuchOfItHasPassed) {
  const Time now = from_ms(store::kLatencySlot.count() * 1'000 + 150'000);
  const auto row = [](std::int64_t slot, Channel channel, int n) {
    LatencyRow made{.project = 1, .slot = slot, .channel = channel};
    for (int i = 0; i < n; ++i) made.counts.add(Millis(1));
    return made;
  };
  const auto any = [](Channel) { return true; };
  EXPECT_EQ(busiest_rate({}, now, any), 0);
  EXPECT_DOUBLE_EQ(busiest_rate({row(990, Channel::Email, 600)}, now, any), 2);
  EXPECT_DOUBLE_EQ(busiest_rate({row(990, Channel::Email, 600), row(990, Channel::Sms, 300)}, now, any), 3);
  EXPECT_DOUBLE_EQ(busiest_rate({row(1'000, Channel::Email, 600)}, now, any), 4) << "half of it has passed";
  EXPECT_DOUBLE_EQ(busiest_rate({row(990, Channel::Email, 600), row(990, Channel::Sms, 300)}, now,
                                [](Channel channel) { return channel == Channel::Sms; }),
                   1);
}

TEST_F(Figures, TheFirstInLineIsToldByState) {
  const auto nothing = as_admin("GET", "/v1/accountability");
  for (const char* state : {"pending", "held", "processing", "retrying", "dead"})
    EXPECT_EQ(at(nothing, std::string("/oldest/") + state), "null") << state;
  ASSERT_EQ(as_admin("POST", "/v1/pauses", R"({"scope":{"channel":"email"},"reason":"r"})").status, 201);
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  const std::string list = "/v1/notifications/" + at(sent, "/id") + "/deliveries";
  ASSERT_EQ(await(list, "/data/0/status", "held"), "held");
  clock_.advance(Millis(60'000));
  const auto shown = as_admin("GET", "/v1/accountability");
  EXPECT_EQ(at(shown, "/oldest/held/delivery_id"), at(as_app("GET", list), "/data/0/id"));
  EXPECT_GE(number(shown, "/oldest/held/age"), 60);
  EXPECT_LT(number(shown, "/oldest/held/age"), 90);
}

TEST_F(Figures, AnIntegrationTellsHowItIsInEachProcess) {
  ASSERT_EQ(as_admin("PUT", "/v1/integrations/box", R"({"provider":"sandbox"})").status, 201);
  const std::string route = R"({"match":{"channel":"email"},"chain":[{"integration":"box"}]})";
  ASSERT_EQ(as_admin("PUT", "/v1/routes/mail", route).status, 201);
  const auto breaker = [&] { return at(as_admin("GET", "/v1/integrations/box"), "/health/breaker"); };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (breaker() != "closed" && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  auto shown = as_admin("GET", "/v1/integrations/box");
  EXPECT_EQ(at(shown, "/health/breaker"), "closed") << shown.body;
  EXPECT_EQ(at(shown, "/health/calls"), "0");
  EXPECT_EQ(at(shown, "/health/error_rate"), "null");
  EXPECT_EQ(at(shown, "/health/window"), "300");
  EXPECT_EQ(at(shown, "/health/nodes/1"), "(none)") << "this store is nobody else's";
  shown = as_admin("GET", "/v1/integrations");
  EXPECT_EQ(at(shown, "/data/0/health/nodes/0/calls"), "0") << shown.body;
  const auto paused = as_admin("POST", "/v1/integrations/box/pause", R"({"reason":"maintenance"})");
  EXPECT_EQ(at(paused, "/paused"), "maintenance");
  EXPECT_EQ(at(paused, "/paused_by"), "key:first");
  EXPECT_NE(at(paused, "/paused_at"), "null");
  EXPECT_EQ(at(as_admin("GET", "/v1/integrations/box"), "/paused_by"), "key:first");
  const auto resumed = as_admin("POST", "/v1/integrations/box/resume");
  EXPECT_EQ(at(resumed, "/paused_at"), "null");
  ASSERT_EQ(as_admin("PUT", "/v1/integrations/box", R"({"provider":"sandbox","enabled":false})").status, 200);
  const auto health = [&] { return at(as_admin("GET", "/v1/integrations/box"), "/health"); };
  while (health() != "null" && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(health(), "null") << "nobody has it open";
}

TEST_F(Figures, WhatASettingIsForIsSaidInTheReadersLanguage) {
  const auto korean = call("GET", "/v1/provider-types", {},
                           {{"Authorization", app_}, {"Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8"}});
  const auto english = as_app("GET", "/v1/provider-types");
  EXPECT_EQ(korean.header("Content-Language"), "ko");
  EXPECT_EQ(english.header("Content-Language"), "en");
  base::JsonDocument document;
  const auto root = document.parse(korean.body);
  ASSERT_TRUE(root);
  std::size_t seen = 0;
  for (const auto type : base::JsonArray(root->at_key("data"))) {
    for (const auto setting : base::JsonArray(type.at_key("settings"))) {
      const std::string_view help = setting.at_key("help").get_string();
      // Hangul syllables begin with these bytes in UTF-8.
      const bool is_korean = std::ranges::any_of(help, [](char c) {
        return static_cast<unsigned char>(c) >= 0xea && static_cast<unsigned char>(c) <= 0xed;
      });
      EXPECT_TRUE(is_korean) << base::to_json(type.at_key("name")) << " "
                             << base::to_json(setting.at_key("name")) << ": say .korean() beside .help()";
      EXPECT_FALSE(english.body.find(help) != std::string::npos) << help;
      ++seen;
    }
  }
  EXPECT_GT(seen, 100U);
}

TEST_F(Figures, AnApproverSeesWhatTheSendWouldDo) {
  ASSERT_LT(as_admin("PUT", "/v1/categories/news", R"({"approval_over":3})").status, 300);
  ASSERT_LT(as_admin("PUT", "/v1/groups/vip", "{}").status, 300);
  for (const char* user : {"ann", "bo", "cy"}) {
    ASSERT_LT(as_admin("PUT", fmt::format("/v1/users/{}", user),
                       fmt::format(R"({{"email":"{}@sandbox.carillon.test"}})", user))
                  .status,
              300);
  }
  ASSERT_LT(as_admin("POST", "/v1/groups/vip/members", R"({"user_ids":["ann","bo","cy"]})").status, 300);
  const std::string rest = R"("category":"news","channels":["email"],"title":"t","body":"b"})";
  ASSERT_EQ(at(as_app("POST", "/v1/notifications", R"({"to":[{"user_id":"ann"},{"user_id":"bo"}],)" + rest),
               "/status"),
            "sending");
  const auto sent =
      as_app("POST", "/v1/notifications",
             R"({"to":[{"email":"someone@example.test","locale":"ko"},{"group":"vip"}],)" + rest);
  ASSERT_EQ(at(sent, "/status"), "awaiting_approval") << sent.body;
  const std::string path = "/v1/approvals/" + at(sent, "/approval_id");
  auto shown = as_admin("GET", path);
  EXPECT_EQ(at(shown, "/app"), "shop");
  EXPECT_EQ(at(shown, "/category"), "news");
  EXPECT_EQ(at(shown, "/audience"), "4");
  EXPECT_EQ(at(shown, "/channels"), R"(["email"])");
  EXPECT_EQ(at(shown, "/limit"), "3");
  EXPECT_EQ(at(shown, "/hour/recipients"), "2");
  EXPECT_EQ(at(shown, "/hour/limit"), "3");
  EXPECT_EQ(at(shown, "/estimate"), "null") << "nothing was told of any send: " << shown.body;
  EXPECT_EQ(at(shown, "/sample/0/email"), "s…@example.test");
  EXPECT_EQ(at(shown, "/sample/0/locale"), "ko");
  EXPECT_EQ(at(shown, "/sample/1/user_id"), "ann");
  EXPECT_EQ(at(shown, "/sample/1/group"), "vip");
  EXPECT_EQ(at(shown, "/sample/3/user_id"), "cy");
  EXPECT_FALSE(shown.body.contains("someone@example.test"));
  tell({7, 1}, Channel::Email, {10, 10, 10, 10, 10, 10}, {}, 2);
  shown = as_admin("GET", path);
  EXPECT_NEAR(number(shown, "/estimate/rate"), 6.0 / 300, 1e-9) << shown.body;
  EXPECT_NEAR(number(shown, "/estimate/seconds"), 200, 1);
  EXPECT_EQ(at(as_admin("GET", "/v1/approvals"), "/data/0/app"), "shop");
  EXPECT_EQ(at(as_admin("GET", "/v1/approvals"), "/data/0/sample"), "(none)");
  ASSERT_LT(as_admin("PUT", "/v1/categories/news", R"({})").status, 300);
  EXPECT_EQ(at(as_admin("GET", path), "/hour"), "null") << "there is no limit any more";
  EXPECT_EQ(at(as_admin("POST", path + "/approve"), "/category"), "news");
}

TEST_F(Figures, ATemplateThatIsBeingWrittenIsPreviewed) {
  const std::string tmpl =
      R"({"params":[{"name":"name","type":"string","sample":"Kim"}],"content":{)"
      R"("en":{"title":"Hello {{name}}","body":"Your order left.","email":{"html":"<p>Hi {{name}}</p>"}},)"
      R"("ko":{"title":"{{name}}님 안녕하세요","body":"출발했습니다."}}})";
  const auto preview = [&](const std::string& more) {
    return as_app("POST", "/v1/templates/preview", fmt::format(R"({{"template":{}{}}})", tmpl, more));
  };
  const auto sample = preview("");
  ASSERT_EQ(sample.status, 200) << sample.body;
  EXPECT_EQ(at(sample, "/version"), "0");
  EXPECT_EQ(at(sample, "/content/push/title"), "Hello Kim");
  EXPECT_EQ(at(sample, "/content/sms/body"), "Your order left.");
  EXPECT_EQ(at(preview(R"(,"params":{"name":"Lee"},"channel":"push")"), "/content/push/title"), "Hello Lee");
  EXPECT_EQ(at(preview(R"(,"params":{"name":"Lee"},"channel":"push")"), "/content/email"), "(none)");
  EXPECT_EQ(at(preview(R"(,"locales":["*"],"channel":"push")"), "/locales/ko/push/title"),
            "Kim님 안녕하세요");
  const auto framed = preview(R"(,"channel":"email","layout":{"html":"<b>{{{content}}}</b>"})");
  EXPECT_EQ(framed.status, 200) << framed.body;
  const auto wrong = [&](const std::string& body) {
    const auto answer = as_app("POST", "/v1/templates/preview", body);
    return fmt::format("{} {}", answer.status, at(answer, "/errors/0/pointer"));
  };
  EXPECT_EQ(wrong("{}"), "422 /template");
  EXPECT_EQ(wrong(R"({"template":{"content":{"en":{"title":"{{nobody}}"}}}})"),
            "422 /template/content/en/title");
  EXPECT_EQ(wrong(R"({"template":{"category":"none","content":{"en":{"title":"t"}}}})"),
            "422 /template/category");
  EXPECT_EQ(wrong(R"({"template":{"layout":"none","content":{"en":{"title":"t"}}}})"),
            "422 /template/layout");
  EXPECT_EQ(wrong(fmt::format(R"({{"template":{},"layout":{{"html":"x"}}}})", tmpl)), "422 /layout/html");
  EXPECT_EQ(wrong(fmt::format(R"({{"template":{},"version":1}})", tmpl)), "400 /version");
  EXPECT_EQ(wrong(fmt::format(R"({{"template":{},"user_id":"nobody"}})", tmpl)), "422 /user_id");
  EXPECT_EQ(at(as_admin("GET", "/v1/templates"), "/data"), "[]") << "nothing is stored";
}

}  // namespace
}  // namespace carillon::api
