#include "base/sha256.h"

#include <openssl/evp.h>

namespace carillon::base {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  CARILLON_ASSERT(state_->context != nullptr &&
                  EVP_DigestInit_ex2(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(state_->context); }

void Sha256::add(std::string_view data) {
  CARILLON_ASSERT(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1);
}

Bytes Sha256::finish() {
  Bytes out(32, '\0');
  unsigned size = 0;
  CARILLON_ASSERT(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(out.data()), &size) ==
                      1 &&
                  size == out.size());
  return out;
}

}  // namespace carillon::base
