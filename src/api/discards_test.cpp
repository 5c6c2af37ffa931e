// Dead letters of deliveries: found, given up with a reason, and what that leaves as it was.
#include "api/api_fixture_test.h"
#include "pipeline/jobs.h"

namespace carillon::api {
namespace {

class Discards : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ASSERT_LT(as_admin("PUT", "/v1/categories/careful", R"({"on_unknown":"hold"})").status, 300);
  }
  void TearDown() override {
    api_.reset();
    if (jobs_) jobs_->stop();
    jobs_.reset();
    job_thread_.reset();
    ApiTest::TearDown();
  }
  // With jobs in the background, as in a server.
  void open_with_jobs() {
    job_thread_ = std::make_unique<TestThread>();
    pipeline::Jobs::Deps deps{
        *store_,           *directory_, clock_, *keys_, metrics_, *ids_, job_thread_->context.get_executor(),
        folder_ + "/jobs", nullptr};
    auto jobs = pipeline::Jobs::open(std::move(deps));
    ASSERT_TRUE(jobs) << jobs.error().message;
    jobs_ = std::move(*jobs);
    jobs_->start();
    Options options;
    Deps api{pipeline_.get(), *directory_, *store_, *cache_, clock_, *keys_, metrics_, *ids_, {}};
    api.jobs = jobs_.get();
    api_ = Api::open(std::move(api), std::move(options));
  }
  // A delivery of which nobody knows what became of it, with its dead letter.
  std::string lost_delivery() {
    const auto sent = as_app("POST", "/v1/notifications",
                             R"({"to":[{"email":"unknown@sandbox.carillon.test"}],"channels":["email"],)"
                             R"("category":"careful","title":"t","body":"b"})");
    const std::string list = "/v1/notifications/" + at(sent, "/id") + "/deliveries";
    EXPECT_EQ(await(list, "/data/0/status", "unknown"), "unknown") << sent.body;
    return at(as_app("GET", list), "/data/0/id");
  }
  net::HttpResponse discard(const std::string& what, const std::string& reason = "the offer is over") {
    return as_admin("POST", "/v1/dead-letters/discard", fmt::format(R"({{{},"reason":"{}"}})", what, reason));
  }
  std::string await_job(const net::HttpResponse& job) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    net::HttpResponse seen;
    do {
      seen = as_admin("GET", "/v1/jobs/" + at(job, "/id"));
    } while (at(seen, "/finished_at") == "null" && std::chrono::steady_clock::now() < deadline);
    return fmt::format("{} {}/{} failed {}", at(seen, "/state"), at(seen, "/done"), at(seen, "/total"),
                       at(seen, "/failed"));
  }

  std::unique_ptr<TestThread> job_thread_;
  std::unique_ptr<pipeline::Jobs> jobs_;
};

TEST_F(Discards, OneIsGivenUpWithAReasonAndItsDeliveryStaysWhatItWas) {
  const std::string delivery = lost_delivery();
  const auto list = as_admin("GET", "/v1/dead-letters?closed=false");
  const std::string letter = at(list, "/data/0/id");
  EXPECT_EQ(at(list, "/data/0/discarded"), "null");
  EXPECT_EQ(at(list, "/data/0/app"), "shop");
  EXPECT_EQ(at(as_admin("GET", "/v1/deliveries/" + delivery), "/dead_letter/id"), letter);
  const auto job = discard(fmt::format(R"("ids":["{}"])", letter));
  ASSERT_EQ(job.status, 202) << job.body;
  EXPECT_EQ(at(job, "/kind"), "discard");
  EXPECT_EQ(at(job, "/state"), "completed");
  EXPECT_EQ(at(job, "/done"), "1");
  const auto shown = as_admin("GET", "/v1/dead-letters/" + letter);
  EXPECT_EQ(at(shown, "/closed"), "true");
  EXPECT_EQ(at(shown, "/ended"), "discarded");
  EXPECT_EQ(at(shown, "/discarded/reason"), "the offer is over");
  EXPECT_EQ(at(shown, "/discarded/by"), "key:first");
  EXPECT_EQ(at(shown, "/status"), "unknown");
  const auto seen = as_admin("GET", "/v1/deliveries/" + delivery);
  EXPECT_EQ(at(seen, "/status"), "unknown");
  EXPECT_EQ(at(seen, "/dead_letter/discarded/reason"), "the offer is over");
  EXPECT_TRUE(seen.body.contains(R"("event":"discarded","detail":"the offer is over")")) << seen.body;
  EXPECT_EQ(at(as_admin("GET", "/v1/accountability"), "/exact"), "true");
  EXPECT_EQ(at(as_admin("GET", "/v1/accountability"), "/oldest/dead"), "null");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit"), "/data/0/action"), "delivery.discard");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit"), "/data/0/object"), delivery);
  EXPECT_EQ(at(as_admin("GET", "/v1/audit"), "/data/0/detail/reason"), "the offer is over");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters?closed=false"), "/data"), "[]");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters?closed=true"), "/data/0/id"), letter);
  EXPECT_EQ(at(discard(fmt::format(R"("ids":["{}"])", letter)), "/errors/0/detail"),
            "it was discarded: the offer is over");
}

TEST_F(Discards, ADiscardedLetterIsNotReplayedButItsDeliveryMayBe) {
  const std::string delivery = lost_delivery();
  ASSERT_EQ(at(discard(fmt::format(R"("ids":["{}"])", delivery)), "/done"), "1") << "by the delivery's id";
  const std::string letter = at(as_admin("GET", "/v1/dead-letters"), "/data/0/id");
  const auto replay = [&](std::string_view what) {
    return as_admin("POST", "/v1/dead-letters/replay", fmt::format("{{{}}}", what));
  };
  EXPECT_EQ(at(replay(R"("filter":{})"), "/total"), "0");
  const auto refused = replay(fmt::format(R"("ids":["{}"])", letter));
  EXPECT_TRUE(at(refused, "/errors/0/detail").starts_with("it was discarded: the offer is over"))
      << refused.body;
  EXPECT_EQ(
      at(replay(fmt::format(R"("ids":["{}"],"changes":{{"address":"ok@sandbox.carillon.test"}})", delivery)),
         "/done"),
      "1");
  EXPECT_EQ(await("/v1/deliveries/" + delivery, "/status", "sent"), "sent");
}

TEST_F(Discards, AFilterMakesAJobThatTellsHowFarItIs) {
  open_with_jobs();
  for (int i = 0; i < 3; ++i) lost_delivery();
  const auto nothing = discard(R"("filter":{"channel":"sms"})");
  EXPECT_EQ(at(nothing, "/state"), "queued");
  EXPECT_EQ(await_job(nothing), "completed 0/0 failed 0");
  const auto job = discard(R"("filter":{"channel":"email","kind":"delivery"})");
  EXPECT_EQ(job.status, 202);
  EXPECT_FALSE(job.header("Location").empty());
  EXPECT_EQ(await_job(job), "completed 3/3 failed 0");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters?closed=false"), "/data"), "[]");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters?kind=delivery"), "/data/2/discarded/by"), "key:first");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters?kind=event"), "/data"), "[]");
}

TEST_F(Discards, WithoutAReasonOrAWordOfWhichOnesNothingIsDone) {
  const auto wrong = [&](std::string body) {
    const auto answer = as_admin("POST", "/v1/dead-letters/discard", std::move(body));
    return fmt::format("{} {} {}", answer.status, at(answer, "/errors/0/pointer"),
                       at(answer, "/errors/0/code"));
  };
  EXPECT_EQ(wrong(R"({"ids":["dl_1"]})"), "422 /reason required");
  EXPECT_EQ(wrong(R"({"ids":["dl_1"],"reason":"  "})"), "422 /reason required");
  EXPECT_EQ(wrong(R"({"ids":["dl_1"],"reason":"a\nb"})"), "422 /reason invalid_value");
  EXPECT_EQ(wrong(fmt::format(R"({{"ids":["dl_1"],"reason":"{}"}})", std::string(301, 'x'))),
            "422 /reason too_long");
  EXPECT_EQ(wrong(R"({"reason":"x"})"), "422 /ids required");
  EXPECT_EQ(wrong(R"({"ids":["dl_1"],"filter":{},"reason":"x"})"), "422 /filter conflicting_fields");
  EXPECT_EQ(wrong(R"({"filter":{"kind":"other"},"reason":"x"})"), "422 /filter/kind invalid_choice");
  EXPECT_EQ(wrong(R"({"ids":["dl_1"],"reason":7})"), "400 /reason wrong_type");
  EXPECT_EQ(as_admin("GET", "/v1/dead-letters?kind=other").status, 422);
  EXPECT_EQ(as_admin("GET", "/v1/dead-letters?closed=maybe").status, 422);
  const auto unknown = discard(R"("ids":["dl_0000000000000","dlv_0000000000000","x"])");
  EXPECT_EQ(at(unknown, "/failed"), "3") << unknown.body;
}

TEST_F(Discards, AnotherAppsAreNobodysButThatApps) {
  const auto other = run(directory_->create_app(pipeline::kDefaultProject, "billing", "test"));
  ASSERT_TRUE(other);
  lost_delivery();
  const std::string letter = at(as_admin("GET", "/v1/dead-letters"), "/data/0/id");
  const auto as_billing = [&](std::string method, std::string path, std::string body = {}) {
    return call(std::move(method), std::move(path), std::move(body),
                {{"Authorization", admin_}, {"Carillon-App", "billing"}});
  };
  EXPECT_EQ(at(as_billing("GET", "/v1/dead-letters"), "/data"), "[]");
  EXPECT_EQ(as_billing("GET", "/v1/dead-letters/" + letter).status, 404);
  const std::string ids = fmt::format(R"({{"ids":["{}"],"reason":"x"}})", letter);
  EXPECT_EQ(at(as_billing("POST", "/v1/dead-letters/discard", ids), "/done"), "0");
  EXPECT_EQ(at(as_billing("POST", "/v1/dead-letters/discard", R"({"filter":{},"reason":"x"})"), "/total"),
            "0");
  EXPECT_EQ(
      at(as_billing("POST", "/v1/dead-letters/replay", fmt::format(R"({{"ids":["{}"]}})", letter)), "/done"),
      "0");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters/" + letter), "/closed"), "false");
}

}  // namespace
}  // namespace carillon::api
