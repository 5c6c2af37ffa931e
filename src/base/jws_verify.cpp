#include "base/jws_verify.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>

#include "base/free.h"

namespace carillon::base {
namespace {

constexpr std::size_t kEs256Half = 32;      // bytes of r, s, x and y
constexpr std::size_t kEd25519Bytes = 32;   // of a public key
constexpr std::size_t kMaxPemBytes = 4096;  // a public RSA key of 8,192 bits has 1.4 KiB
constexpr const char* kP256 = "prime256v1";
constexpr std::string_view kNames[] = {"HS256", "RS256", "ES256", "EdDSA"};

using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// A left-over entry would be taken for the failure of a later TLS call on this thread.
struct CleanErrors {
  CleanErrors() = default;
  CleanErrors(const CleanErrors&) = delete;
  CleanErrors& operator=(const CleanErrors&) = delete;
  ~CleanErrors() { ERR_clear_error(); }
};

KeyPtr key_of(const char* kind, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

bool is_of_kind(JwsAlgorithm algorithm, const EVP_PKEY* key) {
  switch (algorithm) {
    case JwsAlgorithm::HS256: return false;
    case JwsAlgorithm::RS256:
      return EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kRsaBitsMin &&
             EVP_PKEY_get_bits(key) <= kRsaBitsMax;
    case JwsAlgorithm::ES256: {
      std::array<char, 64> group{};
      return EVP_PKEY_is_a(key, "EC") == 1 &&
             EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
             std::string_view(group.data()) == kP256;
    }
    case JwsAlgorithm::EdDSA: return EVP_PKEY_is_a(key, "ED25519") == 1;
  }
  return false;
}

// RFC 7518 §3.4 has r and s as 32 bytes each; OpenSSL wants DER.
Bytes der_signature(std::string_view raw) {
  if (raw.size() != 2 * kEs256Half) return {};
  const std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>> sig(ECDSA_SIG_new());
  CARILLON_ASSERT(sig != nullptr);
  Number r(BN_bin2bn(bytes(raw), kEs256Half, nullptr));
  Number s(BN_bin2bn(bytes(raw) + kEs256Half, kEs256Half, nullptr));
  CARILLON_ASSERT(r && s);
  if (ECDSA_SIG_set0(sig.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // they belong to `sig` now
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(sig.get(), &der);
  if (size <= 0) return {};
  Bytes out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string_view wanted(JwsAlgorithm algorithm) {
  switch (algorithm) {
    case JwsAlgorithm::HS256: return "HS256 takes a secret of 32 to 1,024 bytes, not a public key";
    case JwsAlgorithm::RS256: return "RS256 takes a public RSA key of 2,048 to 8,192 bits";
    case JwsAlgorithm::ES256: return "ES256 takes a public EC key on the curve P-256";
    case JwsAlgorithm::EdDSA: return "EdDSA takes a public Ed25519 key";
  }
  return {};
}

}  // namespace

std::string_view name(JwsAlgorithm algorithm) noexcept { return kNames[static_cast<std::size_t>(algorithm)]; }

std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view text) noexcept {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == text) return static_cast<JwsAlgorithm>(i);
  }
  return std::nullopt;
}

struct JwsKey::Impl {
  KeyPtr key;
  Secret secret;
};

Result<JwsKey> JwsKey::checked(JwsAlgorithm algorithm, std::shared_ptr<const Impl> impl) {
  const EVP_PKEY* const key = impl->key.get();
  if (key == nullptr || !is_of_kind(algorithm, key)) {
    return fail(Errc::InvalidArgument, std::string(wanted(algorithm)));
  }
  return JwsKey(algorithm, std::move(impl));
}

Result<JwsKey> JwsKey::from_secret(Secret secret) {
  const std::size_t size = secret.reveal().size();
  if (size < kHs256SecretMin || size > kHs256SecretMax) {
    return fail(Errc::InvalidArgument, "HS256 takes a secret of 32 to 1,024 bytes");
  }
  return JwsKey(JwsAlgorithm::HS256, std::make_shared<const Impl>(nullptr, std::move(secret)));
}

Result<JwsKey> JwsKey::from_pem(JwsAlgorithm algorithm, std::string_view pem) {
  const CleanErrors clean;
  KeyPtr key;
  if (!pem.empty() && pem.size() <= kMaxPemBytes) {
    const std::unique_ptr<BIO, Free<BIO_free_all>> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    CARILLON_ASSERT(bio != nullptr);
    key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  }
  if (key == nullptr) {
    return fail(Errc::InvalidArgument,
                "give the public key in PEM form, beginning with -----BEGIN PUBLIC KEY-----");
  }
  return checked(algorithm, std::make_shared<const Impl>(std::move(key), Secret()));
}

Result<JwsKey> JwsKey::from_rsa(std::string_view n, std::string_view e) {
  const CleanErrors clean;
  KeyPtr key;
  if (!n.empty() && n.size() <= kRsaBitsMax / 8 && !e.empty() && e.size() <= 8) {
    const Number modulus(BN_bin2bn(bytes(n), static_cast<int>(n.size()), nullptr));
    const Number exponent(BN_bin2bn(bytes(e), static_cast<int>(e.size()), nullptr));
    const Builder builder(OSSL_PARAM_BLD_new());
    if (BN_is_odd(exponent.get()) == 1 && BN_is_one(exponent.get()) == 0 &&
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1) {
      key = key_of("RSA", builder.get());
    }
  }
  return checked(JwsAlgorithm::RS256, std::make_shared<const Impl>(std::move(key), Secret()));
}

Result<JwsKey> JwsKey::from_p256(std::string_view x, std::string_view y) {
  const CleanErrors clean;
  KeyPtr key;
  if (x.size() == kEs256Half && y.size() == kEs256Half) {
    const std::string point = std::string(1, '\x04').append(x).append(y);
    const Builder builder(OSSL_PARAM_BLD_new());
    if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kP256, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1) {
      key = key_of("EC", builder.get());
    }
  }
  return checked(JwsAlgorithm::ES256, std::make_shared<const Impl>(std::move(key), Secret()));
}

Result<JwsKey> JwsKey::from_ed25519(std::string_view x) {
  const CleanErrors clean;
  KeyPtr key;
  if (x.size() == kEd25519Bytes) {
    key.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes(x), x.size()));
  }
  return checked(JwsAlgorithm::EdDSA, std::make_shared<const Impl>(std::move(key), Secret()));
}

bool JwsKey::verify(std::string_view input, std::string_view signature) const {
  if (algorithm_ == JwsAlgorithm::HS256) {
    return equal_constant_time(hmac_sha256(impl_->secret.reveal(), input), signature);
  }
  const CleanErrors clean;
  const Bytes der = algorithm_ == JwsAlgorithm::ES256 ? der_signature(signature) : Bytes(signature);
  if (der.empty()) return false;
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  CARILLON_ASSERT(context != nullptr);
  // Ed25519 hashes by itself. RSA: PKCS #1 v1.5 is the default padding, which is what RS256 means.
  const char* const digest = algorithm_ == JwsAlgorithm::EdDSA ? nullptr : "SHA256";
  return EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, nullptr, nullptr, impl_->key.get(),
                                 nullptr) == 1 &&
         EVP_DigestVerify(context.get(), bytes(der), der.size(), bytes(input), input.size()) == 1;
}

std::string JwsKey::pem() const {
  if (!impl_->key) return {};
  const CleanErrors clean;
  const std::unique_ptr<BIO, Free<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  CARILLON_ASSERT(bio != nullptr);
  CARILLON_ASSERT(PEM_write_bio_PUBKEY(bio.get(), impl_->key.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace carillon::base
