// The encryption of Web Push messages: RFC 8291 keys, RFC 8188 content coding "aes128gcm", one record.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/crypto.h"
#include "base/p256.h"

namespace carillon::net {

inline constexpr std::size_t kPushBodyMax = 4096;  // bytes a push service must take (RFC 8030 §7.2)
// salt, record size, key length, key; then the delimiter and the tag
inline constexpr std::size_t kPushOverhead = 16 + 4 + 1 + base::kP256PointBytes + 1 + 16;
inline constexpr std::size_t kPushPlainMax = kPushBodyMax - kPushOverhead;  // 3,993
inline constexpr std::size_t kPushAuthBytes = 16;
inline constexpr std::size_t kPushSaltBytes = 16;

// What a browser's subscription says of its keys.
struct PushKeys {
  base::Bytes public_key;  // p256dh: a point, 65 bytes
  base::Bytes auth;        // 16 bytes
};

// The body of the request, with a key pair and a salt of its own. About 70 µs of a core, so not for a thread
// that others wait for. Errors: InvalidArgument (the keys are none, or more than kPushPlainMax bytes).
Result<base::Bytes> encrypt_push(const PushKeys& keys, std::string_view plain);
// The same with a given pair and salt (16 bytes), for the RFC's example.
Result<base::Bytes> encrypt_push(const PushKeys& keys, std::string_view plain, const base::P256Pair& pair,
                                 std::string_view salt);

// The receiving end, for tests and the simulator. Errors: InvalidArgument (malformed, for another key,
// changed on the way).
Result<base::Bytes> decrypt_push(const base::Secret& private_key, std::string_view auth,
                                 std::string_view body);

}  // namespace carillon::net
