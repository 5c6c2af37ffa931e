#include "model/client_token.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "model/profile.h"

namespace carillon::model {
namespace {

constexpr std::string_view kKeyId = "0123abcd";
const Time kNow = from_ms(1'800'000'000'000);

base::Secret key() { return base::Secret(std::string(32, 'k')); }

ClientToken token() {
  ClientToken t;
  t.project = 7;
  t.app = 123'456'789'012;
  t.issued_at = kNow;
  t.expires_at = kNow + Millis(60'000);
  t.scopes = static_cast<unsigned>(ClientScope::Devices) | static_cast<unsigned>(ClientScope::Send);
  t.is_test = true;
  t.user_id = "grace@example";
  return t;
}

TEST(ClientToken, ReadsBack) {
  for (const std::size_t size : {1U, 2U, 3U, 64U, 128U}) {
    ClientToken t = token();
    t.user_id = std::string(size, 'u');
    const std::string text = write_client_token(t, kKeyId, key());
    EXPECT_TRUE(text.starts_with("ct_"));
    const auto read = read_client_token(text, kKeyId, key(), kNow);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, t);
  }
}

TEST(ClientToken, EndsAtItsTime) {
  const std::string text = write_client_token(token(), kKeyId, key());
  EXPECT_TRUE(read_client_token(text, kKeyId, key(), kNow + Millis(59'999)));
  EXPECT_EQ(read_client_token(text, kKeyId, key(), kNow + Millis(60'000)).error().code,
            Errc::Unauthenticated);
}

TEST(ClientToken, AnyChangedCharacterIsFound) {
  const std::string text = write_client_token(token(), kKeyId, key());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_client_token(changed, kKeyId, key(), kNow)) << i;
    EXPECT_FALSE(read_client_token(text.substr(0, i), kKeyId, key(), kNow)) << i;
  }
  EXPECT_FALSE(read_client_token(text + "A", kKeyId, key(), kNow));
  EXPECT_FALSE(read_client_token(text + "=", kKeyId, key(), kNow));
}

TEST(ClientToken, OfAnotherKeyIsRefused) {
  const std::string text = write_client_token(token(), kKeyId, key());
  EXPECT_FALSE(read_client_token(text, kKeyId, base::Secret(std::string(32, 'x')), kNow));
  EXPECT_FALSE(read_client_token(text, "fedcba98", key(), kNow));
}

TEST(ClientToken, ScopesHaveNames) {
  for (const auto scope :
       {ClientScope::Devices, ClientScope::Preferences, ClientScope::Notifications, ClientScope::Send}) {
    EXPECT_EQ(parse_client_scope(name(scope)), scope);
  }
  EXPECT_FALSE(parse_client_scope("admin"));
}

}  // namespace
}  // namespace carillon::model
