#include "pipeline/alert_notices.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

using Sizes = std::vector<std::size_t>;
constexpr Time kNow = from_ms(1'790'000'000'000);

store::WaitingNotice waiting(std::int64_t id, model::AlertEvent event, const std::string& subject = "smtp") {
  store::WaitingNotice made;
  made.alert.id = id;
  made.alert.key = {1, model::AlertKind::IntegrationPaused, subject};
  made.alert.detail = "535 no";
  made.alert.count = 3;
  made.alert.first_at = made.alert.last_at = kNow;
  if (event == model::AlertEvent::Resolved) made.alert.resolved_at = kNow;
  made.notice.id = id;
  made.notice.alert = id;
  made.notice.event = event;
  return made;
}

std::string at(const std::string& json, const char* pointer) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  simdjson::dom::element found;
  if (!root || root->at_pointer(pointer).get(found) != simdjson::SUCCESS) return "(none)";
  std::string_view text;
  return found.get(text) == simdjson::SUCCESS ? std::string(text) : base::to_json(found);
}

TEST(FoldNotices, EachHasItsMessageWhileThereIsRoom) {
  EXPECT_EQ(fold_notices(0, 0), Sizes{});
  EXPECT_EQ(fold_notices(3, 0), (Sizes{1, 1, 1}));
  EXPECT_EQ(fold_notices(9, 0), Sizes(9, 1));
  EXPECT_EQ(fold_notices(1, 8), Sizes{1});
}

TEST(FoldNotices, AStormIsOneSummaryAndThenWaits) {
  EXPECT_EQ(fold_notices(10, 0), Sizes{10});
  EXPECT_EQ(fold_notices(500, 0), Sizes{500});
  EXPECT_EQ(fold_notices(7, 5), Sizes{7});
  EXPECT_EQ(fold_notices(1, 9), Sizes{1});
  EXPECT_EQ(fold_notices(1, 10), Sizes{});
  EXPECT_EQ(fold_notices(500, 25), Sizes{});
}

// Whatever happens, ten messages a minute are all there are.
TEST(FoldNotices, NeverSendsMoreThanTenAMinute) {
  std::size_t waiting = 0, sent = 0;
  for (int second = 0; second < 60; ++second) {
    waiting += 7;
    for (const std::size_t size : fold_notices(waiting, sent)) {
      waiting -= size;
      ++sent;
    }
  }
  EXPECT_LE(sent, kMessagesPerMinute);
  EXPECT_GT(waiting, 0U);
}

TEST(NextTry, ComesLaterAndLaterForADay) {
  EXPECT_EQ(next_try(kNow, 0, kNow), kNow + std::chrono::seconds(5));
  EXPECT_EQ(next_try(kNow, 1, kNow), kNow + std::chrono::seconds(30));
  EXPECT_EQ(next_try(kNow, 3, kNow), kNow + std::chrono::minutes(5));
  EXPECT_EQ(next_try(kNow, 100, kNow), kNow + std::chrono::minutes(5));
  EXPECT_FALSE(next_try(kNow, 3, kNow + std::chrono::hours(24)));
}

TEST(WebhookBody, TellsOneAlert) {
  const std::vector one{waiting(7, model::AlertEvent::Opened)};
  const std::string body = webhook_body(one, "shop", kNow);
  EXPECT_EQ(at(body, "/type"), "alert.opened");
  EXPECT_EQ(at(body, "/data/project"), "shop");
  EXPECT_EQ(at(body, "/data/alert/kind"), "integration_paused");
  EXPECT_EQ(at(body, "/data/alert/state"), "open");
  EXPECT_EQ(at(body, "/data/alert/id"), base::id_text(base::kAlertPrefix, 7));
}

TEST(WebhookBody, AnOpeningIsToldAsOneAlsoWhenItIsOver) {
  auto late = waiting(7, model::AlertEvent::Opened);
  late.alert.resolved_at = kNow;
  EXPECT_EQ(at(webhook_body(std::vector{late}, "shop", kNow), "/data/alert/state"), "open");
  const std::vector over{waiting(7, model::AlertEvent::Resolved)};
  EXPECT_EQ(at(webhook_body(over, "shop", kNow), "/type"), "alert.resolved");
  EXPECT_EQ(at(webhook_body(over, "shop", kNow), "/data/alert/state"), "resolved");
}

TEST(WebhookBody, ASummaryNamesEachAlertOnceAndHasAnEnd) {
  std::vector<store::WaitingNotice> many;
  for (std::int64_t i = 1; i <= 60; ++i) many.push_back(waiting(i, model::AlertEvent::Opened));
  many.push_back(waiting(1, model::AlertEvent::Opened));
  const std::string body = webhook_body(many, "shop", kNow);
  EXPECT_EQ(at(body, "/type"), "alert.summary");
  EXPECT_EQ(at(body, "/data/open"), "60");
  EXPECT_EQ(at(body, "/data/resolved"), "0");
  EXPECT_EQ(at(body, "/data/more"), "10");
  EXPECT_NE(at(body, "/data/alerts/49"), "(none)");
  EXPECT_EQ(at(body, "/data/alerts/50"), "(none)");
  EXPECT_LT(body.size(), 20'000U);
}

TEST(MailText, SaysWhatIsWrongAndWhatToDo) {
  const auto opened = mail_text(std::vector{waiting(7, model::AlertEvent::Opened)}, "shop");
  EXPECT_EQ(opened.subject, "[Carillon shop] The integration 'smtp' is paused");
  EXPECT_NE(opened.body.find("535 no"), std::string::npos);
  EXPECT_NE(opened.body.find("/resume"), std::string::npos);
  const auto over = mail_text(std::vector{waiting(7, model::AlertEvent::Resolved)}, "shop");
  EXPECT_TRUE(over.subject.starts_with("[Carillon shop] Resolved: "));
  EXPECT_EQ(over.body.find("/resume"), std::string::npos);
  const auto many = mail_text(
      std::vector{waiting(7, model::AlertEvent::Resolved), waiting(8, model::AlertEvent::Opened)}, "shop");
  EXPECT_EQ(many.subject, "[Carillon shop] 1 alerts open, 1 resolved");
}

}  // namespace
}  // namespace carillon::pipeline
