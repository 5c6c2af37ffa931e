#include "app/restore.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "app/doctor.h"
#include "app/keys.h"
#include "app/node.h"
#include "app/output.h"

namespace carillon::app {
namespace {

namespace fs = std::filesystem;

// A stopped store with one user, and a backup of it.
class Restoring : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "carillon-restore-" + base::random_text(12);
    fs::create_directories(folder_);
    from_.data = folder_ + "/from";
    to_.data = folder_ + "/to";
    for (AppOptions* options : {&from_, &to_}) {
      options->store.disk_free_min = 0;
      options->pipeline.journal_folder = options->data + "/journal";
      options->objects.url = "file:" + options->data + "/objects";
    }
    order_.from = folder_ + "/backup";
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::unique_ptr<Node> open(const AppOptions& options) {
    auto node = Node::open(options, Role::Administer);
    EXPECT_TRUE(node) << node.error().message;
    return node ? std::move(*node) : nullptr;
  }
  static net::HttpResponse call(Node& node, std::string method, std::string target, std::string body = {}) {
    net::HttpRequest request{std::move(method), std::move(target), {}, std::move(body)};
    if (!request.body.empty()) request.headers.emplace_back("content-type", "application/json");
    return node.call(std::move(request));
  }
  // Makes the store and its backup; the last state.
  std::string make_backup(bool with_key) {
    const auto node = open(from_);
    EXPECT_EQ(call(*node, "PUT", "/v1/users/ann", R"({"name":"Ann"})").status, 201);
    const std::string state = make_backup_of(*node, with_key);
    EXPECT_NE(state.find(R"("state":"done")"), std::string::npos) << state;
    return state;
  }
  // The last state.
  std::string make_backup_of(Node& node, bool with_key) const {
    const auto begun =
        call(node, "POST", kBackupTarget,
             fmt::format(R"({{"to":"{}","with_key":{}}})", order_.from, with_key ? "true" : "false"));
    EXPECT_EQ(begun.status, 202) << begun.body;
    std::string state = begun.body;
    while (state.find(R"("state":"copying")") != std::string::npos ||
           state.find(R"("state":"checking")") != std::string::npos) {
      std::this_thread::yield();
      state = call(node, "GET", kBackupTarget).body;
    }
    return state;
  }
  Result<Restored> restore() const {
    return restore_backup(order_, to_, [](std::int64_t, std::int64_t) {});
  }
  void expect_restored() const {
    const auto node = open(to_);
    EXPECT_EQ(call(*node, "GET", "/v1/users/ann").status, 200);
    const auto pauses = call(*node, "GET", "/v1/pauses").body;
    EXPECT_NE(pauses.find(R"("by":"restore")"), std::string::npos) << pauses;
    EXPECT_NE(pauses.find(R"("scope":{})"), std::string::npos) << pauses;
  }
  void expect_refused(Errc code, std::string_view word) const {
    const bool was_there = fs::exists(to_.data);
    const auto restored = restore();
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, code) << restored.error().message;
    EXPECT_NE(restored.error().message.find(word), std::string::npos) << restored.error().message;
    EXPECT_EQ(fs::exists(to_.data), was_there);
    EXPECT_FALSE(fs::exists(to_.data + "/restoring"));
  }
  void change_manifest(const std::string& what, const std::string& with) const {
    const std::string path = order_.from + "/manifest.json";
    std::string text = read_file(path).value();
    const auto at = text.find(what);
    ASSERT_NE(at, std::string::npos) << text;
    std::ofstream(path) << text.replace(at, what.size(), with);
  }

  std::string folder_;
  AppOptions from_, to_;
  RestoreOrder order_;
};

TEST_F(Restoring, BringsEverythingBackAndPausesIt) {
  make_backup(true);
  const auto restored = restore();
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->pauses.size(), 1U);
  expect_restored();
  EXPECT_NE(read_file(from_.data + "/instance").value(), read_file(to_.data + "/instance").value());
  EXPECT_EQ(read_file(from_.data + "/secret.key").value(), read_file(to_.data + "/secret.key").value());
  for (const char* name : {"carillon.db", "people.db", "secret.key"}) {
    struct ::stat info{};
    ASSERT_EQ(::stat((to_.data + "/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0077U, 0U) << name;
  }
}

TEST_F(Restoring, BringsBackWhatOpenJobsWorkOnAndNothingElseOfThem) {
  fs::create_directories(from_.data + "/jobs");
  fs::create_directories(to_.data + "/jobs");
  std::ofstream(from_.data + "/jobs/job_1") << "user_id\nann\n";
  std::ofstream(to_.data + "/jobs/job_2") << "of another store";
  make_backup(true);
  EXPECT_EQ(read_file(order_.from + "/jobs/job_1").value(), "user_id\nann\n");
  order_.is_forced = true;
  const auto restored = restore();
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(read_file(to_.data + "/jobs/job_1").value(), "user_id\nann\n");
  EXPECT_FALSE(fs::exists(to_.data + "/jobs/job_2"));
  // What is in its place stays there when the rest is moved by the next start.
  fs::create_directories(to_.data + "/restored");
  fs::rename(to_.data + "/secret.key", to_.data + "/restored/secret.key");
  expect_restored();
  EXPECT_TRUE(fs::exists(to_.data + "/jobs/job_1"));
}

TEST_F(Restoring, NeedsTheKeyThatIsNotInTheBackup) {
  make_backup(false);
  EXPECT_FALSE(fs::exists(order_.from + "/secret.key"));
  expect_refused(Errc::FailedPrecondition, "--key-file");
  order_.key_file = folder_ + "/other.key";
  std::ofstream(order_.key_file) << "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
  expect_refused(Errc::FailedPrecondition, "another key");
  order_.key_file = from_.data + "/secret.key";
  ASSERT_TRUE(restore());
  expect_restored();
}

TEST_F(Restoring, RefusesFilesThatAreNotTheBackups) {
  make_backup(true);
  {
    std::fstream file(order_.from + "/people.db", std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(-1, std::ios::end);
    file << 'x';
  }
  expect_refused(Errc::Corruption, "people.db");
  fs::remove(order_.from + "/people.db");
  expect_refused(Errc::NotFound, "people.db");
  fs::remove(order_.from + "/manifest.json");
  expect_refused(Errc::NotFound, "manifest.json");
}

TEST_F(Restoring, RefusesANewerSchema) {
  make_backup(true);
  change_manifest("\"people\":", "\"people\":9");
  expect_refused(Errc::FailedPrecondition, "newer version");
}

TEST_F(Restoring, ReplacesAStoreOnlyWhenItIsForcedTo) {
  make_backup(true);
  {
    const auto node = open(to_);
    EXPECT_EQ(call(*node, "PUT", "/v1/users/bob", R"({"name":"Bob"})").status, 201);
    order_.is_forced = true;
    EXPECT_EQ(restore().error().code, Errc::FailedPrecondition) << "somebody works in it";
    order_.is_forced = false;
    EXPECT_EQ(restore().error().code, Errc::FailedPrecondition);
  }
  fs::create_directories(to_.data + "/journal");
  std::ofstream(to_.data + "/journal/old.journal") << "x";
  std::ofstream(to_.data + "/carillon.toml") << "# mine";
  order_.is_forced = true;
  const auto restored = restore();
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_FALSE(fs::exists(to_.data + "/journal"));
  EXPECT_TRUE(fs::exists(to_.data + "/carillon.toml"));
  expect_restored();
  EXPECT_EQ(call(*open(to_), "GET", "/v1/users/bob").status, 404);
}

TEST_F(Restoring, ThatWasInterruptedIsFinishedByTheNextStart) {
  make_backup(true);
  ASSERT_TRUE(restore());
  // As it was when everything was there and only one file had been moved.
  fs::create_directories(to_.data + "/restored");
  fs::rename(to_.data + "/carillon.db", to_.data + "/restored/carillon.db");
  fs::rename(to_.data + "/secret.key", to_.data + "/restored/secret.key");
  expect_restored();
  EXPECT_FALSE(fs::exists(to_.data + "/restored"));
}

TEST_F(Restoring, OfABackupIsRememberedByTheStoreThatMadeIt) {
  const std::string state = make_backup(false);
  EXPECT_NE(state.find(order_.from), std::string::npos);
  const auto node = open(from_);
  const auto later = call(*node, "GET", kBackupTarget).body;
  EXPECT_NE(later.find(R"("state":"idle")"), std::string::npos) << later;
  EXPECT_NE(later.find(order_.from), std::string::npos) << later;
}

TEST_F(Restoring, WhatAKilledBackupLeftIsReplacedAndAnythingElseStays) {
  const std::string part = order_.from + ".part";
  fs::create_directories(part + "/jobs");
  for (const char* name : {"/carillon.db", "/people.db", "/jobs/job_1", "/manifest.json.part"}) {
    std::ofstream(part + name) << "half";
  }
  make_backup(true);
  EXPECT_FALSE(fs::exists(part));
  EXPECT_FALSE(fs::exists(order_.from + "/jobs/job_1"));
  // A data folder of that name.
  order_.from = folder_ + "/other";
  fs::create_directories(folder_ + "/other.part");
  for (const char* name : {"/carillon.db", "/carillon.lock"})
    std::ofstream(folder_ + "/other.part" + name) << "mine";
  const auto node = open(from_);
  const auto refused = call(*node, "POST", kBackupTarget, fmt::format(R"({{"to":"{}"}})", order_.from));
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(read_file(folder_ + "/other.part/carillon.db").value(), "mine");
}

TEST_F(Restoring, TheDoctorWarnsOfNoneAndOfAnOldOne) {
  const Time now = base::SystemClock().now();
  const auto found = [&](Time at) {
    CommandLine line;
    line.data = from_.data;
    Transport transport(line);
    Findings findings;
    check_backup(transport, at, findings);
    EXPECT_EQ(findings.size(), 1U);
    return findings.empty() ? Finding{} : findings.front();
  };
  { EXPECT_TRUE(open(from_)); }
  EXPECT_EQ(found(now).health, Health::Warn);
  make_backup(false);
  EXPECT_EQ(found(now).health, Health::Ok);
  EXPECT_EQ(found(now + std::chrono::days(6)).health, Health::Ok);
  const Finding old = found(now + std::chrono::days(9));
  EXPECT_EQ(old.health, Health::Warn);
  EXPECT_NE(old.detail.find("8 days ago"), std::string::npos) << old.detail;
}

TEST_F(Restoring, ABackupIsNotWrittenWhereSomethingIs) {
  make_backup(false);
  const auto node = open(from_);
  const auto again = call(*node, "POST", kBackupTarget, fmt::format(R"({{"to":"{}"}})", order_.from));
  EXPECT_EQ(again.status, 409) << again.body;
  const auto relative = call(*node, "POST", kBackupTarget, R"({"to":"x"})");
  EXPECT_EQ(relative.status, 422) << relative.body;
  const auto nowhere = call(*node, "POST", kBackupTarget, R"({"to":"/no/such/folder/x"})");
  EXPECT_EQ(nowhere.status, 422) << nowhere.body;
  EXPECT_EQ(call(*node, "POST", kBackupTarget, R"({"to":7})").status, 422);
}

TEST_F(Restoring, ABackupThatDoesNotFitIsRefusedBeforeItBegins) {
  from_.store.disk_free_min = std::int64_t{1} << 60;
  const auto node = open(from_);
  const auto refused = call(*node, "POST", kBackupTarget, fmt::format(R"({{"to":"{}"}})", order_.from));
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_NE(refused.body.find("free"), std::string::npos);
  EXPECT_FALSE(fs::exists(order_.from + ".part"));
}

}  // namespace
}  // namespace carillon::app
