#include "base/p256.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

Secret scalar(std::string_view base64) { return Secret(unbase64(base64).value()); }

// RFC 8291 Appendix A.
constexpr std::string_view kUaPrivate = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
constexpr std::string_view kUaPublic =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
constexpr std::string_view kAsPrivate = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
constexpr std::string_view kAsPublic =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
constexpr std::string_view kShared = "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs";

TEST(P256, DerivesTheSecretOfTheRfcFromBothSides) {
  EXPECT_EQ(base64url(p256_public_key(scalar(kUaPrivate)).value()), kUaPublic);
  EXPECT_EQ(base64url(p256_public_key(scalar(kAsPrivate)).value()), kAsPublic);
  EXPECT_EQ(base64url(p256_shared_secret(scalar(kAsPrivate), *unbase64(kUaPublic))->reveal()), kShared);
  EXPECT_EQ(base64url(p256_shared_secret(scalar(kUaPrivate), *unbase64(kAsPublic))->reveal()), kShared);
}

TEST(P256, MakesPairsThatAgreeAndDiffer) {
  const P256Pair one = make_p256_pair(), other = make_p256_pair();
  EXPECT_EQ(one.public_key.size(), kP256PointBytes);
  EXPECT_EQ(one.private_key.reveal().size(), kP256ScalarBytes);
  EXPECT_NE(one.public_key, other.public_key);
  EXPECT_EQ(p256_public_key(one.private_key).value(), one.public_key);
  EXPECT_EQ(p256_shared_secret(one.private_key, other.public_key)->reveal(),
            p256_shared_secret(other.private_key, one.public_key)->reveal());
}

TEST(P256, KnowsWhatIsNoPoint) {
  const Bytes good = *unbase64(kUaPublic);
  EXPECT_TRUE(is_p256_point(good));
  Bytes off_curve = good;
  off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
  Bytes compressed = good.substr(0, 33);
  compressed[0] = 2;
  for (const Bytes& bad : {Bytes(), off_curve, compressed, good + "x", Bytes(65, '\0'), Bytes(1, '\0')}) {
    EXPECT_FALSE(is_p256_point(bad));
    EXPECT_FALSE(p256_shared_secret(scalar(kAsPrivate), bad));
  }
}

TEST(P256, KnowsWhatIsNoPrivateKey) {
  const Bytes order = *unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  for (const Bytes& bad :
       {Bytes(), Bytes(32, '\0'), Bytes(31, 'a'), Bytes(33, 'a'), order, Bytes(32, '\xff')}) {
    EXPECT_FALSE(p256_public_key(Secret(bad)));
    EXPECT_FALSE(p256_pem(Secret(bad)));
    EXPECT_FALSE(read_p256_key(Secret(base64url(bad))));
  }
}

TEST(P256, ReadsAKeyInBothForms) {
  const Secret key = scalar(kAsPrivate);
  const Secret pem = p256_pem(key).value();
  EXPECT_TRUE(pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_EQ(read_p256_key(pem)->reveal(), key.reveal());
  EXPECT_EQ(read_p256_key(Secret(std::string(kAsPrivate)))->reveal(), key.reveal());
  EXPECT_TRUE(jws_es256(R"({"alg":"ES256"})", "{}", pem));
  EXPECT_FALSE(read_p256_key(Secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")));
  EXPECT_FALSE(read_p256_key(Secret("not base64!")));
  EXPECT_FALSE(read_p256_key(Secret(std::string(5000, 'A'))));
}

}  // namespace
}  // namespace carillon::base
