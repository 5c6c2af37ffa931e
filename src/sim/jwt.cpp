#include "sim/jwt.h"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/crypto.h"
#include "base/p256.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kEs256Size = 64;
constexpr std::size_t kJwtMax = 8192;  // bytes

struct Free {
  void operator()(BIO* p) const noexcept { BIO_free(p); }
  void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
  void operator()(ECDSA_SIG* p) const noexcept { ECDSA_SIG_free(p); }
};

}  // namespace

Result<VerifyKey> VerifyKey::from_pem(std::string_view pem) {
  const std::unique_ptr<BIO, Free> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* key = pem.find("PUBLIC KEY") == std::string_view::npos
                      ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr)
                      : PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr);
  if (key == nullptr) return fail(Errc::InvalidArgument, "not a PEM key");
  VerifyKey result;
  result.key_ = std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
  return result;
}

Result<VerifyKey> VerifyKey::from_p256_point(std::string_view point) {
  // SubjectPublicKeyInfo of an uncompressed point (RFC 5480 §2): all before the point is the same for all.
  constexpr std::string_view kHead = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
  if (!base::is_p256_point(point)) return fail(Errc::InvalidArgument, "not a point of P-256");
  CARILLON_TRY(std::string der, base::unhex(kHead));
  der += point;
  return from_pem("-----BEGIN PUBLIC KEY-----\n" + base::base64(der) + "\n-----END PUBLIC KEY-----\n");
}

bool VerifyKey::verify(std::string_view input, std::string_view signature) const {
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(input.data()),
                          input.size()) == 1;
}

bool VerifyKey::verify_es256(std::string_view input, std::string_view signature) const {
  if (signature.size() != kEs256Size) return false;  // DER is refused, as Apple does
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
  const std::unique_ptr<ECDSA_SIG, Free> pair(ECDSA_SIG_new());
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(bytes, kEs256Size / 2, nullptr),
                 BN_bin2bn(bytes + kEs256Size / 2, kEs256Size / 2, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return false;
  const bool is_right = verify(input, {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return is_right;
}

bool VerifyKey::verify_rs256(std::string_view input, std::string_view signature) const {
  return verify(input, signature);
}

Result<Jwt> split_jwt(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (token.size() > kJwtMax || second == std::string_view::npos ||
      token.find('.', second + 1) != std::string_view::npos) {
    return fail(Errc::InvalidArgument, "not a compact JWS: three parts divided by dots are needed");
  }
  Jwt jwt;
  CARILLON_TRY(jwt.header, base::unbase64(token.substr(0, first)));
  CARILLON_TRY(jwt.claims, base::unbase64(token.substr(first + 1, second - first - 1)));
  CARILLON_TRY(jwt.signature, base::unbase64(token.substr(second + 1)));
  jwt.signed_part = token.substr(0, second);
  return jwt;
}

}  // namespace carillon::sim
