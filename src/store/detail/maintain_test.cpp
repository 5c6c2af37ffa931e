// Housekeeping against rows that are there already.
#include "store/detail/store_fixture_test.h"

namespace carillon::store::detail {
namespace {

constexpr int kCallsMax = 50;

class Housekeeping : public StoreFixture {
 protected:
  // Until there is nothing more to do; how many calls that took.
  static int keep_house(Store& store, Time now) {
    for (int calls = 1;; ++calls) {
      const auto has_more = run(store.housekeeping(Retention{}, now));
      EXPECT_TRUE(has_more) << has_more.error().message;
      if (!has_more || !*has_more || calls == kCallsMax) return calls;
    }
  }
};

TEST_F(Housekeeping, CapsThatEndedGoAsFastAsTheyCameAndOthersStay) {
  (*open())->close();
  exec("carillon.db",
       "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) "
       "INSERT INTO cap(key, expires_at, times) SELECT i * 7919 % 20011, iif(i % 4 = 0, 9000, 1000), x'' "
       "FROM c");
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_LT(keep_house(**store, from_ms(5000)), kCallsMax);
  (*store)->close();
  EXPECT_EQ(number("carillon.db", "SELECT count(*) FROM cap WHERE expires_at = 1000"), 0);
  EXPECT_EQ(number("carillon.db", "SELECT count(*) FROM cap WHERE expires_at = 9000"), 5'000);
}

TEST_F(Housekeeping, CapsThatGoOnAreNotLookedAtWithoutEnd) {
  (*open())->close();
  exec("carillon.db",
       "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) "
       "INSERT INTO cap(key, expires_at, times) SELECT i, 9000, x'' FROM c");
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_LT(keep_house(**store, from_ms(5000)), 5);
}

}  // namespace
}  // namespace carillon::store::detail
