#include "sim/signing.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/crypto.h"
#include "base/free.h"

namespace carillon::sim {
namespace {

using base::Free;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// Keys are made by certificates.cpp: one that cannot be read or used is a bug of ours.
KeyPtr read_key(std::string_view pem) {
  const std::unique_ptr<BIO, Free<BIO_free_all>> in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  CARILLON_ASSERT(key != nullptr);
  return key;
}

std::string sign(std::string_view key_pem, const char* digest, std::string_view data) {
  const KeyPtr key = read_key(key_pem);
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const auto* const in = reinterpret_cast<const unsigned char*>(data.data());
  std::string out(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t size = out.size();
  const bool is_signed =
      EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key.get(), nullptr) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, in, data.size()) ==
          1;
  CARILLON_ASSERT(is_signed);
  out.resize(size);
  return out;
}

}  // namespace

std::string sign_sha256(std::string_view key_pem, std::string_view data) {
  return sign(key_pem, "SHA256", data);
}

std::string sign_sha1(std::string_view key_pem, std::string_view data) { return sign(key_pem, "SHA1", data); }

std::string public_key_base64(std::string_view key_pem) {
  const KeyPtr key = read_key(key_pem);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  CARILLON_ASSERT(size > 0);
  std::string out = base::base64({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return out;
}

}  // namespace carillon::sim
