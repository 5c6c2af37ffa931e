#include "base/signature.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>

#include "base/free.h"

namespace carillon::base {
namespace {

constexpr int kRsaBitsMin = 2048, kRsaBitsMax = 8192;
constexpr std::size_t kDerBytesMax = 16 * 1024;
constexpr std::size_t kPemBytesMax = 64 * 1024;  // a certificate and its chain

using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == "prime256v1";
}

bool is_rsa(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kRsaBitsMin &&
         EVP_PKEY_get_bits(key) <= kRsaBitsMax;
}

}  // namespace

struct PublicKey::Impl {
  KeyPtr key;
};

Result<PublicKey> PublicKey::checked(std::shared_ptr<const Impl> impl) {
  // A left-over entry would be taken for the failure of a later TLS call on this thread.
  ERR_clear_error();
  const EVP_PKEY* const key = impl->key.get();
  if (key == nullptr || (!is_p256(key) && !is_rsa(key))) {
    return fail(Errc::InvalidArgument,
                "not a public key on the curve P-256, nor an RSA key of 2048 to 8192 bits");
  }
  return PublicKey(std::move(impl));
}

Result<PublicKey> PublicKey::from_der(std::string_view spki) {
  auto impl = std::make_shared<Impl>();
  if (!spki.empty() && spki.size() <= kDerBytesMax) {
    const unsigned char* at = bytes(spki);
    impl->key.reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
    if (at != bytes(spki) + spki.size()) impl->key.reset();
  }
  return checked(std::move(impl));
}

Result<PublicKey> PublicKey::from_certificate(std::string_view pem, Time now) {
  if (pem.empty() || pem.size() > kPemBytesMax) return fail(Errc::InvalidArgument, "not a PEM certificate");
  const std::unique_ptr<BIO, Free<BIO_free_all>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CARILLON_ASSERT(bio != nullptr);
  const std::unique_ptr<X509, Free<X509_free>> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  if (!certificate) return fail(Errc::InvalidArgument, "not a PEM certificate");
  std::time_t at = to_ms(now) / 1000;
  // 0 is OpenSSL's word for a date that cannot be read.
  const int begins = X509_cmp_time(X509_get0_notBefore(certificate.get()), &at);
  const int ends = X509_cmp_time(X509_get0_notAfter(certificate.get()), &at);
  if (begins >= 0 || ends <= 0) return fail(Errc::InvalidArgument, "the certificate is not valid now");
  auto impl = std::make_shared<Impl>();
  impl->key.reset(X509_get_pubkey(certificate.get()));
  return checked(std::move(impl));
}

bool PublicKey::is_ec() const noexcept { return EVP_PKEY_is_a(impl_->key.get(), "EC") == 1; }

bool PublicKey::verify(SignatureHash hash, std::string_view data, std::string_view signature) const {
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  CARILLON_ASSERT(context != nullptr);
  const char* const digest = hash == SignatureHash::Sha1 ? "SHA1" : "SHA256";
  const bool is_right =
      EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, nullptr, nullptr, impl_->key.get(), nullptr) ==
          1 &&
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(data), data.size()) == 1;
  ERR_clear_error();
  return is_right;
}

}  // namespace carillon::base
