#include "model/profile.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace carillon::model {
namespace {

const Time kNow = from_ms(1'790'000'000'000);
// A point of P-256 (the example of RFC 8291, appendix A) and 16 bytes.
constexpr std::string_view kP256dh =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
constexpr std::string_view kAuth = "BTBZMqHH6r4Tts7J_aSIgg";

bool complains(const base::Problems& problems, std::string_view pointer, std::string_view code) {
  return std::ranges::any_of(problems,
                             [&](const base::Problem& p) { return p.pointer == pointer && p.code == code; });
}

template <class Read>
base::Problems with_json(std::string_view json, Read read) {
  base::JsonDocument document;
  const auto element = document.parse(json);
  if (!element) throw std::invalid_argument("the test's JSON is broken");
  base::Problems problems;
  read(*element, problems);
  return problems;
}

base::Problems into_user(std::string_view json, Profile& profile) {
  return with_json(json, [&](base::JsonElement body, base::Problems& p) { read_user(body, profile, p); });
}
base::Problems into_device(std::string_view json, Device& device, Time now = kNow) {
  return with_json(json,
                   [&](base::JsonElement body, base::Problems& p) { read_device(body, device, now, p); });
}
base::Problems into_preferences(std::string_view json, Profile& profile, bool replace) {
  return with_json(
      json, [&](base::JsonElement body, base::Problems& p) { read_preferences(body, profile, replace, p); });
}

template <class Write, class T>
std::string written(Write write, const T& value) {
  base::JsonWriter out;
  write(out, value);
  return out.str();
}

// ---- stored form

rc::Gen<std::string> some_text() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
          std::vector<std::string>{"a", "Z", "0", "\"", "\\", "\n", "\x01", "é", "한", "😀", "{", "/"})),
      [](const std::vector<std::string>& parts) {
        std::string text;
        for (const auto& part : parts) text += part;
        return text;
      });
}

Time some_time() { return from_ms(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000)); }

Device some_device() {
  Device device;
  device.device_id = *some_text();
  device.platform = static_cast<Platform>(*rc::gen::inRange<std::size_t>(0, kPlatformCount));
  device.bundle = *some_text();
  device.environment = *rc::gen::elementOf(std::vector<std::string>{"", "production", "development"});
  const int endpoints = *rc::gen::inRange(0, 3);
  for (int i = 0; i < endpoints; ++i) device.endpoints.push_back({*some_text(), *some_text(), some_time()});
  device.enabled = *rc::gen::arbitrary<bool>();
  device.locale = *some_text();
  device.app_version = *some_text();
  device.last_logged_in_at = some_time();
  return device;
}

RC_GTEST_PROP(StoredProfile, ReadsBackAsItWas, ()) {
  Profile profile;
  profile.name = *some_text();
  profile.email = *some_text();
  profile.phone_number = *some_text();
  profile.attributes = *some_text();
  profile.time_zone = *some_text();
  const int count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    profile.devices.push_back(some_device());
    profile.preferences.push_back({*some_text(), *some_text(), *rc::gen::arbitrary<bool>()});
    profile.addresses.push_back({Channel::Webhook, *some_text(), *some_text(), *some_text()});
  }
  if (*rc::gen::arbitrary<bool>())
    profile.quiet_hours = QuietHours{*rc::gen::inRange(0, 1440), *rc::gen::inRange(0, 1440)};
  profile.is_anonymous = *rc::gen::arbitrary<bool>();
  profile.created_at = some_time();
  Profile decoded;
  RC_ASSERT(decode_profile(encode(profile), decoded).has_value());
  RC_ASSERT((decoded == profile));
}

TEST(StoredProfile, OfNobodyIsAnEmptyObject) {
  EXPECT_EQ(encode(Profile{}), "{}");
  Profile decoded;
  ASSERT_TRUE(decode_profile("{}", decoded));
  EXPECT_EQ(decoded, Profile{});
}

TEST(StoredProfile, LeavesOutWhatHasColumnsOfItsOwnAndSecretsInTheClear) {
  Profile profile;
  profile.project = 7;
  profile.user_id = "u1";
  profile.version = 9;
  EXPECT_EQ(encode(profile), "{}");
  profile.addresses.push_back({Channel::Chat, "slack", "a", "sealed", "in the clear"});
  EXPECT_EQ(encode(profile).find("clear"), std::string::npos);
}

TEST(StoredProfile, ThatMakesNoSenseIsCorruption) {
  for (const std::string_view text :
       {"", "[]", "{", R"({"n":1})", R"({"d":[1]})", R"({"d":[{"p":99}]})", R"({"d":[{"p":-1}]})",
        R"({"f":[["sms"]]})", R"({"q":[1]})", R"({"q":[1,1440]})", R"({"q":[1,2,3]})",
        R"({"a":[[99,"","",""]]})", R"({"t":"x"})"}) {
    Profile profile;
    const auto decoded = decode_profile(text, profile);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, Errc::Corruption) << text;
  }
}

TEST(StoredProfile, OfANewerVersionIsReadAsFarAsKnown) {
  Profile decoded;
  ASSERT_TRUE(decode_profile(R"({"n":"x","zz":{"a":[1]},"w":[],"d":[{"p":1,"k":3}]})", decoded));
  EXPECT_EQ(decoded.name, "x");
}

// ---- users

TEST(User, IsReadAndNormalised) {
  Profile profile;
  profile.user_id = "42";
  const auto problems = into_user(
      R"({"user_id":42,"name":"Kim","email":"Kim@Example.COM","country_code":"kr",
          "phone_number":"010-1234-5678",
          "locale":"ko_KR","time_zone":"Asia/Seoul","attributes":{"tier": "gold"},
          "created_at":"2026-01-02T03:04:05Z",
          "addresses":[{"channel":"chat","service":"slack","address":"U123","secret":"xoxb"}]})",
      profile);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(profile.email, "Kim@example.com");
  EXPECT_EQ(profile.phone_number, "+821012345678");
  EXPECT_EQ(profile.locale, "ko-KR");
  EXPECT_EQ(profile.attributes, R"({"tier":"gold"})");
  EXPECT_EQ(to_rfc3339(profile.created_at), "2026-01-02T03:04:05.000Z");
  ASSERT_EQ(profile.addresses.size(), 1U);
  EXPECT_EQ(profile.addresses[0].plain_secret, "xoxb");
}

TEST(User, ChangesOnlyWhatIsNamedAndNullClears) {
  Profile profile;
  profile.user_id = "u1";
  profile.version = 1;
  profile.name = "Kim";
  profile.email = "kim@example.com";
  profile.created_at = kNow;
  EXPECT_TRUE(
      into_user(R"({"email":null,"locale":"en","created_at":"2020-01-01T00:00:00Z"})", profile).empty());
  EXPECT_EQ(profile.name, "Kim");
  EXPECT_EQ(profile.email, "");
  EXPECT_EQ(profile.locale, "en");
  EXPECT_EQ(profile.created_at, kNow) << "a stored user keeps it";
}

TEST(User, PointsAtEveryMistakeAndKeepsTheOldValues) {
  Profile profile;
  profile.user_id = "u1";
  profile.email = "kim@example.com";
  const auto problems = into_user(
      R"({"user_id":"u2","email":"kim","country_code":"XX","phone_number":"12","locale":"x",
          "time_zone":"Mars/Olympus","attributes":[],"name":"a\nb","addresses":[{"channel":"sms"}],)"
      R"("devices":[],"birthday":1})",
      profile);
  EXPECT_TRUE(complains(problems, "/user_id", "invalid_value"));
  EXPECT_TRUE(complains(problems, "/email", "invalid_email"));
  EXPECT_TRUE(complains(problems, "/country_code", "invalid_country"));
  EXPECT_TRUE(complains(problems, "/phone_number", "invalid_phone"));
  EXPECT_TRUE(complains(problems, "/locale", "invalid_locale"));
  EXPECT_TRUE(complains(problems, "/time_zone", "invalid_time_zone"));
  EXPECT_TRUE(complains(problems, "/attributes", "wrong_type"));
  EXPECT_TRUE(complains(problems, "/name", "invalid_text"));
  EXPECT_TRUE(complains(problems, "/addresses/0/channel", "invalid_choice"));
  EXPECT_TRUE(complains(problems, "/addresses/0/address", "required"));
  EXPECT_TRUE(complains(problems, "/devices", "read_only"));
  EXPECT_TRUE(complains(problems, "/birthday", "unknown_field"));
  EXPECT_EQ(profile.email, "kim@example.com");
}

TEST(User, KeepsTheSecretOfAnAddressThatIsNamedWithoutIt) {
  Profile profile;
  profile.addresses.push_back({Channel::Webhook, "", "https://example.com/hook", "sealed"});
  const std::string json =
      R"({"addresses":[{"channel":"webhook","address":"https://example.com/hook","secret":{"set":true}}]})";
  EXPECT_TRUE(into_user(json, profile).empty());
  EXPECT_EQ(profile.addresses.at(0).sealed_secret, "sealed");
  EXPECT_TRUE(
      into_user(R"({"addresses":[{"channel":"webhook","address":"https://example.com/other"}]})", profile)
          .empty());
  EXPECT_EQ(profile.addresses.at(0).sealed_secret, "") << "another address, another secret";
}

TEST(User, IsShownWithoutSecrets) {
  Profile profile;
  profile.user_id = "u1";
  profile.email = "kim@example.com";
  profile.created_at = kNow;
  profile.addresses.push_back({Channel::Chat, "slack", "U1", "sealed"});
  const std::string json = written(write_user, profile);
  EXPECT_EQ(
      json,
      R"({"user_id":"u1","name":null,"email":"kim@example.com","country_code":null,"phone_number":null,)"
      R"("locale":null,"time_zone":null,"attributes":{},)"
      R"("addresses":[{"channel":"chat","service":"slack","address":"U1","secret":{"set":true}}],)"
      R"("devices":[],"created_at":"2026-09-21T14:13:20.000Z"})");
}

// ---- devices

TEST(Device, ShortFormTakesTheDeviceIdAsTheToken) {
  const std::pair<std::string_view, std::string_view> expected[] = {
      {"ios", "apns"}, {"macos", "apns"}, {"android", "fcm"}, {"harmony", "hms"}};
  for (const auto& [platform, service] : expected) {
    Device device;
    device.device_id = std::string(64, 'a');
    EXPECT_TRUE(into_device(fmt::format(R"({{"platform":"{}"}})", platform), device).empty()) << platform;
    ASSERT_EQ(device.endpoints.size(), 1U);
    EXPECT_EQ(device.endpoints[0], (Endpoint{std::string(service), device.device_id, kNow}));
    EXPECT_EQ(device.environment, "production");
    EXPECT_EQ(device.last_logged_in_at, kNow);
  }
  for (const std::string_view platform : {"web", "windows"}) {
    Device device;
    device.device_id = "d1";
    EXPECT_TRUE(complains(into_device(fmt::format(R"({{"platform":"{}"}})", platform), device), "/endpoints",
                          "required"));
  }
}

TEST(Device, RegisteredAgainIsFreshAgain) {
  Device device;
  device.device_id = "test-ok";
  EXPECT_TRUE(into_device(R"({"platform":"ios"})", device).empty());
  EXPECT_TRUE(into_device(R"({"platform":"ios"})", device, kNow + Millis(5)).empty());
  EXPECT_EQ(device.endpoints.at(0).registered_at, kNow + Millis(5));
  EXPECT_TRUE(into_device(R"({"enabled":false})", device, kNow + Millis(9)).empty());
  EXPECT_EQ(device.endpoints.at(0).registered_at, kNow + Millis(5)) << "no token was named";
  EXPECT_FALSE(device.enabled);
}

TEST(Device, TakesAnyVisibleTokenAndNothingElse) {
  Device device;
  device.device_id = "d1";
  const auto named = [](std::string_view token) {
    return fmt::format(R"({{"platform":"ios","endpoints":[{{"service":"apns","token":"{}"}}]}})", token);
  };
  EXPECT_TRUE(into_device(named("iphone-1"), device).empty());
  const std::string too_long(kTokenMax + 1, 'a');
  for (const std::string& token : {std::string(), std::string("with space"), too_long}) {
    EXPECT_FALSE(into_device(named(token), device).empty()) << token;
  }
  Device other;
  other.device_id = "with space";
  EXPECT_TRUE(complains(into_device(R"({"platform":"ios"})", other), "/endpoints", "invalid_token"));
}

std::string subscription(std::string_view endpoint, std::string_view p256dh, std::string_view auth) {
  return fmt::format(R"({{"endpoint":"{}","expirationTime":null,"keys":{{"p256dh":"{}","auth":"{}"}}}})",
                     endpoint, p256dh, auth);
}
std::string web_device(std::string_view token) {
  return fmt::format(R"({{"platform":"web","endpoints":[{{"service":"webpush","token":{}}}]}})", token);
}

TEST(Device, TakesABrowsersSubscriptionAsItComes) {
  Device device;
  device.device_id = "b1";
  const std::string endpoint = "https://push.example.net/x?y=1";
  EXPECT_TRUE(into_device(web_device(subscription(endpoint, kP256dh, kAuth)), device).empty());
  const std::string token =
      fmt::format(R"({{"endpoint":"{}","keys":{{"p256dh":"{}","auth":"{}"}}}})", endpoint, kP256dh, kAuth);
  EXPECT_EQ(device.endpoints.at(0).token, token);
  EXPECT_NE(written(write_device, device).find("\"token\":" + token), std::string::npos);
  // The same as text, as some clients store it, and the reserved ones.
  Device other;
  other.device_id = "b2";
  std::string quoted;
  base::append_json_string(quoted, token);
  EXPECT_TRUE(into_device(web_device(quoted), other).empty());
  EXPECT_EQ(other.endpoints.at(0).token, token);
  EXPECT_TRUE(into_device(web_device("\"test-ok\""), other).empty());
  EXPECT_EQ(other.endpoints.at(0).token, "test-ok");
}

TEST(Device, TakesASubscriptionBesideTheNameOfItsService) {
  const auto body = [](std::string_view members) {
    return fmt::format(R"({{"platform":"windows","endpoints":[{{"service":"webpush",{}}}]}})", members);
  };
  const std::string keys = fmt::format(R"("keys":{{"p256dh":"{}","auth":"{}"}})", kP256dh, kAuth);
  Device device;
  device.device_id = "b1";
  EXPECT_TRUE(
      into_device(body(R"("endpoint":"https://push.example.net/x","expirationTime":null,)" + keys), device)
          .empty());
  EXPECT_EQ(device.endpoints.at(0).token,
            fmt::format(R"({{"endpoint":"https://push.example.net/x",{}}})", keys));
  const auto problem = [&](std::string_view members) {
    Device refused;
    refused.device_id = "b2";
    const auto problems = into_device(body(members), refused);
    return problems.empty() ? std::string() : problems.front().pointer + " " + problems.front().code;
  };
  EXPECT_EQ(problem(R"("endpoint":"https://push.example.net/x")"), "/endpoints/0/keys required");
  EXPECT_EQ(problem(R"("endpoint":"http://push.example.net/x",)" + keys),
            "/endpoints/0/endpoint invalid_endpoint");
  EXPECT_EQ(problem(R"("unknown":1)"), "/endpoints/0/token required");
  EXPECT_EQ(problem(R"("unknown":1,"endpoint":"https://push.example.net/x",)" + keys),
            "/endpoints/0/unknown unknown_field");
}

TEST(Device, RefusesASubscriptionThatCannotBeEncryptedFor) {
  std::string off_curve(kP256dh);
  off_curve[30] = off_curve[30] == 'A' ? 'B' : 'A';
  struct Case {
    std::string endpoint, p256dh, auth;
    std::string_view pointer;
  };
  const Case cases[] = {
      {"http://push.example.net/x", std::string(kP256dh), std::string(kAuth), "/endpoint"},
      {"https://", std::string(kP256dh), std::string(kAuth), "/endpoint"},
      {"https://user@push.example.net/x", std::string(kP256dh), std::string(kAuth), "/endpoint"},
      {"https://push.example.net/x", off_curve, std::string(kAuth), "/keys/p256dh"},
      {"https://push.example.net/x", std::string(kP256dh.substr(4)), std::string(kAuth), "/keys/p256dh"},
      {"https://push.example.net/x", "A" + std::string(kP256dh.substr(1)), std::string(kAuth),
       "/keys/p256dh"},
      {"https://push.example.net/x", std::string(kP256dh), "BTBZ", "/keys/auth"},
      {"https://push.example.net/x", std::string(kP256dh), "!!", "/keys/auth"},
  };
  for (const auto& [endpoint, p256dh, auth, pointer] : cases) {
    Device device;
    device.device_id = "b1";
    const auto problems = into_device(web_device(subscription(endpoint, p256dh, auth)), device);
    ASSERT_EQ(problems.size(), 1U) << endpoint << p256dh << auth;
    EXPECT_EQ(problems[0].pointer, fmt::format("/endpoints/0/token{}", pointer));
    EXPECT_TRUE(device.endpoints.empty());
  }
  Device device;
  EXPECT_TRUE(complains(into_device(web_device("\"not a subscription\""), device), "/endpoints/0/token",
                        "invalid_token"));
}

TEST(Device, PointsAtEveryMistake) {
  Device device;
  device.device_id = "d1";
  const auto problems = into_device(
      R"({"device_id":"d2","platform":"android","environment":"staging","locale":"!",
          "time_zone":"Mars/Olympus","endpoints":[{"service":"fcm","token":"a b"},
                       {"service":"carrier pigeon","token":"x"},{"service":"apns","token":"test-ok"},
                       {"service":"fcm","token":"y"},{"token":"z"}],"colour":"red"})",
      device);
  EXPECT_TRUE(complains(problems, "/device_id", "invalid_value"));
  EXPECT_TRUE(complains(problems, "/environment", "invalid_choice"));
  EXPECT_TRUE(complains(problems, "/locale", "invalid_locale"));
  EXPECT_TRUE(complains(problems, "/time_zone", "invalid_time_zone"));
  EXPECT_TRUE(complains(problems, "/endpoints/0/token", "invalid_token"));
  EXPECT_TRUE(complains(problems, "/endpoints/1/service", "invalid_service"));
  EXPECT_TRUE(complains(problems, "/endpoints/2/service", "invalid_service"))
      << "apns does not reach android";
  EXPECT_TRUE(complains(problems, "/endpoints/3/service", "duplicate_service"));
  EXPECT_TRUE(complains(problems, "/endpoints/4/service", "required"));
  EXPECT_TRUE(complains(problems, "/colour", "unknown_field"));
  Device nameless;
  EXPECT_TRUE(complains(into_device("{}", nameless), "/platform", "required"));
}

TEST(Device, ATokenThatLooksLikeJsonStaysAString) {
  Device device;
  device.device_id = "d1";
  EXPECT_TRUE(
      into_device(R"({"platform":"android","endpoints":[{"service":"fcm","token":"{\"a\":1"}]})", device)
          .empty());
  base::JsonDocument document;
  EXPECT_TRUE(document.parse(written(write_device, device)));
}

TEST(Device, ReadsBackWhatItShows) {
  Device device;
  device.device_id = "b1";
  ASSERT_TRUE(
      into_device(web_device(subscription("https://push.example.net/x", kP256dh, kAuth)), device).empty());
  Device again;
  again.device_id = "b1";
  EXPECT_TRUE(into_device(written(write_device, device), again).empty());
  EXPECT_EQ(again, device);
}

// ---- preferences

TEST(PreferencesBody, ReplacesOnPutAndChangesPairsOnPatch) {
  Profile profile;
  profile.quiet_hours = QuietHours{0, 1};
  EXPECT_TRUE(into_preferences(R"({"preferences":[{"channel":"sms","category":"*","opt_in":false},
      {"channel":"push.web","category":"news","opt_in":true}]})",
                               profile, true)
                  .empty());
  EXPECT_EQ(profile.preferences, (std::vector<Preference>{{"sms", "*", false}, {"push.web", "news", true}}));
  EXPECT_FALSE(profile.quiet_hours) << "PUT: the body is all there is";
  EXPECT_TRUE(into_preferences(R"({"preferences":[{"channel":"sms","category":"*","opt_in":true},
      {"category":"news","opt_in":false},{"channel":"push.web","category":"news","opt_in":null}],
      "quiet_hours":{"from":"22:00","to":"08:30"}})",
                               profile, false)
                  .empty());
  EXPECT_EQ(profile.preferences, (std::vector<Preference>{{"sms", "*", true}, {"*", "news", false}}));
  EXPECT_EQ(profile.quiet_hours, (QuietHours{22 * 60, 8 * 60 + 30}));
  EXPECT_TRUE(into_preferences("{}", profile, false).empty());
  EXPECT_TRUE(profile.quiet_hours);
  EXPECT_TRUE(into_preferences(R"({"quiet_hours":null})", profile, false).empty());
  EXPECT_FALSE(profile.quiet_hours);
  EXPECT_EQ(profile.preferences.size(), 2U);
}

TEST(PreferencesBody, PointsAtEveryMistakeAndChangesNothing) {
  Profile profile;
  profile.preferences = {{"sms", "*", false}};
  const auto problems =
      into_preferences(R"({"preferences":[{"channel":"fax","opt_in":true},{"channel":"sms.web","opt_in":true},
      {"channel":"sms"},{"category":"No","opt_in":true},{"channel":"chat","opt_in":1},
      {"channel":"sms","opt_in":true}],
      "quiet_hours":{"from":"24:00","to":"8:00"},"extra":1})",
                       profile, true);
  EXPECT_TRUE(complains(problems, "/preferences/0/channel", "invalid_channel"));
  EXPECT_TRUE(complains(problems, "/preferences/1/channel", "invalid_channel"));
  EXPECT_TRUE(complains(problems, "/preferences/2/opt_in", "required"));
  EXPECT_TRUE(complains(problems, "/preferences/3/category", "invalid_key"));
  EXPECT_TRUE(complains(problems, "/preferences/4/opt_in", "wrong_type"));
  EXPECT_TRUE(complains(problems, "/preferences/5", "duplicate_preference"));
  EXPECT_TRUE(complains(problems, "/quiet_hours/from", "invalid_time"));
  EXPECT_TRUE(complains(problems, "/quiet_hours/to", "invalid_time"));
  EXPECT_TRUE(complains(problems, "/extra", "unknown_field"));
  EXPECT_EQ(profile.preferences, (std::vector<Preference>{{"sms", "*", false}}));
  Profile other;
  EXPECT_TRUE(complains(into_preferences(R"({"quiet_hours":{"from":"08:00","to":"08:00"}})", other, false),
                        "/quiet_hours/to", "invalid_value"));
}

TEST(PreferencesBody, ReadsBackWhatItShows) {
  Profile profile;
  profile.preferences = {{"sms", "*", false}, {"push.web", "news", true}};
  profile.quiet_hours = QuietHours{22 * 60, 8 * 60 + 5};
  const std::string json = written(write_preferences, profile);
  EXPECT_EQ(json, R"({"preferences":[{"channel":"sms","category":"*","opt_in":false},)"
                  R"({"channel":"push.web","category":"news","opt_in":true}],)"
                  R"("quiet_hours":{"from":"22:00","to":"08:05"}})");
  Profile again;
  EXPECT_TRUE(into_preferences(json, again, true).empty());
  EXPECT_EQ(again, profile);
  EXPECT_EQ(written(write_preferences, Profile{}), R"({"preferences":[],"quiet_hours":null})");
}

}  // namespace
}  // namespace carillon::model
