#include "base/signature.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/crypto.h"

namespace carillon::base {
namespace {

constexpr SignatureHash kBoth[] = {SignatureHash::Sha1, SignatureHash::Sha256};

Bytes sign(EVP_PKEY* key, SignatureHash hash, std::string_view data) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const EVP_MD* const digest = hash == SignatureHash::Sha1 ? EVP_sha1() : EVP_sha256();
  const auto* const in = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  EXPECT_EQ(EVP_DigestSignInit(context, nullptr, digest, nullptr, key), 1);
  EXPECT_EQ(EVP_DigestSign(context, nullptr, &size, in, data.size()), 1);
  Bytes out(size, '\0');
  EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size, in, data.size()), 1);
  out.resize(size);
  EVP_MD_CTX_free(context);
  return out;
}

Bytes public_der(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Bytes out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string certificate_of(EVP_PKEY* key, long from_s, long to_s) {
  X509* const c = X509_new();
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
  X509_gmtime_adj(X509_getm_notBefore(c), from_s);
  X509_gmtime_adj(X509_getm_notAfter(c), to_s);
  X509_set_pubkey(c, key);
  X509_set_issuer_name(c, X509_get_subject_name(c));
  X509_sign(c, key, EVP_sha256());
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, c);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  X509_free(c);
  return pem;
}

TEST(PublicKey, VerifiesEcAndRsaSignatures) {
  for (EVP_PKEY* const key : {EVP_EC_gen("P-256"), EVP_RSA_gen(2048)}) {
    const auto checker = PublicKey::from_der(public_der(key));
    ASSERT_TRUE(checker) << checker.error().message;
    EXPECT_EQ(checker->is_ec(), EVP_PKEY_is_a(key, "EC") == 1);
    for (const SignatureHash hash : kBoth) {
      Bytes signature = sign(key, hash, "what was said");
      EXPECT_TRUE(checker->verify(hash, "what was said", signature));
      EXPECT_FALSE(checker->verify(hash, "what was not said", signature));
      EXPECT_FALSE(
          checker->verify(hash == SignatureHash::Sha1 ? kBoth[1] : kBoth[0], "what was said", signature));
      signature[signature.size() / 2] = static_cast<char>(signature[signature.size() / 2] ^ 1);
      EXPECT_FALSE(checker->verify(hash, "what was said", signature));
      EXPECT_FALSE(checker->verify(hash, "what was said", ""));
      EXPECT_FALSE(checker->verify(hash, "what was said", "junk"));
    }
    EVP_PKEY_free(key);
  }
}

TEST(PublicKey, RefusesKeysOfAnotherKind) {
  for (EVP_PKEY* const key :
       {EVP_RSA_gen(1024), EVP_EC_gen("P-384"), EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")}) {
    EXPECT_EQ(PublicKey::from_der(public_der(key)).error().code, Errc::InvalidArgument);
    EVP_PKEY_free(key);
  }
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  EXPECT_FALSE(PublicKey::from_der(public_der(key) + "x"));
  EXPECT_FALSE(PublicKey::from_der(""));
  EXPECT_FALSE(PublicKey::from_der("not a key"));
  EVP_PKEY_free(key);
}

TEST(PublicKey, TakesACertificateOnlyWhileItIsValid) {
  EVP_PKEY* const key = EVP_RSA_gen(2048);
  const Time now = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  const auto good = PublicKey::from_certificate(certificate_of(key, -60, 3600), now);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->verify(SignatureHash::Sha256, "x", sign(key, SignatureHash::Sha256, "x")));
  EXPECT_FALSE(PublicKey::from_certificate(certificate_of(key, -60, 3600), now + std::chrono::hours(2)));
  EXPECT_FALSE(PublicKey::from_certificate(certificate_of(key, -60, 3600), now - std::chrono::hours(2)));
  EXPECT_FALSE(
      PublicKey::from_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", now));
  EXPECT_FALSE(PublicKey::from_certificate("", now));
  EVP_PKEY_free(key);
}

}  // namespace
}  // namespace carillon::base
