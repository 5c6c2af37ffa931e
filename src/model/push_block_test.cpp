#include "model/push_block.h"

#include <gmock/gmock.h>

namespace carillon::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> problems_of(void (*check)(base::JsonElement, const std::string&, bool,
                                                   base::Problems&),
                                     std::string_view json, bool is_template) {
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(json);
  EXPECT_TRUE(root) << json;
  check(*root, "/b", is_template, problems);
  std::vector<std::string> out;
  for (const auto& p : problems) {
    EXPECT_FALSE(p.detail.empty());
    out.push_back(p.pointer + " " + p.code);
  }
  return out;
}
std::vector<std::string> apns(std::string_view json, bool is_template = false) {
  return problems_of(check_apns_block, json, is_template);
}
std::vector<std::string> fcm(std::string_view json, bool is_template = false) {
  return problems_of(check_fcm_block, json, is_template);
}

TEST(PushBlock, TakesWhatAppleDocuments) {
  EXPECT_THAT(
      apns(R"({"aps":{"alert":{"title-loc-key":"T","title-loc-args":["a"],"subtitle":"s","loc-key":"L",
      "loc-args":["b","c"],"action-loc-key":"A","launch-image":"i"},"badge":0,
      "sound":{"critical":1,"name":"n","volume":0.5},
      "thread-id":"t","category":"c","mutable-content":1,"content-available":1,
      "interruption-level":"time-sensitive","relevance-score":0.7,"target-content-id":"x",
      "newer-than-this":[1]},
      "headers":{"apns-priority":"5","apns-push-type":"alert","apns-collapse-id":"k","apns-expiration":"0",
      "apns-topic":"com.example.app"},"my-key":{"any":1}})"),
      IsEmpty());
  EXPECT_THAT(apns(R"({"alert":"text","sound":"bell","badge":3,"push-type":"voip","apns-priority":"10"})"),
              IsEmpty());
  EXPECT_THAT(
      apns(R"({"aps":{"event":"update","timestamp":1790000000,"content-state":{"a":1},"stale-date":null}})"),
      IsEmpty());
}

TEST(PushBlock, RefusesWrongTypesOfAppleWithAPointer) {
  EXPECT_THAT(
      apns(R"({"aps":{"badge":"3","alert":7,"sound":{"critical":true,"loud":1},"category":1,
      "interruption-level":"loud","relevance-score":"high","content-available":2,"mutable-content":true}})"),
      ElementsAre("/b/aps/badge wrong_type", "/b/aps/alert wrong_type", "/b/aps/sound/critical wrong_type",
                  "/b/aps/sound/loud unknown_field", "/b/aps/category wrong_type",
                  "/b/aps/interruption-level invalid_choice", "/b/aps/relevance-score wrong_type",
                  "/b/aps/content-available out_of_range", "/b/aps/mutable-content wrong_type"));
  EXPECT_THAT(apns(R"({"aps":{"alert":{"title":1,"loc-args":"a","title-loc-args":[1]}}})"),
              ElementsAre("/b/aps/alert/title wrong_type", "/b/aps/alert/loc-args wrong_type",
                          "/b/aps/alert/title-loc-args wrong_type"));
  EXPECT_THAT(apns(R"({"badge":-1,"thread-id":[],"carillon":{}})"),
              ElementsAre("/b/badge out_of_range", "/b/thread-id wrong_type", "/b/carillon read_only"));
}

TEST(PushBlock, RefusesHeadersAppleDoesNotHave) {
  EXPECT_THAT(apns(R"({"headers":{"apns-priority":10,"apns-push-type":"loud","apns-id":"x","x-y":"z",
      "apns-expiration":"tomorrow"},"apns-nothing":"1","push-type":"loud"})"),
              ElementsAre("/b/headers/apns-priority wrong_type", "/b/headers/apns-push-type invalid_choice",
                          "/b/headers/apns-id read_only", "/b/headers/x-y unknown_field",
                          "/b/headers/apns-expiration invalid_value", "/b/apns-nothing unknown_field",
                          "/b/push-type invalid_choice"));
  EXPECT_THAT(apns(fmt::format(R"({{"headers":{{"apns-collapse-id":"{}"}}}})", std::string(65, 'x'))),
              ElementsAre("/b/headers/apns-collapse-id too_long"));
  EXPECT_THAT(apns(R"({"aps":[],"headers":"x"})"), ElementsAre("/b/aps wrong_type", "/b/headers wrong_type"));
}

TEST(PushBlock, TakesWhatGoogleDocumentsInBothSpellings) {
  EXPECT_THAT(fcm(R"({"notification":{"title":"t","body":"b","image":"i"},"data":{"a":"b","n":1},
      "android":{"collapse_key":"k","priority":"HIGH","ttl":"3.5s","restrictedPackageName":"p",
        "directBootOk":true,
        "notification":{"icon":"i","color":"#1a2B3c","tag":"t","bodyLocArgs":["a"],"notification_count":2,
          "sticky":true,"notification_priority":"PRIORITY_MAX","visibility":"PUBLIC","channelId":"c"},
        "fcm_options":{"analytics_label":"l"}},
      "apns":{"headers":{"apns-priority":"5"},"payload":{"aps":{"badge":1,"sound":{"name":"n"}},
        "own":{"a":[1]}},
        "fcmOptions":{"image":"i"},"live_activity_token":"t"},
      "webpush":{"headers":{"TTL":"60"},"notification":{"any":[1]},
        "fcm_options":{"link":"https://example.test/"}},
      "fcm_options":{"analyticsLabel":"l"}})"),
              IsEmpty());
}

TEST(PushBlock, RefusesWrongFieldsOfFcmWithAPointer) {
  EXPECT_THAT(
      fcm(R"({"token":"t","colour":1,"android":{"ttl":"1h","priority":"urgent","ttl2":"1s",
      "notification":{"notification_count":"2","color":"red","sticky":"yes"}},
      "apns":{"payload":{"aps":{"badge":"1"}},
      "headers":{"apns-priority":5}},"webpush":{"fcm_options":{"link":"http://example.test"}},
      "data":{"google.x":"1","from":"me"},"notification":"x"})"),
      ElementsAre("/b/token read_only", "/b/colour unknown_field", "/b/android/ttl invalid_value",
                  "/b/android/priority invalid_choice", "/b/android/ttl2 unknown_field",
                  "/b/android/notification/notification_count wrong_type",
                  "/b/android/notification/color invalid_value", "/b/android/notification/sticky wrong_type",
                  "/b/apns/payload/aps/badge wrong_type", "/b/apns/headers/apns-priority wrong_type",
                  "/b/webpush/fcm_options/link invalid_url", "/b/data/google.x invalid_value",
                  "/b/data/from invalid_value", "/b/notification wrong_type"));
  EXPECT_THAT(fcm(R"({"android":{"ttl":"2419201s"}})"), ElementsAre("/b/android/ttl invalid_value"));
}

TEST(PushBlock, ChecksOnlyTypesInATemplate) {
  EXPECT_THAT(
      apns(R"({"aps":{"interruption-level":"{{level}}"},"headers":{"apns-expiration":"{{until}}"}})", true),
      IsEmpty());
  EXPECT_THAT(fcm(R"({"android":{"ttl":"{{ttl}}s","notification":{"color":"{{color}}"}}})", true), IsEmpty());
  EXPECT_THAT(apns(R"({"aps":{"badge":"{{n}}"}})", true), ElementsAre("/b/aps/badge wrong_type"));
}

}  // namespace
}  // namespace carillon::model
