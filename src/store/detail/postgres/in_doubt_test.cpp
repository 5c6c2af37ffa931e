// What was taken by a commit whose answer was lost belongs to its process or to nobody, and never to both.
#include <gtest/gtest.h>

#include <optional>

#include "base/ids.h"
#include "store/detail/postgres/relay_test.h"
#include "store/detail/postgres/store_fixture_test.h"

namespace carillon::store {
namespace {

using detail::PostgresRelay;
using model::DeliveryStatus;

class PostgresInDoubt : public detail::PostgresStoreTest {
 protected:
  PostgresInDoubt() : PostgresStoreTest("in_doubt") {}
  void SetUp() override {
    if (cluster().why_not().empty()) relay_.emplace(cluster().socket());
    PostgresStoreTest::SetUp();
    if (!store_) return;
    owner_ = run(store_->register_process("one", clock_.now())).value().owner;
    ids_.emplace(clock_, owner_.node, 0);
  }
  void TearDown() override {
    PostgresStoreTest::TearDown();
    relay_.reset();
  }
  base::Secret url() const override {
    return base::Secret("postgresql:///" + database() + "?user=carillon&host=" + relay_->folder());
  }
  void finish_background() {
    io_.restart();
    io_.run();
  }
  std::vector<AcceptItem> one_send() {
    std::vector<AcceptItem> items;
    items.push_back(item_of(ids_->take(2), "u", 1, clock_.now()));
    return items;
  }
  Task<Result<std::vector<model::Delivery>>> claim() {
    return store_->claim({{.lane = {model::Queue::Email, model::Priority::Normal}, .ids = {}, .limit = 10}},
                         owner_, clock_.now());
  }
  // Of the only delivery.
  DeliveryStatus status() {
    return static_cast<DeliveryStatus>(connect()->number("SELECT status FROM delivery").value());
  }

  base::SystemClock clock_;
  std::optional<PostgresRelay> relay_;
  Owner owner_;
  std::optional<base::IdGenerator> ids_;
};

TEST_F(PostgresInDoubt, AClaimThatWasNotCarriedOutTakesNothingFromTheNextOne) {
  ASSERT_TRUE(answer(store_->accept(one_send(), clock_.now())));
  relay_->at_commit(PostgresRelay::Commit::Drop, true);
  const auto lost = answer(claim());
  ASSERT_FALSE(lost);
  ASSERT_EQ(lost.error().code, Errc::DeadlineExceeded) << lost.error().message;
  relay_->accept_again();
  const auto claimed = answer(claim());
  ASSERT_TRUE(claimed) << claimed.error().message;
  ASSERT_EQ(claimed->size(), 1U);
  EXPECT_EQ(claimed->front().epoch, 1U) << "as the one that was lost";

  finish_background();
  EXPECT_EQ(status(), DeliveryStatus::Processing) << "it is being sent";
  RecordItem item;
  item.delivery = claimed->front();
  item.to = DeliveryStatus::Sent;
  const auto recorded = run(store_->record({item}, owner_, clock_.now()));
  ASSERT_TRUE(recorded) << recorded.error().message;
  EXPECT_EQ(*recorded, std::vector<bool>{true});
}

TEST_F(PostgresInDoubt, AClaimWhoseCommitComesLateIsGivenBack) {
  ASSERT_TRUE(answer(store_->accept(one_send(), clock_.now())));
  relay_->at_commit(PostgresRelay::Commit::Hold);
  const auto lost = answer(claim());
  ASSERT_FALSE(lost);
  ASSERT_EQ(lost.error().code, Errc::DeadlineExceeded) << lost.error().message;
  // Something else goes on meanwhile, and learns nothing of it.
  const auto none = answer(claim());
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_TRUE(none->empty()) << "a transaction still holds it";
  EXPECT_EQ(status(), DeliveryStatus::Pending);

  relay_->let_go();
  finish_background();
  EXPECT_EQ(status(), DeliveryStatus::Pending);
  const auto claimed = run(claim());
  ASSERT_TRUE(claimed) << claimed.error().message;
  ASSERT_EQ(claimed->size(), 1U);
  EXPECT_EQ(claimed->front().epoch, 2U) << "the late one was carried out";
}

TEST_F(PostgresInDoubt, WhatWasTakenAsItWasAcceptedIsGivenBackToo) {
  auto items = one_send();
  items.front().take_for = owner_;
  relay_->at_commit(PostgresRelay::Commit::Hold);
  const auto lost = answer(store_->accept(std::move(items), clock_.now()));
  ASSERT_FALSE(lost);
  ASSERT_EQ(lost.error().code, Errc::DeadlineExceeded) << lost.error().message;
  EXPECT_TRUE(answer(claim()).value().empty()) << "it is not there yet";
  relay_->let_go();
  finish_background();
  EXPECT_EQ(status(), DeliveryStatus::Pending);
}

TEST_F(PostgresInDoubt, WhatAnEarlierRunTookByALateCommitIsTakenOverWhenThatIsLongAgo) {
  ASSERT_TRUE(run(store_->accept(one_send(), clock_.now())));
  const auto taken = run(claim());
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_EQ(taken->size(), 1U);
  const Owner next = run(store_->register_process("one", clock_.now())).value().owner;
  ASSERT_EQ(next.node, owner_.node);
  EXPECT_TRUE(run(store_->owned_by_lost(0, 10)).value().empty()) << "it may be about to recover it";
  ASSERT_TRUE(connect()->exec("UPDATE process SET started_at = started_at - 600000;"));
  const auto late = run(store_->owned_by_lost(0, 10)).value();
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late.front().owner, owner_);

  RecordItem item;
  item.delivery = late.front().delivery;
  item.to = DeliveryStatus::Pending;
  ASSERT_EQ(run(store_->record({item}, late.front().owner, clock_.now())).value(), std::vector<bool>{true});
  owner_ = next;
  ASSERT_EQ(run(claim()).value().size(), 1U);
  EXPECT_TRUE(run(store_->owned_by_lost(0, 10)).value().empty()) << "what it has itself is its own";
}

}  // namespace
}  // namespace carillon::store
