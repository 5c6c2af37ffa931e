// Signing callbacks the way the vendors do.
#pragma once

#include <string>
#include <string_view>

namespace carillon::sim {

// With a PKCS#8 PEM private key of our own making, over SHA-256: EC as DER of r and s, RSA as PKCS #1 v1.5.
[[nodiscard]] std::string sign_sha256(std::string_view key_pem, std::string_view data);
// The same over SHA-1.
[[nodiscard]] std::string sign_sha1(std::string_view key_pem, std::string_view data);
// Its public half: SubjectPublicKeyInfo, DER in base64.
[[nodiscard]] std::string public_key_base64(std::string_view key_pem);

}  // namespace carillon::sim
