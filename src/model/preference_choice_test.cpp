#include "model/preference_choice.h"

#include <gtest/gtest.h>

#include <random>

#include "model/decision.h"

namespace carillon::model {
namespace {

class PreferenceChoice : public testing::Test {
 protected:
  PreferenceChoice() {
    for (const char* key : {"general", "news", "offers"})
      categories_.push_back(general_category()), categories_.back().key = key;
    categories_.push_back(security_category());
    categories_[2].default_opt_in.fill(false);
    for (const Category& category : categories_) all_.push_back(&category);
  }
  static bool holds(const Category& category, const std::vector<Preference>& preferences, Channel channel,
                    Platform platform = Platform::None) {
    return is_opted_in(category, preferences, channel, platform, nullptr);
  }

  std::vector<Category> categories_;
  std::vector<const Category*> all_;
};

TEST_F(PreferenceChoice, ANoIsSaidOfThatPairOnly) {
  const auto after = choose({}, {{"news", Channel::Sms, false}}, all_);
  EXPECT_EQ(after, (std::vector<Preference>{{"sms", "news", false}}));
  EXPECT_EQ(choose(after, {{"news", Channel::Sms, false}}, all_), after) << "said already";
}

TEST_F(PreferenceChoice, AYesTakesBackTheNo) {
  EXPECT_TRUE(choose({{"sms", "news", false}}, {{"news", Channel::Sms, true}}, all_).empty());
  EXPECT_EQ(choose({{"sms", "offers", false}}, {{"offers", Channel::Sms, true}}, all_),
            (std::vector<Preference>{{"sms", "offers", true}}))
      << "where nothing said means no, a yes is said";
}

TEST_F(PreferenceChoice, AYesLeavesTheRestOfABroadNo) {
  const auto after = choose({{"sms", "*", false}}, {{"news", Channel::Sms, true}}, all_);
  EXPECT_TRUE(holds(categories_[1], after, Channel::Sms));
  EXPECT_FALSE(holds(categories_[0], after, Channel::Sms));
  EXPECT_TRUE(holds(categories_[0], after, Channel::Email));
  // On channels that were not chosen it stays broad: it holds for categories made later too.
  const auto of_all = choose({{"*", "*", false}}, {{"news", Channel::Sms, true}}, all_);
  EXPECT_NE(std::ranges::find(of_all, Preference{"email", "*", false}), of_all.end());
}

TEST_F(PreferenceChoice, NothingIsChosenOfWhatIsMandatoryOrUnknown) {
  EXPECT_TRUE(choose({}, {{"security", Channel::Sms, false}, {"gone", Channel::Sms, false}}, all_).empty());
}

TEST_F(PreferenceChoice, PlatformsOfPushStayAsTheyWere) {
  const auto after =
      choose({{"push.web", "news", false}, {"push", "news", false}}, {{"news", Channel::Push, true}}, all_);
  EXPECT_TRUE(holds(categories_[1], after, Channel::Push, Platform::Ios));
  EXPECT_FALSE(holds(categories_[1], after, Channel::Push, Platform::Web));
}

TEST_F(PreferenceChoice, RefusingAllForgetsWhatWasSaidBefore) {
  const std::vector<Preference> before{{"sms", "news", true}, {"email", "*", true}, {"sms", "offers", false}};
  EXPECT_EQ(refuse_all(before, "news"),
            (std::vector<Preference>{{"email", "*", true}, {"sms", "offers", false}, {"*", "news", false}}));
  EXPECT_EQ(refuse_all(before, "*"), (std::vector<Preference>{{"*", "*", false}}));
}

// Whatever was said before and is chosen: what is chosen holds, and nothing else changes.
TEST_F(PreferenceChoice, WhatIsChosenHoldsAndNothingElseChanges) {
  std::mt19937 random(20261126);
  const std::vector<std::string> channels{"*", "push", "sms", "email", "voice", "inbox", "push.web"};
  const std::vector<std::string> keys{"*", "general", "news", "offers", "security"};
  const auto pick = [&random](const auto& from) { return from[random() % from.size()]; };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Preference> before;
    for (auto n = random() % 6; n > 0; --n) before.push_back({pick(channels), pick(keys), random() % 2 == 0});
    std::vector<Choice> choices;
    for (auto n = random() % 5; n > 0; --n)
      choices.push_back({pick(keys), static_cast<Channel>(random() % kChannelCount), random() % 2 == 0});
    const auto after = choose(before, choices, all_);
    for (const Category* category : all_) {
      for (std::size_t i = 0; i < kChannelCount; ++i) {
        const auto channel = static_cast<Channel>(i);
        bool wanted = holds(*category, before, channel);
        for (const Choice& choice : choices) {
          if (choice.category == category->key && choice.channel == channel && !category->mandatory)
            wanted = choice.is_yes;
        }
        ASSERT_EQ(holds(*category, after, channel), wanted)
            << "round " << round << ": " << category->key << " by " << name(channel);
      }
    }
  }
}

}  // namespace
}  // namespace carillon::model
