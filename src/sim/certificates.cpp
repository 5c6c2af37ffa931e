#include "sim/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <memory>

#include "base/crypto.h"

namespace carillon::sim {
namespace {

constexpr unsigned kRsaBits = 2048;
constexpr int kDaysCa = 3650;
constexpr int kDaysServer = 397;
constexpr std::size_t kSerialBytes = 16;

struct Free {
  void operator()(BIO* p) const noexcept { BIO_free(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

auto refused(std::string_view what) {
  ERR_clear_error();
  return fail(Errc::Internal, "OpenSSL refused to make " + std::string(what));
}

std::string content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<std::string> key_pem(Key key) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!key ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return refused("a key");
  }
  return content(out.get());
}

Result<Key> read_key(std::string_view pem) {
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  if (!key) return fail(Errc::InvalidArgument, "not a PEM private key");
  return key;
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool is_added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return is_added;
}

Certificate begin(EVP_PKEY* subject_key, const char* common_name, int days) {
  Certificate certificate(X509_new());
  X509* c = certificate.get();
  const base::Bytes serial = base::random_bytes(kSerialBytes);
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), kSerialBytes, nullptr);
  BN_clear_bit(number, kSerialBytes * 8 - 1);  // serial numbers are positive
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(c));
  BN_free(number);
  X509_set_version(c, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(c), -24L * 3600);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(c), 24L * 3600 * days);
  X509_set_pubkey(c, subject_key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  return certificate;
}

Result<std::string> certificate_pem(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(out.get(), certificate) != 1) return refused("a certificate");
  return content(out.get());
}

}  // namespace

Result<std::string> make_ec_key() { return key_pem(Key(EVP_EC_gen("P-256"))); }

Result<std::string> make_rsa_key() { return key_pem(Key(EVP_RSA_gen(kRsaBits))); }

Result<std::string> make_ca_certificate(std::string_view ca_key_pem) {
  CARILLON_TRY(const Key key, read_key(ca_key_pem));
  const Certificate certificate = begin(key.get(), "Carillon simulator CA", kDaysCa);
  X509* c = certificate.get();
  X509_set_issuer_name(c, X509_get_subject_name(c));
  if (!extend(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !extend(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !extend(c, c, NID_subject_key_identifier, "hash") || X509_sign(c, key.get(), EVP_sha256()) == 0) {
    return refused("the CA certificate");
  }
  return certificate_pem(c);
}

Result<std::string> make_server_certificate(std::string_view ca_pem, std::string_view ca_key_pem,
                                            std::string_view key_pem, const std::vector<std::string>& names) {
  const Bio in(BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size())));
  const Certificate ca(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (!ca) return fail(Errc::InvalidArgument, "not a PEM certificate");
  CARILLON_TRY(const Key ca_key, read_key(ca_key_pem));
  CARILLON_TRY(const Key key, read_key(key_pem));
  std::string alternative = "DNS:localhost,IP:127.0.0.1,IP:::1";
  for (const std::string& name : names) {
    boost::system::error_code is_name;
    boost::asio::ip::make_address(name, is_name);
    alternative += (is_name ? ",DNS:" : ",IP:") + name;
  }
  const Certificate certificate = begin(key.get(), "localhost", kDaysServer);
  X509* c = certificate.get();
  X509_set_issuer_name(c, X509_get_subject_name(ca.get()));
  if (!extend(c, ca.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !extend(c, ca.get(), NID_key_usage, "critical,digitalSignature") ||
      !extend(c, ca.get(), NID_ext_key_usage, "serverAuth") ||
      !extend(c, ca.get(), NID_subject_alt_name, alternative) ||
      !extend(c, ca.get(), NID_authority_key_identifier, "keyid") ||
      X509_sign(c, ca_key.get(), EVP_sha256()) == 0) {
    return refused("the server certificate");
  }
  CARILLON_TRY(std::string pem, certificate_pem(c));
  return pem + std::string(ca_pem);
}

}  // namespace carillon::sim
