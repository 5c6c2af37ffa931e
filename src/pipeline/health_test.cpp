#include "pipeline/health.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

AccountHealth account(const std::string& key, BreakerState breaker) {
  AccountHealth made;
  made.project = 1;
  made.key = key;
  made.breaker = breaker;
  made.calls = 10;
  made.errors = 3;
  return made;
}

TEST(Health, ReadsWhatItWrites) {
  NodeHealth told;
  told.accounts.push_back(account("twilio", BreakerState::Open));
  told.accounts[0].since = from_ms(1'000);
  told.accounts[0].retry_at = from_ms(31'000);
  told.accounts[0].throttled_until = from_ms(5'000);
  told.accounts[0].problem = "/settings/token: it is missing";
  told.accounts[0].in_flight = 4;
  told.accounts.push_back(account("smtp", BreakerState::Closed));
  const NodeHealth read = decode_health(encode_health(told)).value();
  ASSERT_EQ(read.accounts.size(), 2U);
  const AccountHealth& one = read.accounts[0];
  EXPECT_EQ(one.project, 1);
  EXPECT_EQ(one.key, "twilio");
  EXPECT_EQ(one.breaker, BreakerState::Open);
  EXPECT_EQ(one.since, from_ms(1'000));
  EXPECT_EQ(one.retry_at, from_ms(31'000));
  EXPECT_EQ(one.throttled_until, from_ms(5'000));
  EXPECT_EQ(one.problem, "/settings/token: it is missing");
  EXPECT_EQ(one.calls, 10);
  EXPECT_EQ(one.errors, 3);
  EXPECT_EQ(one.in_flight, 4);
  EXPECT_FALSE(read.accounts[1].since);
  EXPECT_EQ(decode_health("{\"accounts\":7}").error().code, Errc::Corruption);
}

TEST(Health, OfSeveralProcessesIsTheWorstAndTheSum) {
  AccountHealth all = account("twilio", BreakerState::Closed);
  AccountHealth worse = account("twilio", BreakerState::Open);
  worse.since = from_ms(7);
  worse.problem = "away";
  add_health(all, worse);
  add_health(all, account("twilio", BreakerState::HalfOpen));
  EXPECT_EQ(all.breaker, BreakerState::Open);
  EXPECT_EQ(all.since, from_ms(7));
  EXPECT_EQ(all.problem, "away");
  EXPECT_EQ(all.calls, 30);
  EXPECT_EQ(all.errors, 9);
}

TEST(Health, APauseSaysByWhomAndSinceWhen) {
  model::Integration integration;
  mark_paused(integration, "maintenance", "member:ann", from_ms(5));
  const auto read = model::decode_integration(model::encode(integration)).value();
  EXPECT_EQ(read.paused, "maintenance");
  EXPECT_EQ(read.paused_by, "member:ann");
  EXPECT_EQ(read.paused_at, from_ms(5));
  mark_paused(integration, {}, "member:bo", from_ms(6));
  EXPECT_EQ(integration.paused_by, "");
  EXPECT_FALSE(integration.paused_at);
}

}  // namespace
}  // namespace carillon::pipeline
