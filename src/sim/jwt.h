// Checking signed tokens the way the vendors do.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct evp_pkey_st;

namespace carillon::sim {

// A private or public key; only its public half is used. Copyable, thread-safe.
class VerifyKey {
 public:
  // PKCS#8 or SubjectPublicKeyInfo PEM. Errors: InvalidArgument.
  static Result<VerifyKey> from_pem(std::string_view pem);
  // A point of P-256, 65 bytes. Errors: InvalidArgument.
  static Result<VerifyKey> from_p256_point(std::string_view point);
  // ES256 signature as raw r and s, 64 bytes (RFC 7518 §3.4).
  [[nodiscard]] bool verify_es256(std::string_view input, std::string_view signature) const;
  [[nodiscard]] bool verify_rs256(std::string_view input, std::string_view signature) const;

 private:
  [[nodiscard]] bool verify(std::string_view input, std::string_view signature) const;
  std::shared_ptr<evp_pkey_st> key_;
};

// A token taken apart; nothing verified yet.
struct Jwt {
  std::string header;       // JSON
  std::string claims;       // JSON
  std::string signed_part;  // what the signature covers
  std::string signature;    // raw bytes
};
// Errors: InvalidArgument (not three base64url parts).
Result<Jwt> split_jwt(std::string_view token);

}  // namespace carillon::sim
