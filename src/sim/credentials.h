// The simulated vendors' accounts: made on first start, kept in the simulator's directory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "sim/jwt.h"

namespace carillon::sim {

struct Credentials {
  // Files, all inside the directory, private keys with mode 0600.
  std::string ca_file;                                   // certificate to trust
  std::string server_certificate_file, server_key_file;  // made anew at each start, signed by the CA
  std::string apns_key_file;                             // .p8
  std::string fcm_service_account_file;

  std::string apns_team_id, apns_key_id;
  std::string apns_topic = "com.example.app";
  VerifyKey apns_key;

  std::string fcm_project_id = "carillon-sim";
  std::string fcm_client_email, fcm_private_key_id;
  base::Secret fcm_private_key;  // PEM
  VerifyKey fcm_key;

  std::string twilio_account_sid;
  base::Secret twilio_auth_token;
  std::string twilio_from = "+15005550006";

  std::string vonage_key_file;  // of the voice application
  VerifyKey vonage_key;

  std::string smtp_user;
  base::Secret smtp_password;

  // What vendors sign callbacks with who use key pairs: PEM.
  base::Secret webhook_ec_key;
  base::Secret webhook_rsa_key;
  std::string webhook_certificate;  // of the RSA key

  // The same hex text in every run of this directory for that name, for whom one more secret is enough:
  // made("sendgrid api key"). `bytes`: 1 to 32.
  [[nodiscard]] std::string made(std::string_view what, std::size_t bytes = 16) const;

  // Reads what `directory` has and makes what is missing. `names`: host names and addresses the server
  // certificate is valid for, besides localhost, 127.0.0.1 and ::1.
  // Errors: Unavailable (cannot read or write a file) · Corruption (a file makes no sense; delete it).
  static Result<Credentials> load(const std::string& directory, const std::vector<std::string>& names);
  // Writes the service account with this token endpoint.
  Result<void> write_service_account(const std::string& token_uri) const;
};

// Writes a file with mode 0600, whole or not at all. Errors: Unavailable.
Result<void> write_file(const std::string& path, std::string_view content);

}  // namespace carillon::sim
