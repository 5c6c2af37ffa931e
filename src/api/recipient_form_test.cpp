#include "api/recipient_form.h"

#include <gtest/gtest.h>

#include "api/recipient_words.h"

namespace carillon::api {
namespace {

using model::Channel;

TEST(RecipientForm, TellsWhatWasLeftOtherwiseThanItWasShown) {
  const std::string boxes = write_boxes(
      {{"news", Channel::Email, true}, {"news", Channel::Sms, false}, {"offers", Channel::Push, true}});
  EXPECT_EQ(boxes, "news/email/1 news/sms/0 offers/push/1");
  const auto form = read_preference_form(
      "boxes=news%2Femail%2F1+news%2Fsms%2F0+offers%2Fpush%2F1&on=news%2Fsms&on=offers%2Fpush&quiet_from=22%"
      "3A00&quiet_to=");
  ASSERT_TRUE(form);
  ASSERT_EQ(form->changed.size(), 2U);
  EXPECT_EQ(form->changed[0].channel, Channel::Email);
  EXPECT_FALSE(form->changed[0].is_yes);
  EXPECT_EQ(form->changed[1].channel, Channel::Sms);
  EXPECT_TRUE(form->changed[1].is_yes);
  EXPECT_EQ(form->quiet_from, "22:00");
  EXPECT_EQ(form->quiet_to, "");
}

TEST(RecipientForm, LeavesOutWhatIsNoBox) {
  for (const char* body : {"", "on=news%2Femail", "boxes=news", "boxes=news/email", "boxes=/email/1&on=x",
                           "boxes=news/fax/1", "boxes=news/email/2", "boxes=N%22ws/email/1", "boxes=//"}) {
    const auto form = read_preference_form(body);
    ASSERT_TRUE(form) << body;
    EXPECT_TRUE(form->changed.empty()) << body;
  }
  EXPECT_FALSE(read_preference_form("boxes=%zz"));
  EXPECT_EQ(read_preference_form("quiet_from=%3Cscript%3E%0d%0a22:00:00:00:00:00")->quiet_from,
            "<script>22:00:");
}

TEST(RecipientForm, StopsACategoryOrAll) {
  EXPECT_EQ(*read_stop_form("category=news"), "news");
  EXPECT_EQ(*read_stop_form("a=b&category=*"), "*");
  EXPECT_EQ(*read_stop_form("category=%3Cb%3E"), "");
  EXPECT_EQ(*read_stop_form(""), "");
}

TEST(RecipientWords, ChoosesTheRecipientsLanguageThenTheBrowsers) {
  EXPECT_EQ(page_language("ko-KR", "en"), "ko");
  EXPECT_EQ(page_language("en_US", "ko"), "en");
  EXPECT_EQ(page_language("fr", "ko-KR,ko;q=0.9,en;q=0.8"), "ko") << "there is none in French";
  EXPECT_EQ(page_language("", "fr-FR, en;q=0.5, KO;q=0.7"), "ko");
  EXPECT_EQ(page_language("", "ko;q=0, en;q=0.1"), "en");
  EXPECT_EQ(page_language("", "kok, *"), "en") << "Konkani is not Korean";
  for (const char* odd : {"", ",", ";q=1", "ko;q=", "ko;q=2", "ko;q=-1", "ko;q=nan", "ko;q=1e9"})
    EXPECT_EQ(page_language("", odd), "en") << odd;
}

TEST(RecipientWords, NamesACategoryInTheLanguageOrAnother) {
  model::Category category = model::general_category();
  category.key = "news";
  category.names = {{"de", "Nachrichten"}};
  EXPECT_EQ(shown_name(category, "ko"), "Nachrichten");
  category.names = {{"en-GB", "News"}, {"ko-KR", "소식"}};
  EXPECT_EQ(shown_name(category, "ko"), "소식");
  EXPECT_EQ(shown_name(category, "en"), "News");
  category.names.clear();
  EXPECT_EQ(shown_name(category, "en"), "news");
}

// A text that is missing in one language would be an empty place on the page.
TEST(RecipientWords, SaysEveryStateInBothLanguages) {
  for (const char* language : {"en", "ko"}) {
    const RecipientWords& words = words_in(language);
    EXPECT_EQ(words.language, language);
    for (std::size_t i = 0; i < model::kDeliveryStatusCount; ++i) {
      model::Delivery delivery;
      delivery.status = static_cast<model::DeliveryStatus>(i);
      EXPECT_FALSE(shown_state(delivery, words).empty()) << language << i;
    }
    for (const auto channel : words.channels) EXPECT_FALSE(channel.empty());
  }
  model::Delivery mine;
  mine.status = model::DeliveryStatus::Suppressed;
  mine.reason = model::Reason::OptedOut;
  EXPECT_EQ(shown_state(mine, words_in("en")), words_in("en").switched_off);
}

}  // namespace
}  // namespace carillon::api
