#include "base/password_hash.h"

#include <argon2.h>

#include <array>

#include "base/crypto.h"

namespace carillon::base {
namespace {

constexpr unsigned kLanes = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kEncodedMax = 128;  // bytes with the final zero; ours have 98
constexpr std::string_view kPrefix = "$argon2id$";

// A well-formed hash of nothing anybody knows, with the present cost.
constexpr const char* kNobodys =
    "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

std::unexpected<Error> no_memory() {
  return fail(Errc::Unavailable, "there is no memory to look at a password; try again");
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
  const Bytes salt = random_bytes(kSaltBytes);
  std::array<char, kEncodedMax> encoded{};
  const int rc =
      argon2id_hash_encoded(kPasswordPasses, kPasswordMemoryKib, kLanes, password.data(), password.size(),
                            salt.data(), salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (rc == ARGON2_MEMORY_ALLOCATION_ERROR) return no_memory();
  CARILLON_ASSERT(rc == ARGON2_OK);
  return std::string(encoded.data());
}

Result<bool> is_password(std::string_view encoded, std::string_view password) {
  const std::string stored(encoded);
  const bool is_usable = stored.starts_with(kPrefix);
  int rc = argon2id_verify(is_usable ? stored.c_str() : kNobodys, password.data(), password.size());
  if (is_usable && rc != ARGON2_OK && rc != ARGON2_VERIFY_MISMATCH && rc != ARGON2_MEMORY_ALLOCATION_ERROR)
    rc = argon2id_verify(kNobodys, password.data(), password.size());
  if (rc == ARGON2_MEMORY_ALLOCATION_ERROR) return no_memory();
  return is_usable && rc == ARGON2_OK && !encoded.empty();
}

}  // namespace carillon::base
