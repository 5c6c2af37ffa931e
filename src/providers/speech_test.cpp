#include "providers/speech.h"

#include <gtest/gtest.h>

namespace carillon::providers {
namespace {

std::string spoken(std::string language, std::string locale, std::string_view fallback = "en-US") {
  model::Message message;
  message.language = std::move(language);
  message.locale = std::move(locale);
  return speech_language(message, fallback);
}

TEST(Speech, SpeaksTheLanguageOfTheMessage) {
  EXPECT_EQ(spoken("en-GB", "ko"), "en-GB");
  EXPECT_EQ(spoken("ko", "en"), "ko-KR");
  EXPECT_EQ(spoken("", "ja"), "ja-JP");
  EXPECT_EQ(spoken("", "pt-PT"), "pt-PT");
  EXPECT_EQ(spoken("", ""), "en-US");
  EXPECT_EQ(spoken("", "tlh", "de-DE"), "de-DE");
  EXPECT_EQ(spoken("tlh", "", "de-DE"), "tlh");
}

TEST(Speech, TellsVoicesByNumberFromThoseByName) {
  EXPECT_TRUE(is_voice_number("0"));
  EXPECT_TRUE(is_voice_number("12"));
  for (const std::string_view name : {"", "Polly.Joanna", "1a", "1000"}) EXPECT_FALSE(is_voice_number(name));
}

TEST(Speech, EscapesWhatXmlMeans) {
  EXPECT_EQ(escape_xml("a < b && \"c\" > d'"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; d'");
  EXPECT_EQ(escape_xml(std::string_view("1\x01\x1f\0 2\n안녕", 14)), "1 2\n안녕");
}

}  // namespace
}  // namespace carillon::providers
