#include "sim/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/crypto.h"
#include "base/json.h"
#include "sim/certificates.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kAppleIdSize = 10;  // characters of a team or key id
constexpr std::size_t kTwilioIdBytes = 16;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return fail(Errc::Unavailable, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  return std::move(text).str();
}

// The file's content; made by `make` when there is none yet.
template <class Make>
Result<std::string> read_or_make(const std::string& path, Make make) {
  if (std::filesystem::exists(path)) return read_file(path);
  CARILLON_TRY(std::string content, make());
  CARILLON_CHECK(write_file(path, content));
  return content;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

Result<std::string> make_accounts() {
  base::JsonWriter out;
  out.object()
      .field("apns_team_id", upper(base::random_text(kAppleIdSize)))
      .field("apns_key_id", upper(base::random_text(kAppleIdSize)))
      .field("fcm_private_key_id", base::hex(base::random_bytes(20)))
      .field("twilio_account_sid", "AC" + base::hex(base::random_bytes(kTwilioIdBytes)))
      .field("twilio_auth_token", base::hex(base::random_bytes(kTwilioIdBytes)))
      .field("smtp_user", "carillon")
      .field("smtp_password", base::random_text(24))
      .end_object();
  return out.str() + "\n";
}

Result<void> read_accounts(const std::string& path, Credentials& c) {
  CARILLON_TRY(const std::string text, read_or_make(path, make_accounts));
  base::JsonDocument document;
  const auto root = document.parse(text);
  base::Problems problems;
  std::string token;
  std::string password;
  if (root) {
    base::ObjectReader reader(*root, "", problems);
    const std::pair<std::string_view, std::string*> fields[] = {{"apns_team_id", &c.apns_team_id},
                                                                {"apns_key_id", &c.apns_key_id},
                                                                {"fcm_private_key_id", &c.fcm_private_key_id},
                                                                {"twilio_account_sid", &c.twilio_account_sid},
                                                                {"twilio_auth_token", &token},
                                                                {"smtp_user", &c.smtp_user},
                                                                {"smtp_password", &password}};
    for (const auto& [key, target] : fields) {
      reader.require(key);
      reader.text(key, *target, 256);
    }
  }
  if (!root || !problems.empty())
    return fail(Errc::Corruption, path + " makes no sense; delete it to get a new one");
  c.twilio_auth_token = base::Secret(std::move(token));
  c.smtp_password = base::Secret(std::move(password));
  return {};
}

Result<void> load_keys(const std::string& directory, Credentials& c) {
  c.apns_key_file = directory + "/apns.p8";
  CARILLON_TRY(const std::string apns, read_or_make(c.apns_key_file, make_ec_key));
  CARILLON_TRY(c.apns_key, VerifyKey::from_pem(apns));
  CARILLON_TRY(std::string fcm, read_or_make(directory + "/fcm.key", make_rsa_key));
  CARILLON_TRY(c.fcm_key, VerifyKey::from_pem(fcm));
  c.fcm_private_key = base::Secret(std::move(fcm));
  CARILLON_TRY(std::string ec, read_or_make(directory + "/webhook-ec.key", make_ec_key));
  c.webhook_ec_key = base::Secret(std::move(ec));
  CARILLON_TRY(std::string rsa, read_or_make(directory + "/webhook-rsa.key", make_rsa_key));
  CARILLON_TRY(c.webhook_certificate, make_ca_certificate(rsa));
  c.webhook_rsa_key = base::Secret(std::move(rsa));
  c.vonage_key_file = directory + "/vonage.key";
  CARILLON_TRY(const std::string vonage, read_or_make(c.vonage_key_file, make_rsa_key));
  CARILLON_TRY(c.vonage_key, VerifyKey::from_pem(vonage));
  return {};
}

Result<void> load_certificates(const std::string& directory, const std::vector<std::string>& names,
                               Credentials& c) {
  c.ca_file = directory + "/ca.pem";
  c.server_certificate_file = directory + "/server.pem";
  c.server_key_file = directory + "/server.key";
  CARILLON_TRY(const std::string ca_key, read_or_make(directory + "/ca.key", make_ec_key));
  CARILLON_TRY(const std::string ca, read_or_make(c.ca_file, [&] { return make_ca_certificate(ca_key); }));
  CARILLON_TRY(const std::string key, make_ec_key());
  CARILLON_TRY(const std::string certificate, make_server_certificate(ca, ca_key, key, names));
  CARILLON_CHECK(write_file(c.server_key_file, key));
  return write_file(c.server_certificate_file, certificate);
}

}  // namespace

Result<void> write_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  const auto complain = [&] {
    return fail(Errc::Unavailable, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  };
  const int fd = ::open(temporary.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return complain();
  while (!content.empty()) {
    const ::ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      ::close(fd);
      return complain();
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return complain();
  return {};
}

Result<Credentials> Credentials::load(const std::string& directory, const std::vector<std::string>& names) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(Errc::Unavailable, fmt::format("cannot make {}: {}", directory, error.message()));
  const std::string absolute = std::filesystem::absolute(directory).lexically_normal().string();
  Credentials c;
  CARILLON_CHECK(read_accounts(absolute + "/accounts.json", c));
  CARILLON_CHECK(load_keys(absolute, c));
  CARILLON_CHECK(load_certificates(absolute, names, c));
  c.fcm_service_account_file = absolute + "/fcm-service-account.json";
  c.fcm_client_email = fmt::format("carillon@{}.iam.gserviceaccount.com", c.fcm_project_id);
  return c;
}

std::string Credentials::made(std::string_view what, std::size_t bytes) const {
  return base::hex(base::hmac_sha256(twilio_auth_token.reveal(), what)).substr(0, 2 * bytes);
}

Result<void> Credentials::write_service_account(const std::string& token_uri) const {
  base::JsonWriter out;
  out.object()
      .field("type", "service_account")
      .field("project_id", fcm_project_id)
      .field("private_key_id", fcm_private_key_id)
      .field("private_key", fcm_private_key.reveal())
      .field("client_email", fcm_client_email)
      .field("client_id", "100000000000000000001")
      .field("token_uri", token_uri)
      .end_object();
  return write_file(fcm_service_account_file, out.str() + "\n");
}

}  // namespace carillon::sim
