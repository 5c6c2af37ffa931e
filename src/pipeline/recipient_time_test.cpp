// Sends at the recipients' local time, as planned and routed.
#include "pipeline/recipient_time.h"

#include "pipeline/route_fixture_test.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;
using model::Reason;

class LocalSend : public RouteFixture {
 protected:
  // kNow is 2026-09-21T14:13:20Z: in Seoul it is 23:13.
  static std::string request(std::string_view local, std::string_view more = "") {
    return fmt::format(R"({{"to":[{{"user_id":"ann"}}],"channels":["push","email"],"title":"x","body":"y",)"
                       R"("send_at":{{"local":"{}","zone":"recipient"{}}}}})",
                       local, more);
  }
};

TEST_F(LocalSend, IsExpandedWhenTheTimeFirstComesAnywhere) {
  const auto made = plan(request("2026-09-30T09:00"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->send_at, parse_rfc3339("2026-09-29T19:00:00Z"));
  EXPECT_EQ(made->accepted_at, kNow);
  EXPECT_EQ(plan(request("2026-09-21T09:00"))->send_at, std::nullopt) << "somewhere it has passed: at once";
}

TEST_F(LocalSend, EachDeliveryWaitsForItsOwnClock) {
  ann().time_zone = "Asia/Seoul";
  ann().devices[1].time_zone = "America/New_York";
  view_.settings.time_zone = "Europe/Berlin";
  const auto all = routed(request("2026-09-22T00:30"));
  ASSERT_EQ(all.deliveries.size(), 3U);
  EXPECT_EQ(all.deliveries[0].due_at, parse_rfc3339("2026-09-21T15:30:00Z")) << "the user's";
  EXPECT_EQ(all.deliveries[1].due_at, parse_rfc3339("2026-09-22T04:30:00Z")) << "the device's";
  EXPECT_EQ(all.deliveries[2].due_at, parse_rfc3339("2026-09-21T15:30:00Z"));
  for (const auto& d : all.deliveries) {
    EXPECT_EQ(d.status, DeliveryStatus::Held);
    EXPECT_EQ(d.reason, Reason::LocalTime);
    EXPECT_EQ(d.expires_at, std::nullopt);
  }
  ann().time_zone.clear();
  EXPECT_EQ(routed(request("2026-09-22T00:30")).deliveries[0].due_at, parse_rfc3339("2026-09-21T22:30:00Z"))
      << "the project's";
}

TEST_F(LocalSend, WhatHasPassedIsWhatIfPastSays) {
  ann().time_zone = "Asia/Seoul";
  EXPECT_EQ(routed(request("2026-09-21T23:00")).deliveries[0].status, DeliveryStatus::Pending);
  const auto next = routed(request("2026-09-21T23:00", R"(,"if_past":"next_day")")).deliveries[0];
  EXPECT_EQ(next.status, DeliveryStatus::Held);
  EXPECT_EQ(next.due_at, parse_rfc3339("2026-09-22T14:00:00Z"));
  const auto skipped = routed(request("2026-09-21T23:00", R"(,"if_past":"skip")")).deliveries[0];
  EXPECT_EQ(skipped.status, DeliveryStatus::Suppressed);
  EXPECT_EQ(skipped.reason, Reason::LocalTime);
  EXPECT_NE(skipped.note.find("2026-09-21T23:00 Asia/Seoul"), std::string::npos) << skipped.note;
}

TEST_F(LocalSend, TheTtlBeginsWithTheRecipientsTime) {
  auto category = model::general_category();
  category.ttl = std::chrono::minutes(10);
  put_category(category);
  ann().time_zone = "Asia/Seoul";
  const auto held = routed(request("2026-09-22T00:30")).deliveries[0];
  EXPECT_EQ(held.expires_at, *held.due_at + std::chrono::minutes(10));
  EXPECT_EQ(routed(request("2026-09-21T23:00")).deliveries[0].expires_at, kNow + std::chrono::minutes(10));
}

TEST_F(LocalSend, AClosedMailboxIsToldBeforeTheClockIsAsked) {
  ann().email.clear();
  EXPECT_EQ(routed(request("2026-09-22T00:30")).deliveries[2].reason, Reason::NoAddress);
}

TEST(RecipientZones, AreThoseOfDeviceUserProject) {
  model::ProjectSettings settings;
  model::Profile profile;
  model::Device device;
  EXPECT_EQ(recipient_zone(nullptr, nullptr, settings).zone, "UTC");
  EXPECT_EQ(recipient_zone(&device, &profile, settings).source, "project");
  profile.time_zone = "Asia/Seoul";
  EXPECT_EQ(recipient_zone(&device, &profile, settings).source, "user");
  device.time_zone = "Europe/Berlin";
  EXPECT_EQ(recipient_zone(&device, &profile, settings).zone, "Europe/Berlin");
}

}  // namespace
}  // namespace carillon::pipeline
