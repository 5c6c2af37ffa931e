#include "app/doctor.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace carillon::app {
namespace {

class Doctor : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "carillon_doctor_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    options_.data = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(options_.data); }

  void write(const std::string& name, const std::string& content, unsigned mode = 0600) {
    const std::string path = options_.data + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  static std::string sqlite_head(char journal_mode) {
    std::string head("SQLite format 3\0", 16);
    head.resize(100);
    head[18] = head[19] = journal_mode;
    return head;
  }

  AppOptions options_;
  Findings found_;
};

TEST_F(Doctor, FailsOnAFolderThatIsNotThere) {
  options_.data += "/no/such";
  check_data_folder(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
  EXPECT_FALSE(found_[0].fix.empty());
}

TEST_F(Doctor, WarnsOfAFolderOthersMayWriteTo) {
  ASSERT_EQ(::chmod(options_.data.c_str(), 0777), 0);
  check_data_folder(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Warn);
}

TEST_F(Doctor, RemindsOfTheFirstKeysLeftInClear) {
  write("first-run.json", "{}");
  check_data_folder(options_, found_);
  ASSERT_EQ(found_.size(), 2U);
  EXPECT_EQ(found_[0].health, Health::Ok);
  EXPECT_EQ(found_[1].health, Health::Warn);
}

TEST_F(Doctor, FailsOnEnginesThatDoNotGoTogether) {
  check_shared(options_, found_);
  EXPECT_TRUE(found_.empty());
  options_.queue.url = "kafka://ann:hunter2@127.0.0.1:1";
  check_shared(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
  EXPECT_TRUE(found_[0].detail.starts_with("queue.url: a store on SQLite")) << found_[0].detail;
}

TEST_F(Doctor, FailsOnAKeyOthersMayRead) {
  write("secret.key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0644);
  check_secret_key(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
  EXPECT_EQ(found_[0].detail.find("AAAA"), std::string::npos);
}

TEST_F(Doctor, FailsOnAStoreWithoutItsKey) {
  write("carillon.db", sqlite_head(2));
  check_secret_key(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
  EXPECT_FALSE(std::filesystem::exists(options_.data + "/secret.key")) << "looking must not make one";
}

TEST_F(Doctor, TellsWalFromOtherModes) {
  write("carillon.db", sqlite_head(2));
  check_store_file(options_, found_);
  write("carillon.db", sqlite_head(1));
  check_store_file(options_, found_);
  write("carillon.db",
        "no database at all, but long enough to be read as one, were it not for its first bytes, "
        "which are text");
  check_store_file(options_, found_);
  ASSERT_EQ(found_.size(), 3U);
  EXPECT_EQ(found_[0].health, Health::Ok);
  EXPECT_EQ(found_[1].health, Health::Fail);
  EXPECT_EQ(found_[2].health, Health::Fail);
}

TEST_F(Doctor, FailsOnTheStoreOfANewerVersion) {
  std::string head = sqlite_head(2);
  head[62] = 1;  // schema 256
  write("carillon.db", head);
  check_store_file(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
  EXPECT_NE(found_[0].detail.find("schema 256"), std::string::npos);
}

TEST_F(Doctor, FailsWhenTheStoreIsFromTheFuture) {
  write("carillon.db", sqlite_head(2));
  check_clock(options_, from_ms(1'700'000'000'000), found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
}

TEST_F(Doctor, FailsWhenTheDiskIsBelowTheLimitOfAccepting) {
  options_.store.disk_free_min = std::int64_t{1} << 60;
  check_disk(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].health, Health::Fail);
}

// A database as it should be, with two processes of which one leads.
store::PostgresFacts good_postgres() {
  store::PostgresFacts facts;
  facts.version = "15.20";
  facts.is_local = true;
  facts.settings = {{"fsync", "on"},
                    {"full_page_writes", "on"},
                    {"synchronous_commit", "on"},
                    {"autovacuum", "on"},
                    {"max_connections", "100"},
                    {"max_locks_per_transaction", "64"},
                    {"synchronous_standby_names", ""}};
  facts.has_store = true;
  facts.schema = facts.known_schema = 16;
  facts.processes = {{.node = 0, .silent = Millis(2'000)}, {.node = 1, .silent = Millis(4'000)}};
  facts.leader = 1;
  facts.leader_silent = Millis(500);
  facts.partitions = 4;
  facts.days_ahead = 3;
  return facts;
}

const Finding* found(const Findings& findings, std::string_view check) {
  for (const Finding& finding : findings)
    if (finding.check == check) return &finding;
  return nullptr;
}

Findings judged(const store::PostgresFacts& facts) {
  Findings findings;
  judge_postgres(facts, AppOptions{}, findings);
  return findings;
}

TEST(DoctorOfPostgres, FindsNothingWrongWithAGoodOne) {
  for (const Finding& finding : judged(good_postgres()))
    EXPECT_EQ(finding.health, Health::Ok) << finding.detail;
}

TEST(DoctorOfPostgres, FailsOnEachSettingThatLosesWhatWasAccepted) {
  for (const char* name : {"fsync", "full_page_writes", "synchronous_commit", "autovacuum"}) {
    auto facts = good_postgres();
    facts.settings[name] = "off";
    const auto findings = judged(facts);
    const Finding* finding = found(findings, std::string("postgres ") + name);
    ASSERT_NE(finding, nullptr) << name;
    EXPECT_EQ(finding->health, Health::Fail);
    EXPECT_NE(finding->fix.find(name), std::string::npos);
    EXPECT_EQ(exit_status(findings), 1);
  }
}

TEST(DoctorOfPostgres, WarnsOfAStandbyThatMayLackTheLast) {
  auto facts = good_postgres();
  facts.settings["synchronous_standby_names"] = "b";
  EXPECT_EQ(exit_status(judged(facts)), 0);
  EXPECT_EQ(found(judged(facts), "postgres synchronous_commit"), nullptr);
  facts.settings["synchronous_commit"] = "remote_write";
  const auto findings = judged(facts);
  ASSERT_NE(found(findings, "postgres synchronous_commit"), nullptr);
  EXPECT_EQ(found(findings, "postgres synchronous_commit")->health, Health::Warn);
}

TEST(DoctorOfPostgres, FailsOnAStandbyAndOnANewerVersion) {
  auto facts = good_postgres();
  facts.is_standby = true;
  EXPECT_EQ(exit_status(judged(facts)), 1);
  facts = good_postgres();
  facts.schema = 99;
  const auto findings = judged(facts);
  ASSERT_NE(found(findings, "postgres schema"), nullptr);
  EXPECT_EQ(found(findings, "postgres schema")->health, Health::Fail);
}

TEST(DoctorOfPostgres, WarnsOfAWayThatOthersCanRead) {
  auto facts = good_postgres();
  facts.is_local = false;
  EXPECT_NE(found(judged(facts), "postgres TLS"), nullptr);
  facts.is_encrypted = true;
  EXPECT_NE(found(judged(facts), "postgres TLS"), nullptr);
  facts.is_verified = true;
  EXPECT_EQ(found(judged(facts), "postgres TLS"), nullptr);
}

TEST(DoctorOfPostgres, TellsAClockThatIsOffFromOneThatIsFarOff) {
  auto facts = good_postgres();
  facts.clock_ahead = Millis(-2'000);
  EXPECT_EQ(found(judged(facts), "postgres clock")->health, Health::Warn);
  EXPECT_NE(found(judged(facts), "postgres clock")->detail.find("2.0 s behind"), std::string::npos);
  facts.clock_ahead = Millis(6'000);
  EXPECT_EQ(found(judged(facts), "postgres clock")->health, Health::Fail);
}

TEST(DoctorOfPostgres, NamesProcessesThatAreSilentAndALeaderThatIsGone) {
  auto facts = good_postgres();
  facts.processes[0].silent = Millis(20'000);
  EXPECT_EQ(found(judged(facts), "process 0")->health, Health::Warn);
  facts.processes[0] = {.node = 0, .silent = Millis(90'000), .in_processing = 3};
  EXPECT_NE(found(judged(facts), "process 0")->detail.find("3 deliveries"), std::string::npos);
  facts.processes[0].in_processing = 0;
  EXPECT_EQ(found(judged(facts), "process 0"), nullptr) << "it has left nothing";
  facts.leader_silent = Millis(60'000);
  EXPECT_EQ(found(judged(facts), "leader")->health, Health::Warn);
}

TEST(DoctorOfPostgres, WarnsOfPartitionsLocksSlotsAndOldTransactions) {
  auto facts = good_postgres();
  facts.days_ahead = 0;
  EXPECT_EQ(found(judged(facts), "partitions")->health, Health::Warn);
  facts = good_postgres();
  facts.partitions = 400;
  EXPECT_NE(found(judged(facts), "postgres max_locks_per_transaction"), nullptr);
  facts = good_postgres();
  facts.idle_slots = {{"debezium", 5LL << 30}, {"small", 1 << 20}};
  EXPECT_NE(found(judged(facts), "replication slot debezium"), nullptr);
  EXPECT_EQ(found(judged(facts), "replication slot small"), nullptr);
  facts.oldest_transaction = Millis(3'600'000);
  EXPECT_NE(found(judged(facts), "postgres transactions"), nullptr);
  facts.connections = 97;
  EXPECT_NE(found(judged(facts), "postgres max_connections"), nullptr);
}

constexpr const char* kPrefix = "carillon.";

queue::KafkaFacts good_kafka() {
  queue::KafkaFacts facts;
  facts.brokers = 3;
  facts.topics = {{"carillon.delivery.sms.normal",
                   6,
                   3,
                   {{"cleanup.policy", "delete"},
                    {"min.insync.replicas", "2"},
                    {"retention.ms", "86400000"},
                    {"max.message.bytes", "65536"},
                    {"unclean.leader.election.enable", "false"}}}};
  return facts;
}

TEST(DoctorOfKafka, NamesTheTopicOfHintsAndTheSetting) {
  Findings findings;
  judge_hints(good_kafka(), kPrefix, findings);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].health, Health::Ok);
  struct Case {
    const char *setting, *value;
    Health health;
  };
  for (const Case& c : {Case{"cleanup.policy", "compact", Health::Fail},
                        {"min.insync.replicas", "4", Health::Fail},
                        {"min.insync.replicas", "1", Health::Warn},
                        {"retention.ms", "1000", Health::Fail},
                        {"max.message.bytes", "100", Health::Fail},
                        {"unclean.leader.election.enable", "true", Health::Warn}}) {
    auto facts = good_kafka();
    facts.topics[0].settings[c.setting] = c.value;
    findings.clear();
    judge_hints(facts, kPrefix, findings);
    const Finding* finding = found(findings, std::string("kafka ") + c.setting);
    ASSERT_NE(finding, nullptr) << c.setting;
    EXPECT_EQ(finding->health, c.health) << c.setting << " " << c.value;
    EXPECT_TRUE(finding->detail.starts_with("carillon.delivery.sms.normal: ")) << finding->detail;
    EXPECT_FALSE(finding->fix.empty());
  }
}

TEST(DoctorOfKafka, WarnsOfTooFewReplicasAndOfTopicsThatAreMissing) {
  auto facts = good_kafka();
  facts.topics[0].replicas = 1;
  facts.topics[0].settings.clear();  // the user may not look at them
  for (const char* name : {"a", "b", "c", "d", "e"})
    facts.missing.push_back(fmt::format("carillon.delivery.{}", name));
  Findings findings;
  judge_hints(facts, kPrefix, findings);
  EXPECT_EQ(found(findings, "kafka replicas")->health, Health::Warn);
  EXPECT_EQ(found(findings, "kafka topics")->detail,
            "carillon.delivery.a, carillon.delivery.b, carillon.delivery.c and 2 more: not there");
  EXPECT_EQ(exit_status(findings), 0);
}

// Three brokers with a topic that is read, one of dead letters and one of events, as a process makes them.
queue::KafkaFacts good_records() {
  queue::KafkaFacts facts;
  facts.brokers = 3;
  const SettingTexts settings{{"cleanup.policy", "delete"},
                              {"min.insync.replicas", "2"},
                              {"retention.ms", "518400000"},
                              {"segment.ms", "86400000"},
                              {"retention.bytes", "-1"},
                              {"max.message.bytes", "2097152"},
                              {"unclean.leader.election.enable", "false"}};
  for (const char* name : {"notification.events", "notification.dlq", "carillon.events"})
    facts.topics.push_back({name, 6, 3, settings});
  return facts;
}

RecordTopics record_topics() {
  RecordTopics topics;
  topics.in = {"notification.events"};
  topics.dead = "notification.dlq";
  topics.told = "carillon.events";
  topics.dedup_window = std::chrono::days(7);
  return topics;
}

Findings judged(const queue::KafkaFacts& facts, const RecordTopics& topics = record_topics()) {
  Findings findings;
  judge_records(facts, topics, findings);
  return findings;
}

TEST(DoctorOfTopics, FindsNothingWrongWithThoseThatAProcessMakes) {
  const auto findings = judged(good_records());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].check, "topics");
  EXPECT_EQ(findings[0].health, Health::Ok);
  EXPECT_TRUE(judged({}, {}).empty()) << "none is used";
}

TEST(DoctorOfTopics, NamesEachSettingThatMayLoseOrRepeatRecords) {
  struct Case {
    const char *setting, *value;
    Health health;
  };
  for (const Case& c : {Case{"cleanup.policy", "compact", Health::Fail},
                        {"cleanup.policy", "compact,delete", Health::Fail},
                        {"min.insync.replicas", "4", Health::Fail},
                        {"min.insync.replicas", "1", Health::Fail},
                        {"unclean.leader.election.enable", "true", Health::Fail},
                        {"retention.ms", "60000", Health::Fail},
                        {"retention.ms", "7200000", Health::Warn},
                        {"retention.ms", "604800000", Health::Warn},
                        {"retention.ms", "604800001", Health::Fail},
                        {"retention.ms", "-1", Health::Fail},
                        {"retention.bytes", "1073741824", Health::Warn},
                        {"max.message.bytes", "100000", Health::Warn}}) {
    auto facts = good_records();
    facts.topics[0].settings[c.setting] = c.value;
    const auto findings = judged(facts);
    ASSERT_EQ(findings.size(), 1U) << c.setting << " " << c.value;
    EXPECT_EQ(findings[0].check, fmt::format("topic notification.events {}", c.setting));
    EXPECT_EQ(findings[0].health, c.health) << c.setting << " " << c.value;
    EXPECT_TRUE(
        findings[0].fix.contains("--entity-name notification.events --add-config " + std::string(c.setting)))
        << findings[0].fix;
  }
}

TEST(DoctorOfTopics, TellsALongSegmentFromALongRetention) {
  auto facts = good_records();
  facts.topics[0].settings["segment.ms"] = "604800000";
  const auto findings = judged(facts);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].check, "topic notification.events segment.ms");
  EXPECT_EQ(findings[0].health, Health::Warn);
  EXPECT_TRUE(findings[0].fix.ends_with("segment.ms=86400000")) << findings[0].fix;
}

TEST(DoctorOfTopics, OfOneBrokerAsksNoMoreThanItCanDo) {
  auto facts = good_records();
  for (auto& topic : facts.topics) {
    topic.replicas = 1;
    topic.settings["min.insync.replicas"] = "1";
  }
  EXPECT_EQ(exit_status(judged(facts)), 1) << "there are three";
  facts.brokers = 1;
  const auto findings = judged(facts);
  EXPECT_EQ(exit_status(findings), 0);
  ASSERT_NE(found(findings, "topic notification.dlq replicas"), nullptr);
  EXPECT_EQ(found(findings, "topic notification.dlq replicas")->health, Health::Warn);
}

TEST(DoctorOfTopics, TellsOfOneThatIsMissingOrReadByOneAlone) {
  auto facts = good_records();
  facts.topics[0].partitions = 1;
  EXPECT_EQ(found(judged(facts), "topic notification.events partitions")->health, Health::Warn);
  facts.topics.erase(facts.topics.begin());
  facts.missing = {"notification.events", "carillon.delivery.sms.bulk"};
  auto topics = record_topics();
  EXPECT_EQ(found(judged(facts, topics), "topic notification.events")->health, Health::Warn);
  topics.are_made = false;
  const auto findings = judged(facts, topics);
  ASSERT_EQ(findings.size(), 1U) << "lanes are another's matter";
  EXPECT_EQ(findings[0].health, Health::Fail);
  EXPECT_TRUE(findings[0].fix.contains("--topic notification.events"));
}

TEST(DoctorOfTopics, WantsDeadLettersToHaveRoomForWhatComesIn) {
  auto facts = good_records();
  facts.topics[1].settings["max.message.bytes"] = "1048588";
  const auto findings = judged(facts);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].check, "topic notification.dlq max.message.bytes");
  EXPECT_TRUE(findings[0].fix.ends_with("max.message.bytes=2097152")) << findings[0].fix;
}

TEST_F(Doctor, FailsOnTopicsWithoutBrokersAndOnThoseThatCannotBe) {
  options_.kafka.topics = {"notification.events=default/default"};
  check_shared(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].check, "kafka.topics");
  EXPECT_EQ(found_[0].health, Health::Fail);
  options_.kafka.topics = {"notification.events"};
  found_.clear();
  check_shared(options_, found_);
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_TRUE(found_[0].detail.contains("names no app")) << found_[0].detail;
}

TEST(DoctorOfRedis, FailsOnAPolicyThatThrowsMarksAway) {
  cache::RedisFacts facts{.version = "7.0.15", .policy = "noeviction", .memory_max = 1 << 30};
  Findings findings;
  judge_redis(facts, findings);
  EXPECT_EQ(findings[0].health, Health::Ok);
  for (const char* policy : {"allkeys-lru", "volatile-ttl"}) {
    facts.policy = policy;
    findings.clear();
    judge_redis(facts, findings);
    EXPECT_EQ(findings[0].check, "redis maxmemory-policy");
    EXPECT_EQ(findings[0].health, Health::Fail);
    EXPECT_NE(findings[0].detail.find(policy), std::string::npos);
  }
  facts.memory_max = 0;  // nothing is thrown away, yet
  findings.clear();
  judge_redis(facts, findings);
  EXPECT_EQ(findings[0].health, Health::Warn);
}

TEST(Findings, FailOnlyByAFailure) {
  EXPECT_EQ(exit_status({{"a", Health::Ok, "", ""}, {"b", Health::Warn, "x", "y"}}), 0);
  EXPECT_EQ(exit_status({{"a", Health::Ok, "", ""}, {"b", Health::Fail, "x", "y"}}), 1);
}

TEST(Findings, AreShownWithTheirFix) {
  const Findings findings{{"disk", Health::Warn, "1 GiB free", "free some space"}};
  EXPECT_EQ(render_findings(findings),
            "WARN  disk  1 GiB free\n"
            "            → free some space\n"
            "\n0 well, 1 to look at, 0 wrong.\n");
  EXPECT_EQ(findings_json(findings),
            R"({"ok":true,"checks":[{"check":"disk","result":"WARN","detail":"1 GiB free",)"
            R"("fix":"free some space"}]})");
}

}  // namespace
}  // namespace carillon::app
