#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "base/free.h"

#include "base/crypto.h"

namespace carillon::base {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr std::size_t kEs256Half = 32;           // bytes of r and of s
constexpr std::size_t kMaxPemBytes = 16 * 1024;  // an RSA key of 8,192 bits has 6.5 KiB

using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// Without this OpenSSL would ask for an encrypted key's password on the terminal.
int no_password(char*, int, int, void*) { return -1; }

KeyPtr read_key(const Secret& pem) {
  const std::string_view text = pem.reveal();
  if (text.empty() || text.size() > kMaxPemBytes) return nullptr;
  const std::unique_ptr<BIO, Free<BIO_free_all>> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CARILLON_ASSERT(bio != nullptr);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  // A left-over entry would be taken for the failure of a later TLS call on this thread.
  ERR_clear_error();
  return key;
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == "prime256v1";
}

std::string signing_input(std::string_view header_json, std::string_view claims_json) {
  return base64url(header_json) + "." + base64url(claims_json);
}

Result<Bytes> sign_sha256(EVP_PKEY* key, std::string_view input) {
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  CARILLON_ASSERT(context != nullptr);
  const auto* const data = reinterpret_cast<const unsigned char*>(input.data());
  std::size_t size = 0;
  Bytes out;
  bool ok = EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) == 1 &&
            EVP_DigestSign(context.get(), nullptr, &size, data, input.size()) == 1;
  if (ok) {
    out.resize(size);
    ok = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, data,
                        input.size()) == 1;
    out.resize(size);
  }
  ERR_clear_error();
  if (!ok) return fail(Errc::InvalidArgument, "the private key cannot sign; check that it is complete");
  return out;
}

// OpenSSL gives the signature as DER; RFC 7518 §3.4 wants r and s as 32 bytes each.
Result<Bytes> raw_signature(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>> sig(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  Bytes out(2 * kEs256Half, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  if (sig == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), to, kEs256Half) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), to + kEs256Half, kEs256Half) < 0) {
    return fail(Errc::Internal, "OpenSSL returned an ECDSA signature that is none");
  }
  return out;
}

}  // namespace

Result<std::string> jws_es256(std::string_view header_json, std::string_view claims_json, const Secret& pem) {
  const KeyPtr key = read_key(pem);
  if (key == nullptr || !is_p256(key.get())) {
    return fail(Errc::InvalidArgument,
                "the key must be an EC P-256 private key in PEM form, without a password");
  }
  const std::string input = signing_input(header_json, claims_json);
  CARILLON_TRY(const Bytes der, sign_sha256(key.get(), input));
  CARILLON_TRY(const Bytes raw, raw_signature(der));
  return input + "." + base64url(raw);
}

Result<std::string> jws_rs256(std::string_view header_json, std::string_view claims_json, const Secret& pem) {
  const KeyPtr key = read_key(pem);
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "RSA") != 1 || EVP_PKEY_get_bits(key.get()) < kMinRsaBits) {
    return fail(Errc::InvalidArgument,
                "the key must be an RSA private key of at least 2048 bits in PEM form, without a password");
  }
  const std::string input = signing_input(header_json, claims_json);
  CARILLON_TRY(const Bytes signature, sign_sha256(key.get(), input));
  return input + "." + base64url(signature);
}

}  // namespace carillon::base
