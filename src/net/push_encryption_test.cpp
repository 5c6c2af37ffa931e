#include "net/push_encryption.h"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

base::Bytes raw(std::string_view text) { return base::unbase64(text).value(); }

// RFC 8291 Appendix A.
const PushKeys kKeys{
    raw("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
    raw("BTBZMqHH6r4Tts7J_aSIgg")};
const base::Secret kReceiver(raw("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"));
constexpr std::string_view kPlain = "When I grow up, I want to be a watermelon";
constexpr std::string_view kBody =
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_"
    "c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3j"
    "l7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

TEST(PushEncryption, WritesTheExampleOfTheRfc) {
  const base::Secret key(raw("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
  const base::P256Pair pair{key, base::p256_public_key(key).value()};
  const auto body = encrypt_push(kKeys, kPlain, pair, raw("DGv6ra1nlYgDCS1FRnbzlw"));
  ASSERT_TRUE(body);
  EXPECT_EQ(base::base64url(*body), kBody);
  EXPECT_EQ(body->size(), 144U);
}

TEST(PushEncryption, ReadsTheExampleOfTheRfc) {
  EXPECT_EQ(decrypt_push(kReceiver, kKeys.auth, raw(kBody)).value(), kPlain);
}

TEST(PushEncryption, UsesAnotherKeyAndSaltForEachMessage) {
  const auto one = encrypt_push(kKeys, kPlain), other = encrypt_push(kKeys, kPlain);
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->substr(0, 16), other->substr(0, 16));
  EXPECT_NE(one->substr(21, 65), other->substr(21, 65));
  EXPECT_EQ(decrypt_push(kReceiver, kKeys.auth, *one).value(), kPlain);
}

TEST(PushEncryption, FillsWhatAPushServiceTakesAndNoMore) {
  const auto full = encrypt_push(kKeys, std::string(kPushPlainMax, 'x'));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->size(), kPushBodyMax);
  EXPECT_EQ(decrypt_push(kReceiver, kKeys.auth, *full)->size(), kPushPlainMax);
  EXPECT_FALSE(encrypt_push(kKeys, std::string(kPushPlainMax + 1, 'x')));
  EXPECT_EQ(decrypt_push(kReceiver, kKeys.auth, *encrypt_push(kKeys, "")).value(), "");
}

TEST(PushEncryption, RefusesKeysThatAreNone) {
  EXPECT_FALSE(encrypt_push({base::Bytes(65, '\4'), kKeys.auth}, "x"));
  EXPECT_FALSE(encrypt_push({kKeys.public_key, "short"}, "x"));
  EXPECT_FALSE(encrypt_push({{}, {}}, "x"));
}

TEST(PushEncryption, NoticesEveryChange) {
  const base::Bytes body = raw(kBody);
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (i >= 16 && i < 20) continue;  // the record size: another one says nothing else
    base::Bytes changed = body;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decrypt_push(kReceiver, kKeys.auth, changed)) << i;
  }
  for (std::size_t i = 0; i < body.size(); ++i) {
    EXPECT_FALSE(decrypt_push(kReceiver, kKeys.auth, body.substr(0, i))) << i;
  }
  EXPECT_FALSE(decrypt_push(kReceiver, std::string(16, 'a'), body));
  EXPECT_FALSE(decrypt_push(base::make_p256_pair().private_key, kKeys.auth, body));
}

}  // namespace
}  // namespace carillon::net
