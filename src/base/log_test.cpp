#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"

namespace carillon::base {
namespace {

class Log : public testing::Test {
 protected:
  // What `message` becomes on standard error.
  static std::string written(LogFormat format, std::string_view message, LogLevel level = LogLevel::Error) {
    testing::internal::CaptureStderr();
    log_setup(LogLevel::Info, format);
    log_write(level, message);
    std::string out = testing::internal::GetCapturedStderr();
    log_setup(LogLevel::Info, LogFormat::Auto);
    return out;
  }
};

TEST_F(Log, JsonLinesAreJsonWhateverTheMessage) {
  const std::string line = written(LogFormat::Json, "a \"quote\"\nline\x1b[31m \xff");
  ASSERT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  JsonDocument document;
  const auto root = document.parse(line);
  ASSERT_TRUE(root) << line;
  EXPECT_EQ(std::string_view((*root)["level"]), "error");
  EXPECT_EQ(std::string_view((*root)["message"]), "a \"quote\"\nline\x1b[31m \xEF\xBF\xBD");
  EXPECT_TRUE(parse_rfc3339(std::string_view((*root)["time"])));
}

TEST_F(Log, TextCannotForgeALine) {
  const std::string line = written(LogFormat::Text, "one\ntwo\r\x1b[2J\xc2\x9b\x7f");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(line.find(R"(one\ntwo\x0d\x1b[2J\u009b\x7f)"), std::string::npos) << line;
}

TEST_F(Log, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(written(LogFormat::Text, "quiet", LogLevel::Debug), "");
  EXPECT_NE(written(LogFormat::Text, "loud", LogLevel::Info), "");
  EXPECT_FALSE(log_enabled(LogLevel::Debug));
  EXPECT_TRUE(log_enabled(LogLevel::Warn));
}

TEST_F(Log, BracesInAMessageAreText) {
  EXPECT_NE(written(LogFormat::Text, "{} %v {0}").find("{} %v {0}"), std::string::npos);
}

TEST_F(Log, CutsOffAnEndlessMessage) {
  EXPECT_LT(written(LogFormat::Text, std::string(1'000'000, 'x')).size(), 20'000U);
}

}  // namespace
}  // namespace carillon::base
