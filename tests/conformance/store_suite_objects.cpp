// What every Store promises about uploaded objects: bytes are never nobody's unnoticed, and nothing goes that
// a notification still needs.
#include <fmt/format.h>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using namespace std::chrono_literals;
using model::DeliveryStatus;
using store::StoredObject;

constexpr Millis kNoGrace{0};

class StoredObjects : public StoreSuite {
 protected:
  store::ObjectStore& objects() { return store_->objects(); }

  StoredObject make(Millis lives = 24h, std::int64_t app = 7) {
    StoredObject object;
    object.id = ids_->take();
    object.project = 1;
    object.app = app;
    object.size = 12;
    object.type = "image/png";
    object.filename = "a.png";
    object.sha256 = std::string(64, 'a');
    object.created_by = "app:shop";
    object.created_at = clock_.now();
    object.expires_at = clock_.now() + lives;
    EXPECT_TRUE(run(objects().begin(object.id, clock_.now() + 1h)));
    EXPECT_TRUE(run(objects().put(object)));
    return object;
  }
  std::optional<StoredObject> get(std::int64_t id) {
    std::vector<std::int64_t> ids{id};
    return run(objects().get(std::move(ids))).value().front();
  }
  std::vector<std::int64_t> abandoned() { return run(objects().abandoned(100, clock_.now())).value(); }
  void drop_all(Millis grace = kNoGrace) {
    while (run(objects().drop_expired(grace, clock_.now())).value()) {}
  }
  // A notification that needs the object, with one delivery, which is taken.
  model::Delivery need(std::int64_t object) {
    auto one = item();
    one.objects = {object};
    const std::int64_t delivery = one.deliveries.front().id;
    accept_one(std::move(one));
    return claim({delivery}).at(0);
  }
};

TEST_P(StoredObjects, ReadBackAsWrittenAlsoAfterARestart) {
  const StoredObject made = make();
  restart();
  EXPECT_GE(run(store_->register_process("conformance", clock_.now())).value().highest_id, made.id);
  const auto read = get(made.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->project, 1);
  EXPECT_EQ(read->app, 7);
  EXPECT_EQ(read->size, 12);
  EXPECT_EQ(read->type, "image/png");
  EXPECT_EQ(read->filename, "a.png");
  EXPECT_EQ(read->sha256, made.sha256);
  EXPECT_EQ(read->created_by, "app:shop");
  EXPECT_EQ(read->created_at, made.created_at);
  EXPECT_EQ(read->expires_at, made.expires_at);
  EXPECT_FALSE(get(made.id + 1));
}

TEST_P(StoredObjects, AreListedNewestFirstOfAnAppOrOfAll) {
  const auto a = make(), b = make(24h, 8), c = make();
  const auto ids = [&](std::int64_t app, store::ListPage page) {
    std::vector<std::int64_t> out;
    for (const auto& object : run(objects().list(1, app, std::move(page))).value()) out.push_back(object.id);
    return out;
  };
  EXPECT_EQ(ids(0, {}), (std::vector{c.id, b.id, a.id}));
  EXPECT_EQ(ids(7, {}), (std::vector{c.id, a.id}));
  store::ListPage second;
  second.after = c.id;
  second.limit = 1;
  EXPECT_EQ(ids(0, second), std::vector{b.id});
  EXPECT_TRUE(run(objects().list(2, 0, {})).value().empty());
}

TEST_P(StoredObjects, LeaveTheirNameBehindWhenAnUploadBreaksOff) {
  const std::int64_t id = ids_->take();
  ASSERT_TRUE(run(objects().begin(id, clock_.now() + 1h)));
  restart();
  EXPECT_FALSE(get(id));
  EXPECT_TRUE(abandoned().empty()) << "it may still be under way";
  clock_.advance(1h);
  EXPECT_EQ(abandoned(), std::vector{id});
  ASSERT_TRUE(run(objects().forget({id})));
  EXPECT_TRUE(abandoned().empty());
  StoredObject late;
  late.id = id;
  EXPECT_EQ(run(objects().put(late)).error().code, Errc::Conflict) << "its bytes may be gone";
  EXPECT_FALSE(get(id));
}

TEST_P(StoredObjects, GoWhenTheyAreRemovedAndTheirBytesAreNobodys) {
  const auto made = make();
  ASSERT_TRUE(run(objects().remove(made.id, "test", clock_.now())));
  EXPECT_FALSE(get(made.id));
  EXPECT_EQ(abandoned(), std::vector{made.id});
  EXPECT_EQ(run(objects().remove(made.id, "test", clock_.now())).error().code, Errc::NotFound);
  store::AuditFilter filter;
  filter.project = 1;
  const auto audit = run(store_->list_audit(filter, {})).value();
  ASSERT_EQ(audit.rows.size(), 1U);
  EXPECT_EQ(audit.rows.front().action, "object.delete");
  EXPECT_EQ(audit.rows.front().object, base::id_text(base::kObjectPrefix, made.id));
}

TEST_P(StoredObjects, GoAfterTheirTimeAndTheGrace) {
  const auto short_lived = make(1h), long_lived = make(48h);
  clock_.advance(2h);
  drop_all(3h);
  EXPECT_TRUE(get(short_lived.id));
  drop_all();
  EXPECT_FALSE(get(short_lived.id));
  EXPECT_TRUE(get(long_lived.id));
  EXPECT_EQ(abandoned(), std::vector{short_lived.id});
}

TEST_P(StoredObjects, StayWhileANotificationNeedsThem) {
  const auto made = make(1h);
  const auto delivery = need(made.id);
  clock_.advance(2h);
  drop_all();
  EXPECT_TRUE(get(made.id));
  const auto refused = run(objects().remove(made.id, "test", clock_.now()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::FailedPrecondition);
  EXPECT_NE(refused.error().message.find(base::id_text(base::kNotificationPrefix, delivery.notification)),
            std::string::npos);
  ASSERT_TRUE(record(delivery, DeliveryStatus::Sent));
  drop_all();
  EXPECT_TRUE(get(made.id)) << "it is not looked at all the time";
  clock_.advance(2h);
  drop_all();
  EXPECT_FALSE(get(made.id));
}

TEST_P(StoredObjects, StayWhileARetryWaits) {
  const auto made = make(1h);
  const auto delivery = need(made.id);
  ASSERT_TRUE(record(delivery, DeliveryStatus::Retrying, Millis(5h)));
  clock_.advance(3h);
  drop_all();
  EXPECT_TRUE(get(made.id));
}

TEST_P(StoredObjects, MayBeRemovedByHandAfterTheEnd) {
  const auto made = make();
  ASSERT_TRUE(record(need(made.id), DeliveryStatus::Sent));
  EXPECT_TRUE(run(objects().remove(made.id, "test", clock_.now())));
}

TEST_P(StoredObjects, GoHoweverManyHadNamedThem) {
  const auto by_hand = make(), by_time = make(1h);
  for (std::size_t i = 0; i < 1'100; ++i) {
    auto one = item(0);
    one.objects = {by_hand.id, by_time.id};
    accept_one(std::move(one));
  }
  EXPECT_TRUE(run(objects().remove(by_hand.id, "test", clock_.now())));
  clock_.advance(2h);
  drop_all();
  EXPECT_FALSE(get(by_time.id));
}

// However many objects there are, a transaction looks at a bounded number of those that named them.
TEST_P(StoredObjects, AreDroppedPieceByPieceHoweverManyNamedThem) {
  const StoredObject one = make(1h), other = make(1h);
  for (std::size_t i = 0; i < 300; ++i) {
    auto send = item(0);
    send.objects = {one.id, other.id};
    accept_one(std::move(send));
  }
  clock_.advance(2h);
  EXPECT_TRUE(run(objects().drop_expired(kNoGrace, clock_.now())).value());
  EXPECT_NE(get(one.id).has_value(), get(other.id).has_value());
  drop_all();
  EXPECT_FALSE(get(one.id) || get(other.id));
}

TEST_P(StoredObjects, ThatAreGoneRefuseTheSendThatNeedsThemAndNoOther) {
  auto bad = item();
  bad.objects = {ids_->take()};
  std::vector<store::AcceptItem> items;
  items.push_back(item());
  items.push_back(std::move(bad));
  const auto results = accept(std::move(items));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, Errc::Conflict);
  expect_accountable();
}

TEST_P(StoredObjects, AreDroppedPieceByPieceHoweverManyThereAre) {
  constexpr std::size_t kMany = 450;
  for (std::size_t i = 0; i < kMany; ++i) make(1h);
  clock_.advance(2h);
  EXPECT_TRUE(run(objects().drop_expired(kNoGrace, clock_.now())).value());
  drop_all();
  EXPECT_EQ(run(objects().abandoned(1000, clock_.now())).value().size(), kMany);
}

INSTANTIATE_TEST_SUITE_P(Backends, StoredObjects, ::testing::ValuesIn(store_backends()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::conformance
