#include "tests/conformance/store_suite.h"

#include <fmt/format.h>
#include <rapidcheck.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "store/detail/postgres/cluster_test.h"
#include "store/postgres.h"
#include "store/sqlite.h"

namespace carillon::conformance {

using model::DeliveryStatus;
using store::Accepted;
using store::AcceptItem;

// What only those have whose files are their own.
class FileStores : public StoreSuite {};

namespace {

constexpr model::Lane kLane{model::Queue::Email, model::Priority::Normal};

base::Hash128 hash_of(const std::string& text) {
  const std::string digest = base::sha256(text);
  base::Hash128 h{};
  std::memcpy(h.data(), digest.data(), h.size());
  return h;
}

const base::KeyRing& test_keys() {
  static const base::KeyRing keys = base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value();
  return keys;
}

}  // namespace

void StoreSuite::SetUp() {
  char path[] = "/tmp/carillon-store-XXXXXX";
  if (GetParam().why_not) {
    if (const std::string why = GetParam().why_not(); !why.empty()) GTEST_SKIP() << why;
  }
  ASSERT_NE(::mkdtemp(path), nullptr);
  folder_ = path;
  auto opened = GetParam().open(folder_);
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
  const auto registered = run(store_->register_process("test", clock_.now()));
  ASSERT_TRUE(registered);
  EXPECT_TRUE(registered->is_new_store);
  owner_ = registered->owner;
  ids_ = std::make_unique<base::IdGenerator>(clock_, owner_.node, registered->highest_id);
}

void StoreSuite::TearDown() {
  if (store_) store_->close();
  store_.reset();
  if (folder_.empty()) return;
  std::filesystem::remove_all(folder_);
  if (GetParam().forget) GetParam().forget(folder_);
}

void StoreSuite::restart() {
  store_->close();
  store_.reset();
  auto opened = GetParam().open(folder_);
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
  const auto registered = run(store_->register_process("test", clock_.now()));
  ASSERT_TRUE(registered);
  EXPECT_FALSE(registered->is_new_store);
  EXPECT_GT(registered->owner.epoch, owner_.epoch);
  owner_ = registered->owner;
}

AcceptItem StoreSuite::item(std::size_t n) {
  AcceptItem item;
  item.notification.id = ids_->take(n + 1);
  item.notification.project = 1;
  item.notification.app = 7;
  item.notification.category = "general";
  item.notification.accepted_at = clock_.now();
  item.notification.body = "{}";
  item.notification.first_delivery = item.notification.id + 1;
  item.notification.delivery_count = static_cast<std::int32_t>(n);
  for (std::size_t i = 0; i < n; ++i) {
    model::Delivery& d = item.deliveries.emplace_back();
    d.id = item.notification.id + 1 + static_cast<std::int64_t>(i);
    d.notification = item.notification.id;
    d.project = 1;
    d.queue = kLane.queue;
    d.priority = kLane.priority;
    d.user_id = fmt::format("u{}", i);
    d.due_at = clock_.now();
  }
  return item;
}

AcceptItem StoreSuite::item_with_event(const std::string& event, const std::string& body) {
  AcceptItem made = item();
  made.notification.event_id = event;
  made.notification.body = body;
  made.event = hash_of("event" + event);
  made.fingerprint = hash_of("body" + body);
  return made;
}

std::vector<Result<store::AcceptResult>> StoreSuite::accept(std::vector<AcceptItem> items) {
  auto results = run(store_->accept(std::move(items), clock_.now()));
  EXPECT_TRUE(results) << results.error().message;
  return std::move(*results);
}

store::AcceptResult StoreSuite::accept_one(AcceptItem one) {
  std::vector<AcceptItem> items;
  items.push_back(std::move(one));
  auto results = accept(std::move(items));
  EXPECT_TRUE(results.at(0)) << results.at(0).error().message;
  return *results.at(0);
}

std::vector<model::Delivery> StoreSuite::claim(std::vector<std::int64_t> ids) {
  std::vector<store::ClaimRequest> requests(1);
  requests[0].lane = kLane;
  requests[0].ids = std::move(ids);
  return run(store_->claim(std::move(requests), owner_, clock_.now())).value();
}

std::vector<model::Delivery> StoreSuite::scan(model::Lane lane, std::size_t limit) {
  std::vector<store::ClaimRequest> requests(1);
  requests[0].lane = lane;
  requests[0].limit = limit;
  return run(store_->claim(std::move(requests), owner_, clock_.now())).value();
}

bool StoreSuite::record(model::Delivery delivery, DeliveryStatus to, std::optional<Millis> due_in) {
  std::vector<store::RecordItem> items(1);
  items[0].delivery = std::move(delivery);
  if (due_in) items[0].delivery.due_at = clock_.now() + *due_in;
  items[0].to = to;
  items[0].category = "general";
  items[0].app = 7;
  return run(store_->record(std::move(items), owner_, clock_.now())).value().at(0);
}

model::Delivery StoreSuite::stored(std::int64_t delivery) {
  return run(store_->delivery(delivery)).value().delivery;
}

void StoreSuite::expect_accountable() {
  std::int64_t accepted = 0, states = 0;
  for (const store::CounterRow& row : run(store_->counters()).value())
    (row.status ? states : accepted) += row.n;
  EXPECT_EQ(accepted, states);
  EXPECT_TRUE(run(store_->recount()).value().empty());
}

// ---- accept

TEST_P(StoreSuite, AcceptedNotificationIsReadBackAsGiven) {
  AcceptItem one = item(2);
  one.notification.body = R"({"title":"x"})";
  one.notification.template_key = "welcome";
  one.deliveries[1].device_id = "phone";
  const std::int64_t id = one.notification.id;
  EXPECT_EQ(accept_one(std::move(one)).kind, Accepted::New);
  for (int round = 0; round < 2; ++round) {  // from memory, then from the disk
    const auto n = run(store_->notifications({id, id + 999})).value();
    ASSERT_NE(n[0], nullptr);
    EXPECT_EQ(n[0]->body, R"({"title":"x"})");
    EXPECT_EQ(n[0]->template_key, "welcome");
    EXPECT_EQ(n[0]->delivery_count, 2);
    EXPECT_EQ(n[0]->status, model::NotificationStatus::Sending);
    EXPECT_EQ(n[1], nullptr);
    restart();
  }
  expect_accountable();
}

TEST_P(StoreSuite, RepeatedEventIsAcceptedOnceAndAnotherBodyIsRefused) {
  const store::AcceptResult first = accept_one(item_with_event("e1"));
  ASSERT_TRUE(first.dedup_until);
  const store::AcceptResult again = accept_one(item_with_event("e1"));
  EXPECT_EQ(again.kind, Accepted::Duplicate);
  EXPECT_EQ(again.notification, first.notification);
  EXPECT_EQ(again.dedup_until, first.dedup_until);
  EXPECT_EQ(accept_one(item_with_event("e1", "{\"a\":1}")).kind, Accepted::EventIdReused);
  restart();
  EXPECT_EQ(accept_one(item_with_event("e1")).notification, first.notification);
  clock_.set(*first.dedup_until);
  EXPECT_EQ(accept_one(item_with_event("e1")).kind, Accepted::New);
  expect_accountable();
}

TEST_P(StoreSuite, TheSameEventTwiceInOneBatchIsAcceptedOnce) {
  std::vector<AcceptItem> items;
  items.push_back(item_with_event("e"));
  items.push_back(item_with_event("e"));
  const auto results = accept(std::move(items));
  EXPECT_EQ(results[0]->kind, Accepted::New);
  EXPECT_EQ(results[1]->kind, Accepted::Duplicate);
  EXPECT_EQ(results[1]->notification, results[0]->notification);
}

TEST_P(StoreSuite, OnlyTheOffenderOfABatchGetsAnError) {
  std::vector<AcceptItem> items;
  items.push_back(item_with_event("good-1"));
  items.push_back(item_with_event("bad"));
  items.push_back(item_with_event("good-2"));
  items[1].deliveries[0].id = items[0].deliveries[0].id;  // an id that is taken
  const auto results = accept(std::move(items));
  EXPECT_TRUE(results[0]);
  EXPECT_FALSE(results[1]);
  EXPECT_TRUE(results[2]);
  EXPECT_EQ(accept_one(item_with_event("bad")).kind, Accepted::New);  // nothing of it was kept
  EXPECT_EQ(accept_one(item_with_event("good-2")).kind, Accepted::Duplicate);
  expect_accountable();
}

TEST_P(StoreSuite, ABatchBeyondOneCommitIsAcceptedWhole) {
  std::vector<AcceptItem> items;
  for (int i = 0; i < 60; ++i) items.push_back(item(200));
  for (const auto& result : accept(std::move(items))) EXPECT_TRUE(result);
  expect_accountable();
}

TEST_P(StoreSuite, CapHoldsOrDropsWhatIsOverIt) {
  const auto with_cap = [&](bool drop) {
    AcceptItem one = item();
    store::CapCharge cap;
    cap.cap_key = "news";
    cap.limit = 2;
    cap.per = Millis(3'600'000);
    cap.drop = drop;
    one.caps.push_back(cap);
    return one;
  };
  EXPECT_TRUE(accept_one(with_cap(false)).changed.empty());
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(accept_one(with_cap(false)).changed.empty());
  const auto held = accept_one(with_cap(false)).changed;
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].status, DeliveryStatus::Held);
  EXPECT_EQ(held[0].reason, model::Reason::FrequencyCap);
  EXPECT_EQ(held[0].due_at, clock_.now() - Millis(1'000) + Millis(3'600'000));
  const auto dropped = accept_one(with_cap(true)).changed;
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].status, DeliveryStatus::Suppressed);
  // The token of the held one is spoken for: the next waits for the second one's.
  const auto next = accept_one(with_cap(false)).changed;
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].due_at, clock_.now() + Millis(3'600'000));
  expect_accountable();
}

// ---- claim and record

TEST_P(StoreSuite, ARowIsClaimedOnce) {
  const AcceptItem one = item(3);
  accept_one(one);
  const std::vector<std::int64_t> ids{one.deliveries[0].id, one.deliveries[1].id};
  const auto first = claim(ids);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].status, DeliveryStatus::Processing);
  EXPECT_EQ(first[0].epoch, 1U);
  EXPECT_EQ(first[0].user_id, "u0");
  EXPECT_TRUE(claim(ids).empty());
  const auto rest = scan(kLane);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].id, one.deliveries[2].id);
  expect_accountable();
}

TEST_P(StoreSuite, ScanTakesOneLaneInDueOrderAndNothingEarly) {
  AcceptItem one = item(4);
  one.deliveries[0].due_at = clock_.now() + Millis(2'000);
  one.deliveries[1].due_at = clock_.now() - Millis(1'000);
  one.deliveries[2].due_at = clock_.now() - Millis(2'000);
  one.deliveries[3].priority = model::Priority::High;
  accept_one(one);
  const auto taken = scan(kLane);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].id, one.deliveries[2].id);
  EXPECT_EQ(taken[1].id, one.deliveries[1].id);
  EXPECT_TRUE(claim({one.deliveries[0].id}).empty());
  EXPECT_EQ(scan({kLane.queue, model::Priority::High}).size(), 1U);
  clock_.advance(Millis(2'000));
  EXPECT_EQ(scan(kLane).size(), 1U);
}

TEST_P(StoreSuite, RecordIsFencedByOwnerAndEpoch) {
  const AcceptItem one = item();
  accept_one(one);
  const model::Delivery first = claim({one.deliveries[0].id}).at(0);
  EXPECT_TRUE(record(first, DeliveryStatus::Pending, Millis(0)));
  const model::Delivery second = claim({one.deliveries[0].id}).at(0);
  EXPECT_EQ(second.epoch, 2U);
  EXPECT_FALSE(record(first, DeliveryStatus::Failed));
  EXPECT_TRUE(record(second, DeliveryStatus::Sent));
  EXPECT_FALSE(record(second, DeliveryStatus::Sent));
  expect_accountable();
}

TEST_P(StoreSuite, ARetryIsClaimableWhenDueAndKeepsItsAttempts) {
  const AcceptItem one = item();
  accept_one(one);
  model::Delivery d = claim({one.deliveries[0].id}).at(0);
  d.attempts = 1;
  d.integration = "main";
  EXPECT_TRUE(record(d, DeliveryStatus::Retrying, Millis(60'000)));
  EXPECT_TRUE(scan(kLane).empty());
  clock_.advance(Millis(60'000));
  const auto again = scan(kLane);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].attempts, 1);
  EXPECT_EQ(again[0].integration, "main");
  expect_accountable();
}

TEST_P(StoreSuite, AFinishedNotificationReadsAsCompleted) {
  const AcceptItem one = item(2);
  accept_one(one);
  const auto taken = claim({one.deliveries[0].id, one.deliveries[1].id});
  record(taken[0], DeliveryStatus::Sent);
  EXPECT_EQ(run(store_->notifications({one.notification.id})).value()[0]->status,
            model::NotificationStatus::Sending);
  record(taken[1], DeliveryStatus::Failed);
  EXPECT_EQ(run(store_->notifications({one.notification.id})).value()[0]->status,
            model::NotificationStatus::Completed);
}

TEST_P(StoreSuite, RestartKeepsEverythingAndNamesWhatWasInFlight) {
  const AcceptItem one = item(3);
  accept_one(one);
  const model::Delivery taken = claim({one.deliveries[1].id}).at(0);
  const store::Owner before = owner_;
  restart();
  expect_accountable();
  const auto left = run(store_->owned_before(owner_, 0, 100)).value();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].delivery.id, taken.id);
  EXPECT_EQ(left[0].owner, before);
  std::vector<store::RecordItem> items(1);
  items[0].delivery = left[0].delivery;
  items[0].delivery.due_at = clock_.now();
  items[0].to = DeliveryStatus::Pending;
  EXPECT_TRUE(run(store_->record(std::move(items), left[0].owner, clock_.now())).value().at(0));
  EXPECT_TRUE(run(store_->owned_before(owner_, 0, 100)).value().empty());
  EXPECT_EQ(scan(kLane).size(), 3U);
}

TEST_P(FileStores, ASecondOpenOfTheSameFolderIsRefused) {
  const auto second = GetParam().open(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::FailedPrecondition);
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
}

// ---- acting on what is stored

TEST_P(StoreSuite, CancelStopsWhatIsOpenAndSaysWhatWasNot) {
  const AcceptItem one = item(4);
  accept_one(one);
  const auto taken = claim({one.deliveries[0].id, one.deliveries[1].id});
  record(taken[0], DeliveryStatus::Sent);
  const auto cancelled = run(store_->cancel(one.notification.id, "key:ops", clock_.now())).value();
  EXPECT_EQ(cancelled.cancelled, 2U);
  EXPECT_EQ(cancelled.in_flight, 1U);
  EXPECT_EQ(cancelled.already_sent, 1U);
  EXPECT_TRUE(run(store_->notifications({one.notification.id})).value()[0]->is_cancelled);
  const auto first = run(store_->cancel_chunk(one.notification.id, 0, 3, clock_.now())).value();
  EXPECT_EQ(first.turned, 1U);
  EXPECT_EQ(first.next, one.deliveries[3].id);
  const auto rest = run(store_->cancel_chunk(one.notification.id, first.next, 100, clock_.now())).value();
  EXPECT_EQ(rest.turned, 1U);
  EXPECT_EQ(rest.next, 0);
  EXPECT_EQ(run(store_->cancel_chunk(one.notification.id, 0, 100, clock_.now())).value().turned, 0U);
  EXPECT_EQ(run(store_->cancel(one.notification.id, "key:ops", clock_.now())).value().cancelled, 2U);
  const auto audit = run(store_->list_audit({.project = 1, .action = "notification.cancel"}, {})).value();
  ASSERT_EQ(audit.rows.size(), 1U) << "a repeated one changes nothing";
  EXPECT_EQ(audit.rows[0].object, base::id_text(base::kNotificationPrefix, one.notification.id));
  EXPECT_TRUE(scan(kLane).empty());
  expect_accountable();
}

TEST_P(StoreSuite, ExpansionMovesItsCursorOnceAndItsRowsBecomeDue) {
  AcceptItem one = item(0);
  one.notification.status = model::NotificationStatus::Scheduled;
  one.notification.send_at = clock_.now() + Millis(5'000);
  one.notification.first_delivery = 0;
  accept_one(one);
  EXPECT_TRUE(run(store_->expansions().due(10, clock_.now())).value().empty());
  clock_.advance(Millis(5'000));
  EXPECT_EQ(run(store_->expansions().due(10, clock_.now())).value().size(), 1U);
  const auto step = [&](std::int64_t from, std::int64_t to, bool done) {
    store::ExpandItem e;
    e.notification = one.notification.id;
    e.expected_cursor = from;
    e.next_cursor = to;
    e.done = done;
    e.deliveries = item(2).deliveries;
    for (model::Delivery& d : e.deliveries) d.notification = one.notification.id;
    return run(store_->expansions().expand(std::move(e), clock_.now()));
  };
  EXPECT_TRUE(step(0, 2, false));
  const auto repeated = step(0, 2, false);
  ASSERT_FALSE(repeated);
  EXPECT_EQ(repeated.error().code, Errc::Conflict);
  EXPECT_EQ(run(store_->expansions().due(10, clock_.now())).value().at(0).cursor, 2);
  EXPECT_TRUE(step(2, 4, true));
  EXPECT_TRUE(run(store_->expansions().due(10, clock_.now())).value().empty());
  const auto taken = scan(kLane);
  ASSERT_EQ(taken.size(), 4U);
  for (const model::Delivery& d : taken) record(d, DeliveryStatus::Sent);
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_EQ(run(store_->notifications({one.notification.id})).value()[0]->status,
            model::NotificationStatus::Completed);
  expect_accountable();
}

TEST_P(StoreSuite, HeldRowsOfAConditionAreReleased) {
  AcceptItem one = item(2);
  for (model::Delivery& d : one.deliveries) {
    d.status = DeliveryStatus::Held;
    d.reason = model::Reason::NoRoute;
    d.due_at.reset();
  }
  one.deliveries[1].reason = model::Reason::Paused;
  accept_one(one);
  EXPECT_TRUE(scan(kLane).empty());
  store::HoldFilter filter;
  filter.reason = model::Reason::NoRoute;
  const auto hints = run(store_->unhold(filter, 100, clock_.now())).value().hints;
  ASSERT_EQ(hints.size(), 1U);
  EXPECT_EQ(hints[0].id, one.deliveries[0].id);
  EXPECT_EQ(hints[0].lane, kLane);
  EXPECT_EQ(scan(kLane).size(), 1U);
  expect_accountable();
}

TEST_P(StoreSuite, ReleasingWhatIsHeldMeetsNothingTwice) {
  const auto accept_held = [&] {
    AcceptItem one = item(1);
    one.deliveries[0].status = DeliveryStatus::Held;
    one.deliveries[0].reason = model::Reason::Paused;
    one.deliveries[0].due_at.reset();
    accept_one(one);
    return one.deliveries[0].id;
  };
  const std::int64_t first = accept_held(), second = accept_held();
  store::HoldFilter filter;
  filter.reason = model::Reason::Paused;
  const auto one = run(store_->unhold(filter, 1, clock_.now())).value();
  ASSERT_EQ(one.hints.size(), 1U);
  EXPECT_EQ(one.hints[0].id, first);
  // Another stop button holds it again, and what was accepted since.
  model::Delivery again = claim({first}).at(0);
  again.reason = model::Reason::Paused;
  again.due_at.reset();
  record(again, DeliveryStatus::Held);
  accept_held();
  filter.after = first;
  filter.until = one.until;
  const auto rest = run(store_->unhold(filter, 100, clock_.now())).value();
  ASSERT_EQ(rest.hints.size(), 1U);
  EXPECT_EQ(rest.hints[0].id, second);
  EXPECT_EQ(rest.until, one.until);
  expect_accountable();
}

TEST_P(StoreSuite, RetentionDropsFinishedRowsOnly) {
  const AcceptItem one = item(2);
  accept_one(one);
  record(claim({one.deliveries[0].id}).at(0), DeliveryStatus::Sent);
  clock_.advance(Millis(91LL * 86'400'000));
  for (int i = 0; i < 20 && run(store_->housekeeping({}, clock_.now())).value(); ++i) {}
  EXPECT_NE(run(store_->notifications({one.notification.id})).value()[0], nullptr);
  const auto taken = scan(kLane);
  ASSERT_EQ(taken.size(), 1U);
  record(taken[0], DeliveryStatus::Sent);
  for (int i = 0; i < 20 && run(store_->housekeeping({}, clock_.now())).value(); ++i) {}
  EXPECT_EQ(run(store_->notifications({one.notification.id})).value()[0], nullptr);
  expect_accountable();
}

TEST_P(StoreSuite, RetentionDropsADayWithAllThatBelongsToItAndLeavesTheNext) {
  const auto send_some = [&](DeliveryStatus to) {
    AcceptItem one = item(2);
    accept_one(one);
    auto taken = claim({one.deliveries[0].id, one.deliveries[1].id});
    record(taken.at(0), DeliveryStatus::Sent);
    record(taken.at(1), to);
    return one;
  };
  const AcceptItem first = send_some(DeliveryStatus::Dead), second = send_some(DeliveryStatus::Failed);
  clock_.advance(std::chrono::days(2));
  const AcceptItem young = send_some(DeliveryStatus::Dead);
  ASSERT_EQ(run(store_->letters().list({.project = 1}, {})).value().rows.size(), 2U);
  // Days that begin with the clock's and end before the young ones'.
  clock_.advance(std::chrono::days(90) - std::chrono::hours(1));
  for (int i = 0; i < 20 && run(store_->housekeeping({}, clock_.now())).value(); ++i) {}
  for (const AcceptItem* gone : {&first, &second}) {
    EXPECT_EQ(run(store_->notifications({gone->notification.id})).value()[0], nullptr);
    for (const auto& d : gone->deliveries)
      EXPECT_EQ(run(store_->delivery(d.id)).error().code, Errc::NotFound);
  }
  EXPECT_NE(run(store_->notifications({young.notification.id})).value()[0], nullptr);
  EXPECT_EQ(stored(young.deliveries[1].id).status, DeliveryStatus::Dead);
  const auto letters = run(store_->letters().list({.project = 1}, {})).value().rows;
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].delivery, young.deliveries[1].id);
  std::int64_t left = 0;
  for (const store::CounterRow& row : run(store_->counters()).value())
    if (!row.status) left += row.n;
  EXPECT_EQ(left, 2);
  expect_accountable();
}

TEST_P(StoreSuite, WhatWasSaidGoesBeforeWhatBecameOfItButNeverOfWhatIsOpen) {
  const auto body_of = [&](const AcceptItem& of) {
    return run(store_->notifications({of.notification.id})).value()[0]->body;
  };
  const auto keep_house = [&] {
    while (run(store_->housekeeping({}, clock_.now())).value()) {}
  };
  const AcceptItem done = item(1), open = item(2);
  accept({done, open});
  record(claim({done.deliveries[0].id}).at(0), DeliveryStatus::Dead);
  record(claim({open.deliveries[0].id}).at(0), DeliveryStatus::Sent);
  clock_.advance(std::chrono::days(31));
  const AcceptItem young = item(1);
  accept_one(young);
  keep_house();
  EXPECT_EQ(body_of(done), "");
  EXPECT_EQ(body_of(open), open.notification.body);
  EXPECT_EQ(body_of(young), young.notification.body);
  EXPECT_EQ(stored(done.deliveries[0].id).status, DeliveryStatus::Dead) << "what became of it stays";
  store::ReplayItem again;
  again.delivery = done.deliveries[0].id;
  const auto replayed = run(store_->replay({again}, "key:ops", clock_.now()));
  EXPECT_EQ(replayed.value().at(0).why, "content_gone");
  // The open one was passed by, and is found again when it is final: also by another process.
  restart();
  for (const auto& d : scan(kLane)) record(d, DeliveryStatus::Sent);
  keep_house();
  EXPECT_EQ(body_of(open), "");
  EXPECT_EQ(run(store_->notifications({open.notification.id})).value()[0]->request, nullptr);
  expect_accountable();
}

TEST_P(StoreSuite, ReplayOpensWhatFailedForANewGeneration) {
  const AcceptItem one = item(2);
  accept_one(one);
  const auto taken = claim({one.deliveries[0].id, one.deliveries[1].id});
  record(taken[0], DeliveryStatus::Dead);
  record(taken[1], DeliveryStatus::Sent);
  std::vector<store::ReplayItem> items(3);
  items[0].delivery = taken[0].id;
  items[0].params = R"({"code":"42"})";
  items[0].integration = "second";
  items[1].delivery = taken[1].id;
  items[2].delivery = 12345;
  const auto results = run(store_->replay(items, "admin", clock_.now())).value();
  EXPECT_TRUE(results[0].replayed);
  EXPECT_EQ(results[0].lane, kLane);
  EXPECT_EQ(results[1].why, "not_replayable");
  EXPECT_EQ(results[2].why, "not_found");
  const auto again = scan(kLane);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].generation, 1);
  EXPECT_EQ(again[0].attempts, 0);
  EXPECT_EQ(again[0].integration, "second");
  const std::string replayed_at = fmt::format(R"({{"replayed_at":"{}",)", to_rfc3339(clock_.now()));
  EXPECT_EQ(again[0].note, replayed_at + R"("changes":{"params":{"code":"42"},"integration":"second"}})");
  const auto letters = run(store_->letters().list({.project = 1}, {})).value().rows;
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_TRUE(letters[0].is_closed);
  record(again[0], DeliveryStatus::Failed);
  clock_.advance(Millis(1000));
  items.resize(1);
  items[0] = {.delivery = taken[0].id, .params = {}, .address = {}, .integration = {}};
  EXPECT_TRUE(run(store_->replay(items, "admin", clock_.now())).value()[0].replayed);
  EXPECT_EQ(scan(kLane).at(0).note, fmt::format(R"({{"replayed_at":"{}",)", to_rfc3339(clock_.now())) +
                                        R"("changes":{"params":{"code":"42"},"integration":"second"}})")
      << "what an earlier replay changed stays";
  expect_accountable();
}

TEST_P(StoreSuite, ReplayRefusesAnAddressThatIsNoneAndNormalisesOneThatIs) {
  struct Case {
    model::Queue queue;
    const char *wrong, *why, *right, *kept;
  };
  for (const Case& c :
       {Case{model::Queue::Email, "ann", "invalid_email", "ann@EXAMPLE.test", "ann@example.test"},
        Case{model::Queue::Sms, "12", "invalid_phone", "+82 10 9000 0000", "+821090000000"},
        Case{model::Queue::Voice, "ann@example.test", "invalid_phone", "+821090000000", "+821090000000"}}) {
    AcceptItem one = item(1);
    one.deliveries[0].queue = c.queue;
    accept_one(one);
    const model::Lane lane = one.deliveries[0].lane();
    record(scan(lane).at(0), DeliveryStatus::Failed);
    std::vector<store::ReplayItem> items(1);
    items[0].delivery = one.deliveries[0].id;
    items[0].address = c.wrong;
    const auto refused = run(store_->replay(items, "admin", clock_.now())).value().at(0);
    EXPECT_FALSE(refused.replayed);
    EXPECT_EQ(refused.why, c.why);
    EXPECT_EQ(stored(items[0].delivery).status, DeliveryStatus::Failed) << "nothing is changed";
    EXPECT_EQ(stored(items[0].delivery).note, "");
    EXPECT_TRUE(scan(lane).empty());
    items[0].address = c.right;
    EXPECT_TRUE(run(store_->replay(items, "admin", clock_.now())).value().at(0).replayed);
    const auto again = scan(lane);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_TRUE(again[0].note.contains(fmt::format(R"("changes":{{"address":"{}"}})", c.kept)))
        << again[0].note;
    record(again[0], DeliveryStatus::Sent);
  }
  expect_accountable();
}

TEST_P(StoreSuite, ADeadTokenGoesOnlyIfItWasRegisteredBeforeItDied) {
  const auto with_token = [&](Time registered_at) {
    const store::UserKey key{1, "u0"};
    auto known = run(store_->profiles({key})).value().at(0);
    model::Profile p = known ? *known : model::Profile{};
    p.project = 1;
    p.user_id = "u0";
    model::Device device;
    device.device_id = "phone";
    device.platform = model::Platform::Ios;
    device.endpoints.push_back(model::Endpoint{"apns", "token-1", registered_at});
    p.devices = {device};
    ASSERT_TRUE(run(store_->put_profile(p, {}, clock_.now())));
  };
  const auto endpoints_after = [&](std::optional<Time> invalid_since) {
    AcceptItem one = item();
    one.deliveries[0].device_id = "phone";
    accept_one(one);
    std::vector<store::RecordItem> items(1);
    items[0].delivery = claim({one.deliveries[0].id}).at(0);
    items[0].to = DeliveryStatus::Failed;
    items[0].dead_address = store::DeadAddress{"apns", "token-1", invalid_since};
    EXPECT_TRUE(run(store_->record(std::move(items), owner_, clock_.now())).value().at(0));
    std::size_t endpoints = 0;
    const auto profile = run(store_->profiles({store::UserKey{1, "u0"}})).value().at(0);
    for (const model::Device& d : profile->devices) endpoints += d.endpoints.size();
    return endpoints;
  };
  with_token(clock_.now());
  EXPECT_EQ(endpoints_after(clock_.now() - Millis(1)), 1U);  // registered again since
  EXPECT_EQ(endpoints_after(clock_.now()), 0U);
  with_token(clock_.now());
  EXPECT_EQ(endpoints_after(std::nullopt), 0U);
}

TEST_P(StoreSuite, AHardBounceSuppressesTheAddress) {
  const AcceptItem one = item();
  accept_one(one);
  const base::Hash128 address = hash_of("a@example.com");
  std::vector<store::RecordItem> items(1);
  items[0].delivery = claim({one.deliveries[0].id}).at(0);
  items[0].to = DeliveryStatus::Failed;
  items[0].suppress = std::pair(model::Channel::Email, address);
  items[0].suppress_reason = "hard_bounce";
  EXPECT_TRUE(run(store_->record(std::move(items), owner_, clock_.now())).value().at(0));
  const std::vector<store::AddressKey> keys{{model::Channel::Email, address}, {model::Channel::Sms, address}};
  const auto found = run(store_->suppressed(1, keys)).value();
  ASSERT_TRUE(found[0]);
  EXPECT_EQ(found[0]->reason, "hard_bounce");
  EXPECT_FALSE(found[1]);
}

// A file that may not grow stands for the full disk.
TEST_P(FileStores, AFullDiskRefusesAcceptsAndLosesNothing) {
  const store::AcceptResult before = accept_one(item_with_event("before"));
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{.rlim_cur = 64 << 10, .rlim_max = old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<AcceptItem> items;
  for (int i = 0; i < 50; ++i)
    items.push_back(item_with_event("full-" + std::to_string(i), std::string(8'192, 'x')));
  const auto refused = run(store_->accept(std::move(items), clock_.now()));
  EXPECT_FALSE(store_->health().can_write);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Unavailable);
  EXPECT_EQ(accept_one(item_with_event("full-1")).kind, Accepted::New);
  EXPECT_EQ(accept_one(item_with_event("before")).notification, before.notification);
  EXPECT_TRUE(store_->health().can_write);
  restart();
  EXPECT_EQ(accept_one(item_with_event("before")).notification, before.notification);
  expect_accountable();
}

// Any sequence of steps leaves accepted = the sum of all states, also over a restart.
TEST_P(StoreSuite, CountersAlwaysSum) {
  EXPECT_TRUE(rc::check([&] {
    const auto steps = *rc::gen::container<std::vector<int>>(40, rc::gen::inRange(0, 8));
    std::map<std::int64_t, model::Delivery> in_flight;
    std::vector<std::int64_t> notifications;
    for (const int step : steps) {
      if (step <= 1) {
        AcceptItem one = step == 0 ? item(3) : item_with_event(std::to_string(steps.size() % 3));
        notifications.push_back(one.notification.id);
        accept_one(std::move(one));
      } else if (step == 2) {
        for (model::Delivery& d : scan(kLane, 4)) in_flight[d.id] = std::move(d);
      } else if (step <= 5 && !in_flight.empty()) {
        constexpr std::array kTo{DeliveryStatus::Sent, DeliveryStatus::Retrying, DeliveryStatus::Failed};
        const model::Delivery d = in_flight.begin()->second;
        in_flight.erase(in_flight.begin());
        RC_ASSERT(record(d, kTo[static_cast<std::size_t>(step - 3)], Millis(0)));
      } else if (step == 6 && !notifications.empty()) {
        static_cast<void>(run(store_->cancel(notifications.back(), "key:ops", clock_.now())));
        static_cast<void>(run(store_->cancel_chunk(notifications.back(), 0, 2, clock_.now())));
      }
      clock_.advance(Millis(1));
    }
    expect_accountable();
    RC_ASSERT(!HasFailure());
    for (auto& [id, d] : in_flight) record(d, DeliveryStatus::Unknown);
  }));
}

namespace {

Result<std::unique_ptr<store::Store>> open_sqlite(const std::string& folder) {
  store::SqliteOptions options;
  options.folder = folder;
  options.disk_free_min_bytes = 0;
  options.keys = &test_keys();
  return store::open_sqlite(std::move(options));
}

// The database that stands for a folder; names in PostgreSQL are lower case unless quoted.
std::string database_of(const std::string& folder) {
  return "t" + base::hex(std::filesystem::path(folder).filename().string());
}

Result<std::unique_ptr<store::Store>> open_postgres(const std::string& folder) {
  store::detail::PostgresCluster& cluster = store::detail::PostgresCluster::instance();
  cluster.create(database_of(folder));  // fails when it is there
  store::PostgresOptions options;
  options.url = cluster.url(database_of(folder));
  options.keys = &test_keys();
  options.lease = Millis{3'000};
  options.leader_lease = Millis{1'000};
  return store::open_postgres(std::move(options));
}

}  // namespace

std::vector<StoreBackend> store_backends() {
  return {StoreBackend{.name = "sqlite", .open = open_sqlite},
          StoreBackend{.name = "postgres",
                       .open = open_postgres,
                       .has_files = false,
                       .why_not = [] { return store::detail::PostgresCluster::instance().why_not(); },
                       .forget =
                           [](const std::string& folder) {
                             store::detail::PostgresCluster::instance().drop(database_of(folder));
                           }}};
}

std::vector<StoreBackend> file_backends() {
  std::vector<StoreBackend> all = store_backends();
  std::erase_if(all, [](const StoreBackend& backend) { return !backend.has_files; });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Stores, FileStores, ::testing::ValuesIn(file_backends()),
                         [](const auto& backend) { return backend.param.name; });

INSTANTIATE_TEST_SUITE_P(Stores, StoreSuite, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace carillon::conformance
