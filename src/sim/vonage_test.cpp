#include "sim/vonage.h"

#include <gmock/gmock.h>

#include "sim/callback_sink_test.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class VonageTest : public SimTest {
 protected:
  Form message(const std::string& to, const std::string& text = "hello") const {
    return {{"api_key", at("vonage", "api_key")},
            {"api_secret", at("vonage", "api_secret")},
            {"from", at("vonage", "from")},
            {"to", to},
            {"text", text},
            {"client-ref", "dlv_0123456789abc"}};
  }
  net::TransportResult<net::HttpResponse> post(const std::string& path, net::Headers headers,
                                               std::string body, Millis timeout = Millis(10'000)) {
    net::HttpCall c;
    c.url = at("vonage", "endpoint") + path;
    c.request.method = "POST";
    c.request.headers = std::move(headers);
    c.request.body = std::move(body);
    return call(std::move(c), timeout);
  }
  std::string send(const Form& form) {
    const auto response =
        post("/sms/json", {{"Content-Type", "application/x-www-form-urlencoded"}}, net::form_encode(form));
    EXPECT_TRUE(response);
    EXPECT_EQ(response ? response->status : 0, 200);
    return response ? response->body : "";
  }
  std::string send_with(const std::string& name, const std::string& value) {
    Form form = message("821012345678");
    std::erase_if(form, [&](const auto& entry) { return entry.first == name; });
    form.emplace_back(name, value);
    return send(form);
  }

  std::string token(const std::string& application, std::int64_t age_s = 0) const {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count() -
        age_s;
    const auto made = base::jws_rs256(
        R"({"alg":"RS256","typ":"JWT"})",
        fmt::format(R"({{"application_id":"{}","iat":{},"exp":{},"jti":"1"}})", application, now, now + 900),
        base::Secret(read(at("vonage", "private_key_file"))));
    EXPECT_TRUE(made);
    return "Bearer " + made.value_or("");
  }
  net::HttpResponse ring(const std::string& to, const std::string& event_url = {},
                         const std::string& bearer = {}) {
    base::JsonWriter out;
    out.object()
        .key("to")
        .array()
        .object()
        .field("type", "phone")
        .field("number", to)
        .end_object()
        .end_array();
    out.key("from").object().field("type", "phone").field("number", at("vonage", "from")).end_object();
    out.key("ncco")
        .array()
        .object()
        .field("action", "talk")
        .field("text", "hello")
        .field("language", "en-US");
    out.field("style", 0).field("loop", 1).end_object().end_array();
    if (!event_url.empty()) out.key("event_url").array().value(event_url).end_array();
    out.end_object();
    const auto response =
        post("/v1/calls",
             {{"Content-Type", "application/json"},
              {"Authorization", bearer.empty() ? token(at("vonage", "application_id")) : bearer}},
             out.str());
    return response.value_or(net::HttpResponse{});
  }
};

TEST_F(VonageTest, TakesAMessageInPartsAndLogsIt) {
  open();
  EXPECT_THAT(send(message("821012345678")), HasSubstr(R"("message-count":"1")"));
  EXPECT_THAT(send(message("821012345678", std::string(161, 'x'))), HasSubstr(R"("message-count":"2")"));
  EXPECT_THAT(control("GET", "/log?vendor=vonage"),
              HasSubstr(R"("recipient":"+821012345678","delivery":"dlv_0123456789abc")"));
}

TEST_F(VonageTest, RefusesWithAStatusInsideAnAnswerOf200) {
  open();
  const std::pair<std::pair<std::string, std::string>, std::string> wrong[] = {
      {{"api_secret", "wrong"}, "4"},
      {{"to", ""}, "2"},
      {{"to", "+821012345678"}, "3"},
      {{"text", ""}, "2"},
      {{"from", "1234567"}, "15"},
      {{"from", "much too long"}, "15"},
      {{"ttl", "5"}, "3"},
      {{"type", "wappush"}, "3"},
      {{"client-ref", std::string(41, 'x')}, "3"},
      {{"callback", "here"}, "23"},
      {{"text", std::string(3201, 'x')}, "12"},
      {{"to", "999000000003"}, "7"},
      {{"to", "999000000004"}, "5"}};
  for (const auto& [entry, status] : wrong) {
    EXPECT_THAT(send_with(entry.first, entry.second), HasSubstr(fmt::format(R"("status":"{}")", status)))
        << entry.first << "=" << entry.second;
  }
  EXPECT_EQ(count("vonage", "accepted"), 0U);
}

TEST_F(VonageTest, ReportsEachPartSigned) {
  open();
  CallbackSink sink(io_);
  Form form = message("821012345678", std::string(161, 'x'));
  form.emplace_back("callback", sink.url("/cb"));
  send(form);
  std::vector<std::string> steps;
  for (const auto& request : sink.wait_for(4)) {
    const auto fields = net::form_decode(request.body);
    ASSERT_TRUE(fields);
    EXPECT_EQ(field(*fields, "sig"), vonage_signature(at("vonage", "signature_secret"), *fields));
    EXPECT_EQ(field(*fields, "client-ref"), "dlv_0123456789abc");
    steps.emplace_back(field(*fields, "status"));
  }
  EXPECT_THAT(steps, ::testing::UnorderedElementsAre("accepted", "accepted", "delivered", "delivered"));
}

TEST_F(VonageTest, PassesOnWhatSomebodyWrites) {
  open();
  CallbackSink sink(io_);
  control("PUT", "/webhooks", fmt::format(R"({{"vonage":"{}"}})", sink.url("/cb")));
  control("POST", "/inbound", R"({"vendor":"vonage","from":"+821012345678","text":"stop please"})");
  const auto requests = sink.wait_for(1);
  ASSERT_EQ(requests.size(), 1U);
  const auto fields = net::form_decode(requests[0].body);
  ASSERT_TRUE(fields);
  EXPECT_EQ(field(*fields, "msisdn"), "821012345678");
  EXPECT_EQ(field(*fields, "keyword"), "STOP");
  EXPECT_EQ(field(*fields, "sig"), vonage_signature(at("vonage", "signature_secret"), *fields));
}

TEST_F(VonageTest, BeginsACallAndTellsWhatBecameOfIt) {
  open();
  CallbackSink sink(io_);
  const auto begun = ring("821012345678", sink.url("/cb?d=dlv_0123456789abc"));
  EXPECT_EQ(begun.status, 201);
  EXPECT_THAT(begun.body, HasSubstr(R"("status":"started")"));
  std::string all;
  for (const auto& request : sink.wait_for(4)) {
    const std::string bearer(request.header("authorization").substr(7));
    const auto jwt = split_jwt(bearer);
    ASSERT_TRUE(jwt);
    EXPECT_EQ(jwt->signature, base::hmac_sha256(at("vonage", "signature_secret"), jwt->signed_part));
    EXPECT_THAT(jwt->claims, HasSubstr(base::hex(base::sha256(request.body))));
    all += request.body;
  }
  for (const auto* const status : {"started", "ringing", "answered", "completed"}) {
    EXPECT_THAT(all, HasSubstr(fmt::format(R"("status":"{}")", status)));
  }
  EXPECT_THAT(control("GET", "/log?vendor=vonage"), HasSubstr(R"("delivery":"dlv_0123456789abc")"));
}

TEST_F(VonageTest, RefusesCallsWithoutTheApplicationsToken) {
  open();
  EXPECT_EQ(ring("821012345678", {}, token("another")).status, 401);
  EXPECT_EQ(ring("821012345678", {}, token(at("vonage", "application_id"), 2000)).status, 401);
  EXPECT_EQ(ring("821012345678", {}, "Bearer x").status, 401);
  EXPECT_THAT(ring("12").body, HasSubstr("to[0].number"));
  EXPECT_EQ(ring("999000000004").status, 503);
  EXPECT_EQ(count("vonage", "accepted"), 0U);
}

TEST_F(VonageTest, IsBusyInTheWordsOfTheApiThatWasAsked) {
  open();
  control("PUT", "/faults", R"({"vonage":{"rate_429":1}})");
  EXPECT_THAT(send(message("821012345678")), HasSubstr(R"("status":"1")"));
  EXPECT_EQ(ring("821012345678").status, 429);
}

}  // namespace
}  // namespace carillon::sim
