#include "model/public_link.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

const base::Secret kKey(std::string(32, 'k'));
const base::Secret kOther(std::string(32, 'o'));
constexpr std::int64_t kDelivery = 0x0123456789abcdef;

TEST(PublicLink, NamesADeliveryToWhoHasItAndCannotBeMade) {
  const std::string token = open_token(kDelivery, kKey);
  EXPECT_LE(token.size(), 22U);
  EXPECT_EQ(read_open_token(token, kKey), kDelivery);
  EXPECT_FALSE(read_open_token(token, kOther));
  EXPECT_FALSE(read_click_token(token, "", kKey)) << "each kind has a MAC of its own";
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto read = read_open_token(changed, kKey);
    EXPECT_TRUE(!read || read == kDelivery) << "the last character has bits nobody reads";
  }
  for (const char* text : {"", "A", "====", "../..", "a b"})
    EXPECT_FALSE(read_open_token(text, kKey)) << text;
}

TEST(PublicLink, BindsAClickToItsUrl) {
  const std::string token = click_token(kDelivery, "https://shop.example/a?b=1", kKey);
  EXPECT_EQ(read_click_token(token, "https://shop.example/a?b=1", kKey), kDelivery);
  EXPECT_FALSE(read_click_token(token, "https://evil.example/", kKey));
}

TEST(PublicLink, IsShortInATextMessage) {
  const ShortLink link{kDelivery, hash_of_url("https://shop.example/a", kKey)};
  const std::string token = short_click_token(link, kKey);
  EXPECT_LE(token.size(), 24U);
  const auto read = read_short_click_token(token, kKey);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->delivery, link.delivery);
  EXPECT_EQ(read->url_hash, link.url_hash);
}

TEST(PublicLink, HoldsAllAnUnsubscriptionNeeds) {
  Unsubscription what{.project = 3,
                      .delivery = 9,
                      .channel = Channel::Email,
                      .category = "news",
                      .user_id = "u/1",
                      .address_hash = {}};
  EXPECT_EQ(read_unsubscribe_token(unsubscribe_token(what, kKey), kKey), what);
  what.user_id.clear();
  what.address_hash = std::string(16, '\xff');
  EXPECT_EQ(read_unsubscribe_token(unsubscribe_token(what, kKey), kKey), what);
  EXPECT_FALSE(read_unsubscribe_token(unsubscribe_token(what, kKey), kOther));
  EXPECT_FALSE(read_unsubscribe_token(open_token(1, kKey), kKey));
}

TEST(PublicLink, OfAnObjectSaysWhichAndUntilWhen) {
  const base::Secret key("key"), other("other");
  const ObjectLink link{.object = 0x1234567890abcd, .expires_at = from_ms(1'900'000'000'000)};
  const std::string token = object_token(link, key);
  const auto read = read_object_token(token, key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->object, link.object);
  EXPECT_EQ(read->expires_at, link.expires_at);
  EXPECT_FALSE(read_object_token(token, other));
  EXPECT_FALSE(read_open_token(token, key));
  EXPECT_FALSE(read_object_token(open_token(7, key), key));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_object_token(forged, key)) << i;
  }
}

TEST(PublicLink, OfPreferencesNamesItsUserUntilItEnds) {
  PreferenceLink link{.project = 3, .user_id = "u/1", .expires_at = from_ms(1'900'000'000'123)};
  const std::string brief = preference_token(link, kKey);
  EXPECT_EQ(read_preference_token(brief, kKey), link);
  link.channel = Channel::Sms;
  link.address_check = address_check("+821012345678", kKey);
  EXPECT_LE(preference_token(link, kKey).size(), 48U) << "it stands in text messages";
  EXPECT_EQ(read_preference_token(preference_token(link, kKey), kKey), link);
  link.channel = Channel::Email;
  link.delivery = kDelivery;
  const std::string token = preference_token(link, kKey);
  EXPECT_EQ(read_preference_token(token, kKey), link);
  EXPECT_FALSE(read_preference_token(token, kOther));
  EXPECT_FALSE(read_unsubscribe_token(token, kKey));
  EXPECT_FALSE(read_preference_token(object_token({1, from_ms(1'900'000'000'000)}, kKey), kKey));
  for (std::size_t i = 0; i + 1 < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_preference_token(forged, kKey)) << i;
  }
}

TEST(PublicLink, KnowsTheAddressItWentToAgain) {
  EXPECT_EQ(address_check("a@example.test", kKey), address_check("a@example.test", kKey));
  EXPECT_NE(address_check("a@example.test", kKey), address_check("b@example.test", kKey));
  EXPECT_NE(address_check("a@example.test", kKey), address_check("a@example.test", kOther));
}

}  // namespace
}  // namespace carillon::model
