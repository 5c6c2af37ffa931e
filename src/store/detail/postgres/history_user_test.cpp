// Whom a user's notifications are found for, whoever wrote the rows.
#include <fmt/format.h>

#include "base/ids.h"
#include "store/detail/postgres/store_fixture_test.h"

namespace carillon::store::detail {
namespace {

class PostgresHistoryUser : public PostgresStoreTest {
 protected:
  PostgresHistoryUser() : PostgresStoreTest("history_user") {}
  void SetUp() override {
    PostgresStoreTest::SetUp();
    if (!store_) return;
    const Owner owner = run(store_->register_process("history", clock_.now())).value().owner;
    ids_.emplace(clock_, owner.node, 0);
    db_ = connect();
  }
  void TearDown() override {
    db_.reset();
    PostgresStoreTest::TearDown();
  }
  // A notification with two deliveries to that user.
  std::int64_t send(const std::string& user) {
    const std::int64_t id = ids_->take(3);
    std::vector<AcceptItem> items{item_of(id, user, 2, clock_.now())};
    EXPECT_TRUE(run(store_->accept(std::move(items), clock_.now())));
    return id;
  }
  std::vector<std::int64_t> found(const std::string& user, std::int32_t project = 1) {
    HistoryFilter filter;
    filter.project = project;
    filter.user_id = user;
    std::vector<std::int64_t> ids;
    const auto page = run(store_->list_notifications(std::move(filter)));
    EXPECT_TRUE(page) << page.error().message;
    if (page) {
      for (const model::Notification& one : page->rows) ids.push_back(one.id);
    }
    return ids;
  }
  std::int64_t number(const std::string& sql) {
    const auto value = db_->number(sql);
    EXPECT_TRUE(value) << value.error().message;
    return value.value_or(-1);
  }
  void exec(const std::string& sql) {
    const auto done = db_->exec(sql.c_str());
    ASSERT_TRUE(done) << done.error().message;
  }

  base::ManualClock clock_;
  std::optional<base::IdGenerator> ids_;
  std::unique_ptr<PgDb> db_;
};

TEST_F(PostgresHistoryUser, HasOneRowForAUserOfANotification) {
  const std::int64_t first = send("ann"), second = send("ann"), other = send("bob");
  EXPECT_EQ(number("SELECT count(*) FROM history_user"), 3);
  EXPECT_EQ(found("ann"), (std::vector{second, first}));
  EXPECT_EQ(found("bob"), std::vector{other});
  EXPECT_TRUE(found("ann", 2).empty()) << "of another project";
}

// A process of the version before, which knows nothing of it.
TEST_F(PostgresHistoryUser, NotesWhatAnOlderProcessWrites) {
  const std::int64_t sent = send("ann");
  exec("SET carillon.notes_users = ''");
  exec(
      "INSERT INTO delivery(id, notification, epoch, project, lane, status, reason, flags, attempts, "
      "user_id) "
      "SELECT id + 1, notification, 0, project, lane, 4, 0, 0, 0, 'cy' FROM delivery ORDER BY id DESC LIMIT "
      "1;");
  EXPECT_EQ(number(fmt::format("SELECT count(*) FROM history_user WHERE user_id = 'cy' AND notification = {}",
                               sent)),
            1);
}

// The schema of before: an index of the deliveries.
TEST_F(PostgresHistoryUser, FindsWhatAnEarlierVersionWrote) {
  const std::int64_t sent = send("ann");
  store_->close();
  store_.reset();
  exec("DROP TRIGGER delivery_of_user ON delivery; DROP FUNCTION note_user; DROP TABLE history_user;");
  exec("CREATE INDEX delivery_user ON delivery(user_id, notification) WHERE user_id IS NOT NULL;");
  exec("UPDATE schema_version SET version = 20;");
  store_ = open();
  ASSERT_TRUE(store_);
  EXPECT_EQ(found("ann"), std::vector{sent});
  EXPECT_EQ(number("SELECT count(*) FROM pg_class WHERE relname = 'delivery_user'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM history_user_rest"), 0) << "each day has its own";
}

}  // namespace
}  // namespace carillon::store::detail
