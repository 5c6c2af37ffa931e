#include "base/crypto.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <set>

namespace carillon::base {
namespace {

Bytes from_hex(std::string_view text) { return unhex(text).value(); }
std::string to_hex(const Hash128& hash) {
  return hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

Bytes counting(std::size_t count, unsigned first = 0) {
  Bytes out;
  for (std::size_t i = 0; i < count; ++i) out += static_cast<char>(first + i);
  return out;
}

TEST(Sha, KnowsItsVectors) {  // FIPS 180-4 examples
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Hmac, KnowsItsVectors) {
  // RFC 4231 §4.2, §4.3, §4.7
  EXPECT_EQ(hex(hmac_sha256(Bytes(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(Bytes(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  // RFC 2202 §3
  EXPECT_EQ(hex(hmac_sha1("Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

Bytes openssl_hkdf(std::string key, std::string info, std::size_t length) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  Bytes out(length, '\0');
  EXPECT_EQ(EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(out.data()), length, params), 1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

TEST(Hkdf, KnowsItsVectorAndAgreesWithOpenssl) {
  // RFC 5869 A.3: the vector without a salt
  EXPECT_EQ(hex(hkdf_sha256(Bytes(22, '\x0b'), {}, 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  for (const std::size_t length : {1U, 31U, 32U, 33U, 64U, 8160U}) {
    EXPECT_EQ(hkdf_sha256("key", "info", length), openssl_hkdf("key", "info", length)) << length;
  }
}

TEST(Random, GivesTextOfItsAlphabet) {
  const std::string text = random_text(5000);
  EXPECT_EQ(text.size(), 5000U);
  EXPECT_EQ(std::set<char>(text.begin(), text.end()).size(), 62U);
  EXPECT_EQ(text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
            std::string::npos);
  EXPECT_NE(random_bytes(16), random_bytes(16));
}

TEST(Base64, KnowsItsVectors) {  // RFC 4648 §10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64("\xfb\xff"), "+/8=");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(unbase64("+/8=").value(), unbase64("-_8").value());
}

TEST(Base64, RefusesWhatIsNotExactlyBase64) {
  for (const char* text :
       {"Z", "Zg=", "Zg===", "=", "==", "====", "Zg==Zg==", "Zh==", "Zm9=", "Zm9v\n", "Z g=", "Zm9v===="}) {
    EXPECT_FALSE(unbase64(text)) << text;
  }
}

RC_GTEST_PROP(Encodings, ReadBackWhatTheyWrote, (const std::string& bytes)) {
  RC_ASSERT(unbase64(base64(bytes)).value() == bytes);
  RC_ASSERT(unbase64(base64url(bytes)).value() == bytes);
  RC_ASSERT(unhex(hex(bytes)).value() == bytes);
}

TEST(Hex, RefusesWhatIsNotHexadecimal) {
  EXPECT_EQ(from_hex("00fFa1"), Bytes("\x00\xff\xa1", 3));
  EXPECT_FALSE(unhex("0"));
  EXPECT_FALSE(unhex("0g"));
}

TEST(Crc32c, KnowsItsVectors) {  // RFC 3720 B.4
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(Bytes(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(Bytes(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(counting(32)), 0x46dd794eU);
  EXPECT_EQ(crc32c({}), 0U);
}

RC_GTEST_PROP(Crc32c, ContinuesFromItsSeed, (const std::string& a, const std::string& b)) {
  RC_ASSERT(crc32c(b, crc32c(a)) == crc32c(a + b));
}

Bytes openssl_siphash128(std::string_view key, std::string_view data) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  std::size_t size = 16;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                               OSSL_PARAM_construct_end()};
  Bytes out(16, '\0');
  std::size_t written = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  EXPECT_EQ(EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(key.data()), key.size(), params), 1);
  EXPECT_EQ(EVP_MAC_update(context, bytes, data.size()), 1);
  EXPECT_EQ(EVP_MAC_final(context, reinterpret_cast<unsigned char*>(out.data()), &written, out.size()), 1);
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return out;
}

TEST(SipHash, KnowsTheReferenceVectorsAndAgreesWithOpenssl) {
  const Bytes key = counting(16);
  EXPECT_EQ(to_hex(siphash128(key, {})), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(to_hex(siphash128(key, counting(1))), "da87c1d86b99af44347659119b22fc45");
  for (std::size_t length = 0; length < 300; ++length) {
    const Bytes data = counting(length);
    EXPECT_EQ(to_hex(siphash128(key, data)), hex(openssl_siphash128(key, data))) << length;
  }
}

TEST(KeyedHash, IsSipHashOverLengthsAndPaddedParts) {
  const Bytes key = counting(16, 7);
  Bytes message = Bytes("\x03\0\0\0\0\0\0\0", 8) + Bytes("abc\0\0\0\0\0", 8);
  message += Bytes("\x08\0\0\0\0\0\0\0", 8) + "12345678" + Bytes(8, '\0');
  EXPECT_EQ(KeyedHash(key)({"abc", "12345678", ""}), siphash128(key, message));
}

TEST(KeyedHash, TellsTheBordersOfParts) {
  const KeyedHash hash(counting(16));
  EXPECT_NE(hash({"ab", "c"}), hash({"a", "bc"}));
  EXPECT_NE(hash({"ab"}), hash({"ab", ""}));
  EXPECT_NE(hash({std::string_view("a\0", 2)}), hash({"a"}));
  EXPECT_NE(hash({"ab"}), KeyedHash(counting(16, 1))({"ab"}));
}

RC_GTEST_PROP(KeyedHash, Low63IsTheStartOfTheHashAndNeverNegative, (const std::string& text)) {
  const KeyedHash hash(counting(16));
  const std::int64_t low = hash.low63({text});
  RC_ASSERT(low >= 0);
  const auto first = static_cast<std::uint64_t>(low) >> 55;
  RC_ASSERT(first == hash({text})[0]);
}

TEST(Sealer, OpensWhatItSealed) {
  const Sealer sealer("k1", Secret(counting(32)));
  for (const std::string& plain : {std::string(), std::string("token"), Bytes(100'000, 'x')}) {
    const std::string sealed = sealer.seal(plain, "integration:7");
    EXPECT_TRUE(sealed.starts_with("v1:k1:"));
    EXPECT_EQ(sealer.open(sealed, "integration:7").value().reveal(), plain);
    EXPECT_NE(sealed, sealer.seal(plain, "integration:7"));
  }
}

TEST(Sealer, RefusesEveryChangedByte) {
  const Sealer sealer("k1", Secret(counting(32)));
  const std::string sealed = sealer.seal("token", "row:1");
  const Bytes raw = unbase64(sealed.substr(6)).value();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    Bytes changed = raw;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto opened = sealer.open("v1:k1:" + base64(changed), "row:1");
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().code, Errc::Corruption);
  }
  EXPECT_EQ(sealer.open(sealed, "row:2").error().code, Errc::Corruption);
  EXPECT_EQ(sealer.open("v1:k1:" + base64(raw.substr(0, raw.size() - 1)), "row:1").error().code,
            Errc::Corruption);
  EXPECT_EQ(Sealer("k1", Secret(counting(32, 1))).open(sealed, "row:1").error().code, Errc::Corruption);
  for (const char* text : {"", "v1:", "v1:k1", "v1:k1:", "v1:k1:AAAA", "v1:k1:!", "v2:k1:AAAA"}) {
    EXPECT_EQ(sealer.open(text, "row:1").error().code, Errc::Corruption) << text;
  }
}

TEST(Sealer, NamesAnotherKey) {
  const std::string sealed = Sealer("old", Secret(counting(32))).seal("token", "row:1");
  EXPECT_EQ(Sealer("new", Secret(counting(32, 1))).open(sealed, "row:1").error().code,
            Errc::FailedPrecondition);
}

TEST(KeyRing, DerivesTheSameKeysFromTheSameRoot) {
  const Secret root(counting(32));
  const KeyRing a = KeyRing::derive(root).value(), b = KeyRing::derive(root).value();
  EXPECT_EQ(a.sealer.key_id(), hex(sha256(counting(32))).substr(0, 8));
  EXPECT_EQ(b.sealer.open(a.sealer.seal("x", "c"), "c").value().reveal(), "x");
  EXPECT_EQ(a.event_hash({"x"}), KeyedHash(hkdf_sha256(counting(32), "carillon/v1/event", 16))({"x"}));
  EXPECT_TRUE(a.link_key.matches(hkdf_sha256(counting(32), "carillon/v1/link", 32)));
  EXPECT_NE(a.event_hash({"x"}), a.address_hash({"x"}));
  EXPECT_NE(a.address_hash({"x"}), a.lookup_hash({"x"}));
  EXPECT_FALSE(a.link_key.matches(a.credential_pepper.reveal()));
}

TEST(KeyRing, RefusesARootOfAnotherLength) {
  EXPECT_EQ(KeyRing::derive(Secret(counting(31))).error().code, Errc::InvalidArgument);
  EXPECT_EQ(KeyRing::derive(Secret()).error().code, Errc::InvalidArgument);
}

}  // namespace
}  // namespace carillon::base
