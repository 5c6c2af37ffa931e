#include "pipeline/spool.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/crypto.h"

namespace carillon::pipeline {
namespace {

class SpoolTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "carillon-spool-" + base::random_text(12);
  const Spool spool_ = Spool::open(folder_ + "/jobs").value();
};

TEST_F(SpoolTest, AFileReadsBackAndIsForItsOwnerOnly) {
  const std::string content = std::string(300'000, 'x') + '\0' + "end";
  ASSERT_TRUE(spool_.write("a", content));
  EXPECT_EQ(spool_.read("a").value(), content);
  ASSERT_TRUE(spool_.write("a", ""));
  EXPECT_EQ(spool_.read("a").value(), "");
  struct ::stat info{};
  ASSERT_EQ(::stat((folder_ + "/jobs/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((folder_ + "/jobs").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(SpoolTest, WhatACrashLeftGoes) {
  ASSERT_TRUE(spool_.write("kept", "x"));
  ASSERT_TRUE(spool_.write("left", "x"));
  std::ofstream(folder_ + "/jobs/half.part") << "x";
  spool_.keep_only({"kept", "not there"});
  EXPECT_TRUE(spool_.read("kept"));
  EXPECT_EQ(spool_.read("left").error().code, Errc::NotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/jobs/half.part"));
  spool_.remove("kept");
  spool_.remove("kept");
  EXPECT_EQ(spool_.read("kept").error().code, Errc::NotFound);
}

TEST_F(SpoolTest, WithoutItsFolderNothingIsLeftBehind) {
  std::filesystem::remove_all(folder_ + "/jobs");
  EXPECT_EQ(spool_.write("a", "x").error().code, Errc::Unavailable);
}

}  // namespace
}  // namespace carillon::pipeline
