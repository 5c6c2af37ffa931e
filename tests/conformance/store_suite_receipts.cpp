// What every Store promises about what providers report later.
#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using model::ReceiptKind;

class Receipts : public StoreSuite {
 protected:
  // One delivery, claimed and recorded as `to`.
  std::int64_t sent(DeliveryStatus to = DeliveryStatus::Sent, const std::string& provider_id = "SM1") {
    auto made = item();
    const std::int64_t id = made.deliveries[0].id;
    accept_one(std::move(made));
    auto claimed = claim({id});
    claimed.at(0).provider_id = provider_id;
    EXPECT_TRUE(record(claimed[0], to));
    return id;
  }
  store::ReceiptItem report(std::int64_t delivery, ReceiptKind kind) {
    store::ReceiptItem item;
    item.project = 1;
    item.integration = "twilio";
    item.receipt.kind = kind;
    item.receipt.delivery = delivery;
    item.receipt.provider_id = "SM1";
    item.receipt.at = clock_.now();
    return item;
  }
  store::ReceiptResult add(store::ReceiptItem item) {
    return run(store_->receipts().add({std::move(item)}, clock_.now())).value().at(0);
  }
  std::vector<store::StoredReceipt> receipts(std::int64_t delivery) {
    return run(store_->delivery(delivery)).value().receipts;
  }
  std::optional<store::Suppression> suppressed(const store::AddressKey& key) {
    return run(store_->suppressed(1, {key})).value().at(0);
  }
  const store::AddressKey phone_{model::Channel::Sms, base::Hash128{7}};
};

TEST_P(Receipts, MakeSentDeliveredOnce) {
  const std::int64_t id = sent();
  const auto first = add(report(id, ReceiptKind::Delivered));
  EXPECT_TRUE(first.is_known && first.is_new);
  EXPECT_EQ(first.from, DeliveryStatus::Sent);
  EXPECT_EQ(first.to, DeliveryStatus::Delivered);
  const auto again = add(report(id, ReceiptKind::Delivered));
  EXPECT_TRUE(again.is_known);
  EXPECT_FALSE(again.is_new || again.to);
  EXPECT_EQ(stored(id).status, DeliveryStatus::Delivered);
  ASSERT_EQ(receipts(id).size(), 1U);
  EXPECT_EQ(receipts(id)[0].n, 1);
  EXPECT_EQ(receipts(id)[0].integration, "twilio");
  expect_accountable();
}

TEST_P(Receipts, OutOfOrderChangeNothingBack) {
  const std::int64_t id = sent();
  add(report(id, ReceiptKind::Delivered));
  EXPECT_FALSE(add(report(id, ReceiptKind::Sent)).to);
  EXPECT_FALSE(add(report(id, ReceiptKind::Undelivered)).to);
  EXPECT_EQ(stored(id).status, DeliveryStatus::Delivered);
  EXPECT_EQ(receipts(id).size(), 3U);
  expect_accountable();
}

TEST_P(Receipts, SayWhyItFailed) {
  const std::int64_t bounced = sent();
  auto item = report(bounced, ReceiptKind::Bounced);
  item.address = phone_;
  item.hint = "+82…78";
  EXPECT_EQ(add(item).to, DeliveryStatus::Failed);
  EXPECT_EQ(stored(bounced).reason, model::Reason::Bounced);
  const auto found = suppressed(phone_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reason, "hard_bounce");
  EXPECT_EQ(found->hint, "+82…78");
  const std::int64_t other = sent();
  EXPECT_EQ(add(report(other, ReceiptKind::Undelivered)).to, DeliveryStatus::Failed);
  EXPECT_EQ(stored(other).reason, model::Reason::Undelivered);
  expect_accountable();
}

TEST_P(Receipts, OfAnEarlierCallDoNotFailTheLast) {
  const std::int64_t id = sent(DeliveryStatus::Sent, "SM2");
  EXPECT_FALSE(add(report(id, ReceiptKind::Undelivered)).to);
  EXPECT_EQ(stored(id).status, DeliveryStatus::Sent);
}

TEST_P(Receipts, AreEvidenceForWhatNobodyKnew) {
  const std::int64_t id = sent(DeliveryStatus::Unknown, "");
  EXPECT_EQ(run(store_->letters().list({.project = 1}, {})).value().rows.size(), 1U);
  EXPECT_EQ(add(report(id, ReceiptKind::Sent)).to, DeliveryStatus::Sent);
  EXPECT_EQ(add(report(id, ReceiptKind::Delivered)).to, DeliveryStatus::Delivered);
  for (const auto& letter : run(store_->letters().list({.project = 1}, {})).value().rows)
    EXPECT_TRUE(letter.is_closed);
  expect_accountable();
}

TEST_P(Receipts, ThatComeTooEarlyWaitForTheRecord) {
  auto made = item();
  const std::int64_t id = made.deliveries[0].id;
  accept_one(std::move(made));
  auto claimed = claim({id});
  EXPECT_FALSE(add(report(id, ReceiptKind::Delivered)).to);
  ASSERT_TRUE(run(store_->receipts().apply_waiting(clock_.now())));
  EXPECT_EQ(stored(id).status, DeliveryStatus::Processing);
  claimed.at(0).provider_id = "SM1";
  ASSERT_TRUE(record(claimed[0], DeliveryStatus::Sent));
  restart();
  ASSERT_TRUE(run(store_->receipts().apply_waiting(clock_.now())));
  EXPECT_EQ(stored(id).status, DeliveryStatus::Delivered);
  expect_accountable();
}

TEST_P(Receipts, AboutOtherProjectsAndNothingAreNotKnown) {
  auto foreign = report(sent(), ReceiptKind::Delivered);
  foreign.project = 2;
  EXPECT_FALSE(add(foreign).is_known);
  EXPECT_FALSE(add(report(123'456, ReceiptKind::Delivered)).is_known);
}

TEST_P(Receipts, OpeningsAreRolledUpOnceAndARepeatCountsForNothing) {
  const std::int64_t id = sent();
  const auto first = report(id, ReceiptKind::Opened);
  EXPECT_TRUE(add(first).is_new);
  clock_.advance(std::chrono::seconds(30));
  EXPECT_FALSE(add(report(id, ReceiptKind::Opened)).is_new);
  add(first);  // the vendor repeats itself
  ASSERT_EQ(receipts(id).size(), 1U);
  EXPECT_EQ(receipts(id)[0].n, 2);
  EXPECT_EQ(receipts(id)[0].at, first.receipt.at);
  EXPECT_EQ(stored(id).status, DeliveryStatus::Sent);
  const auto stats =
      run(store_->stats({1, clock_.now() - Millis(3'600'000), clock_.now() + Millis(1)})).value();
  std::int64_t opened = 0;
  for (const auto& row : stats) opened += row.engagement == ReceiptKind::Opened ? row.n : 0;
  EXPECT_EQ(opened, 1);
}

TEST_P(Receipts, StopSuppressesAndStartEndsOnlyThat) {
  auto stop = report(0, ReceiptKind::Unsubscribed);
  stop.address = phone_;
  EXPECT_TRUE(add(stop).is_new);
  EXPECT_FALSE(add(stop).is_new);
  ASSERT_TRUE(suppressed(phone_));
  EXPECT_EQ(suppressed(phone_)->reason, "stop");
  auto start = report(0, ReceiptKind::Resubscribed);
  start.address = phone_;
  EXPECT_TRUE(add(start).is_new);
  EXPECT_FALSE(suppressed(phone_));
  auto bounce = report(sent(), ReceiptKind::Bounced);
  bounce.address = phone_;
  add(bounce);
  EXPECT_FALSE(add(start).is_new);
  EXPECT_TRUE(suppressed(phone_)) << "a dead number does not live again by START";
}

INSTANTIATE_TEST_SUITE_P(All, Receipts, testing::ValuesIn(store_backends()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace carillon::conformance
