// What every Store promises about what processes tell of themselves.
#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::Channel;
using model::DeliveryStatus;
using store::LatencyRow;

class Telemetry : public StoreSuite {
 protected:
  store::TelemetryStore& telemetry() { return store_->telemetry(); }
  std::int64_t slot() const { return to_ms(clock_.now()) / store::kLatencySlot.count(); }
  LatencyRow row(Channel channel, std::initializer_list<std::int64_t> took, std::int64_t slots_ago = 0) {
    LatencyRow made{.project = 1, .slot = slot() - slots_ago, .channel = channel};
    for (const std::int64_t ms : took) made.counts.add(Millis(ms));
    return made;
  }
  void tell(store::Owner owner, std::vector<LatencyRow> rows, const std::string& report = {}) {
    ASSERT_TRUE(run(telemetry().tell(owner, report, std::move(rows), clock_.now())));
  }
  std::vector<LatencyRow> latency(Millis since = Millis(3'600'000), std::int32_t project = 1) {
    return run(telemetry().latency(project, clock_.now() - since, clock_.now() + Millis(1))).value();
  }
};

TEST_P(Telemetry, WhatProcessesCountedAddsUp) {
  tell({1, 1}, {row(Channel::Email, {10, 20}), row(Channel::Sms, {5})});
  tell({2, 1}, {row(Channel::Email, {2'000})});
  restart();
  const auto rows = latency();
  ASSERT_EQ(rows.size(), 2U);
  const auto& email = rows[0].channel == Channel::Email ? rows[0] : rows[1];
  EXPECT_EQ(email.counts.total(), 3);
  EXPECT_NEAR(*email.counts.quantile(1), 2.0, 0.21);
  EXPECT_TRUE(latency(Millis(3'600'000), 2).empty()) << "of another project";
}

TEST_P(Telemetry, WhatAProcessTellsAgainTakesThePlaceOfWhatItTold) {
  tell({1, 1}, {row(Channel::Email, {10})});
  tell({1, 1}, {row(Channel::Email, {10, 10})});
  EXPECT_EQ(latency().at(0).counts.total(), 2);
  tell({1, 2}, {row(Channel::Email, {10})});
  EXPECT_EQ(latency().at(0).counts.total(), 3) << "started anew, it counts anew";
}

TEST_P(Telemetry, IsAskedForAStretchOfTime) {
  tell({1, 1}, {row(Channel::Email, {10}, 3), row(Channel::Email, {10}, 1), row(Channel::Email, {10})});
  EXPECT_EQ(latency(store::kLatencySlot * 10).size(), 3U);
  EXPECT_EQ(latency(store::kLatencySlot).size(), 2U);
}

TEST_P(Telemetry, ReportsAreReadBackWhileTheyAreYoung) {
  tell({1, 1}, {}, R"({"a":1})");
  clock_.advance(Millis(60'000));
  tell({2, 5}, {}, R"({"b":1})");
  auto reports = run(telemetry().reports(clock_.now() - Millis(60'000))).value();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].owner, (store::Owner{1, 1}));
  EXPECT_EQ(reports[0].report, R"({"a":1})");
  EXPECT_EQ(reports[1].owner, (store::Owner{2, 5}));
  EXPECT_EQ(reports[1].at, clock_.now());
  tell({2, 5}, {row(Channel::Email, {1})});
  reports = run(telemetry().reports(clock_.now())).value();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].report, R"({"b":1})") << "an empty report leaves the one before";
}

TEST_P(Telemetry, GoesWhenNobodyAsksForItAnyMore) {
  tell({1, 1}, {row(Channel::Email, {10})}, "{}");
  clock_.advance(std::chrono::days(3));
  while (run(store_->housekeeping(store::Retention{}, clock_.now())).value()) {}
  EXPECT_TRUE(latency(std::chrono::days(4)).empty());
  EXPECT_TRUE(run(telemetry().reports(from_ms(0))).value().empty());
}

TEST_P(Telemetry, TellsWhatIsFirstInLineInEachState) {
  const auto nothing = run(telemetry().oldest(1)).value();
  EXPECT_FALSE(nothing.pending || nothing.held || nothing.processing || nothing.retrying || nothing.dead);
  const store::AcceptItem first = item(6);
  accept_one(first);
  accept_one(item(2));
  std::vector<std::int64_t> ids;
  for (const auto& d : first.deliveries) ids.push_back(d.id);
  const auto taken = claim({ids[1], ids[2], ids[3], ids[4]});
  record(taken[0], DeliveryStatus::Retrying, Millis(60'000));
  record(taken[1], DeliveryStatus::Held, Millis(60'000));
  record(taken[2], DeliveryStatus::Dead);
  const auto oldest = run(telemetry().oldest(1)).value();
  EXPECT_EQ(oldest.pending, ids[0]);
  EXPECT_EQ(oldest.retrying, ids[1]);
  EXPECT_EQ(oldest.held, ids[2]);
  EXPECT_EQ(oldest.dead, ids[3]);
  EXPECT_EQ(oldest.processing, ids[4]);
  const auto elsewhere = run(telemetry().oldest(2)).value();
  EXPECT_FALSE(elsewhere.pending || elsewhere.held || elsewhere.processing || elsewhere.retrying ||
               elsewhere.dead);
}

INSTANTIATE_TEST_SUITE_P(Stores, Telemetry, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
