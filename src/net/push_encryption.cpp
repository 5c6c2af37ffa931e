#include "net/push_encryption.h"

#include <openssl/evp.h>

#include <memory>

namespace carillon::net {
namespace {

using base::Bytes;
using base::Secret;

constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kHeadBytes = kPushSaltBytes + 4 + 1 + base::kP256PointBytes;
constexpr char kLastRecord = 2;  // RFC 8188 §2: the delimiter of the last record

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* p) const noexcept { EVP_CIPHER_CTX_free(p); }
};

// Fetched once: a fetch costs more than the encryption of a message.
const EVP_CIPHER* aes_128_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  CARILLON_ASSERT(cipher != nullptr);
  return cipher;
}

EVP_CIPHER_CTX* context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> one(EVP_CIPHER_CTX_new());
  CARILLON_ASSERT(one != nullptr);
  return one.get();
}

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

struct Keys {
  Secret key, nonce;
};

// RFC 8291 §3.4.
Keys derive(std::string_view shared, std::string_view auth, std::string_view receiver,
            std::string_view sender, std::string_view salt) {
  constexpr std::string_view kCoding{"Content-Encoding: aes128gcm\0\1", 29};
  constexpr std::string_view kNonce{"Content-Encoding: nonce\0\1", 25};
  std::string info{"WebPush: info\0", 14};
  info.append(receiver).append(sender).push_back('\1');
  const Secret first(base::hmac_sha256(auth, shared));
  const Secret material(base::hmac_sha256(first.reveal(), info));
  const Secret second(base::hmac_sha256(salt, material.reveal()));
  return {Secret(base::hmac_sha256(second.reveal(), kCoding).substr(0, 16)),
          Secret(base::hmac_sha256(second.reveal(), kNonce).substr(0, 12))};
}

}  // namespace

Result<Bytes> encrypt_push(const PushKeys& keys, std::string_view plain) {
  const base::P256Pair pair = base::make_p256_pair();
  return encrypt_push(keys, plain, pair, base::random_bytes(kPushSaltBytes));
}

Result<Bytes> encrypt_push(const PushKeys& keys, std::string_view plain, const base::P256Pair& pair,
                           std::string_view salt) {
  CARILLON_ASSERT(salt.size() == kPushSaltBytes);
  if (plain.size() > kPushPlainMax) return fail(Errc::InvalidArgument, "the message is too long for a push");
  if (keys.auth.size() != kPushAuthBytes) return fail(Errc::InvalidArgument, "auth is not 16 bytes");
  CARILLON_TRY(const Secret shared, base::p256_shared_secret(pair.private_key, keys.public_key));
  const Keys derived = derive(shared.reveal(), keys.auth, keys.public_key, pair.public_key, salt);
  Bytes out;
  out.reserve(kPushOverhead + plain.size());
  out.append(salt).append({'\0', '\0', '\x10', '\0', static_cast<char>(base::kP256PointBytes)});
  out.append(pair.public_key);
  const std::size_t start = out.size();
  out.append(plain).push_back(kLastRecord);
  const int size = static_cast<int>(out.size() - start);
  out.append(kTagBytes, '\0');
  unsigned char* const text = bytes(out) + start;
  int n = 0;
  const bool ok =
      EVP_EncryptInit_ex2(context(), aes_128_gcm(), bytes(derived.key.reveal()),
                          bytes(derived.nonce.reveal()), nullptr) == 1 &&
      EVP_EncryptUpdate(context(), text, &n, text, size) == 1 &&
      EVP_EncryptFinal_ex(context(), text + size, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(context(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes), text + size) == 1;
  CARILLON_ASSERT(ok);
  return out;
}

Result<Bytes> decrypt_push(const Secret& private_key, std::string_view auth, std::string_view body) {
  const auto malformed = [] { return fail(Errc::InvalidArgument, "not a message in aes128gcm"); };
  if (body.size() < kHeadBytes + 1 + kTagBytes || body.size() > kPushBodyMax) return malformed();
  if (static_cast<std::size_t>(body[kPushSaltBytes + 4]) != base::kP256PointBytes) return malformed();
  std::size_t record = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    record = record << 8 | static_cast<unsigned char>(body[kPushSaltBytes + i]);
  }
  const std::string_view sealed = body.substr(kHeadBytes);
  if (record < 18 || sealed.size() > record) return malformed();  // one record only (RFC 8291 §4)
  const std::string_view sender = body.substr(kPushSaltBytes + 5, base::kP256PointBytes);
  CARILLON_TRY(const Bytes receiver, base::p256_public_key(private_key));
  CARILLON_TRY(const Secret shared, base::p256_shared_secret(private_key, sender));
  const Keys derived = derive(shared.reveal(), auth, receiver, sender, body.substr(0, kPushSaltBytes));
  Bytes plain(sealed.substr(0, sealed.size() - kTagBytes));
  Bytes tag(sealed.substr(plain.size()));
  int n = 0;
  const bool ok =
      EVP_DecryptInit_ex2(context(), aes_128_gcm(), bytes(derived.key.reveal()),
                          bytes(derived.nonce.reveal()), nullptr) == 1 &&
      EVP_DecryptUpdate(context(), bytes(plain), &n, bytes(plain), static_cast<int>(plain.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context(), bytes(plain) + plain.size(), &n) == 1;
  if (!ok) return fail(Errc::InvalidArgument, "for another key, or changed on the way");
  plain.erase(plain.find_last_not_of('\0') + 1);  // padding
  if (plain.empty() || plain.back() != kLastRecord) return malformed();
  plain.pop_back();
  return plain;
}

}  // namespace carillon::net
