// Event ids: what every Store promises of sends that come again, in large batches, on the next day, around
// midnight.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using store::Accepted;
using store::AcceptItem;

constexpr int kMany = 150;
constexpr Millis kDay{86'400'000}, kHour{3'600'000};

class Repeats : public StoreSuite {
 protected:
  void add(std::vector<AcceptItem>& items, const std::string& name) {
    for (int i = 0; i < kMany; ++i) items.push_back(item_with_event(fmt::format("{}{}", name, i)));
  }
  // What became of so many from there on; their notifications.
  static std::vector<std::int64_t> expect(const std::vector<Result<store::AcceptResult>>& results, int from,
                                          Accepted kind) {
    std::vector<std::int64_t> ids;
    for (int i = 0; i < kMany; ++i) {
      const auto& one = results.at(static_cast<std::size_t>(from + i));
      EXPECT_TRUE(one) << one.error().message;
      if (!one) continue;
      EXPECT_EQ(one->kind, kind) << from + i;
      ids.push_back(one->notification);
    }
    return ids;
  }
  std::vector<Result<store::AcceptResult>> accept_many(std::initializer_list<const char*> names) {
    std::vector<AcceptItem> items;
    for (const char* name : names) add(items, name);
    return accept(std::move(items));
  }
};

TEST_P(Repeats, InABatchWithOthersAreToldApartAlsoOnTheNextDay) {
  const auto first = expect(accept_many({"e"}), 0, Accepted::New);
  clock_.advance(20 * kHour);
  const auto next_day = accept_many({"f", "e", "f"});
  const auto new_ones = expect(next_day, 0, Accepted::New);
  EXPECT_EQ(expect(next_day, kMany, Accepted::Duplicate), first);
  EXPECT_EQ(expect(next_day, 2 * kMany, Accepted::Duplicate), new_ones);
  restart();
  const auto again = accept_many({"e", "f"});
  EXPECT_EQ(expect(again, 0, Accepted::Duplicate), first);
  EXPECT_EQ(expect(again, kMany, Accepted::Duplicate), new_ones);
  // What came again did not make the window longer.
  clock_.advance(5 * kHour);
  const auto later = accept_many({"e", "f"});
  expect(later, 0, Accepted::New);
  EXPECT_EQ(expect(later, kMany, Accepted::Duplicate), new_ones);
  expect_accountable();
}

TEST_P(Repeats, AroundMidnightAreFoundOnBothSidesOfIt) {
  const std::int64_t day = to_ms(clock_.now()) / kDay.count();
  const Time midnight = from_ms((day + 1) * kDay.count());
  clock_.set(midnight - Millis(50'000));
  const auto before = expect(accept_many({"e"}), 0, Accepted::New);
  clock_.set(midnight + Millis(20'000));
  const auto after = accept_many({"f", "e"});
  const auto new_ones = expect(after, 0, Accepted::New);
  EXPECT_EQ(expect(after, kMany, Accepted::Duplicate), before);
  clock_.set(midnight - Millis(10'000));  // another's clock
  const auto behind = accept_many({"e", "f"});
  EXPECT_EQ(expect(behind, 0, Accepted::Duplicate), before);
  EXPECT_EQ(expect(behind, kMany, Accepted::Duplicate), new_ones);
  clock_.set(midnight + kDay - Millis(5'000));  // past the window of the first only
  const auto later = accept_many({"f", "e"});
  EXPECT_EQ(expect(later, 0, Accepted::Duplicate), new_ones);
  expect(later, kMany, Accepted::New);
  expect_accountable();
}

// As many rows as go into a table by another way than a few.
TEST_P(Repeats, TheOffenderOfALargeBatchIsFoundAndTheRestIsThere) {
  std::vector<AcceptItem> items;
  add(items, "e");
  items[7].deliveries[0].id = items[5].deliveries[0].id;  // an id that is taken
  const auto results = accept(std::move(items));
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i].has_value(), i != 7) << i;
  const auto again = accept_many({"e"});
  for (std::size_t i = 0; i < again.size(); ++i) {
    ASSERT_TRUE(again[i]);
    EXPECT_EQ(again[i]->kind, i == 7 ? Accepted::New : Accepted::Duplicate) << i;
  }
  expect_accountable();
}

TEST_P(Repeats, ALargeBatchReadsBackAsItWasWritten) {
  std::vector<AcceptItem> items;
  for (int i = 0; i < kMany; ++i) {
    AcceptItem& one = items.emplace_back(item_with_event(fmt::format("e{}", i), R"({"title":"종"})"));
    one.notification.template_key = i % 2 == 0 ? "welcome" : "";
    one.notification.template_version = i % 2 == 0 ? 70'000 : 0;
    one.notification.expires_at = i % 3 == 0 ? std::optional(clock_.now() + kHour) : std::nullopt;
    model::Delivery& d = one.deliveries[0];
    d.status = i % 2 == 0 ? model::DeliveryStatus::Suppressed : model::DeliveryStatus::Held;
    d.reason = i % 2 == 0 ? model::Reason::OptedOut : model::Reason::Paused;
    d.due_at = std::nullopt;
    d.device_id = i % 5 == 0 ? "phone" : "";
    d.note = i % 5 == 1 ? "a\tnote\\N" : "";
    d.to_index = 40'000;
  }
  std::vector<std::int64_t> ids;
  for (const AcceptItem& one : items) ids.push_back(one.notification.id);
  const auto written = items;
  accept(std::move(items));
  restart();
  const auto read = run(store_->notifications(ids)).value();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_NE(read[i], nullptr);
    EXPECT_EQ(read[i]->body, written[i].notification.body);
    EXPECT_EQ(read[i]->event_id, written[i].notification.event_id);
    EXPECT_EQ(read[i]->template_key, written[i].notification.template_key);
    EXPECT_EQ(read[i]->template_version, written[i].notification.template_version);
    EXPECT_EQ(read[i]->expires_at, written[i].notification.expires_at);
    const model::Delivery d = stored(ids[i] + 1), wanted = written[i].deliveries[0];
    EXPECT_EQ(d.status, wanted.status);
    EXPECT_EQ(d.reason, wanted.reason);
    EXPECT_EQ(d.user_id, wanted.user_id);
    EXPECT_EQ(d.device_id, wanted.device_id);
    EXPECT_EQ(d.note, wanted.note);
    EXPECT_EQ(d.to_index, wanted.to_index);
    EXPECT_EQ(d.attempts, 0);
  }
  expect_accountable();
}

INSTANTIATE_TEST_SUITE_P(Stores, Repeats, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
