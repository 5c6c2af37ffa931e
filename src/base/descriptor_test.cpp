#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace carillon::base {
namespace {

namespace fs = std::filesystem;

class WriteFile : public testing::Test {
 protected:
  WriteFile() : folder_(testing::TempDir() + "written") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const std::string folder_;
};

TEST_F(WriteFile, HasAllOfItForItsOwnerOnly) {
  const std::string path = folder_ + "/key", text(3'000'000, 'k');
  ASSERT_TRUE(write_file(path, text));
  EXPECT_EQ(content(path), text);
  struct ::stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(fs::exists(path + ".part"));
}

TEST_F(WriteFile, TakesThePlaceOfWhatWasThere) {
  const std::string path = folder_ + "/boot";
  ASSERT_TRUE(write_file(path, "before"));
  ASSERT_TRUE(write_file(path, "now"));
  EXPECT_EQ(content(path), "now");
}

TEST_F(WriteFile, LeavesWhatWasThereWhenItCannot) {
  const std::string path = folder_ + "/taken";
  fs::create_directories(path + "/inside");  // a folder is not replaced by a file
  EXPECT_FALSE(write_file(path, "now"));
  EXPECT_EQ(errno, EISDIR);
  EXPECT_TRUE(fs::exists(path + "/inside"));
  EXPECT_FALSE(fs::exists(path + ".part"));
  EXPECT_FALSE(write_file(folder_ + "/nowhere/file", "now"));
  EXPECT_EQ(errno, ENOENT);
}

TEST(Descriptor, ClosesItselfOnceAndIsMoved) {
  int fd = -1;
  {
    Descriptor opened(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(opened);
    fd = opened.get();
    const Descriptor moved(std::move(opened));
    EXPECT_EQ(moved.get(), fd);
    EXPECT_TRUE(write_all(moved.get(), "gone"));
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
  EXPECT_FALSE(Descriptor());
  EXPECT_FALSE(write_all(fd, "x"));
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace carillon::base
