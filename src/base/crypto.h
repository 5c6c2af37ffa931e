// The few cryptographic operations Carillon uses, on OpenSSL 3. All functions are thread-safe. Where
// OpenSSL itself fails (no memory, no random source) they abort by CARILLON_ASSERT: no caller could go on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace carillon::base {

using Bytes = std::string;  // raw bytes; not text
using Hash128 = std::array<std::uint8_t, 16>;

Bytes random_bytes(std::size_t count);
// `count` characters of [0-9A-Za-z], from the system's random source.
std::string random_text(std::size_t count);

Bytes sha256(std::string_view data);
Bytes sha1(std::string_view data);
Bytes hmac_sha256(std::string_view key, std::string_view data);
Bytes hmac_sha1(std::string_view key, std::string_view data);
// RFC 5869 with SHA-256, empty salt; `length` up to 8,160 bytes.
Bytes hkdf_sha256(std::string_view key, std::string_view info, std::size_t length);
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

std::string hex(std::string_view bytes);
// Either case. Errors: InvalidArgument (odd length, another character).
Result<Bytes> unhex(std::string_view text);
std::string base64(std::string_view bytes);     // RFC 4648 §4, padded
std::string base64url(std::string_view bytes);  // RFC 4648 §5, unpadded
// Accepts both alphabets; padding is optional but complete when given. Errors: InvalidArgument (another
// character, also white space; wrong padding; unused bits that are not zero).
Result<Bytes> unbase64(std::string_view text);
// CRC-32C (Castagnoli, RFC 3720 §12.1). crc32c(b, crc32c(a)) is the value of a followed by b.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0) noexcept;

// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein 2012, and its reference code). `key16`:
// exactly 16 bytes, asserted.
Hash128 siphash128(std::string_view key16, std::string_view data);

// siphash128 over parts, each written as its length (8 bytes, little-endian) and its bytes padded with
// zeros to a multiple of 8, so that ("ab","c") differs from ("a","bc"). Stored on disk: never changes.
// One object may be used from several threads. Cost about 0.1 µs for short parts.
class KeyedHash {
 public:
  explicit KeyedHash(std::string_view key16);  // exactly 16 bytes
  [[nodiscard]] Hash128 operator()(std::initializer_list<std::string_view> parts) const;
  // The first 63 bits of the same, never negative: for INTEGER columns.
  [[nodiscard]] std::int64_t low63(std::initializer_list<std::string_view> parts) const;

 private:
  std::uint64_t k0_ = 0, k1_ = 0;
};

// Authenticated encryption at rest: AES-256-GCM, random 96-bit nonce.
// Sealed form: "v1:" key_id ":" base64(nonce | ciphertext | tag).
class Sealer {
 public:
  // `key`: 32 bytes, asserted. `key_id` (no colon, asserted) names it inside sealed values, so that
  // rotation can tell old from new.
  Sealer(std::string key_id, Secret key);
  // `context` (a row's kind and id) is authenticated: a sealed value moved to another row fails.
  [[nodiscard]] std::string seal(std::string_view plain, std::string_view context) const;
  // Errors: Corruption (tampered, wrong context, malformed) · FailedPrecondition (another key id).
  [[nodiscard]] Result<Secret> open(std::string_view sealed, std::string_view context) const;
  [[nodiscard]] const std::string& key_id() const noexcept { return key_id_; }

 private:
  std::string key_id_;
  Secret key_;
};

// All keys of an installation, derived from its one `secrets.key` by HKDF (CONTRACT §7).
struct KeyRing {
  // `root`: exactly 32 bytes. Errors: InvalidArgument.
  // Each key is HKDF(root, "carillon/v1/" + purpose); the sealer's id is the first 8 hexadecimal digits
  // of sha256(root).
  static Result<KeyRing> derive(const Secret& root);
  Sealer sealer;             // provider credentials
  Sealer sensitive_sealer;   // requests, events and messages that hold something sensitive
  KeyedHash event_hash;      // dedup of event ids
  KeyedHash address_hash;    // suppressions, look-up by address or token
  KeyedHash lookup_hash;     // history index
  Secret link_key;           // MACs of public links and cursors
  Secret credential_pepper;  // app secrets and tokens are stored as HMAC under this: credential_hash()
  Secret client_key;         // MACs of client tokens
  Secret session_key;        // MACs of the cookies of members
  // How the secret of a credential is stored and looked up: hexadecimal HMAC-SHA-256 under the pepper.
  [[nodiscard]] std::string credential_hash(std::string_view secret) const;
};

// JWS compact serialisation of `header_json`.`claims_json` (RFC 7515 §7.1). The header is taken as it
// is: it must name the algorithm. Errors of both: InvalidArgument (no key, or one of another kind).
// ES256: `pem` is a PKCS#8 EC P-256 key; the signature is raw r‖s (RFC 7518 §3.4).
Result<std::string> jws_es256(std::string_view header_json, std::string_view claims_json, const Secret& pem);
// RS256: `pem` is a PKCS#8 RSA key of at least 2048 bits.
Result<std::string> jws_rs256(std::string_view header_json, std::string_view claims_json, const Secret& pem);

}  // namespace carillon::base
