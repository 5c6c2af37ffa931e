#include "model/webhook.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace carillon::model {
namespace {

using namespace std::chrono_literals;

Webhook read(std::string_view json, base::Problems& problems, const Webhook* before = nullptr) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  EXPECT_TRUE(root);
  return read_webhook(*root, "shop", before, problems);
}

TEST(WebhookEvents, HaveNamesOfTheirOwnAndReadBack) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kWebhookEventCount; ++i) {
    const auto event = static_cast<WebhookEvent>(i);
    EXPECT_TRUE(names.insert(name(event)).second) << name(event);
    EXPECT_EQ(parse_webhook_event(name(event)), event);
    EXPECT_EQ(webhook_events_of(name(event)), bit(event));
    EXPECT_TRUE(description(event).ends_with('.'));
  }
  EXPECT_FALSE(parse_webhook_event("delivery.lost"));
}

TEST(WebhookEvents, OfABeginningAreThoseOfItsKind) {
  EXPECT_EQ(webhook_events_of("device.*"),
            bit(WebhookEvent::DeviceRegistered) | bit(WebhookEvent::DeviceRemoved));
  EXPECT_EQ(std::popcount(webhook_events_of("delivery.*")), 9);
  EXPECT_EQ(std::popcount(webhook_events_of("*")), static_cast<int>(kWebhookEventCount));
  for (const char* none : {"", "del*", "delivery", "delivery.", "**", "*.sent", "Delivery.sent"})
    EXPECT_EQ(webhook_events_of(none), 0U) << none;
}

TEST(Webhook, ReadsBackAsStored) {
  base::Problems problems;
  Webhook w = read(R"({"url":"https://a.example/","events":["delivery.*","device.removed"],"description":"d",
                       "enabled":false,"addresses":true,"sandbox":false,"max_in_flight":7})",
                   problems);
  EXPECT_TRUE(problems.empty());
  w.sealed_secret = "s";
  w.sealed_previous = "p";
  w.previous_until = from_ms(5'000);
  w.paused = "why";
  w.is_switched_off = true;
  const auto back = decode_webhook(encode(w), "shop");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->key, "shop");
  EXPECT_EQ(back->patterns, w.patterns);
  EXPECT_EQ(back->events, webhook_events_of("delivery.*") | bit(WebhookEvent::DeviceRemoved));
  EXPECT_FALSE(back->enabled || back->has_sandbox);
  EXPECT_TRUE(back->has_addresses && back->is_switched_off);
  EXPECT_EQ(back->in_flight, 7);
  EXPECT_EQ(back->sealed_secret + back->sealed_previous + back->paused, "spwhy");
  EXPECT_EQ(back->previous_until, w.previous_until);
  EXPECT_FALSE(decode_webhook("{", "shop"));
  EXPECT_FALSE(decode_webhook(R"({"url":3})", "shop"));
}

TEST(Webhook, MistakesAreNamed) {
  const auto of = [](std::string_view json, const Webhook* before = nullptr) {
    base::Problems problems;
    static_cast<void>(read(json, problems, before));
    return problems.size() == 1 ? problems[0].pointer + " " + problems[0].code
                                : fmt::format("{}", problems.size());
  };
  EXPECT_EQ(of(R"({"events":["*"]})"), "/url required");
  EXPECT_EQ(of(R"({"url":"https://a.example/"})"), "/events required");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":[]})"), "/events required");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*","x.y"]})"), "/events/1 unknown_event_type");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"max_in_flight":0})"),
            "/max_in_flight out_of_range");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"secret":"geheim"})"), "/secret invalid_value");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"secret":{"set":true}})"), "/secret required");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"key":"other"})"), "/key key_mismatch");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"colour":1})"), "/colour unknown_field");
  const Webhook before;
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"secret":{"set":true}})", &before), "0");
  EXPECT_EQ(of(R"({"url":"https://a.example/","events":["*"],"secret":"whsec_x"})", &before),
            "/secret read_only");
}

TEST(Webhook, AnEventIsOneObjectWhateverIsInFrontOfItsData) {
  const auto body = [](std::string_view extra, std::string_view data) {
    return webhook_event_body("evt_1", WebhookEvent::DeliverySent, from_ms(0), "default", extra, data);
  };
  EXPECT_EQ(
      body("", R"({"a":1})"),
      R"({"id":"evt_1","type":"delivery.sent","timestamp":"1970-01-01T00:00:00.000Z","project":"default",)"
      R"("data":{"a":1}})");
  EXPECT_TRUE(body(R"("app":"shop",)", R"({"a":1})").ends_with(R"("data":{"app":"shop","a":1}})"));
  EXPECT_TRUE(body(R"("app":"shop",)", "{}").ends_with(R"("data":{"app":"shop"}})"));
}

TEST(Webhook, TriesAreSpreadOverMoreThanADay) {
  Time now = from_ms(0);
  std::int64_t tries = 1;
  for (;; ++tries) {
    const auto soonest = next_webhook_try(tries, now, 0, {}), latest = next_webhook_try(tries, now, 1, {});
    if (!soonest) break;
    EXPECT_GT(*latest, *soonest);
    now = *soonest;
  }
  EXPECT_EQ(tries, 9);
  EXPECT_GT(now, from_ms(0) + 27h);
  EXPECT_EQ(next_webhook_try(1, from_ms(0), 0, {}), from_ms(5'000));
}

TEST(Webhook, AReceiverMayAskForMoreTimeWithinReason) {
  EXPECT_EQ(next_webhook_try(1, from_ms(0), 0, Millis(60'000)), from_ms(60'000));
  EXPECT_EQ(next_webhook_try(4, from_ms(0), 0, Millis(1'000)), from_ms(1'800'000));
  EXPECT_EQ(next_webhook_try(1, from_ms(0), 0, Millis(24h)), from_ms(0) + 10h);
}

}  // namespace
}  // namespace carillon::model
