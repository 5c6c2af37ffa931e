#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "model/notification.h"

namespace carillon::model {
namespace {

struct Read {
  SendRequest request;
  base::Problems problems;

  [[nodiscard]] bool has(std::string_view pointer, std::string_view code) const {
    return std::ranges::any_of(
        problems, [&](const base::Problem& p) { return p.pointer == pointer && p.code == code; });
  }
  [[nodiscard]] std::string shown() const {
    std::string out;
    for (const base::Problem& p : problems) out += p.pointer + " " + p.code + "; ";
    return out;
  }
};

Read read(std::string_view json, std::optional<Channel> fixed = {}, const std::string& pointer = "") {
  base::JsonDocument document;
  const auto root = document.parse(json);
  EXPECT_TRUE(root) << json;
  Read out;
  if (root) out.request = read_send_request(*root, fixed, pointer, out.problems);
  return out;
}

// A request that is right but for the members given.
std::string with(std::string_view members) {
  return R"({"to":[{"user_id":"u1"}],"title":"Hi",)" + std::string(members) + "}";
}

std::string repeated(std::string_view item, std::size_t count) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) out.append(i == 0 ? "" : ",").append(item);
  return out + "]";
}

TEST(SendRequest, ReadsTheUsualRequest) {
  const Read r =
      read(R"({"event_id":"e1","to":[{"user_id":"u1"},{"user_id":42,"params":{"a":"b"},"locale":"ko-KR"}],
      "category":"orders","template":"order_shipped","params":{"order":"1","name":"Kim"}})");
  ASSERT_TRUE(r.problems.empty()) << r.shown();
  EXPECT_EQ(r.request.event_id, "e1");
  ASSERT_EQ(r.request.to.size(), 2u);
  EXPECT_EQ(r.request.to[0].id, "u1");
  EXPECT_EQ(r.request.to[1].id, "42");
  EXPECT_EQ(r.request.to[1].params, R"({"a":"b"})");
  EXPECT_EQ(r.request.to[1].locale, "ko-KR");
  EXPECT_EQ(r.request.category, "orders");
  EXPECT_TRUE(r.request.category_given);
  EXPECT_EQ(r.request.template_key, "order_shipped");
  EXPECT_EQ(r.request.template_version, 0);
  EXPECT_EQ(r.request.params, R"({"order":"1","name":"Kim"})");
  EXPECT_EQ(r.request.content, nullptr);
}

TEST(SendRequest, ReadsEveryOtherField) {
  const Read r = read(R"({"to":[{"user_id":"u"}],"template":{"key":"t","version":3},
      "fallback":[{"channel":"push","until":"opened","wait":"2m"},{"channel":"sms"},{"channel":"email"}],
      "from":{"email":"A@Example.COM","name":"Shop"},
      "locale":"ko","priority":"high","ttl":"10m","collapse_key":"k","send_at":"2026-12-01T09:00:00+09:00",
      "draft":true,
      "on_unknown":"skip","metadata":{"order":"7"},"tags":["a","b"],
      "attachments":[{"object_id":"obj_0b6k9m2x4r8tz","filename":"a.pdf","disposition":"inline","content_id":"x"}]})");
  ASSERT_TRUE(r.problems.empty()) << r.shown();
  EXPECT_EQ(r.request.template_version, 3);
  ASSERT_EQ(r.request.attachments.size(), 1u);
  EXPECT_TRUE(r.request.attachments[0].is_inline);
  ASSERT_EQ(r.request.fallback.size(), 3u);
  EXPECT_EQ(r.request.fallback[0].until, FallbackUntil::Opened);
  EXPECT_EQ(r.request.fallback[0].wait, Millis(120'000));
  EXPECT_EQ(r.request.fallback[1].channel, Channel::Sms);
  EXPECT_EQ(r.request.from->email, "A@example.com");
  EXPECT_EQ(r.request.priority, Priority::High);
  EXPECT_EQ(r.request.ttl, Millis(600'000));
  EXPECT_EQ(r.request.send_at, parse_rfc3339("2026-12-01T00:00:00Z"));
  EXPECT_TRUE(r.request.draft);
  EXPECT_TRUE(r.request.skip_unknown_users);
  EXPECT_EQ(r.request.metadata, R"({"order":"7"})");
  EXPECT_EQ(r.request.tags, R"(["a","b"])");
}

TEST(SendRequest, ReadsEveryKindOfRecipient) {
  const Read r = read(
      R"({"title":"t","channels":["push"],"to":[{"device_id":"d"},{"group":"g"},{"email":"a@Example.com"},
      {"phone":"+82 10-2345-6789"},{"address":{"channel":"chat","service":"slack","address":"C1"}},
      {"device_token":"tok","platform":"ios"},{"phone":"+999000000001"}]})");
  ASSERT_TRUE(r.problems.empty()) << r.shown();
  const auto& to = r.request.to;
  EXPECT_EQ(to[0].kind, RecipientKind::Device);
  EXPECT_EQ(to[1].kind, RecipientKind::Group);
  EXPECT_EQ(to[2].kind, RecipientKind::Email);
  EXPECT_EQ(to[2].id, "a@example.com");
  EXPECT_EQ(to[3].id, "+821023456789");
  EXPECT_EQ(to[4].kind, RecipientKind::Address);
  EXPECT_EQ(to[4].service, "slack");
  EXPECT_EQ(to[5].kind, RecipientKind::Token);
  EXPECT_EQ(to[5].platform, Platform::Ios);
  EXPECT_EQ(to[6].id, "+999000000001");
}

TEST(SendRequest, ReadsTheShortFormOfContent) {
  const Read r = read(R"({"to":[{"email":"a@example.com"}],"subject":"S",
      "content":[{"type":"text/plain","value":"plain"},{"type":"text/html","value":"<b>rich</b>"}]})");
  ASSERT_TRUE(r.problems.empty()) << r.shown();
  EXPECT_EQ(r.request.content->body, "plain");
  EXPECT_EQ(r.request.content->email->subject, "S");
  EXPECT_EQ(r.request.content->email->html, "<b>rich</b>");
}

TEST(SendRequest, ReadsALocalSendTime) {
  const Read r = read(with(R"("send_at":{"local":"2028-02-29T23:59","zone":"recipient","if_past":"skip"})"));
  ASSERT_TRUE(r.problems.empty()) << r.shown();
  EXPECT_EQ(r.request.send_at_local->day, 29u);
  EXPECT_EQ(r.request.send_at_local->minute_of_day, 23 * 60 + 59);
  EXPECT_EQ(r.request.send_at_local->if_past, IfPast::Skip);
}

struct Bad {
  std::string json;
  const char* pointer;
  const char* code;
};

TEST(SendRequest, NamesTheFieldAndTheCodeOfEachMistake) {
  const std::string user = R"("to":[{"user_id":"u1"}])";
  const std::vector<Bad> cases{
      {"[]", "", "wrong_type"},
      {with(R"("colour":1)"), "/colour", "unknown_field"},
      {with(R"("a/b~":1)"), "/a~1b~0", "unknown_field"},
      {R"({"title":"x"})", "/to", "missing_recipient"},
      {R"({"title":"x","to":[]})", "/to", "missing_recipient"},
      {R"({"title":"x","to":{}})", "/to", "wrong_type"},
      {R"({"title":"x","to":["u1"]})", "/to/0", "wrong_type"},
      {R"({"title":"x","to":[{}]})", "/to/0", "missing_recipient"},
      {R"({"title":"x","to":[{"user_id":"a"},{"user_id":"a","email":"a@example.com"}]})", "/to/1",
       "ambiguous_recipient"},
      {R"({"title":"x","to":[{"usr":"a"}]})", "/to/0/usr", "unknown_field"},
      {R"({"title":"x","to":[{"user_id":true}]})", "/to/0/user_id", "wrong_type"},
      {R"({"title":"x","to":[{"user_id":1.5}]})", "/to/0/user_id", "wrong_type"},
      {R"({"title":"x","to":[{"user_id":""}]})", "/to/0/user_id", "invalid_text"},
      {R"({"title":"x","to":[{"user_id":")" + std::string(129, 'u') + R"("}]})", "/to/0/user_id", "too_long"},
      {R"({"title":"x","to":[{"phone":"01012345678"}]})", "/to/0/phone", "invalid_phone"},
      {R"({"title":"x","to":[{"phone":"+1"}]})", "/to/0/phone", "invalid_phone"},
      {R"({"title":"x","to":[{"email":"nobody"}]})", "/to/0/email", "invalid_email"},
      {R"({"title":"x","to":[{"device_token":"t"}]})", "/to/0/platform", "required"},
      {R"({"title":"x","to":[{"platform":"ios"}]})", "/to/0/device_token", "required"},
      {R"({"title":"x","to":[{"device_token":"t","platform":"bada"}]})", "/to/0/platform", "invalid_choice"},
      {R"({"title":"x","to":[{"address":{"channel":"sms","address":"1"}}]})", "/to/0/address/channel",
       "invalid_channel"},
      {R"({"title":"x","to":[{"address":{"channel":"chat","address":"1"}}]})", "/to/0/address/service",
       "invalid_choice"},
      {R"({"title":"x","to":[{"address":{"channel":"webhook","address":"ftp://x"}}]})",
       "/to/0/address/address", "invalid_address"},
      {R"({"title":"x","to":[{"user_id":"u","params":[]}]})", "/to/0/params", "wrong_type"},
      {R"({"title":"x","to":[{"user_id":"u","locale":"!"}]})", "/to/0/locale", "invalid_locale"},
      {R"({"title":"x","to":)" + repeated(R"({"user_id":"u"})", 1001) + "}", "/to", "too_many_recipients"},
      {with(R"("event_id":5)"), "/event_id", "wrong_type"},
      {with(R"("event_id":")" + std::string(257, 'e') + "\""), "/event_id", "too_long"},
      {with(R"("category":"No Such")"), "/category", "invalid_key"},
      {with(R"("channels":["pigeon"])"), "/channels/0", "invalid_channel"},
      {with(R"("channels":["push","push"])"), "/channels/1", "duplicate_channel"},
      {with(R"("channels":[])"), "/channels", "invalid_channel"},
      {with(R"("channels":["push"],"fallback":[{"channel":"push"}])"), "/fallback", "channels_and_fallback"},
      {with(R"("fallback":[{"channel":"push","until":"read"}])"), "/fallback/0/until", "invalid_choice"},
      {with(R"("fallback":[{"channel":"push","wait":"8d"}])"), "/fallback/0/wait", "out_of_range"},
      {with(R"("fallback":[{"until":"opened"}])"), "/fallback/0/channel", "required"},
      {"{" + user + "}", "/template", "missing_content"},
      {"{" + user + R"(,"template":"t","title":"x"})", "/template", "template_and_content"},
      {"{" + user + R"(,"template":{"version":1}})", "/template/key", "required"},
      {"{" + user + R"(,"template":{"key":"t","version":0}})", "/template/version", "out_of_range"},
      {"{" + user + R"(,"template":7})", "/template", "wrong_type"},
      {with(R"("params":{"a":1})"), "/params", "undeclared_parameter"},
      {with(R"("params":"a")"), "/params", "wrong_type"},
      {with(R"("channels":["sms"])"), "/sms", "missing_content"},
      {R"({"to":[{"email":"a@example.com"}],"body":"x"})", "/subject", "missing_subject"},
      {"{" + user + R"(,"body":"x","channels":["email"]})", "/subject", "missing_subject"},
      {"{" + user + R"(,"body":"x","fallback":[{"channel":"push"},{"channel":"email"}]})", "/subject",
       "missing_subject"},
      {with(R"("ttl":"0s")"), "/ttl", "out_of_range"},
      {with(R"("ttl":"31d")"), "/ttl", "out_of_range"},
      {with(R"("ttl":"soon")"), "/ttl", "invalid_duration"},
      {with(R"("ttl":60)"), "/ttl", "wrong_type"},
      {with(R"("collapse_key":")" + std::string(65, 'k') + "\""), "/collapse_key", "too_long"},
      {with(R"("priority":"urgent")"), "/priority", "invalid_choice"},
      {with(R"("send_at":"tomorrow")"), "/send_at", "invalid_send_at"},
      {with(R"("send_at":{"local":"2026-02-30T09:00","zone":"recipient"})"), "/send_at/local",
       "invalid_send_at"},
      {with(R"("send_at":{"local":"2026-02-20T09:00","zone":"Mars/Olympus"})"), "/send_at/zone",
       "invalid_time_zone"},
      {with(R"("draft":"yes")"), "/draft", "wrong_type"},
      {with(R"("on_unknown":"ignore")"), "/on_unknown", "invalid_choice"},
      {with(R"("metadata":{"a":1})"), "/metadata/a", "wrong_type"},
      {with(R"("metadata":{"a":")" + std::string(257, 'v') + "\"}"), "/metadata/a", "too_long"},
      {with(R"("tags":)" + repeated("\"t\"", 17)), "/tags", "too_many"},
      {with(R"("tags":["a",2])"), "/tags/1", "wrong_type"},
      {with(R"("attachments":[{"filename":"a"}])"), "/attachments/0/object_id", "required"},
      {with(R"("attachments":[{"object_id":"obj_1","filename":"../a"}])"), "/attachments/0/filename",
       "invalid_filename"},
      {with(R"("from":{"mail":"x"})"), "/from/mail", "unknown_field"},
      {with(R"("email":{"subject":"s","headers":{"X-A":"a\r\nBcc: b@example.com"}})"), "/email/headers/X-A",
       "invalid_header"},
      {with(R"("email":{"subject":"s","headers":{"X:A":"a"}})"), "/email/headers/X:A", "invalid_header"},
      {with(R"("email":{"subject":"s","headers":{"bcc":"b@example.com"}})"), "/email/headers/bcc",
       "invalid_header"},
      {with(R"("email":{"cc":["not an address"]})"), "/email/cc/0", "invalid_email"},
      {with(R"("url":"javascript:alert")"), "/url", "invalid_url"},
      {with(R"("email":{"subject":"s","headers":{"X-Carillon-Delivery":"dlv_1"}})"),
       "/email/headers/X-Carillon-Delivery", "invalid_header"},
      {with(R"("image":"http://example.com/a.png")"), "/image", "invalid_url"},
      {with(R"("image":"https://")"), "/image", "invalid_url"},
      {with(R"("image":"https:///a.png")"), "/image", "invalid_url"},
      {with(R"("push":{"titel":"x"})"), "/push/titel", "unknown_field"},
      {with(R"("push":{"data":[]})"), "/push/data", "wrong_type"},
      {with(R"("inbox":{"x":1})"), "/inbox/x", "unknown_field"},
      {with(R"("content":[{"type":"text/xml","value":"x"}])"), "/content/0/type", "invalid_choice"},
      {with(R"("body":"a","content":[{"type":"text/plain","value":"b"}])"), "/content/0/value",
       "conflicting_fields"},
  };
  for (const Bad& bad : cases) {
    const Read r = read(bad.json);
    EXPECT_TRUE(r.has(bad.pointer, bad.code)) << bad.json.substr(0, 200) << "\n wanted " << bad.pointer << " "
                                              << bad.code << "\n got " << r.shown();
  }
}

TEST(SendRequest, EveryCodeItUsesIsRegisteredOnce) {
  std::multiset<std::string> codes;
#define PROBLEM(code, status, title, what_to_do, korean) \
  codes.insert(#code);                                   \
  EXPECT_TRUE((status) >= 400 && (status) < 600);        \
  EXPECT_GT(std::string_view(title).size(), 5u);         \
  EXPECT_GT(std::string_view(what_to_do).size(), 5u);    \
  EXPECT_TRUE(std::string_view(korean).ends_with("다") || std::string_view(korean).ends_with("요")) << #code;
#include "model/problem_codes.def"
#undef PROBLEM
  for (const std::string& code : codes) EXPECT_EQ(codes.count(code), 1u) << code;
  for (const char* code :
       {"wrong_type", "unknown_field", "missing_recipient", "template_and_content", "invalid_header"}) {
    EXPECT_EQ(codes.count(code), 1u) << code;
  }
}

TEST(SendRequest, NullIsAsIfAbsent) {
  const Read r =
      read(R"({"to":[{"user_id":"u","locale":null}],"title":"x","ttl":null,"template":null,"push":null})");
  EXPECT_TRUE(r.problems.empty()) << r.shown();
}

TEST(SendRequest, PutsThePointerOfABatchItemInFront) {
  const Read r = read(R"({"to":[{"email":"x"}],"title":"t","nope":1})", {}, "/3");
  EXPECT_TRUE(r.has("/3/to/0/email", "invalid_email")) << r.shown();
  EXPECT_TRUE(r.has("/3/nope", "unknown_field")) << r.shown();
}

TEST(SendRequest, CollectsAllMistakesUpToALimit) {
  const Read r = read(R"({"title":"x","to":)" + repeated("{}", 1000) + "}");
  EXPECT_EQ(r.problems.size(), base::kMaxProblems);
}

TEST(SendRequest, AChannelsOwnAddressFixesTheChannel) {
  const Read plain = read(R"({"to":[{"user_id":"u"}],"body":"x"})", Channel::Sms);
  EXPECT_TRUE(plain.problems.empty()) << plain.shown();
  EXPECT_EQ(plain.request.channels, std::vector{Channel::Sms});
  EXPECT_TRUE(read(with(R"("channels":["push"])"), Channel::Push).problems.empty());
  EXPECT_TRUE(read(with(R"("channels":["sms"])"), Channel::Push).has("/channels", "channel_mismatch"));
  EXPECT_TRUE(read(with(R"("fallback":[{"channel":"push"}])"), Channel::Push)
                  .has("/fallback", "channels_and_fallback"));
  EXPECT_TRUE(
      read(R"({"to":[{"user_id":"u"}],"body":"x"})", Channel::Email).has("/subject", "missing_subject"));
}

TEST(SendRequest, MayBeScheduledNinetyDaysAhead) {
  const Time now = *parse_rfc3339("2026-11-20T00:00:00Z");
  SendRequest request;
  base::Problems problems;
  request.send_at = now + kSendAtMax;
  check_send_time(request, now, "", problems);
  EXPECT_TRUE(problems.empty());
  request.send_at = now + kSendAtMax + Millis(1);
  check_send_time(request, now, "/1", problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].pointer, "/1/send_at");
  request.send_at.reset();
  request.send_at_local = LocalSendTime{2027, 6, 1, 0, IfPast::Now};
  check_send_time(request, now, "", problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[1].pointer, "/send_at/local");
}

std::string difference(std::string_view a, std::string_view b) {
  base::JsonDocument left, right;
  return first_difference(*left.parse(a), *right.parse(b));
}

TEST(RequestCompare, NamesTheFirstDifference) {
  EXPECT_EQ(difference(R"({"a":1,"b":[1,{"c":2}]})", R"({"b":[1,{"c":2}],"a":1})"), "");
  EXPECT_EQ(difference(R"({"a":1,"b":[1,{"c":2}]})", R"({"b":[1,{"c":3}],"a":1})"), "/b/1/c");
  EXPECT_EQ(difference(R"({"b":[1]})", R"({"b":[1,2]})"), "/b/1");
  EXPECT_EQ(difference(R"({"b":[1,2]})", R"({"b":[1]})"), "/b/1");
  EXPECT_EQ(difference(R"({"a":1})", R"({"a":1,"x/y":2})"), "/x~1y");
  EXPECT_EQ(difference(R"({"a":1,"n":0})", R"({"a":1})"), "/n");
  EXPECT_EQ(difference(R"({"a":"1"})", R"({"a":1})"), "/a");
  EXPECT_EQ(difference(R"({"a":1.0})", R"({"a":1})"), "");
  EXPECT_EQ(difference(R"({"a":{}})", R"({"a":[]})"), "/a");
}

TEST(RequestCompare, TellsStructuresApartThatLookAlike) {
  const std::vector<std::string_view> all{R"({})",
                                          R"({"a":[]})",
                                          R"({"a":{}})",
                                          R"({"a":null})",
                                          R"({"a":[[]]})",
                                          R"({"a":["b"]})",
                                          R"({"a":{"b":"c"}})",
                                          R"({"a":["b","c"]})",
                                          R"({"a":[["b"],"c"]})",
                                          R"({"a":"1"})",
                                          R"({"a":1})",
                                          R"({"a":true})",
                                          R"({"a":"true"})",
                                          R"({"a":1.5})",
                                          R"({"a":[{"b":1},{"c":2}]})",
                                          R"({"a":[{"b":1,"c":2}]})"};
  for (const std::string_view a : all) {
    for (const std::string_view b : all) EXPECT_EQ(difference(a, b).empty(), a == b) << a << " " << b;
  }
}

TEST(RequestCompare, TheSameBytesHaveTheSameFingerprint) {
  EXPECT_EQ(fingerprint(R"({"a":1})"), fingerprint(R"({"a":1})"));
  EXPECT_NE(fingerprint(R"({"a":1})"), fingerprint(R"({"a":2})"));
}

// A JSON value, and the same with the members of every object in another order.
std::pair<std::string, std::string> generate(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 5 : 3)) {
    case 0: {
      const std::string text = std::to_string(*rc::gen::arbitrary<int>());
      return {text, text};
    }
    case 1: {
      std::string text;
      base::append_json_string(text, *rc::gen::string<std::string>());
      return {text, text};
    }
    case 2: return {"true", "true"};
    case 3: {
      std::pair<std::string, std::string> out{"[", "["};
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        const auto item = generate(depth - 1);
        out.first += item.first + (i > 1 ? "," : "");
        out.second += item.second + (i > 1 ? "," : "");
      }
      return {out.first + "]", out.second + "]"};
    }
    default: break;
  }
  std::string forward = "{", backward;
  const int count = *rc::gen::inRange(0, 20);
  for (int i = 0; i < count; ++i) {
    const auto item = generate(depth - 1);
    forward += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":" + item.first;
    backward = "\"k" + std::to_string(i) + "\":" + item.second + (i > 0 ? "," : "") + backward;
  }
  return {forward + "}", "{" + backward + "}"};
}

RC_GTEST_PROP(RequestCompare, TheOrderOfMembersMeansNothing, ()) {
  const auto [forward, backward] = generate(2);
  RC_ASSERT(difference("{\"r\":" + forward + "}", "{\"r\":" + backward + "}").empty());
}

RC_GTEST_PROP(RequestCompare, WhatDiffersDiffersBothWays, ()) {
  const std::string a = "{\"r\":" + generate(2).first + "}", b = "{\"r\":" + generate(2).first + "}";
  RC_ASSERT(difference(a, b).empty() == difference(b, a).empty());
}

}  // namespace
}  // namespace carillon::model
