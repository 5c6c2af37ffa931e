#include "model/category.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace carillon::model {
namespace {

using namespace std::chrono_literals;

struct Read {
  Category category;
  base::Problems problems;
  [[nodiscard]] bool complains_of(std::string_view pointer, std::string_view code) const {
    return std::ranges::any_of(
        problems, [&](const base::Problem& p) { return p.pointer == pointer && p.code == code; });
  }
};

Read read(std::string_view json, std::string_view key = "order_updates",
          const Category& base = general_category()) {
  base::JsonDocument document;
  const auto element = document.parse(json);
  if (!element) throw std::invalid_argument("the test's JSON is broken");
  Read result;
  result.category = read_category(*element, key, base, result.problems);
  return result;
}

std::string written(const Category& category) {
  base::JsonWriter out;
  write_category(out, category);
  return out.str();
}

TEST(Category, WithoutFieldsIsLikeGeneral) {
  const Read result = read("{}");
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.category.key, "order_updates");
  EXPECT_EQ(result.category.kind, CategoryKind::Transactional);
  EXPECT_TRUE(result.category.channels.empty());
  EXPECT_EQ(result.category.retry, (std::vector<Millis>{1min, 5min, 15min, 1h}));
  EXPECT_EQ(result.category.max_priority, Priority::High);
  EXPECT_FALSE(result.category.ttl);
  EXPECT_FALSE(result.category.cap);
  EXPECT_TRUE(std::ranges::all_of(result.category.default_opt_in, [](bool yes) { return yes; }));
  EXPECT_TRUE(result.category.names.empty()) << "general's shown name is not that of another category";
}

TEST(Category, ReadsTheExampleOfTheContract) {
  const Read result = read(R"({"key":"order_updates","name":{"en":"Order updates","ko":"주문 알림"},
    "kind":"marketing","mandatory":false,"channels":["push","email"],
    "default_opt_in":{"push":true,"email":true,"sms":false},"priority":"normal","max_priority":"high",
    "ttl":"24h","retry":["1m","5m","15m","1h"],"on_unknown":"hold","sensitive":false,"quiet_hours":"defer",
    "cap":{"limit":3,"per":"24h","on_exceed":"drop"},"tracking":{"opens":false,"clicks":true},
    "approval_over":10000,"client_allowed":false,"visible":true})");
  EXPECT_TRUE(result.problems.empty());
  const Category& category = result.category;
  EXPECT_EQ(category.names.at("ko"), "주문 알림");
  EXPECT_EQ(category.channels, (std::vector<Channel>{Channel::Push, Channel::Email}));
  EXPECT_FALSE(category.default_opt_in[static_cast<std::size_t>(Channel::Sms)]);
  EXPECT_TRUE(category.default_opt_in[static_cast<std::size_t>(Channel::Voice)]);
  EXPECT_EQ(category.ttl, Millis(24h));
  EXPECT_EQ(category.on_unknown, UnknownPolicy::Hold);
  EXPECT_EQ(category.quiet_hours, QuietPolicy::Defer);
  ASSERT_TRUE(category.cap);
  EXPECT_EQ(*category.cap, (FrequencyCap{"order_updates", 3, 24h, CapPolicy::Drop}));
  EXPECT_TRUE(category.track_clicks);
  EXPECT_EQ(category.approval_over, 10000);
}

TEST(Category, ReadsBackWhatItWrites) {
  for (const Category& category : {general_category(), security_category()}) {
    const std::string json = written(category);
    const Read result = read(json, category.key);
    EXPECT_TRUE(result.problems.empty()) << json;
    EXPECT_EQ(written(result.category), json);
  }
}

TEST(Category, NullTakesAwayWhatMayBeAbsent) {
  const Read result = read(R"({"ttl":null,"on_unknown":null,"cap":null})", "security", security_category());
  EXPECT_TRUE(result.problems.empty());
  EXPECT_FALSE(result.category.ttl);
  EXPECT_FALSE(result.category.on_unknown);
  EXPECT_TRUE(result.category.mandatory) << "what is not named stays";
}

TEST(Category, SecurityReachesPeopleAtOnceAndHidesItsContent) {
  const Category category = security_category();
  EXPECT_TRUE(category.mandatory);
  EXPECT_TRUE(category.sensitive);
  EXPECT_EQ(category.ttl, Millis(10min));
  EXPECT_EQ(category.retry, (std::vector<Millis>{5s, 20s, 60s}));
  EXPECT_EQ(category.on_unknown, UnknownPolicy::Resend);
}

TEST(Category, PointsAtEveryMistake) {
  const Read result =
      read(R"({"kind":"x","channels":["fax"],"default_opt_in":{"fax":true},"priority":"critical",
    "ttl":"0s","retry":["1m","soon"],"cap":{"limit":0,"per":"10s"},"tracking":{"views":true},
    "name":{"not a locale":"x"},"surprise":1})");
  EXPECT_TRUE(result.complains_of("/kind", "invalid_choice"));
  EXPECT_TRUE(result.complains_of("/channels", "invalid_channel"));
  EXPECT_TRUE(result.complains_of("/default_opt_in/fax", "unknown_field"));
  EXPECT_TRUE(result.complains_of("/priority", "priority_above_max"));
  EXPECT_TRUE(result.complains_of("/ttl", "out_of_range"));
  EXPECT_TRUE(result.complains_of("/retry", "invalid_duration"));
  EXPECT_TRUE(result.complains_of("/cap/limit", "out_of_range"));
  EXPECT_TRUE(result.complains_of("/cap/per", "out_of_range"));
  EXPECT_TRUE(result.complains_of("/tracking/views", "unknown_field"));
  EXPECT_TRUE(result.complains_of("/name/not a locale", "invalid_locale"));
  EXPECT_TRUE(result.complains_of("/surprise", "unknown_field"));
}

TEST(Category, RefusesAKeyThatIsNotTheUrlsAndMandatoryMarketing) {
  EXPECT_TRUE(read(R"({"key":"other"})").complains_of("/key", "invalid_key"));
  EXPECT_TRUE(read("{}", "No Key").complains_of("/key", "invalid_key"));
  EXPECT_TRUE(read(R"({"kind":"marketing","mandatory":true})").complains_of("/mandatory", "invalid_value"));
}

TEST(AgeLimit, GrowsAsUrgencyFalls) {
  EXPECT_EQ(age_limit(CategoryKind::Security), Millis(15min));
  EXPECT_EQ(age_limit(CategoryKind::Transactional), Millis(24h));
  EXPECT_EQ(age_limit(CategoryKind::Marketing), Millis(72h));
}

TEST(RetryDelay, EndsAfterTheLastDelay) {
  const std::vector<Millis> delays{1min, 5min};
  EXPECT_EQ(retry_delay(delays, 1, 0.5), Millis(1min));
  EXPECT_EQ(retry_delay(delays, 2, 0.5), Millis(5min));
  EXPECT_EQ(retry_delay(delays, 3, 0.5), std::nullopt);
  EXPECT_EQ(retry_delay({}, 1, 0.5), std::nullopt);
}

TEST(RetryDelay, WaitsAsLongAsTheVendorAsks) {
  EXPECT_EQ(retry_delay({1min}, 1, 0.0, 10min), Millis(10min));
  EXPECT_EQ(retry_delay({1h}, 1, 0.5, 10min), Millis(1h));
}

RC_GTEST_PROP(RetryDelay, StaysWithin20PercentAndKeepsTheOrderOfTheSchedule, ()) {
  auto seconds = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 100'000)));
  std::ranges::sort(seconds);
  std::vector<Millis> delays;
  for (const int s : seconds) delays.emplace_back(std::chrono::seconds(s));
  const double random01 = *rc::gen::inRange(0, 1'000'000) / 1e6;
  Millis previous{0};
  for (std::size_t i = 0; i < delays.size(); ++i) {
    const auto delay = retry_delay(delays, static_cast<int>(i) + 1, random01);
    RC_ASSERT(delay.has_value());
    RC_ASSERT(*delay * 10 >= delays[i] * 8 - Millis(10));
    RC_ASSERT(*delay * 10 <= delays[i] * 12);
    RC_ASSERT(*delay >= previous);
    previous = *delay;
  }
}

}  // namespace
}  // namespace carillon::model
