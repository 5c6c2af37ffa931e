#include "net/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.h"

namespace carillon::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// AWS's own test suite (aws-c-auth, tests/aws-signing-test-suite/v4).
const AwsCredential kSuite{"AKIDEXAMPLE", base::Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                           base::Secret()};
const Time kSuiteTime = parse_rfc3339("2015-08-30T12:36:00Z").value();
// The examples of the S3 documentation ("Signature calculations for the Authorization header").
const AwsCredential kS3{"AKIAIOSFODNN7EXAMPLE", base::Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                        base::Secret()};
const Time kS3Time = parse_rfc3339("2013-05-24T00:00:00Z").value();

HttpCall call_of(std::string method, std::string url, Headers headers = {}, std::string body = {}) {
  HttpCall call;
  call.url = std::move(url);
  call.request.method = std::move(method);
  call.request.headers = std::move(headers);
  call.request.body = std::move(body);
  return call;
}

std::string suite(HttpCall call, const AwsCredential& credential = kSuite) {
  const SigV4 signer(credential, "us-east-1", "service");
  EXPECT_TRUE(signer.sign(call, kSuiteTime));
  EXPECT_EQ(find_header(call.request.headers, "x-amz-date"), "20150830T123600Z");
  return std::string(find_header(call.request.headers, "authorization"));
}

std::string s3(HttpCall call) {
  const SigV4 signer(kS3, "us-east-1", "s3");
  EXPECT_TRUE(signer.sign(call, kS3Time));
  return std::string(find_header(call.request.headers, "authorization"));
}

TEST(SigV4, SignsAsTheTestSuiteOfAws) {
  EXPECT_EQ(suite(call_of("GET", "https://example.amazonaws.com/")),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_THAT(suite(call_of("GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1")),
              EndsWith("=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
  const std::string nothing = base::hex(base::sha256(""));
  const SigV4Request utf8{.method = "GET",
                          .path = "/ሴ",
                          .query = {},
                          .stamp = "20150830T123600Z",
                          .payload_hash = nothing,
                          .headers = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}}};
  EXPECT_EQ(sigv4_signature(utf8, kSuite.secret_access_key, "us-east-1", "service"),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
  EXPECT_THAT(suite(call_of("GET", "https://example.amazonaws.com/",
                            {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\" "}})),
              EndsWith("SignedHeaders=host;my-header1;my-header2;x-amz-date, "
                       "Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"));
  EXPECT_THAT(suite(call_of("POST", "https://example.amazonaws.com/")),
              EndsWith("=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));
  EXPECT_THAT(suite(call_of("POST", "https://example.amazonaws.com/",
                            {{"Content-Type", "application/x-www-form-urlencoded"},
                             {"Content-Length", "13"},
                             {"x-amz-content-sha256",
                              "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
                            "Param1=value1")),
              EndsWith("=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"));
  AwsCredential temporary = kSuite;
  temporary.session_token = base::Secret("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267");
  EXPECT_THAT(suite(call_of("GET", "https://example.amazonaws.com/"), temporary),
              EndsWith("SignedHeaders=host;x-amz-date;x-amz-security-token, "
                       "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"));
}

TEST(SigV4, SignsAsTheExamplesOfS3) {
  EXPECT_EQ(s3(call_of("GET", "https://examplebucket.s3.amazonaws.com/test.txt", {{"Range", "bytes=0-9"}})),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_THAT(
      s3(call_of("PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text",
                 {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                 "Welcome to Amazon S3.")),
      EndsWith("=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
  EXPECT_THAT(s3(call_of("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle")),
              EndsWith("=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(s3(call_of("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J")),
              EndsWith("=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(SigV4, PresignsAsTheExamples) {
  const auto of_s3 = SigV4(kS3, "us-east-1", "s3")
                         .presign("GET", "https://examplebucket.s3.amazonaws.com/test.txt", kS3Time,
                                  std::chrono::seconds(86'400));
  ASSERT_TRUE(of_s3);
  EXPECT_EQ(
      *of_s3,
      "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
      "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-"
      "Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, PresignsWithAQueryAPortAndATemporaryCredential) {
  AwsCredential temporary = kS3;
  temporary.session_token = base::Secret("a+b/c=");
  const SigV4 signer(temporary, "eu-west-1", "s3");
  const auto url = signer.presign("PUT", "http://127.0.0.1:9000/bucket/a%20b?partNumber=1", kS3Time,
                                  std::chrono::seconds(60));
  ASSERT_TRUE(url);
  EXPECT_THAT(*url, testing::StartsWith("http://127.0.0.1:9000/bucket/a%20b?partNumber=1&X-Amz-Algorithm="));
  EXPECT_THAT(*url, HasSubstr("&X-Amz-Security-Token=a%2Bb%2Fc%3D&X-Amz-Signature="));
  EXPECT_NE(*url, *signer.presign("GET", "http://127.0.0.1:9000/bucket/a%20b?partNumber=1", kS3Time,
                                  std::chrono::seconds(60)));
  EXPECT_NE(*url, *signer.presign("PUT", "http://127.0.0.1:9001/bucket/a%20b?partNumber=1", kS3Time,
                                  std::chrono::seconds(60)));
}

TEST(SigV4, RefusesWhatCannotBeSigned) {
  const SigV4 signer(kS3, "us-east-1", "s3");
  HttpCall call = call_of("GET", "not a URL");
  EXPECT_EQ(signer.sign(call, kS3Time).error().code, Errc::InvalidArgument);
  const std::string url = "https://examplebucket.s3.amazonaws.com/test.txt";
  EXPECT_FALSE(signer.presign("GET", "no", kS3Time, std::chrono::seconds(60)));
  EXPECT_FALSE(signer.presign("GET", url, kS3Time, std::chrono::seconds(0)));
  EXPECT_FALSE(signer.presign("GET", url, kS3Time, SigV4::kExpiresMax + std::chrono::seconds(1)));
}

TEST(SigV4, SignsThePayload) {
  const SigV4 signer(kS3, "us-east-1", "s3");
  const auto sign = [&](std::string body, std::string_view hash = {}) {
    HttpCall call = call_of("PUT", "https://examplebucket.s3.amazonaws.com/x", {}, std::move(body));
    EXPECT_TRUE(signer.sign(call, kS3Time, hash));
    return call.request.headers;
  };
  EXPECT_EQ(find_header(sign("x"), "x-amz-content-sha256"), base::hex(base::sha256("x")));
  EXPECT_EQ(find_header(sign("x", kUnsignedPayload), "x-amz-content-sha256"), kUnsignedPayload);
  EXPECT_NE(find_header(sign("x"), "authorization"), find_header(sign("y"), "authorization"));
  EXPECT_EQ(find_header(sign("x", kUnsignedPayload), "authorization"),
            find_header(sign("y", kUnsignedPayload), "authorization"));
}

}  // namespace
}  // namespace carillon::net
