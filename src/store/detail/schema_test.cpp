#include "store/detail/schema.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "store/detail/profile_rows.h"
#include "store/detail/store_fixture_test.h"

namespace carillon::store::detail {
namespace {

constexpr const char* kFoundation =
#include "store/schema/sqlite/0001_foundation.sql"
    ;

class StoreFile : public StoreFixture {
 protected:
  static std::shared_ptr<const model::Profile> find(Store& store, const std::string& user) {
    std::vector<UserKey> keys{UserKey{1, user}};
    auto found = run(store.profiles(std::move(keys)));
    return found ? found->front() : nullptr;
  }
};

TEST_F(StoreFile, OfTheFirstVersionKeepsItsPeople) {
  exec("carillon.db", std::string(kFoundation) + "; PRAGMA user_version = 1");
  exec("carillon.db",
       R"(INSERT INTO profile(project, user_id, version, email, data) VALUES(1, 'ann', 3, 'ann@example.test',
          '{"e":"ann@example.test","p":"+821012345678"}');
          INSERT INTO device_owner VALUES(1, 'd1', 'ann');
          INSERT INTO preference_log(project, user_id, at, actor, source, change)
            VALUES(1, 'ann', 5, 'a', 'api', '{}'))");
  {
    auto store = open();
    ASSERT_TRUE(store) << store.error().message;
    const auto ann = find(**store, "ann");
    ASSERT_TRUE(ann);
    EXPECT_EQ(ann->version, 3);
    EXPECT_EQ(ann->email, "ann@example.test");
    const auto log = run((*store)->preference_log(UserKey{1, "ann"}, ListPage{}));
    ASSERT_TRUE(log);
    EXPECT_EQ(log->size(), 1U);
    while (run((*store)->housekeeping(Retention{}, from_ms(1'000))).value()) {}
    const std::string phone = "+821012345678";
    const auto by_phone = run((*store)->profiles_by_address({.project = 1,
                                                             .is_phone = true,
                                                             .first = phone,
                                                             .last = phone,
                                                             .after_address = {},
                                                             .after_user = {}}));
    ASSERT_TRUE(by_phone) << by_phone.error().message;
    EXPECT_EQ(by_phone->size(), 1U);
    (*store)->close();
  }
  EXPECT_EQ(number("carillon.db", "SELECT count(*) FROM sqlite_master WHERE name = 'profile'"), 0);
  EXPECT_EQ(number("carillon.db", "PRAGMA user_version"), schema_version(File::Everything));
  EXPECT_EQ(number("people.db", "SELECT count(*) FROM device_owner"), 1);
}

TEST_F(StoreFile, RepeatsAMoveThatACrashInterrupted) {
  ASSERT_TRUE(open());  // makes people.db
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(folder_ + "/carillon.db" + suffix);
  // Copied, and then it crashed before the originals were dropped.
  const std::string row =
      "INSERT INTO profile(id, project, user_id, version, data) VALUES(7, 1, 'ann', 1, '{}')";
  exec("people.db", row);
  exec("carillon.db", std::string(kFoundation) + "; PRAGMA user_version = 1");
  exec("carillon.db", row);
  auto store = open();
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE(find(**store, "ann"));
  (*store)->close();
  EXPECT_EQ(number("people.db", "SELECT count(*) FROM profile"), 1);
  EXPECT_EQ(number("carillon.db", "SELECT count(*) FROM sqlite_master WHERE name = 'profile'"), 0);
}

TEST_F(StoreFile, FromANewerVersionIsRefused) {
  {
    auto store = open();
    ASSERT_TRUE(store);
    (*store)->close();
  }
  exec("people.db", "PRAGMA user_version = 99");
  const auto store = open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::FailedPrecondition);
}

TEST_F(StoreFile, IndexesThePhoneNumbersOfAnEarlierVersion) {
  {
    auto store = open();
    ASSERT_TRUE(store);
    (*store)->close();
  }
  exec("people.db",
       R"(DROP INDEX profile_phone; DROP INDEX profile_email; DROP TABLE profile_fill;
          ALTER TABLE profile DROP COLUMN phone;
          CREATE INDEX profile_email ON profile(project, email) WHERE email IS NOT NULL;
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
          INSERT INTO profile(project, user_id, version, data)
            SELECT 1 + i % 2, 'u' || i, 1, '{"p":"+8210' || printf('%08d', i) || '"}' FROM n;
          PRAGMA user_version = 4)");
  auto store = open();
  ASSERT_TRUE(store) << store.error().message;
  const auto find_by = [&](const std::string& phone, std::int32_t project = 1) {
    return run((*store)->profiles_by_address({.project = project,
                                              .is_phone = true,
                                              .first = phone,
                                              .last = phone,
                                              .after_address = {},
                                              .after_user = {}}));
  };
  EXPECT_EQ(find_by("+821000002498").error().code, Errc::Unavailable) << "who is not found may be there";
  int pieces = 1;
  while (run((*store)->housekeeping(Retention{}, from_ms(1'000))).value()) ++pieces;
  EXPECT_EQ(pieces, 3);
  const auto found = find_by("+821000002498");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front()->user_id, "u2498");
  EXPECT_EQ(find_by("+821000002499", 2)->size(), 1U);
  EXPECT_TRUE(find_by("+821000002499")->empty()) << "of another project";
  (*store)->close();
  EXPECT_EQ(number("people.db", "SELECT count(*) FROM profile WHERE phone IS NULL"), 0);
}

TEST_F(StoreFile, FindsAUserWhoseRowIdAnotherHas) {
  {
    auto store = open();
    ASSERT_TRUE(store);
    (*store)->close();
  }
  exec("people.db", fmt::format("INSERT INTO profile(id, project, user_id, version, data) "
                                "VALUES({}, 1, 'other', 1, '{{}}')",
                                profile_id(1, "ann")));
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_FALSE(find(**store, "ann"));
  model::Profile ann;
  ann.project = 1;
  ann.user_id = "ann";
  ann.name = "Ann";
  ASSERT_TRUE(run((*store)->put_profile(ann, ProfileChange{.actor = "a", .source = "api"}, from_ms(1'000))));
  ann.version = 1;
  ann.name = "Anne";
  ASSERT_TRUE(run((*store)->put_profile(ann, ProfileChange{.actor = "a", .source = "api"}, from_ms(2'000))));
  (*store)->close();
  store = open();
  ASSERT_TRUE(store);
  ASSERT_TRUE(find(**store, "ann"));
  EXPECT_EQ(find(**store, "ann")->name, "Anne");
  EXPECT_TRUE(find(**store, "other"));
  (*store)->close();
}

}  // namespace
}  // namespace carillon::store::detail
