#include "base/p256.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <memory>

#include "base/free.h"

namespace carillon::base {
namespace {

using BigNumber = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using Point = std::unique_ptr<EC_POINT, Free<EC_POINT_clear_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// The group's precomputed tables are read only.
const EC_GROUP* curve() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  CARILLON_ASSERT(group != nullptr);
  return group;
}

BN_CTX* scratch() {
  thread_local const std::unique_ptr<BN_CTX, Free<BN_CTX_free>> context(BN_CTX_secure_new());
  CARILLON_ASSERT(context != nullptr);
  return context.get();
}

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

Bytes point_bytes(const EC_POINT* point) {
  Bytes out(kP256PointBytes, '\0');
  CARILLON_ASSERT(EC_POINT_point2oct(curve(), point, POINT_CONVERSION_UNCOMPRESSED, bytes(out), out.size(),
                                     scratch()) == out.size());
  return out;
}

Point read_point(std::string_view text) {
  if (text.size() != kP256PointBytes || text.front() != POINT_CONVERSION_UNCOMPRESSED) return nullptr;
  Point point(EC_POINT_new(curve()));
  CARILLON_ASSERT(point != nullptr);
  const bool is_on_curve = EC_POINT_oct2point(curve(), point.get(), bytes(text), text.size(), scratch()) == 1;
  // A left-over entry would be taken for the failure of a later TLS call on this thread.
  ERR_clear_error();
  return is_on_curve ? std::move(point) : nullptr;
}

BigNumber read_scalar(const Secret& key) {
  if (key.reveal().size() != kP256ScalarBytes) return nullptr;
  BigNumber number(BN_bin2bn(bytes(key.reveal()), static_cast<int>(kP256ScalarBytes), nullptr));
  CARILLON_ASSERT(number != nullptr);
  if (BN_is_zero(number.get()) == 1 || BN_cmp(number.get(), EC_GROUP_get0_order(curve())) >= 0)
    return nullptr;
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

Secret scalar_bytes(const BIGNUM* number) {
  Bytes out(kP256ScalarBytes, '\0');
  CARILLON_ASSERT(BN_bn2binpad(number, bytes(out), static_cast<int>(out.size())) ==
                  static_cast<int>(out.size()));
  return Secret(std::move(out));
}

Point times_generator(const BIGNUM* scalar) {
  Point point(EC_POINT_new(curve()));
  CARILLON_ASSERT(point != nullptr &&
                  EC_POINT_mul(curve(), point.get(), scalar, nullptr, nullptr, scratch()) == 1);
  return point;
}

std::unexpected<Error> no_key() {
  return fail(Errc::InvalidArgument,
              "the key must be a P-256 private key: PEM without a password, or 32 bytes in base64url");
}

int no_password(char*, int, int, void*) { return -1; }

Result<Secret> read_pem(std::string_view text) {
  const std::unique_ptr<BIO, Free<BIO_free_all>> in(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CARILLON_ASSERT(in != nullptr);
  const Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
  std::array<char, 64> group{};
  BIGNUM* number = nullptr;
  const bool is_ours = key != nullptr && EVP_PKEY_is_a(key.get(), "EC") == 1 &&
                       EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), nullptr) == 1 &&
                       std::string_view(group.data()) == "prime256v1" &&
                       EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1;
  const BigNumber owned(number);
  ERR_clear_error();
  if (!is_ours) return no_key();
  return scalar_bytes(owned.get());
}

}  // namespace

P256Pair make_p256_pair() {
  const BigNumber number(BN_secure_new());
  CARILLON_ASSERT(number != nullptr);
  do {
    CARILLON_ASSERT(BN_priv_rand_range_ex(number.get(), EC_GROUP_get0_order(curve()), 0, scratch()) == 1);
  } while (BN_is_zero(number.get()) == 1);
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return {scalar_bytes(number.get()), point_bytes(times_generator(number.get()).get())};
}

Result<Bytes> p256_public_key(const Secret& private_key) {
  const BigNumber number = read_scalar(private_key);
  if (number == nullptr) return no_key();
  return point_bytes(times_generator(number.get()).get());
}

Result<Secret> p256_shared_secret(const Secret& private_key, std::string_view point) {
  const BigNumber number = read_scalar(private_key);
  if (number == nullptr) return no_key();
  const Point peer = read_point(point);
  if (peer == nullptr) return fail(Errc::InvalidArgument, "not a point of P-256");
  const Point shared(EC_POINT_new(curve()));
  const BigNumber x(BN_secure_new());
  const bool ok = shared != nullptr && x != nullptr &&
                  EC_POINT_mul(curve(), shared.get(), nullptr, peer.get(), number.get(), scratch()) == 1 &&
                  EC_POINT_get_affine_coordinates(curve(), shared.get(), x.get(), nullptr, scratch()) == 1;
  CARILLON_ASSERT(ok);
  return scalar_bytes(x.get());
}

bool is_p256_point(std::string_view bytes) { return read_point(bytes) != nullptr; }

Result<Secret> p256_pem(const Secret& private_key) {
  const BigNumber number = read_scalar(private_key);
  if (number == nullptr) return no_key();
  const Bytes point = point_bytes(times_generator(number.get()).get());
  const std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  CARILLON_ASSERT(
      builder != nullptr &&
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) ==
          1);
  const std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  CARILLON_ASSERT(params != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                  EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params.get()) == 1);
  const Key key(made);
  const std::unique_ptr<BIO, Free<BIO_free_all>> out(BIO_new(BIO_s_secmem()));
  CARILLON_ASSERT(out != nullptr && PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0,
                                                                  nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return Secret(std::string(text, static_cast<std::size_t>(size)));
}

Result<Secret> read_p256_key(const Secret& text) {
  constexpr std::size_t kTextMax = 4096;  // bytes; an EC key in PEM has 240
  const std::string_view given = text.reveal();
  if (given.size() > kTextMax) return no_key();
  if (given.contains("-----BEGIN")) return read_pem(given);
  auto raw = unbase64(given);
  if (!raw) return no_key();
  Secret key(std::move(*raw));
  if (read_scalar(key) == nullptr) return no_key();
  return key;
}

}  // namespace carillon::base
