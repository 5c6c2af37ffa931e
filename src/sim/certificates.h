// Keys and certificates for a simulator that only this machine should trust.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace carillon::sim {

// PKCS#8 PEM. Errors: Internal (OpenSSL refused).
Result<std::string> make_ec_key();   // P-256
Result<std::string> make_rsa_key();  // 2048 bits

// A self-signed CA certificate, PEM, valid for ten years. Errors: InvalidArgument (key) · Internal.
Result<std::string> make_ca_certificate(std::string_view ca_key_pem);
// A certificate for localhost, 127.0.0.1, ::1 and `names`, followed by the CA's. Errors: as above.
Result<std::string> make_server_certificate(std::string_view ca_pem, std::string_view ca_key_pem,
                                            std::string_view key_pem, const std::vector<std::string>& names);

}  // namespace carillon::sim
