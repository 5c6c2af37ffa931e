#include "providers/sms_keyword.h"

#include <gtest/gtest.h>

namespace carillon::providers {
namespace {

TEST(SmsKeyword, ReadsTheWordsInAnyCaseWithWhatStandsAround) {
  for (const std::string_view text : {"STOP", "stop", " Stop.\n", "\"stop\"!", "StopAll", "unsubscribe",
                                      "Cancel", "end", "QUIT", "revoke", "OptOut", "opt out", "Stop All"}) {
    EXPECT_EQ(read_sms_keyword(text), SmsKeyword::Stop) << text;
  }
  for (const std::string_view text : {"START", "start ", "Unstop."}) {
    EXPECT_EQ(read_sms_keyword(text), SmsKeyword::Start) << text;
  }
}

TEST(SmsKeyword, LeavesSentencesAlone) {
  for (const std::string_view text : {"", "...", "stop calling me John", "please stop", "the end", "stop1",
                                      "정지", "stop정", "YES", "HELP", "unsubscribe from all of it"}) {
    EXPECT_EQ(read_sms_keyword(text), SmsKeyword::None) << text;
  }
}

}  // namespace
}  // namespace carillon::providers
