// Verifying signatures of JWS compact serialisation (RFC 7515), on OpenSSL 3. Making them: base/crypto.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/error.h"
#include "base/secret.h"

namespace carillon::base {

// RFC 7518 §3.1 and RFC 8037. "none" is not among them and never will be.
enum class JwsAlgorithm : std::uint8_t { HS256, RS256, ES256, EdDSA };
std::string_view name(JwsAlgorithm algorithm) noexcept;
std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view text) noexcept;

inline constexpr std::size_t kHs256SecretMin = 32;  // bytes: RFC 7518 §3.2
inline constexpr std::size_t kHs256SecretMax = 1024;
inline constexpr int kRsaBitsMin = 2048, kRsaBitsMax = 8192;

// A key that verifies, bound to one algorithm: a public key never becomes the secret of an HMAC. Parsed
// once; cheap to copy. One object may be used from several threads.
class JwsKey {
 public:
  // Errors of all: InvalidArgument, with what is wanted instead; never with the key itself.
  static Result<JwsKey> from_secret(Secret secret);  // HS256
  // A SubjectPublicKeyInfo, "-----BEGIN PUBLIC KEY-----". The key must be of the algorithm's kind: RSA of
  // 2,048 to 8,192 bits, EC P-256, Ed25519.
  static Result<JwsKey> from_pem(JwsAlgorithm algorithm, std::string_view pem);
  // The members of a JWK, decoded (RFC 7518 §6, RFC 8037 §2).
  static Result<JwsKey> from_rsa(std::string_view n, std::string_view e);
  static Result<JwsKey> from_p256(std::string_view x, std::string_view y);
  static Result<JwsKey> from_ed25519(std::string_view x);

  [[nodiscard]] JwsAlgorithm algorithm() const noexcept { return algorithm_; }
  // Whether `signature` (raw, as RFC 7518 defines it) was made over `input` with this key.
  [[nodiscard]] bool verify(std::string_view input, std::string_view signature) const;
  // The public key as PEM; empty for HS256.
  [[nodiscard]] std::string pem() const;

 private:
  struct Impl;
  JwsKey(JwsAlgorithm algorithm, std::shared_ptr<const Impl> impl)
      : algorithm_(algorithm), impl_(std::move(impl)) {}
  static Result<JwsKey> checked(JwsAlgorithm algorithm, std::shared_ptr<const Impl> impl);
  JwsAlgorithm algorithm_;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace carillon::base
