#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "base/crypto.h"

namespace carillon::base {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key make_ec(const char* curve) { return {EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve), &EVP_PKEY_free}; }
Key make_rsa(std::size_t bits) { return {EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits), &EVP_PKEY_free}; }

Secret pem_of(EVP_PKEY* key, const char* password = nullptr) {
  BIO* bio = BIO_new(BIO_s_mem());
  const int length = password == nullptr ? 0 : static_cast<int>(std::string_view(password).size());
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio, key, password == nullptr ? nullptr : EVP_aes_256_cbc(),
                                          password, length, nullptr, nullptr),
            1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  Secret pem(std::string(data, static_cast<std::size_t>(size)));
  BIO_free(bio);
  return pem;
}

bool verifies(EVP_PKEY* key, std::string_view input, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const auto bytes = [](std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); };
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(input), input.size()) == 1;
}

// r‖s as the DER that OpenSSL verifies.
Bytes der_of(const Bytes& raw) {
  const auto* at = reinterpret_cast<const unsigned char*>(raw.data());
  ECDSA_SIG* sig = ECDSA_SIG_new();
  ECDSA_SIG_set0(sig, BN_bin2bn(at, 32, nullptr), BN_bin2bn(at + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(sig, &der);
  Bytes out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  ECDSA_SIG_free(sig);
  return out;
}

constexpr std::string_view kHeader = R"({"alg":"ES256","kid":"ABC"})";
constexpr std::string_view kClaims = R"({"iss":"TEAM","iat":1700000000})";

TEST(JwsEs256, IsVerifiedByOpenssl) {
  const Key key = make_ec("P-256");
  // Many, because a short r or s needs padding in about one of 128 signatures.
  for (int i = 0; i < 400; ++i) {
    const std::string token = jws_es256(kHeader, kClaims, pem_of(key.get())).value();
    const std::size_t dot = token.rfind('.');
    ASSERT_EQ(token.substr(0, dot), base64url(kHeader) + "." + base64url(kClaims));
    const Bytes raw = unbase64(token.substr(dot + 1)).value();
    ASSERT_EQ(raw.size(), 64U);
    ASSERT_TRUE(verifies(key.get(), token.substr(0, dot), der_of(raw)));
    ASSERT_FALSE(verifies(key.get(), token.substr(1, dot), der_of(raw)));
  }
}

TEST(JwsRs256, IsVerifiedByOpenssl) {
  const Key key = make_rsa(2048);
  const std::string token = jws_rs256(R"({"alg":"RS256"})", kClaims, pem_of(key.get())).value();
  const std::size_t dot = token.rfind('.');
  EXPECT_TRUE(verifies(key.get(), token.substr(0, dot), unbase64(token.substr(dot + 1)).value()));
}

TEST(Jws, RefusesKeysOfAnotherKindWithoutShowingThem) {
  const Secret p256 = pem_of(make_ec("P-256").get());
  const Secret rsa = pem_of(make_rsa(2048).get());
  EXPECT_EQ(jws_es256(kHeader, kClaims, rsa).error().code, Errc::InvalidArgument);
  EXPECT_EQ(jws_rs256(kHeader, kClaims, p256).error().code, Errc::InvalidArgument);
  EXPECT_EQ(jws_es256(kHeader, kClaims, pem_of(make_ec("P-384").get())).error().code, Errc::InvalidArgument);
  EXPECT_EQ(jws_rs256(kHeader, kClaims, pem_of(make_rsa(1024).get())).error().code, Errc::InvalidArgument);
  EXPECT_EQ(jws_es256(kHeader, kClaims, pem_of(make_ec("P-256").get(), "pw")).error().code,
            Errc::InvalidArgument);
  const auto error = jws_es256(kHeader, kClaims, Secret(std::string("not a key"))).error();
  EXPECT_EQ(error.code, Errc::InvalidArgument);
  EXPECT_EQ(error.message.find("not a key"), std::string::npos);
  EXPECT_EQ(jws_es256(kHeader, kClaims, Secret()).error().code, Errc::InvalidArgument);
}

}  // namespace
}  // namespace carillon::base
