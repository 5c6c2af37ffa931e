#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>
#include <optional>

namespace carillon::base {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;  // 96 bits, what GCM takes without hashing (NIST SP 800-38D §8.2)
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kHkdfMaxBytes = 255 * 32;
constexpr std::string_view kSealVersion = "v1:";

// Fetched once and kept for the life of the process: a fetch costs more than the hash of a short text.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CARILLON_ASSERT(md != nullptr);
  return md;
}

const EVP_MD* sha1_algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  CARILLON_ASSERT(md != nullptr);
  return md;
}

const EVP_CIPHER* gcm_algorithm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  CARILLON_ASSERT(cipher != nullptr);
  return cipher;
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  CARILLON_ASSERT(mac != nullptr);
  return mac;
}

const unsigned char* bytes(std::string_view text) noexcept {
  // OpenSSL tells "no key" from "an empty key" by the pointer.
  return reinterpret_cast<const unsigned char*>(text.data() == nullptr ? "" : text.data());
}

unsigned char* bytes(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

struct FreeMac {
  void operator()(EVP_MAC_CTX* p) const noexcept { EVP_MAC_CTX_free(p); }
};
struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* p) const noexcept { EVP_CIPHER_CTX_free(p); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
};

Bytes digest(const EVP_MD* md, std::string_view data) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  Bytes out(static_cast<std::size_t>(EVP_MD_get_size(md)), '\0');
  const bool ok = EVP_DigestInit_ex2(context.get(), md, nullptr) == 1 &&
                  EVP_DigestUpdate(context.get(), bytes(data), data.size()) == 1 &&
                  EVP_DigestFinal_ex(context.get(), bytes(out), nullptr) == 1;
  CARILLON_ASSERT(ok);
  return out;
}

Bytes hmac(const char* hash, std::size_t size, std::string_view key, std::string_view data) {
  // A context of its own per call: a kept one would hold the last key in memory.
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(EVP_MAC_CTX_new(hmac_algorithm()));
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(hash), 0),
      OSSL_PARAM_construct_end()};
  Bytes out(size, '\0');
  std::size_t written = 0;
  const bool ok = context != nullptr && EVP_MAC_init(context.get(), bytes(key), key.size(), params) == 1 &&
                  EVP_MAC_update(context.get(), bytes(data), data.size()) == 1 &&
                  EVP_MAC_final(context.get(), bytes(out), &written, out.size()) == 1;
  CARILLON_ASSERT(ok && written == size);
  return out;
}

// Writes ciphertext and tag over `plain`, authenticating `context` too.
Bytes gcm_encrypt(const Secret& key, std::string_view nonce, std::string_view plain,
                  std::string_view context) {
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> c(EVP_CIPHER_CTX_new());
  CARILLON_ASSERT(c != nullptr && plain.size() <= INT32_MAX && context.size() <= INT32_MAX);
  Bytes out(plain.size() + kTagBytes, '\0');
  int n = 0;
  const bool ok =
      EVP_EncryptInit_ex2(c.get(), gcm_algorithm(), bytes(key.reveal()), bytes(nonce), nullptr) == 1 &&
      EVP_EncryptUpdate(c.get(), nullptr, &n, bytes(context), static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(c.get(), bytes(out), &n, bytes(plain), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(c.get(), bytes(out) + plain.size(), &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes),
                          bytes(out) + plain.size()) == 1;
  CARILLON_ASSERT(ok);
  return out;
}

// nullopt when tag, key or context do not fit.
std::optional<Secret> gcm_decrypt(const Secret& key, std::string_view nonce, std::string_view sealed,
                                  std::string_view context) {
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> c(EVP_CIPHER_CTX_new());
  CARILLON_ASSERT(c != nullptr);
  if (sealed.size() > INT32_MAX || context.size() > INT32_MAX) return std::nullopt;
  const std::string_view body = sealed.substr(0, sealed.size() - kTagBytes);
  Bytes tag(sealed.substr(body.size()));
  Bytes out(body.size(), '\0');
  int n = 0;
  const bool ok =
      EVP_DecryptInit_ex2(c.get(), gcm_algorithm(), bytes(key.reveal()), bytes(nonce), nullptr) == 1 &&
      EVP_DecryptUpdate(c.get(), nullptr, &n, bytes(context), static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(c.get(), bytes(out), &n, bytes(body), static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(c.get(), bytes(out) + body.size(), &n) == 1;
  // Taken in either case, so that unauthenticated plain text is wiped.
  Secret plain(std::move(out));
  return ok ? std::optional(std::move(plain)) : std::nullopt;
}

}  // namespace

Bytes random_bytes(std::size_t count) {
  Bytes out(count, '\0');
  CARILLON_ASSERT(count <= INT32_MAX && RAND_bytes(bytes(out), static_cast<int>(count)) == 1);
  return out;
}

std::string random_text(std::size_t count) {
  constexpr char kAlphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr unsigned kFair = 62 * 4;  // bytes from here on would favour the first characters
  std::string out;
  out.reserve(count);
  while (out.size() < count) {
    for (const char c : random_bytes(count - out.size() + 8)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < kFair && out.size() < count) out += kAlphabet[byte % 62];
    }
  }
  return out;
}

Bytes sha256(std::string_view data) { return digest(sha256_algorithm(), data); }
Bytes sha1(std::string_view data) { return digest(sha1_algorithm(), data); }
Bytes hmac_sha256(std::string_view key, std::string_view data) { return hmac("SHA256", 32, key, data); }
Bytes hmac_sha1(std::string_view key, std::string_view data) { return hmac("SHA1", 20, key, data); }

Bytes hkdf_sha256(std::string_view key, std::string_view info, std::size_t length) {
  CARILLON_ASSERT(length <= kHkdfMaxBytes);
  const Secret extracted(hmac_sha256({}, key));
  Bytes out, block;
  out.reserve(length + 32);
  for (char i = 1; out.size() < length; ++i) {
    block = hmac_sha256(extracted.reveal(), block + std::string(info) + i);
    out += block;
  }
  out.resize(length);
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Sealer::Sealer(std::string key_id, Secret key) : key_id_(std::move(key_id)), key_(std::move(key)) {
  CARILLON_ASSERT(key_.reveal().size() == kKeyBytes);
  CARILLON_ASSERT(key_id_.find(':') == std::string::npos);
}

std::string Sealer::seal(std::string_view plain, std::string_view context) const {
  const Bytes nonce = random_bytes(kNonceBytes);
  return std::string(kSealVersion) + key_id_ + ":" + base64(nonce + gcm_encrypt(key_, nonce, plain, context));
}

Result<Secret> Sealer::open(std::string_view sealed, std::string_view context) const {
  const auto malformed = [] { return fail(Errc::Corruption, "a sealed value is malformed"); };
  if (!sealed.starts_with(kSealVersion)) return malformed();
  sealed.remove_prefix(kSealVersion.size());
  const std::size_t colon = sealed.find(':');
  if (colon == std::string_view::npos) return malformed();
  if (sealed.substr(0, colon) != key_id_) {
    return fail(Errc::FailedPrecondition,
                "a sealed value was made with another key than the present secrets.key");
  }
  const auto raw = unbase64(sealed.substr(colon + 1));
  if (!raw || raw->size() < kNonceBytes + kTagBytes) return malformed();
  const std::string_view all = *raw;
  auto plain = gcm_decrypt(key_, all.substr(0, kNonceBytes), all.substr(kNonceBytes), context);
  if (!plain) return fail(Errc::Corruption, "a sealed value was changed or belongs to another row");
  return std::move(*plain);
}

Result<KeyRing> KeyRing::derive(const Secret& root) {
  if (root.reveal().size() != kKeyBytes) {
    return fail(Errc::InvalidArgument, "secrets.key must be exactly 32 bytes (44 characters of base64)");
  }
  const auto key = [&root](std::string_view purpose, std::size_t size) {
    return Secret(hkdf_sha256(root.reveal(), std::string("carillon/v1/").append(purpose), size));
  };
  return KeyRing{
      .sealer = Sealer(hex(sha256(root.reveal())).substr(0, 8), key("seal", kKeyBytes)),
      .sensitive_sealer = Sealer(hex(sha256(root.reveal())).substr(0, 8), key("sensitive", kKeyBytes)),
      .event_hash = KeyedHash(key("event", 16).reveal()),
      .address_hash = KeyedHash(key("address", 16).reveal()),
      .lookup_hash = KeyedHash(key("lookup", 16).reveal()),
      .link_key = key("link", kKeyBytes),
      .credential_pepper = key("credential", kKeyBytes),
      .client_key = key("client", kKeyBytes),
      .session_key = key("session", kKeyBytes),
  };
}

std::string KeyRing::credential_hash(std::string_view secret) const {
  return hex(hmac_sha256(credential_pepper.reveal(), secret));
}

}  // namespace carillon::base
