// Records of topics on their way in, and what becomes of those that cannot be taken.
#include <condition_variable>
#include <mutex>

#include "api/api_fixture_test.h"
#include "pipeline/ingest.h"

namespace carillon::api {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTopic = "notification.events";

// What a test says came; knows what was settled.
class FakeReader final : public queue::RecordReader {
 public:
  std::vector<model::KafkaRecord> take(std::size_t) override {
    const std::lock_guard lock(mutex_);
    if (is_out_ || waiting_.empty()) return {};
    is_out_ = true;
    return std::exchange(waiting_, {});
  }
  void settle(std::size_t) override {
    const std::lock_guard lock(mutex_);
    is_out_ = false;
    settled_ = next_;
    changed_.notify_all();
  }
  void on_ready(std::function<void(std::size_t)> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  std::string trouble() const override { return {}; }

  void add(std::optional<std::string> value, std::vector<std::pair<std::string, std::string>> headers = {}) {
    const std::lock_guard lock(mutex_);
    model::KafkaRecord& record = waiting_.emplace_back();
    record.topic = kTopic;
    record.offset = next_++;
    record.value = std::move(value);
    record.headers = std::move(headers);
    if (wake_) wake_(0);
  }
  // False: not within ten seconds.
  bool wait_settled() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [this] { return settled_ == next_; });
  }
  [[nodiscard]] bool is_settled() {
    const std::lock_guard lock(mutex_);
    return settled_ == next_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(std::size_t)> wake_;
  std::vector<model::KafkaRecord> waiting_;
  std::int64_t next_ = 0, settled_ = 0;
  bool is_out_ = false;
};

class FakeWriter final : public queue::RecordWriter {
 public:
  void write(std::vector<queue::OutRecord> records,
             std::move_only_function<void(Result<void>)> done) override {
    if (is_away) return done(fail(Errc::Unavailable, "no broker answers"));
    for (auto& record : records) written.push_back(std::move(record));
    done({});
  }
  bool is_away = false;
  std::vector<queue::OutRecord> written;
};

class RecordLettersTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    Options options;
    Deps deps{pipeline_.get(), *directory_, *store_, *cache_, clock_, *keys_, metrics_, *ids_, {}};
    begin();
    deps.ingest = ingest_.get();
    deps.records = &writer_;
    api_ = Api::open(std::move(deps), std::move(options));
    put_user("u1");
  }
  void TearDown() override {
    ingest_.reset();
    ApiTest::TearDown();
  }
  void begin(std::string app = "shop") {
    auto reader = std::make_unique<FakeReader>();
    reader_ = reader.get();
    pipeline::IngestPlan plan;
    plan.topics = {{kTopic, "default", std::move(app)}};
    plan.retry = {Millis(60'000), Millis(300'000)};
    pipeline::Ingest::Deps deps{{*pipeline_, *directory_, *store_, clock_, *keys_},
                                metrics_,
                                {api_thread_->context.get_executor()},
                                std::move(reader),
                                &writer_};
    ingest_ = std::make_unique<pipeline::Ingest>(std::move(deps), std::move(plan), "notification.dlq");
    ingest_->start();
  }
  void put_user(const std::string& id) {
    ASSERT_LT(as_admin("PUT", "/v1/users/" + id, R"({"email":"ok@sandbox.carillon.test"})").status, 300);
  }
  static std::string note(std::string_view event_id, std::string_view user = "u1") {
    return fmt::format(R"({{"event_id":"{}","to":[{{"user_id":"{}"}}],"channels":["email"],"title":"t",)"
                       R"("body":"b"}})",
                       event_id, user);
  }
  std::string first_letter() { return at(as_admin("GET", "/v1/dead-letters"), "/data/0/id"); }
  net::HttpResponse replay(const std::string& id, std::string_view more = "") {
    return as_admin("POST", "/v1/dead-letters/replay", fmt::format(R"({{"ids":["{}"]{}}})", id, more));
  }
  std::string count(std::string_view event_id) {
    const auto found = as_admin("GET", fmt::format("/v1/notifications?event_id={}", event_id));
    return at(found, "/data/1") == "(none)" ? at(found, "/data/0/app") : "two";
  }

  FakeWriter writer_;
  std::unique_ptr<pipeline::Ingest> ingest_;
  FakeReader* reader_ = nullptr;
};

TEST_F(RecordLettersTest, ARecordIsSentAsTheAppOfItsTopicAndOnce) {
  reader_->add(note("1"));
  reader_->add(note("1", "u2"));  // another body under the same id: one event is one notification
  reader_->add(std::nullopt);
  reader_->add(R"({"to":[{"user_id":"u1"}],"channels":["email"],"title":"t","body":"b"})",
               {{"id", "\"r-1\""}});
  ASSERT_TRUE(reader_->wait_settled());
  EXPECT_EQ(count("1"), "shop");
  EXPECT_EQ(count("r-1"), "shop");
  EXPECT_EQ(ingest_->trouble(), "");
}

TEST_F(RecordLettersTest, ANewTopicOfAnOldNameCountsFromTheBeginningAndLosesNothing) {
  const auto body = [](std::string_view title) {
    return fmt::format(R"({{"to":[{{"user_id":"u1"}}],"channels":["email"],"title":"{}","body":"b"}})",
                       title);
  };
  reader_->add(body("a"));
  ASSERT_TRUE(reader_->wait_settled());
  ingest_.reset();
  begin();
  reader_->add(body("b"));
  ASSERT_TRUE(reader_->wait_settled());
  EXPECT_EQ(count("notification.events/0/0"), "shop");
  EXPECT_EQ(count("notification.events/0/0/0"), "shop");
}

TEST_F(RecordLettersTest, WhatCannotBeReadIsKeptToldAndReplacedByHand) {
  reader_->add(std::string("order \xff left"), {{"trace", "7"}});
  ASSERT_TRUE(reader_->wait_settled());
  ASSERT_EQ(writer_.written.size(), 1U);
  EXPECT_EQ(writer_.written[0].topic, "notification.dlq");
  EXPECT_EQ(writer_.written[0].value, "order \xff left");
  const std::string letter = first_letter();
  const auto shown = as_admin("GET", "/v1/dead-letters/" + letter);
  EXPECT_EQ(at(shown, "/kind"), "record");
  EXPECT_EQ(at(shown, "/reason"), "not_json");
  EXPECT_EQ(at(shown, "/app"), "shop");
  EXPECT_EQ(at(shown, "/record/topic"), kTopic);
  EXPECT_EQ(at(shown, "/record/value_base64"), base::base64("order \xff left"));
  EXPECT_EQ(at(shown, "/record/headers/0/value"), "7");
  EXPECT_EQ(at(replay(letter), "/failed"), "1");
  EXPECT_NE(at(replay(letter, R"(,"changes":{"event":{"to":[]}})"), "/errors/0/detail").find("whole value"),
            std::string::npos);
  const auto done = replay(letter, fmt::format(R"(,"changes":{{"record":{}}})", note("17")));
  EXPECT_EQ(at(done, "/done"), "1") << done.body;
  const auto closed = as_admin("GET", "/v1/dead-letters/" + letter);
  EXPECT_EQ(at(closed, "/ended"), "replayed");
  EXPECT_EQ(at(closed, "/record/value"), "(none)");
  EXPECT_NE(at(closed, "/notification_id"), "null");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit"), "/data/0/action"), "record.replay");
  EXPECT_EQ(at(replay(letter), "/errors/0/detail"), "it is closed: it was replayed");
}

TEST_F(RecordLettersTest, WhatIsReadAgainMakesNoSecondLetterAndTellsNobodyAfterItWasReplayed) {
  const std::string bad =
      R"({"event_id":"t","to":[{"user_id":"u1"}],"template":"gone","channels":["email"]})";
  reader_->add(bad);
  ASSERT_TRUE(reader_->wait_settled());
  const std::string letter = first_letter();
  ASSERT_EQ(at(replay(letter, R"(,"changes":{"event":{"template":null,"title":"t","body":"b"}})"), "/done"),
            "1");
  ingest_.reset();
  begin();
  reader_->add(bad);
  ASSERT_TRUE(reader_->wait_settled());
  EXPECT_EQ(first_letter(), letter);
  EXPECT_EQ(writer_.written.size(), 1U);
  EXPECT_EQ(count("t"), "shop");
}

TEST_F(RecordLettersTest, OneIsWrittenToItsTopicAgainOrGivenUp) {
  reader_->add(R"({"event_id":"a"})", {{"eventType", "notification"}, {"id", "r"}});
  reader_->add("x");
  ASSERT_TRUE(reader_->wait_settled());
  const auto list = as_admin("GET", "/v1/dead-letters");
  const std::string second = at(list, "/data/0/id"), first = at(list, "/data/1/id");
  const std::string again = R"(,"changes":{"event":{"to":[{"user_id":"u1"}]}},"republish":true)";
  writer_.is_away = true;
  EXPECT_NE(at(replay(first, again), "/errors/0/detail").find("no broker answers"), std::string::npos);
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters/" + first), "/closed"), "false");
  writer_.is_away = false;
  writer_.written.clear();
  EXPECT_EQ(at(replay(first, again), "/done"), "1");
  ASSERT_EQ(writer_.written.size(), 1U);
  EXPECT_EQ(writer_.written[0].topic, kTopic);
  EXPECT_EQ(writer_.written[0].value, R"({"event_id":"a","to":[{"user_id":"u1"}]})");
  EXPECT_EQ(writer_.written[0].headers.size(), 2U);
  const auto discard =
      as_admin("POST", "/v1/dead-letters/discard", R"({"ids":[")" + second + R"("],"reason":"of no use"})");
  EXPECT_EQ(at(discard, "/done"), "1") << discard.body;
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters/" + second), "/ended"), "discarded");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters/" + second), "/record/value"), "x");
  EXPECT_EQ(as_admin("POST", "/v1/dead-letters/discard", R"({"ids":["dl_x"],"changes":{}})").status, 400);
}

TEST_F(RecordLettersTest, WhatAsksForAnImpossibleReplayIsRefusedWithItsPointer) {
  const auto pointer = [&](std::string body) {
    return at(as_admin("POST", "/v1/dead-letters/replay", std::move(body)), "/errors/0/pointer");
  };
  EXPECT_EQ(pointer(R"({"filter":{},"changes":{"record":{}}})"), "/changes/record");
  EXPECT_EQ(pointer(R"({"ids":["dl_1"],"changes":{"record":""}})"), "/changes/record");
  EXPECT_EQ(pointer(R"({"ids":["dl_1"],"changes":{"record":"x","event":{"a":1}}})"), "/changes/record");
  EXPECT_EQ(pointer(R"({"filter":{"kind":"other"}})"), "/filter/kind");
  open_api();
  EXPECT_EQ(pointer(R"({"filter":{},"republish":true})"), "/republish");
}

TEST_F(RecordLettersTest, OneThatNamesAnUnknownUserWaitsAndIsTakenWhenTheUserComes) {
  reader_->add(note("late", "late"));
  reader_->add(note("never", "never"));
  ASSERT_TRUE(reader_->wait_settled());
  EXPECT_TRUE(writer_.written.empty()) << "it is not dead";
  const auto list = as_admin("GET", "/v1/dead-letters");
  EXPECT_NE(at(list, "/data/0/retry_at"), "null");
  put_user("late");
  const auto move = [&](Millis by) {
    clock_.advance(by);
    ingest_->nudge();
  };
  move(Millis(61'000));
  EXPECT_EQ(await("/v1/notifications?event_id=late", "/data/0/app", "shop"), "shop");
  const auto wait_for = [&](std::string_view pointer, std::string_view wanted) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    std::string seen;
    do {
      seen = at(as_admin("GET", "/v1/dead-letters"), pointer);
    } while (seen != wanted && std::chrono::steady_clock::now() < deadline);
    return seen;
  };
  EXPECT_EQ(wait_for("/data/0/attempts", "2"), "2");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters"), "/data/1"), "(none)") << "what was taken is not kept";
  move(Millis(301'000));
  EXPECT_EQ(wait_for("/data/0/retry_at", "null"), "null");
  EXPECT_EQ(at(as_admin("GET", "/v1/dead-letters"), "/data/0/reason"), "unknown_user");
  EXPECT_EQ(writer_.written.size(), 1U);
}

TEST_F(RecordLettersTest, WhatIsSensitiveIsNotShown) {
  ASSERT_LT(as_admin("PUT", "/v1/categories/codes", R"({"sensitive":true})").status, 300);
  reader_->add(R"({"event_id":"s","to":[{"email":"no"}],"category":"codes","channels":["email"],"title":"t",)"
               R"("body":"4711"})");
  ASSERT_TRUE(reader_->wait_settled());
  const auto shown = as_admin("GET", "/v1/dead-letters/" + first_letter());
  EXPECT_EQ(at(shown, "/record/value"), model::kHiddenValue);
  EXPECT_EQ(shown.body.find("4711"), std::string::npos);
}

TEST_F(RecordLettersTest, NothingIsReadWhileTheAppIsNotThere) {
  ingest_.reset();
  begin("later");
  reader_->add(note("1"));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (ingest_->trouble().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_NE(ingest_->trouble().find("no app 'later'"), std::string::npos);
  EXPECT_FALSE(reader_->is_settled());
  ASSERT_TRUE(run(directory_->create_app(pipeline::kDefaultProject, "later", "test")));
  ASSERT_TRUE(reader_->wait_settled());
  EXPECT_EQ(count("1"), "later");
}

TEST(IngestPlan, NamesTheSettingThatIsWrong) {
  const auto why = [](pipeline::IngestOptions options) {
    const auto plan = pipeline::read_plan(options);
    return plan ? std::string() : plan.error().message;
  };
  pipeline::IngestOptions good;
  good.topics = {"notification.events=default/shop", "orders=staging/web"};
  const auto plan = pipeline::read_plan(good);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->topics[1].name + plan->topics[1].project + plan->topics[1].app, "ordersstagingweb");
  EXPECT_EQ(plan->retry.back(), Millis(3'600'000));
  for (const char* bad : {"a", "a=b", "=b/c", "a=/c", "a=b/", "a b=c/d"})
    EXPECT_NE(why({.topics = {bad}}).find("kafka.topics"), std::string::npos) << bad;
  EXPECT_NE(why({.topics = {"a=b/c", "a=b/d"}}).find("twice"), std::string::npos);
  EXPECT_NE(why({.topics = {"a=b/c"}, .dead_letter_topic = "a"}).find("among"), std::string::npos);
  EXPECT_NE(why({.topics = {"a=b/c"}, .events_topic = "a"}).find("among"), std::string::npos);
  EXPECT_NE(why({.group = ""}).find("kafka.group"), std::string::npos);
  EXPECT_NE(why({.retry = {"0s"}}).find("kafka.retry"), std::string::npos);
}

}  // namespace
}  // namespace carillon::api
