// Days that are past their retention: what is asked of them, and what goes with them.
#include "store/detail/postgres/days.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "store/detail/postgres/store_fixture_test.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kRows = 1'000;
constexpr model::Lane kLane{model::Queue::Email, model::Priority::Normal};
constexpr Millis kPast = std::chrono::days(93);  // retention, and the day it began in

class PostgresDays : public PostgresStoreTest {
 protected:
  PostgresDays() : PostgresStoreTest("days") {}
  void SetUp() override {
    PostgresStoreTest::SetUp();
    if (!store_) return;
    owner_ = run(store_->register_process("days", clock_.now())).value().owner;
    ids_.emplace(clock_, owner_.node, 0);
    db_ = connect();
  }
  void TearDown() override {
    db_.reset();
    PostgresStoreTest::TearDown();
  }
  // One notification of each delivery, all of them sent.
  void send(std::size_t count) {
    std::vector<AcceptItem> items;
    for (std::size_t i = 0; i < count; ++i) items.push_back(item_of(ids_->take(2), "ann", 1, clock_.now()));
    if (first_ == 0) first_ = items.front().deliveries.front().id;
    ASSERT_TRUE(run(store_->accept(std::move(items), clock_.now())));
    for (std::size_t left = count; left > 0;) {
      std::vector<ClaimRequest> requests(1);
      requests[0].lane = kLane;
      requests[0].limit = 500;
      auto claimed = run(store_->claim(std::move(requests), owner_, clock_.now())).value();
      ASSERT_FALSE(claimed.empty());
      left -= claimed.size();
      std::vector<RecordItem> records;
      for (model::Delivery& d : claimed) {
        RecordItem& record = records.emplace_back();
        record.delivery = std::move(d);
        record.to = model::DeliveryStatus::Sent;
        record.category = "general";
      }
      ASSERT_TRUE(run(store_->record(std::move(records), owner_, clock_.now())));
    }
  }
  [[nodiscard]] Day day_of(std::string_view table) const {
    const std::int64_t number = to_ms(base::id_time(first_)) / 86'400'000;
    return {.table = fmt::format("{}_d{}", table, number), .number = number};
  }
  std::int64_t number(const std::string& sql) {
    const auto value = db_->number(sql);
    EXPECT_TRUE(value) << value.error().message;
    return value.value_or(-1);
  }
  bool is_there(const Day& day) {
    return number(fmt::format("SELECT count(*) FROM pg_class WHERE relname = '{}'", day.table)) == 1;
  }
  void keep_house(Millis later) {
    for (int i = 0; i < 50 && run(store_->housekeeping({}, clock_.now() + later)).value(); ++i) {}
  }
  // Rows of a day that the statements between BEGIN and here have read one after the other.
  std::int64_t read_through(const Day& day) {
    return number(fmt::format(
        "SELECT coalesce(seq_tup_read, 0) FROM pg_stat_xact_user_tables WHERE relname = '{}'", day.table));
  }

  base::ManualClock clock_;
  Owner owner_;
  std::optional<base::IdGenerator> ids_;
  std::unique_ptr<PgDb> db_;
  std::int64_t first_ = 0;  // delivery
};

TEST_F(PostgresDays, WhetherOneMayGoIsKnownWithoutReadingIt) {
  send(kRows);
  const Day day = day_of("delivery");
  ASSERT_EQ(number(fmt::format("SELECT count(*) FROM {}", day.table)), std::int64_t{kRows});
  ASSERT_TRUE(db_->exec("BEGIN;"));
  EXPECT_TRUE(is_over(*db_, DayOf::Delivery, day).value());
  EXPECT_EQ(read_through(day), 0);
  ASSERT_TRUE(db_->exec("ROLLBACK;"));
  for (const char* open :
       {"status = 0, due_at = 1", "status = 1", "status = 2, owner = 1", "status = 3, due_at = 1"}) {
    ASSERT_TRUE(
        db_->exec(fmt::format("BEGIN; UPDATE {} SET {} WHERE id = {};", day.table, open, first_).c_str()));
    EXPECT_FALSE(is_over(*db_, DayOf::Delivery, day).value()) << open;
    ASSERT_TRUE(db_->exec("ROLLBACK;"));
  }
}

TEST_F(PostgresDays, GoWithWhatBelongsToThem) {
  send(20);
  const Day deliveries = day_of("delivery"), notifications = day_of("notification"),
            users = day_of("history_user");
  ASSERT_TRUE(is_there(deliveries) && is_there(notifications) && is_there(users));
  ASSERT_EQ(number(fmt::format("SELECT count(*) FROM {}", users.table)), 20);
  keep_house(std::chrono::days(89));
  EXPECT_TRUE(is_there(deliveries)) << "not past its retention";
  keep_house(kPast);
  EXPECT_FALSE(is_there(deliveries) || is_there(notifications) || is_there(users));
  EXPECT_EQ(number("SELECT count(*) FROM history_user"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM delivery") + number("SELECT count(*) FROM notification"), 0);
  EXPECT_EQ(number("SELECT sum(n) FROM counter"), 0);
}

TEST_F(PostgresDays, OneThatAProcessLeftTakenOffGoesOn) {
  send(20);
  const Day day = day_of("delivery");
  ASSERT_TRUE(take_off(*db_, DayOf::Delivery, day).value());
  ASSERT_EQ(number("SELECT count(*) FROM delivery"), 0);
  keep_house(kPast);
  EXPECT_FALSE(is_there(day));
  EXPECT_EQ(number("SELECT sum(n) FROM counter"), 0);
}

// Nothing writes such a row. Should anything ever, it is not lost.
TEST_F(PostgresDays, OneWithAnOpenRowThatNoIndexKnowsIsPutBackAndKept) {
  send(20);
  const Day day = day_of("delivery");
  ASSERT_TRUE(db_->exec(fmt::format("UPDATE delivery SET status = 3 WHERE id = {};", first_).c_str()));
  keep_house(kPast);
  ASSERT_TRUE(is_there(day));
  EXPECT_EQ(number(fmt::format("SELECT CAST(relispartition AS integer) FROM pg_class WHERE relname = '{}'",
                               day.table)),
            1);
  EXPECT_EQ(number(fmt::format("SELECT count(*) FROM delivery WHERE id = {} AND status = 3", first_)), 1);
  EXPECT_TRUE(is_there(day_of("notification"))) << "what it is of is kept with it";
}

TEST_F(PostgresDays, NotificationsWaitForTheirDeliveries) {
  send(20);
  const Day notifications = day_of("notification");
  // One is open: its day stays, and the others go by rows.
  ASSERT_TRUE(db_->exec(fmt::format("UPDATE delivery SET status = 0, due_at = {} WHERE id = {};",
                                    to_ms(clock_.now() + std::chrono::days(200)), first_)
                            .c_str()));
  for (const Millis later : {kPast, kPast + std::chrono::days(1), kPast + std::chrono::days(2)})
    keep_house(later);
  EXPECT_TRUE(is_there(notifications));
  EXPECT_EQ(number("SELECT count(*) FROM notification"), 1);
  ASSERT_TRUE(
      db_->exec(fmt::format("UPDATE delivery SET status = 4, due_at = NULL WHERE id = {};", first_).c_str()));
  keep_house(kPast + std::chrono::days(3));
  EXPECT_FALSE(is_there(notifications) || is_there(day_of("delivery")));
}

}  // namespace
}  // namespace carillon::store::detail
