// Keys on the curve P-256 (secp256r1): pairs, shared secrets, and the two ways a private key is written down.
//
// Points are 65 bytes: 0x04, x, y (SEC 1 §2.3.3, not compressed). Private keys are 32 bytes, big-endian. All
// functions are thread-safe. Where OpenSSL itself fails (no memory, no random source) they abort.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/crypto.h"

namespace carillon::base {

inline constexpr std::size_t kP256PointBytes = 65;
inline constexpr std::size_t kP256ScalarBytes = 32;

struct P256Pair {
  Secret private_key;
  Bytes public_key;
};

// A fresh pair from the system's random source. About 15 µs.
P256Pair make_p256_pair();
// Errors: InvalidArgument (not 32 bytes, zero, or not below the order of the curve).
Result<Bytes> p256_public_key(const Secret& private_key);
// The x coordinate of private × point (ECDH, SP 800-56A §5.7.1.2), 32 bytes. The point is checked to be on
// the curve, whose cofactor is 1. Errors: InvalidArgument (either is none). About 45 µs.
Result<Secret> p256_shared_secret(const Secret& private_key, std::string_view point);
[[nodiscard]] bool is_p256_point(std::string_view bytes);

// PKCS#8 in PEM, as jws_es256() takes it. Errors: InvalidArgument (as p256_public_key).
Result<Secret> p256_pem(const Secret& private_key);
// Reads a private key as people have it: PEM (PKCS#8 or SEC 1, without a password), or the 32 bytes in
// base64url as tools for web push write it. Errors: InvalidArgument.
Result<Secret> read_p256_key(const Secret& text);

}  // namespace carillon::base
