#include "model/kafka_record.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "model/event.h"
#include "model/notification.h"

namespace carillon::model {
namespace {

using Kind = DecodedRecord::Kind;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// A file of tests/fixtures/records: what came, and what it is to be read as.
struct Sample {
  KafkaRecord record;
  std::string kind, problem, event_id, body, same_id_as;
  bool is_by_place = false;
};

Sample load(const std::string& name) {
  Sample sample;
  base::JsonDocument document;
  const std::string text = text_of("tests/fixtures/records/" + name + ".json");
  const auto root = document.parse(text);
  EXPECT_TRUE(root) << name;
  if (!root) return sample;
  const auto get = [&](const char* key) {
    std::string_view value;
    return root->at_key(key).get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  sample.record.topic = "notification.events";
  sample.record.partition = 3;
  sample.record.offset = 1042;
  sample.record.key = get("key");
  std::string_view value;
  if (root->at_key("value").get(value) == simdjson::SUCCESS) sample.record.value = std::string(value);
  for (const auto member : base::JsonObject(root->at_key("headers").value().get_object().value()))
    sample.record.headers.emplace_back(std::string(member.key),
                                       std::string(member.value.get_string().value()));
  sample.kind = get("kind");
  sample.problem = get("problem");
  sample.event_id = get("event_id");
  sample.same_id_as = get("same_id_as");
  base::JsonElement body;
  if (root->at_key("body").get(body) == simdjson::SUCCESS) sample.body = base::to_json(body);
  sample.is_by_place = root->at_key("by_place").error() == simdjson::SUCCESS;
  return sample;
}

std::vector<std::string> samples() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator("tests/fixtures/records"))
    names.push_back(file.path().stem().string());
  std::ranges::sort(names);
  return names;
}

// Every member of `wanted` is in `body` and equal.
void expect_has(std::string_view body, std::string_view wanted) {
  base::JsonDocument a, b;
  const auto whole = a.parse(body), part = b.parse(wanted);
  ASSERT_TRUE(whole) << body;
  ASSERT_TRUE(part);
  for (const auto member : base::JsonObject(part->get_object().value())) {
    base::JsonElement found;
    ASSERT_EQ(whole->at_key(member.key).get(found), simdjson::SUCCESS) << member.key << " in " << body;
    EXPECT_EQ(base::to_json(found), base::to_json(member.value)) << member.key;
  }
}

std::string event_id_of(const std::string& body) {
  base::JsonDocument document;
  base::Problems problems;
  const Event event = read_event(*document.parse(body), "", problems);
  EXPECT_TRUE(problems.empty()) << (problems.empty() ? ""
                                                     : problems.front().pointer + problems.front().detail);
  return event.id;
}

TEST(KafkaRecord, IsReadAsEverySampleSays) {
  const auto names = samples();
  ASSERT_GE(names.size(), 20U);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const Sample sample = load(name);
    const auto decoded = decode_record(sample.record);
    if (!sample.problem.empty()) {
      ASSERT_FALSE(decoded);
      EXPECT_EQ(decoded.error().code, sample.problem);
      EXPECT_FALSE(decoded.error().detail.empty());
      continue;
    }
    ASSERT_TRUE(decoded) << decoded.error().detail;
    const Kind wanted = sample.kind == "event"          ? Kind::Event
                        : sample.kind == "notification" ? Kind::Notification
                                                        : Kind::Nothing;
    ASSERT_EQ(decoded->kind, wanted);
    EXPECT_EQ(decoded->event_id, sample.event_id);
    EXPECT_EQ(decoded->is_by_place, sample.is_by_place);
    if (!sample.body.empty()) expect_has(decoded->body, sample.body);
    if (wanted == Kind::Event) EXPECT_FALSE(event_id_of(decoded->body).empty());
  }
}

TEST(KafkaRecord, ARowChangeThatIsCarriedTwiceIsOneEvent) {
  const Sample first = load("row_updated");
  Sample again = load("row_updated_schema");
  ASSERT_EQ(again.same_id_as, "row_updated");
  again.record.offset = 2000;
  const auto a = decode_record(first.record), b = decode_record(again.record);
  EXPECT_EQ(event_id_of(a->body), event_id_of(b->body));
  // Another row of the same place in the log is another one.
  KafkaRecord other = first.record;
  const auto at = other.value->find("shipped");
  other.value->replace(at, 7, "on hold");
  EXPECT_NE(event_id_of(decode_record(other)->body), event_id_of(a->body));
}

TEST(KafkaRecord, OneWithoutAPlaceInALogIsKnownByItsPlaceInTheTopic) {
  KafkaRecord record;
  record.topic = "t";
  record.value = R"({"op":"c","source":{"name":"x"},"after":{"id":1}})";
  const auto first = event_id_of(decode_record(record)->body);
  EXPECT_EQ(event_id_of(decode_record(record)->body), first);
  record.offset = 1;
  EXPECT_NE(event_id_of(decode_record(record)->body), first);
}

TEST(KafkaRecord, TheEventIdOfTheBodyGoesFirst) {
  Sample sample = load("outbox_json_converter");
  EXPECT_EQ(decode_record(sample.record)->event_id, "");
  sample.record.value = R"({"event_id":null,"to":[]})";
  EXPECT_EQ(decode_record(sample.record)->event_id, "7f4e2a6c-1111-4222-8333-444455556666");
}

TEST(KafkaRecord, WhatIsTooLargeIsRefused) {
  KafkaRecord record;
  record.value = R"({"to":[],"body":")" + std::string(kRequestMax, 'x') + "\"}";
  EXPECT_EQ(decode_record(record).error().code, "body_too_large");
  record.value = R"({"specversion":"1.0","data":")" + std::string(kEventMax, 'x') + "\"}";
  EXPECT_EQ(decode_record(record).error().code, "body_too_large");
  record.value = std::string(kRecordValueMax + 1, ' ');
  EXPECT_EQ(decode_record(record).error().code, "body_too_large");
}

TEST(KafkaRecord, IsKeptByteForByte) {
  KafkaRecord record;
  record.topic = "notification.events";
  record.partition = 2;
  record.offset = 7;
  record.at = from_ms(1'795'680'000'000);
  record.key = std::string("k\0\xff", 3);
  record.value = "{\"a\": 1}\n\xfe";
  record.headers = {{"id", "\"x\""}, {"id", "y"}, {"bytes", std::string("\0\x80", 2)}};
  const auto again = read_record(encode_record(record));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->topic, record.topic);
  EXPECT_EQ(again->place(), "notification.events/2/7");
  EXPECT_EQ(again->at, record.at);
  EXPECT_EQ(again->key, record.key);
  EXPECT_EQ(again->value, record.value);
  EXPECT_EQ(again->headers, record.headers);
  record.value.reset();
  EXPECT_EQ(read_record(encode_record(record))->value, std::nullopt);
  record.value = std::string(kRecordValueMax + 10, 'x');
  EXPECT_EQ(read_record(encode_record(record))->value->size(), kRecordValueMax);
  EXPECT_FALSE(read_record("{}"));
  EXPECT_FALSE(read_record("x"));
}

}  // namespace
}  // namespace carillon::model
