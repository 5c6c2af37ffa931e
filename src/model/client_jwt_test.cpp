#include "model/client_jwt.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/crypto.h"

namespace carillon::model {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}
std::string public_pem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  return text_of(bio);
}
base::Secret private_pem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return base::Secret(text_of(bio));
}

constexpr std::int64_t kNowS = 1'800'000'000;
const Time kNow = from_ms(kNowS * 1000);
const std::string kSecret = "a secret of at least thirty-two bytes";

std::string hs256(const std::string& header, const std::string& claims, const std::string& secret = kSecret) {
  const std::string input = base::base64url(header) + "." + base::base64url(claims);
  return input + "." + base::base64url(base::hmac_sha256(secret, input));
}

std::string claims(const std::string& changes = {}) {
  // A member given again replaces the one before: JSON allows no key twice, so build it by hand.
  std::string out = R"({"iss":"https://shop.example")";
  const auto add = [&](const std::string& key, const std::string& value) {
    if (changes.find("\"" + key + "\"") == std::string::npos) out += ",\"" + key + "\":" + value;
  };
  add("aud", R"("carillon")");
  add("sub", R"("grace")");
  add("iat", std::to_string(kNowS - 10));
  add("exp", std::to_string(kNowS + 600));
  if (!changes.empty()) out += "," + changes;
  return out + "}";
}

ClientJwt settings() {
  ClientJwt jwt;
  jwt.issuer = "https://shop.example";
  jwt.audience = "carillon";
  ClientJwtKey key;
  key.algorithm = base::JwsAlgorithm::HS256;
  key.kid = "h1";
  key.sealed_secret = kSecret;  // the test's unseal() hands it out as it is
  jwt.keys.push_back(key);
  return jwt;
}

ClientJwtVerifier verifier(const ClientJwt& jwt) {
  return ClientJwtVerifier::open(
             jwt,
             [](const ClientJwtKey& key) -> Result<base::Secret> { return base::Secret(key.sealed_secret); })
      .value();
}

std::string verdict(const std::string& token, const ClientJwt& jwt = settings()) {
  const auto found = verifier(jwt).verify(token, kNow);
  return found ? "user " + found->user_id : found.error().message;
}

constexpr const char* kHs256 = R"({"alg":"HS256","typ":"JWT"})";

TEST(ClientJwt, TakesAValidToken) {
  EXPECT_EQ(verdict(hs256(kHs256, claims())), "user grace");
  EXPECT_EQ(verdict(hs256(R"({"alg":"HS256","kid":"h1"})", claims())), "user grace");
  EXPECT_EQ(verdict(hs256(kHs256, claims(R"("aud":["other","carillon"])"))), "user grace");
  EXPECT_EQ(verdict(hs256(kHs256, claims(R"("sub":42)"))), "user 42");
}

TEST(ClientJwt, RefusesWhatIsNotForUs) {
  const auto refuses = [](const std::string& changes, std::string_view why) {
    const std::string said = verdict(hs256(kHs256, claims(changes)));
    EXPECT_NE(said.find(why), std::string::npos) << changes << ": " << said;
  };
  refuses(R"("aud":"other")", "aud");
  refuses(R"("aud":["other"])", "aud");
  refuses(R"("aud":7)", "aud");
  refuses(R"("sub":"")", "user_id");
  refuses(R"("sub":null)", "user_id");
  refuses(R"("sub":"a\nb")", "user_id");
  refuses("\"sub\":\"" + std::string(129, 'x') + "\"", "user_id");
  refuses(R"("exp":"soon")", "exp");
  refuses(R"("exp":-1)", "exp");
  refuses(R"("iat":1e300)", "iat");
  ClientJwt other = settings();
  other.issuer = "https://other.example";
  EXPECT_NE(verdict(hs256(kHs256, claims()), other).find("iss"), std::string::npos);
  other = settings();
  other.user_claim = "uid";
  EXPECT_NE(verdict(hs256(kHs256, claims()), other).find("claim"), std::string::npos);
}

TEST(ClientJwt, TimesHaveSixtySecondsOfLeeway) {
  const auto with = [](const std::string& key, std::int64_t at) {
    return verdict(hs256(kHs256, claims("\"" + key + "\":" + std::to_string(at)))).starts_with("user");
  };
  EXPECT_TRUE(with("exp", kNowS - 59));
  EXPECT_FALSE(with("exp", kNowS - 60));
  EXPECT_TRUE(with("nbf", kNowS + 60));
  EXPECT_FALSE(with("nbf", kNowS + 61));
  EXPECT_TRUE(with("iat", kNowS + 60));
  EXPECT_FALSE(with("iat", kNowS + 61));
  EXPECT_TRUE(with("iat", kNowS - 3600 - 59));  // max_age is 1h
  EXPECT_FALSE(with("iat", kNowS - 3600 - 60));
}

TEST(ClientJwt, RefusesAlgorithmsItWasNotGiven) {
  const std::string none = base::base64url(R"({"alg":"none"})") + "." + base::base64url(claims()) + ".";
  EXPECT_FALSE(verdict(none).starts_with("user"));
  EXPECT_FALSE(verdict(none + "AA").starts_with("user"));
  for (const char* header :
       {R"({"alg":"HS512"})", R"({"alg":"hs256"})", R"({"typ":"JWT"})", R"({"alg":null})",
        R"({"alg":"HS256","crit":["x"]})", R"({"alg":"HS256","kid":"other"})", R"({"alg":"HS256","kid":7})",
        R"([])", R"({"alg":"HS256","alg":"HS256"})"}) {
    EXPECT_FALSE(verdict(hs256(header, claims())).starts_with("user")) << header;
  }
}

// The classic: the public key, which everybody has, used as the secret of an HMAC.
TEST(ClientJwt, APublicKeyIsNoSecret) {
  const Key rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}), &EVP_PKEY_free);
  ClientJwt jwt = settings();
  jwt.keys = {{"", base::JwsAlgorithm::RS256, public_pem(rsa.get()), "", ""}};
  EXPECT_FALSE(verdict(hs256(kHs256, claims(), public_pem(rsa.get())), jwt).starts_with("user"));
  const auto token = base::jws_rs256(R"({"alg":"RS256"})", claims(), private_pem(rsa.get()));
  EXPECT_EQ(verdict(*token, jwt), "user grace");
}

TEST(ClientJwt, VerifiesPublicKeySignatures) {
  const Key ec(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), &EVP_PKEY_free);
  ClientJwt jwt = settings();
  jwt.keys = {{"e1", base::JwsAlgorithm::ES256, public_pem(ec.get()), "", ""}};
  for (int i = 0; i < 50; ++i) {  // r and s of every length
    const auto token = base::jws_es256(R"({"alg":"ES256","kid":"e1"})", claims(), private_pem(ec.get()));
    ASSERT_EQ(verdict(*token, jwt), "user grace");
    std::string forged = *token;
    forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
    ASSERT_FALSE(verdict(forged, jwt).starts_with("user"));
  }
  const Key ed(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
  jwt.keys = {{"", base::JwsAlgorithm::EdDSA, public_pem(ed.get()), "", ""}};
  const std::string input = base::base64url(R"({"alg":"EdDSA"})") + "." + base::base64url(claims());
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, ed.get());
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(input.data()), input.size());
  EVP_MD_CTX_free(context);
  EXPECT_EQ(verdict(input + "." + base::base64url(signature), jwt), "user grace");
  signature[3] = static_cast<char>(signature[3] + 1);
  EXPECT_FALSE(verdict(input + "." + base::base64url(signature), jwt).starts_with("user"));
}

TEST(ClientJwt, RefusesWhatIsNoCompactJws) {
  const std::string good = hs256(kHs256, claims());
  for (const std::string& bad : {std::string(), std::string("a.b"), good + ".x", good + "=", " " + good,
                                 std::string(9000, 'a') + ".b.c", std::string("..")}) {
    EXPECT_FALSE(verdict(bad).starts_with("user")) << bad.substr(0, 80);
  }
}

// ---- the setting
struct Read {
  ClientJwt jwt;
  base::Problems problems;
};
Read read(const std::string& json, const ClientJwt* before = nullptr) {
  base::JsonDocument document;
  Read r;
  r.jwt = read_client_jwt(document.parse(json).value(), "/client_jwt", before, r.problems);
  return r;
}

TEST(ClientJwtSetting, TakesJwksAsRfc8037AndRfc7517GiveThem) {
  const Read r = read(R"({"issuer":"i","audience":"a","jwks":{"keys":[
    {"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
     "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}]}})");
  ASSERT_TRUE(r.problems.empty()) << r.problems[0].detail;
  ASSERT_EQ(r.jwt.keys.size(), 2U);
  EXPECT_EQ(r.jwt.keys[0].algorithm, base::JwsAlgorithm::EdDSA);
  EXPECT_EQ(r.jwt.keys[1].algorithm, base::JwsAlgorithm::ES256);
  // RFC 8037 A.4: a signature made by that Ed25519 key.
  const auto key = base::JwsKey::from_pem(base::JwsAlgorithm::EdDSA, r.jwt.keys[0].public_key).value();
  EXPECT_TRUE(
      key.verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                 base::unbase64("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
                                "9g7sVvpAr_MuM0KAg")
                     .value()));
}

TEST(ClientJwtSetting, SaysWhatIsWrong) {
  const auto complains = [](const std::string& json, std::string_view pointer) {
    const Read r = read(json);
    const bool has = std::ranges::any_of(r.problems, [&](const auto& p) { return p.pointer == pointer; });
    EXPECT_TRUE(has) << json;
  };
  complains(R"({"audience":"a","keys":[]})", "/client_jwt/issuer");
  complains(R"({"issuer":"i","audience":"a"})", "/client_jwt/keys");
  complains(R"({"issuer":"i","audience":"a","keys":[{"algorithm":"none"}]})", "/client_jwt/keys/0/algorithm");
  complains(R"({"issuer":"i","audience":"a","keys":[{"algorithm":"HS256","secret":"short"}]})",
            "/client_jwt/keys/0/secret");
  complains(R"({"issuer":"i","audience":"a","keys":[{"algorithm":"HS256","secret":{"set":true}}]})",
            "/client_jwt/keys/0/secret");
  complains(R"({"issuer":"i","audience":"a","keys":[{"algorithm":"RS256","public_key":"x"}]})",
            "/client_jwt/keys/0/public_key");
  complains(R"({"issuer":"i","audience":"a","jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}})",
            "/client_jwt/jwks/keys/0/kty");
  complains(
      R"({"issuer":"i","audience":"a","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}})",
      "/client_jwt/jwks/keys/0/kty");
  complains(R"({"issuer":"i","audience":"a","max_age":"30d","keys":[]})", "/client_jwt/max_age");
}

TEST(ClientJwtSetting, KeepsSecretsThatAreNotGivenAgainAndShowsNone) {
  const ClientJwt before = settings();
  base::JsonWriter shown;
  write_client_jwt(shown, before, false);
  const std::string text = shown.str();
  EXPECT_EQ(text.find(kSecret), std::string::npos);
  const Read again = read(text, &before);
  ASSERT_TRUE(again.problems.empty()) << again.problems[0].detail;
  EXPECT_EQ(again.jwt.keys[0].sealed_secret, kSecret);
  base::JsonWriter stored;
  write_client_jwt(stored, before, true);
  base::JsonDocument document;
  base::Problems problems;
  const std::string stored_text = stored.str();
  const ClientJwt decoded = decode_client_jwt(document.parse(stored_text).value(), problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(decoded.keys[0].sealed_secret, kSecret);
  EXPECT_EQ(decoded.max_age, before.max_age);
}

}  // namespace
}  // namespace carillon::model
