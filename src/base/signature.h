// Checking detached signatures of what vendors send us, on OpenSSL 3. Of tokens: base/jws_verify.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace carillon::base {

// Sha1 only because a vendor signs with it (SNS, version 1): forging needs a second preimage, not a
// collision.
enum class SignatureHash : std::uint8_t { Sha1, Sha256 };

// An EC P-256 or RSA (2,048 to 8,192 bits) public key. Cheap to copy; one object may be used from several
// threads.
class PublicKey {
 public:
  // A SubjectPublicKeyInfo in DER. Errors: InvalidArgument (no key, or one of another kind).
  static Result<PublicKey> from_der(std::string_view spki);
  // The key of the first certificate in `pem`, which must be valid at `now`; who issued it is not checked.
  // Errors: InvalidArgument (no certificate, another kind of key, not valid now).
  static Result<PublicKey> from_certificate(std::string_view pem, Time now);

  [[nodiscard]] bool is_ec() const noexcept;
  // Whether `signature` was made over `data`: EC as DER of r and s, RSA as PKCS #1 v1.5.
  [[nodiscard]] bool verify(SignatureHash hash, std::string_view data, std::string_view signature) const;

 private:
  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  static Result<PublicKey> checked(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace carillon::base
