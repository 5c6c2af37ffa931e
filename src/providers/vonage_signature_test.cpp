#include "providers/vonage_signature.h"

#include <gtest/gtest.h>

#include "base/crypto.h"

namespace carillon::providers {
namespace {

constexpr std::string_view kSecret = "my_secret";
constexpr std::int64_t kSignedAtS = 1'582'650'446;

// Written down once by the vendor's rule with another tool.
CallbackForm fields() {
  return {{"api-key", "abcd1234"},
          {"message-timestamp", "2020-01-01 12:00:00"},
          {"messageId", "0A0000001234567B"},
          {"msisdn", "447700900000"},
          {"nonce", "n-1"},
          {"status", "delivered"},
          {"text", "a&b=c"},
          {"timestamp", "1582650446"},
          {"to", "AcmeInc"}};
}

TEST(VonageSignature, SignsByEachMethod) {
  const std::pair<VonageMethod, std::string_view> expected[] = {
      {VonageMethod::Md5Hash, "f082380099964ae530f839ce5692a3ce"},
      {VonageMethod::Md5, "177b26ddc7bfadd81a33c7c3e53b755f"},
      {VonageMethod::Sha1, "072837a0711f08a6213dc1fd126f09f1a81d9ec9"},
      {VonageMethod::Sha256, "6b85b508b7ebfe55a151715a6988a1dcf5e83a547cd1ac44a01a8d54fad9b929"},
  };
  for (const auto& [method, signature] : expected) {
    EXPECT_EQ(vonage_signature(fields(), kSecret, method), signature);
  }
  EXPECT_EQ(vonage_signature(fields(), kSecret, VonageMethod::Sha512).size(), 128U);
  EXPECT_EQ(parse_vonage_method("md5hash"), VonageMethod::Md5Hash);
  EXPECT_EQ(parse_vonage_method("sha512"), VonageMethod::Sha512);
  EXPECT_FALSE(parse_vonage_method("none"));
}

CallbackRequest form_request(VonageMethod method = VonageMethod::Sha256) {
  auto form = fields();
  form.emplace_back("sig", vonage_signature(form, kSecret, method));
  CallbackRequest request;
  request.method = "POST";
  request.url = "https://example.com/v1/callbacks/vonage/main";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = net::form_encode(form);
  request.now = from_ms((kSignedAtS + 10) * 1000);
  return request;
}
Errc refusal_of(const CallbackRequest& request, std::string_view secret = kSecret) {
  const auto read = read_vonage_fields(request, secret, VonageMethod::Sha256);
  EXPECT_FALSE(read);
  return read ? Errc::Internal : read.error().code;
}

TEST(VonageSignature, ReadsFormsQueriesAndJson) {
  auto request = form_request();
  auto read = read_vonage_fields(request, kSecret, VonageMethod::Sha256);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(form_value(*read, "text"), "a&b=c");
  request.method = "GET";
  request.url += "?project=shop&" + request.body;
  request.body.clear();
  EXPECT_TRUE(read_vonage_fields(request, kSecret, VonageMethod::Sha256));
  request = form_request();
  base::JsonWriter json;
  json.object();
  for (const auto& [name, value] : net::form_decode(request.body).value()) {
    // Numbers may come as numbers.
    name == "timestamp" ? json.field(name, kSignedAtS) : json.field(name, value);
  }
  json.end_object();
  request.body = json.str();
  request.headers = {{"content-type", "application/json; charset=utf-8"}};
  read = read_vonage_fields(request, kSecret, VonageMethod::Sha256);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(form_value(*read, "status"), "delivered");
}

TEST(VonageSignature, RefusesWhatIsForgedOldOrUnsigned) {
  EXPECT_EQ(refusal_of(form_request(), "another"), Errc::Unauthenticated);
  EXPECT_EQ(refusal_of(form_request(), ""), Errc::Unauthenticated);
  EXPECT_EQ(refusal_of(form_request(VonageMethod::Md5Hash)), Errc::Unauthenticated);
  auto request = form_request();
  request.body += "&extra=1";
  EXPECT_EQ(refusal_of(request), Errc::Unauthenticated);
  request = form_request();
  request.body.resize(request.body.find("&sig="));
  EXPECT_EQ(refusal_of(request), Errc::Unauthenticated);
  request = form_request();
  request.now = from_ms(kSignedAtS * 1000) + kVonageRepeats + Millis(1000);
  EXPECT_EQ(refusal_of(request), Errc::Unauthenticated);
  request.now = from_ms(kSignedAtS * 1000) - kVonageAhead - Millis(1000);
  EXPECT_EQ(refusal_of(request), Errc::Unauthenticated);
  request = form_request();
  request.headers = {{"content-type", "application/json"}};
  EXPECT_EQ(refusal_of(request), Errc::InvalidArgument);
}

// ---- tokens

constexpr std::string_view kBody = R"({"status":"completed"})";
const std::string kApplication = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";

CallbackRequest token_request(std::string_view header, const std::string& claims,
                              std::string_view secret = kSecret) {
  const std::string input = base::base64url(header) + "." + base::base64url(claims);
  CallbackRequest request;
  request.method = "POST";
  request.headers = {
      {"Authorization", "Bearer " + input + "." + base::base64url(base::hmac_sha256(secret, input))}};
  request.body = kBody;
  request.now = from_ms((kSignedAtS + 10) * 1000);
  return request;
}
std::string claims_of(std::int64_t issued, std::string_view body, const std::string& application) {
  return fmt::format(R"({{"iat":{},"jti":"1","iss":"Vonage","payload_hash":"{}","application_id":"{}"}})",
                     issued, base::hex(base::sha256(body)), application);
}
constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";

TEST(VonageSignature, TakesATokenForThisBody) {
  const auto claims = claims_of(kSignedAtS, kBody, kApplication);
  const auto taken = check_vonage_token(token_request(kHeader, claims), kSecret, kApplication);
  EXPECT_TRUE(taken) << taken.error().message;
}

TEST(VonageSignature, RefusesEveryOtherToken) {
  const auto good = claims_of(kSignedAtS, kBody, kApplication);
  const auto is_refused = [](const CallbackRequest& request, std::string_view secret = kSecret) {
    const auto taken = check_vonage_token(request, secret, kApplication);
    return !taken && taken.error().code == Errc::Unauthenticated;
  };
  EXPECT_TRUE(is_refused(token_request(kHeader, good, "another")));
  EXPECT_TRUE(is_refused(token_request(kHeader, good), ""));
  EXPECT_TRUE(is_refused(token_request(R"({"alg":"none"})", good)));
  EXPECT_TRUE(is_refused(token_request(R"({"alg":"RS256"})", good)));
  EXPECT_TRUE(is_refused(token_request("not json", good)));
  EXPECT_TRUE(is_refused(token_request(kHeader, "not json")));
  EXPECT_TRUE(is_refused(token_request(kHeader, claims_of(kSignedAtS, "another body", kApplication))));
  EXPECT_TRUE(is_refused(token_request(kHeader, claims_of(kSignedAtS, kBody, "another"))));
  EXPECT_TRUE(is_refused(token_request(kHeader, claims_of(kSignedAtS - 100'000, kBody, kApplication))));
  EXPECT_TRUE(is_refused(token_request(kHeader, claims_of(kSignedAtS + 1000, kBody, kApplication))));
  EXPECT_TRUE(is_refused(token_request(kHeader, R"({"iat":1582650446})")));
  CallbackRequest request = token_request(kHeader, good);
  request.headers[0].second = "Bearer a.b";
  EXPECT_TRUE(is_refused(request));
  request.headers.clear();
  EXPECT_TRUE(is_refused(request));
}

}  // namespace
}  // namespace carillon::providers
