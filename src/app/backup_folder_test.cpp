#include "app/backup_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/crypto.h"

namespace carillon::app {
namespace {

Manifest example() {
  Manifest manifest;
  manifest.version = "1.2.3";
  manifest.created_at = from_ms(1'790'000'000'000);
  manifest.schema = {6, 2};
  manifest.key_id = "0a1b2c3d";
  manifest.instance = "abc";
  manifest.files = {{"carillon.db", 4096, std::string(64, 'a')}, {"people.db", 8192, std::string(64, 'b')}};
  return manifest;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(Manifest, ReadsBackAsWritten) {
  const auto read = decode_manifest(encode(example()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->version, "1.2.3");
  EXPECT_EQ(read->created_at, example().created_at);
  EXPECT_EQ(read->schema, example().schema);
  EXPECT_EQ(read->key_id, "0a1b2c3d");
  EXPECT_EQ(read->bytes(), 4096 + 8192);
  ASSERT_NE(read->find("people.db"), nullptr);
  EXPECT_EQ(read->find("people.db")->sha256, std::string(64, 'b'));
  EXPECT_EQ(read->find("secret.key"), nullptr);
}

TEST(Manifest, NamesTheFilesOfJobs) {
  Manifest manifest = example();
  manifest.files.push_back({"jobs/job_1a2B", 7, std::string(64, 'c')});
  const auto read = decode_manifest(encode(manifest));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->bytes(), 4096 + 8192 + 7);
}

TEST(Manifest, NamesOnlyFilesOfABackup) {
  const std::string good = encode(example());
  for (const char* name : {"../people.db", "/etc/passwd", "manifest.json", "journal", "", "jobs", "jobs/",
                           "jobs/..", "jobs/../people.db", "jobs/a/b", "jobs/.a", "jobsa"}) {
    const auto read = decode_manifest(replaced(good, "\"people.db\"", "\"" + std::string(name) + "\""));
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().code, Errc::InvalidArgument);
  }
}

TEST(Manifest, ThatIsNotWholeIsRefused) {
  const std::string good = encode(example());
  for (const std::string& bad :
       {std::string("{}"), std::string("no json"), good.substr(0, good.size() / 2),
        replaced(good, "\"name\":\"people.db\"", "\"name\":\"carillon.db\""),
        replaced(good, std::string(64, 'a'), std::string(63, 'a')), replaced(good, "4096", "-1"),
        replaced(good, "\"carillon\":6", "\"carillon\":\"six\""),
        replaced(good, "\"format\":1", "\"format\":0")}) {
    const auto read = decode_manifest(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Errc::InvalidArgument) << bad;
  }
}

TEST(Manifest, OfANewerFormatAsksForTheNewerProgram) {
  const auto read = decode_manifest(replaced(encode(example()), "\"format\":1", "\"format\":2"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::FailedPrecondition);
}

class BackupFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "carillon-folder-" + base::random_text(12);
    std::filesystem::create_directories(folder_);
    content_ = std::string((3 << 20) + 17, 'x');
    content_[2 << 20] = 'y';
    std::ofstream(folder_ + "/a", std::ios::binary) << content_;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_, content_;
};

TEST_F(BackupFolder, HashesAFileInPieces) {
  std::size_t seen = 0;
  const auto hash = hash_file(folder_ + "/a", [&](std::string_view piece) {
    seen += piece.size();
    return true;
  });
  ASSERT_TRUE(hash);
  EXPECT_EQ(*hash, base::hex(base::sha256(content_)));
  EXPECT_EQ(seen, content_.size());
  EXPECT_EQ(hash_file(folder_ + "/none", {}).error().code, Errc::NotFound);
  EXPECT_EQ(hash_file(folder_ + "/a", [](std::string_view) { return false; }).error().code, Errc::Cancelled);
}

TEST_F(BackupFolder, CopiesAFileForItsOwnerOnly) {
  const auto hash = copy_file(folder_ + "/a", folder_ + "/b", {});
  ASSERT_TRUE(hash);
  EXPECT_EQ(*hash, base::hex(base::sha256(content_)));
  EXPECT_EQ(hash_file(folder_ + "/b", {}).value(), *hash);
  struct ::stat info{};
  ASSERT_EQ(::stat((folder_ + "/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(copy_file(folder_ + "/a", folder_ + "/b", {})) << "it is there already";
  EXPECT_EQ(hash_file(folder_ + "/b", {}).value(), *hash) << "and stays";
}

TEST_F(BackupFolder, LeavesNoPartOfACopy) {
  EXPECT_EQ(copy_file(folder_ + "/none", folder_ + "/c", {}).error().code, Errc::NotFound);
  const auto never = [](std::string_view) { return false; };
  EXPECT_EQ(copy_file(folder_ + "/a", folder_ + "/c", never).error().code, Errc::Cancelled);
  EXPECT_EQ(names_in(folder_), std::vector<std::string>{"a"});
}

TEST_F(BackupFolder, CopiesTheFilesOfJobsThatItDoesNotHave) {
  for (const char* name : {"/jobs", "/to"}) std::filesystem::create_directories(folder_ + name);
  const auto write = [&](const char* name, const char* text) { std::ofstream(folder_ + name) << text; };
  write("/jobs/job_1", "one");
  write("/jobs/job_2.part", "half");
  EXPECT_TRUE(copy_jobs(folder_ + "/none", folder_ + "/to", {}));
  ASSERT_TRUE(copy_jobs(folder_ + "/jobs", folder_ + "/to", {}));
  EXPECT_EQ(names_in(folder_ + "/to"), std::vector<std::string>{"job_1"});
  std::filesystem::remove(folder_ + "/jobs/job_1");
  write("/jobs/job_3", "three");
  ASSERT_TRUE(copy_jobs(folder_ + "/jobs", folder_ + "/to", {}));
  EXPECT_EQ(names_in(folder_ + "/to"), (std::vector<std::string>{"job_1", "job_3"}));
  EXPECT_EQ(bytes_in(folder_ + "/to"), 8);
  EXPECT_EQ(bytes_in(folder_ + "/none"), 0);
}

TEST_F(BackupFolder, ReadsNoManifestWithoutEnd) {
  std::filesystem::copy(folder_ + "/a", folder_ + "/manifest.json");
  EXPECT_EQ(read_manifest(folder_).error().code, Errc::InvalidArgument);
  EXPECT_EQ(read_manifest(folder_ + "/none").error().code, Errc::NotFound);
}

TEST(Room, IsAskedForBeforeAnythingIsWritten) {
  const Room room{.free = 100 << 20, .total = 1 << 30};
  EXPECT_TRUE(check_room("/disk", room, 60 << 20, 0));
  EXPECT_TRUE(check_room("/disk", room, 60 << 20, 40 << 20));
  const auto refused = check_room("/disk", room, 60 << 20, 41 << 20);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::FailedPrecondition);
  EXPECT_EQ(
      refused.error().message,
      "/disk has 100.0 MiB free, 60.0 MiB are needed and the server needs 41.0 MiB left there to take sends: "
      "free some space, or choose another disk");
  EXPECT_FALSE(check_room("/disk", room, 101 << 20, 0));
}

TEST(SizeText, HasOneDigitAndAUnit) {
  EXPECT_EQ(size_text(0), "0.0 KiB");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(std::int64_t{5} << 30), "5.0 GiB");
}

}  // namespace
}  // namespace carillon::app
