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
