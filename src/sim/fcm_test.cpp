#include "sim/fcm.h"

#include <gmock/gmock.h>

#include "sim/fcm_request.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kGoodMessage =
    R"({"message":{"token":"abc:APA91b","data":{"carillon.d":"dlv_0123456789abc"},)"
    R"("android":{"collapse_key":"k"}}})";

class FcmTest : public SimTest {
 protected:
  net::HttpResponse exchange(const std::string& assertion) {
    net::HttpCall c;
    c.url = at("fcm", "token_uri");
    c.request.method = "POST";
    c.request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    c.request.body = net::form_encode(
        {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion}});
    return call(std::move(c)).value_or(net::HttpResponse{});
  }
  std::string assertion(const std::string& audience, const std::string& key_file = {}) {
    const std::string account = read(at("fcm", "service_account_file"));
    base::JsonDocument document;
    const auto root = document.parse(account);
    const std::string key =
        key_file.empty() ? std::string(std::string_view((*root)["private_key"])) : read(key_file);
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    base::JsonWriter claims;
    claims.object()
        .field("iss", std::string_view((*root)["client_email"]))
        .field("scope", "https://www.googleapis.com/auth/firebase.messaging")
        .field("aud", audience)
        .field("iat", std::int64_t{now.count()})
        .field("exp", std::int64_t{now.count() + 3600})
        .end_object();
    return base::jws_rs256(R"({"alg":"RS256","typ":"JWT"})", claims.str(), base::Secret(key)).value_or("");
  }
  std::string access_token() {
    base::JsonDocument document;
    const auto root = document.parse(exchange(assertion(at("fcm", "token_uri"))).body);
    return root ? "Bearer " + std::string(std::string_view((*root)["access_token"])) : "";
  }
  Pushed send(const std::string& authorization, std::string body,
              const std::string& project = "carillon-sim") {
    return post(at("fcm", "endpoint"), "/v1/projects/" + project + "/messages:send",
                {{"authorization", authorization}, {"content-type", "application/json"}}, body, 1)
        .front();
  }
};

TEST_F(FcmTest, AcceptsAMessageUnderATokenOfItsEndpoint) {
  open();
  const Pushed result = send(access_token(), std::string(kGoodMessage));
  EXPECT_EQ(result.status, 200);
  EXPECT_THAT(result.body, ::testing::StartsWith(R"({"name":"projects/carillon-sim/messages/0:)"));
  EXPECT_THAT(control("GET", "/log?vendor=fcm"),
              HasSubstr(R"("recipient":"abc:APA91b","delivery":"dlv_0123456789abc","collapse":"k")"));
}

TEST_F(FcmTest, RefusesAssertionsThatAreWrong) {
  open();
  EXPECT_THAT(exchange("a.b.c").body, HasSubstr("invalid_grant"));
  EXPECT_THAT(exchange(assertion("https://elsewhere.example/token")).body, HasSubstr("audience"));
  std::string forged = assertion(at("fcm", "token_uri"));
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  const auto refused = exchange(forged);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("Invalid JWT Signature"));
}

TEST_F(FcmTest, RefusesUnknownAndExpiredAccessTokens) {
  open();
  EXPECT_EQ(send("Bearer ya29.wrong", std::string(kGoodMessage)).status, 401);
  const std::string token = access_token();
  EXPECT_EQ(send(token, std::string(kGoodMessage)).status, 200);
  control("POST", "/clock", R"({"advance":"1h"})");
  const Pushed expired = send(token, std::string(kGoodMessage));
  EXPECT_EQ(expired.status, 401);
  EXPECT_THAT(expired.body, HasSubstr(R"("status":"UNAUTHENTICATED")"));
  EXPECT_EQ(send(access_token(), std::string(kGoodMessage), "another").status, 404);
}

TEST_F(FcmTest, ReservedTokensAndFaultsCarryFcmErrors) {
  open();
  const std::string token = access_token();
  const Pushed gone = send(token, R"({"message":{"token":"test-unregistered"}})");
  EXPECT_EQ(gone.status, 404);
  EXPECT_THAT(
      gone.body,
      HasSubstr(
          R"("@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED")"));
  const Pushed busy = send(token, R"({"message":{"token":"test-429"}})");
  EXPECT_EQ(busy.status, 429);
  EXPECT_FALSE(busy.retry_after.empty());
  EXPECT_THAT(busy.body, HasSubstr("QUOTA_EXCEEDED"));
  control("PUT", "/faults", R"({"fcm":{"rate_5xx":1}})");
  const Pushed down = send(token, std::string(kGoodMessage));
  EXPECT_EQ(down.status, 503);
  EXPECT_THAT(down.body, HasSubstr("UNAVAILABLE"));
}

// ---- the pure checks

FcmVerdict check(std::string body) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  FcmMessage message;
  return check_fcm_message(body, message);
}

TEST(FcmRequest, NeedsExactlyOneTarget) {
  EXPECT_EQ(check(R"({"message":{"topic":"news"}})").status, 200);
  EXPECT_EQ(check(R"({"message":{"condition":"'a' in topics"}})").status, 200);
  EXPECT_EQ(check(R"({"message":{"token":"a","topic":"b"}})").field, "message");
  EXPECT_EQ(check(R"({"message":{}})").status, 400);
  EXPECT_EQ(check(R"({})").field, "message");
  EXPECT_EQ(check("{").grpc_status, "INVALID_ARGUMENT");
}

TEST(FcmRequest, DataHoldsStringsUnderFreeKeys) {
  EXPECT_EQ(check(R"({"message":{"token":"a","data":{"n":1}}})").status, 400);
  EXPECT_EQ(check(R"({"message":{"token":"a","data":{"n":"1"}}})").status, 200);
  for (const std::string key : {"from", "message_type", "google.x", "gcm"}) {
    EXPECT_EQ(check(R"({"message":{"token":"a","data":{")" + key + R"(":"1"}}})").field, "message.data")
        << key;
  }
}

TEST(FcmRequest, PayloadTtlAndNamesHaveLimits) {
  const auto data = [](std::size_t size, const std::string& target) {
    return check(R"({"message":{)" + target + R"(,"data":{"k":")" + std::string(size - 1, 'x') + R"("}}})")
        .status;
  };
  EXPECT_EQ(data(4096, R"("token":"a")"), 200);
  EXPECT_EQ(data(4097, R"("token":"a")"), 400);
  EXPECT_EQ(data(2049, R"("topic":"a")"), 400);
  const auto ttl = [](const std::string& text) {
    return check(R"({"message":{"token":"a","android":{"ttl":")" + text + R"("}}})").status;
  };
  EXPECT_EQ(ttl("0s"), 200);
  EXPECT_EQ(ttl("3.5s"), 200);
  EXPECT_EQ(ttl("2419200s"), 200);
  EXPECT_EQ(ttl("2419201s"), 400);
  EXPECT_EQ(ttl("10"), 400);
  EXPECT_EQ(ttl("s"), 400);
  EXPECT_EQ(ttl("1.s"), 400);
  EXPECT_EQ(check(R"({"message":{"token":"a","colour":"red"}})").field, "message.colour");
  EXPECT_EQ(check(R"({"message":{"token":"a","android":{"ttll":"1s"}}})").status, 400);
}

TEST(FcmRequest, MalformedTokenHasFcmErrorAndBadFieldHasViolation) {
  const FcmVerdict token = check(R"({"message":{"token":"no spaces please"}})");
  EXPECT_EQ(token.error_code, "INVALID_ARGUMENT");
  EXPECT_EQ(token.field, "");
  std::string text;
  write_fcm_error(text, token, "p");
  EXPECT_EQ(text.find("fieldViolations"), std::string::npos);
  text.clear();
  write_fcm_error(text, check(R"({"message":{"token":"a","data":{"n":1}}})"), "p");
  EXPECT_THAT(text, HasSubstr("google.rpc.BadRequest"));
}

}  // namespace
}  // namespace carillon::sim
