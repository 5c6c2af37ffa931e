// What a Store must do that several processes have at a time: here, several open ones of one database.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "base/crypto.h"
#include "tests/conformance/eventually.h"
#include "tests/conformance/store_suite_shared.h"

namespace carillon::conformance {

using model::DeliveryStatus;
using store::Accepted;
using store::AcceptItem;

TEST_P(SharedStores, EachProcessHasANodeOfItsOwn) {
  const auto second = another("second"), third = another("third");
  const std::set<std::uint32_t> nodes{owner_.node, second->owner.node, third->owner.node};
  EXPECT_EQ(nodes.size(), 3U);
  const std::set<std::uint32_t> epochs{owner_.epoch, second->owner.epoch, third->owner.epoch};
  EXPECT_EQ(epochs.size(), 3U);
  const auto again = another("second");
  EXPECT_EQ(again->owner.node, second->owner.node);
  EXPECT_GT(again->owner.epoch, third->owner.epoch);
}

TEST_P(SharedStores, WhatOneAcceptsAnotherDelivers) {
  const auto other = another("second");
  const AcceptItem one = item(3);
  accept_one(one);
  std::vector<model::Delivery> claimed = scan_as(*other, 10);
  ASSERT_EQ(claimed.size(), 3U);
  EXPECT_TRUE(scan(kSharedLane).empty());
  std::vector<store::RecordItem> items;
  for (model::Delivery& d : claimed) {
    store::RecordItem& record = items.emplace_back();
    record.delivery = std::move(d);
    record.delivery.integration = "mail";
    record.to = DeliveryStatus::Sent;
    record.category = "general";
  }
  const auto written = other->run(other->store->record(std::move(items), other->owner, clock_.now()));
  EXPECT_EQ(*written, std::vector<bool>(3, true));
  EXPECT_EQ(stored(one.deliveries[0].id).integration, "mail");  // a word that this one never gave a number
  const auto seen = run(store_->notifications({one.notification.id})).value();
  EXPECT_EQ(seen.at(0)->status, model::NotificationStatus::Completed);
  expect_accountable();
}

TEST_P(SharedStores, AResultIsFencedByItsOwner) {
  const auto other = another("second");
  accept_one(item());
  std::vector<model::Delivery> mine = scan(kSharedLane);
  ASSERT_EQ(mine.size(), 1U);
  std::vector<store::RecordItem> items(1);
  items[0].delivery = mine[0];
  items[0].to = DeliveryStatus::Failed;
  const auto written = other->run(other->store->record(std::move(items), other->owner, clock_.now()));
  EXPECT_FALSE(written->at(0));
  EXPECT_TRUE(record(mine[0], DeliveryStatus::Sent));
  expect_accountable();
}

TEST_P(SharedStores, OfManyWhoAcceptTheSameEventOneDoes) {
  constexpr std::size_t kProcesses = 3, kEvents = 40;
  std::vector<std::unique_ptr<Other>> others;
  for (std::size_t p = 0; p < kProcesses; ++p) others.push_back(another(fmt::format("racer-{}", p)));
  std::vector<std::vector<AcceptItem>> sends(kProcesses);
  for (std::size_t p = 0; p < kProcesses; ++p) {
    for (std::size_t e = 0; e < kEvents; ++e) {
      // Each in an order of its own.
      const std::size_t event = (e * (2 * p + 1) + p) % kEvents;
      AcceptItem named = item_with_event(fmt::format("event-{}", event));
      AcceptItem own = item_of(*others[p]);
      own.event = named.event;
      own.fingerprint = named.fingerprint;
      own.notification.event_id = named.notification.event_id;
      sends[p].push_back(std::move(own));
    }
  }
  std::vector<std::vector<store::AcceptResult>> results(kProcesses);
  std::vector<std::thread> threads;
  for (std::size_t p = 0; p < kProcesses; ++p) {
    threads.emplace_back([&, p] {
      Other& other = *others[p];
      for (std::size_t begin = 0; begin < kEvents; begin += 4) {
        std::vector<AcceptItem> part(sends[p].begin() + static_cast<std::ptrdiff_t>(begin),
                                     sends[p].begin() + static_cast<std::ptrdiff_t>(begin + 4));
        auto answers = other.run(other.store->accept(std::move(part), clock_.now()));
        ASSERT_TRUE(answers) << answers.error().message;
        for (auto& answer : *answers) {
          ASSERT_TRUE(answer) << answer.error().message;
          results[p].push_back(*answer);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, std::set<std::int64_t>> by_event;
  std::size_t accepted = 0;
  for (std::size_t p = 0; p < kProcesses; ++p) {
    ASSERT_EQ(results[p].size(), kEvents);
    for (std::size_t e = 0; e < kEvents; ++e) {
      accepted += results[p][e].kind == Accepted::New ? 1 : 0;
      by_event[sends[p][e].notification.event_id].insert(results[p][e].notification);
    }
  }
  EXPECT_EQ(accepted, kEvents);
  for (const auto& [event, notifications] : by_event) EXPECT_EQ(notifications.size(), 1U) << event;
  expect_accountable();
}

TEST_P(SharedStores, NoDeliveryIsTakenByTwo) {
  constexpr std::size_t kProcesses = 3, kDeliveries = 600;
  for (std::size_t i = 0; i < kDeliveries / 200; ++i) accept_one(item(200));
  std::vector<std::unique_ptr<Other>> others;
  for (std::size_t p = 0; p < kProcesses; ++p) others.push_back(another(fmt::format("racer-{}", p)));
  std::vector<std::vector<std::int64_t>> taken(kProcesses);
  std::vector<std::thread> threads;
  for (std::size_t p = 0; p < kProcesses; ++p) {
    threads.emplace_back([&, p] {
      while (true) {
        const auto claimed = scan_as(*others[p], 16);
        // Rows that others are taking are left out, so that a scan may come back empty before the end.
        for (const model::Delivery& d : claimed) taken[p].push_back(d.id);
        if (claimed.empty()) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (model::Delivery& d : scan(kSharedLane, 4096)) taken[0].push_back(d.id);
  std::set<std::int64_t> all;
  std::size_t total = 0;
  for (const auto& ids : taken) {
    all.insert(ids.begin(), ids.end());
    total += ids.size();
  }
  EXPECT_EQ(total, kDeliveries);
  EXPECT_EQ(all.size(), kDeliveries);
  expect_accountable();
}

TEST_P(SharedStores, AChangeThatMetAnotherIsRefusedOrSeesIt) {
  const auto other = another("second");
  const store::Record record{.key = {"thing", 1, "x"}, .data = R"({"n":0})"};
  ASSERT_TRUE(run(store_->put_record(record, 0, "key:ops", clock_.now())));
  constexpr int kRounds = 25;
  std::atomic<int> written{0};
  const auto raise = [&](auto& runner, store::Store& store) {
    for (int i = 0; i < kRounds; ++i) {
      auto stored = runner(store.get_record(record.key));
      const std::int64_t version = stored->version;
      auto put = runner(store.put_record(std::move(*stored), version, "key:ops", clock_.now()));
      if (put) {
        ++written;
      } else {
        EXPECT_EQ(put.error().code, Errc::Conflict) << put.error().message;
      }
    }
  };
  std::thread thread([&] {
    const auto runner = [&](auto task) { return other->run(std::move(task)); };
    raise(runner, *other->store);
  });
  const auto runner = [&](auto task) { return run(std::move(task)); };
  raise(runner, *store_);
  thread.join();
  EXPECT_EQ(run(store_->get_record(record.key))->version, 1 + written.load());
}

TEST_P(SharedStores, ACapHoldsForAll) {
  const auto other = another("second");
  const auto capped = [](AcceptItem made) {
    made.caps.push_back({.delivery = 0,
                         .count = 1,
                         .cap_key = "marketing",
                         .limit = 5,
                         .per = Millis(3'600'000),
                         .drop = true});
    return made;
  };
  std::vector<AcceptItem> mine, theirs;
  for (int i = 0; i < 10; ++i) {
    mine.push_back(capped(item()));
    theirs.push_back(capped(item_of(*other)));
  }
  std::atomic<int> sent{0};
  const auto send = [&](auto& runner, store::Store& store, std::vector<AcceptItem>& items) {
    for (AcceptItem& one : items) {
      std::vector<AcceptItem> alone;
      alone.push_back(std::move(one));
      auto answers = runner(store.accept(std::move(alone), clock_.now()));
      ASSERT_TRUE(answers) << answers.error().message;
      sent += answers->at(0)->changed.empty() ? 1 : 0;
    }
  };
  std::thread thread([&] {
    const auto runner = [&](auto task) { return other->run(std::move(task)); };
    send(runner, *other->store, theirs);
  });
  const auto runner = [&](auto task) { return run(std::move(task)); };
  send(runner, *store_, mine);
  thread.join();
  EXPECT_EQ(sent.load(), 5);
}

TEST_P(SharedStores, WhatAProcessLeftIsItsOwnAgain) {
  auto other = another("second");
  accept_one(item(2));
  ASSERT_EQ(scan_as(*other, 10).size(), 2U);
  EXPECT_TRUE(run(store_->owned_before(owner_, 0, 100)).value().empty());  // somebody else's
  other = another("second");
  const auto left = other->run(other->store->owned_before(other->owner, 0, 100)).value();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].owner.node, other->owner.node);
  EXPECT_LT(left[0].owner.epoch, other->owner.epoch);
}

TEST_P(SharedStores, OneOfAllLeads) {
  ASSERT_TRUE(eventually([&] { return store_->is_leader(); }));
  const auto other = another("second");
  const store::Revision before = other->store->revision();
  // It has been heard, and does not lead.
  ASSERT_TRUE(run(store_->put_record({.key = {"thing", 1, "x"}, .data = "{}"}, 0, "key:ops", clock_.now())));
  ASSERT_TRUE(eventually([&] { return other->store->revision() != before; }));
  EXPECT_TRUE(store_->is_leader());
  EXPECT_FALSE(other->store->is_leader());
  store_->close();
  EXPECT_FALSE(store_->is_leader());
  EXPECT_TRUE(eventually([&] { return other->store->is_leader(); }));
}

TEST_P(SharedStores, WhatOneChangesOthersSee) {
  const auto other = another("second");
  const auto records = [&] { return other->store->revision().records; };
  const auto schedules = [&] { return other->store->revision().schedules; };
  const auto before = std::pair(records(), schedules());
  ASSERT_TRUE(
      run(store_->put_record({.key = {"schedule", 1, "x"}, .data = "{}"}, 0, "key:ops", clock_.now())));
  ASSERT_TRUE(eventually([&] { return schedules() != before.second; }));
  const std::uint64_t seen = records();
  ASSERT_TRUE(
      run(store_->put_record({.key = {"category", 1, "x"}, .data = "{}"}, 0, "key:ops", clock_.now())));
  ASSERT_TRUE(eventually([&] { return records() != seen; }));
  const std::uint64_t again = records();
  ASSERT_TRUE(run(store_->delete_record({"category", 1, "x"}, "key:ops", clock_.now())));
  EXPECT_TRUE(eventually([&] { return records() != again; }));
  const std::uint64_t news = other->store->news();
  store::StoredJob job;
  job.id = ids_->take();
  job.project = 1;
  job.kind = "import_users";
  job.created_at = clock_.now();
  ASSERT_TRUE(run(store_->jobs().put(std::move(job), {}, {})));
  EXPECT_TRUE(eventually([&] { return other->store->news() != news; }));
}

TEST_P(SharedStores, WhatOneCountsTheOtherLooksAt) {
  const auto other = another("second");
  std::vector<store::AlertReport> reports{
      {.project = 1, .no_route = model::Channel::Sms, .n = 3},
      {.project = 2, .subject = "mail", .code = "550", .detail = "no", .n = 7}};
  ASSERT_TRUE(other->run(other->store->alerts().report(reports)));
  auto taken = run(store_->alerts().take_reports()).value();
  ASSERT_EQ(taken.size(), 2U);
  std::ranges::sort(taken, {}, &store::AlertReport::project);
  EXPECT_EQ(taken[0].no_route, model::Channel::Sms);
  EXPECT_EQ(taken[0].n, 3);
  EXPECT_EQ(taken[1].no_route, std::nullopt);
  EXPECT_EQ(taken[1].subject + taken[1].code + taken[1].detail, "mail550no");
  EXPECT_TRUE(run(store_->alerts().take_reports()).value().empty());
}

// How many events of that type wait for the webhook.
std::size_t count_told(const std::vector<store::WebhookDelivery>& due, model::WebhookEvent type) {
  return static_cast<std::size_t>(
      std::ranges::count_if(due, [type](const auto& told) { return told.event.type == type; }));
}

TEST_P(SharedStores, AWebhookIsToldOfWhatAnyProcessDoes) {
  store::StoredWebhook w;
  w.project = 1;
  w.webhook.key = "shop";
  w.webhook.url = "https://shop.example.com/hook";
  w.webhook.patterns = {"*"};
  w.webhook.events = model::webhook_events_of("*");
  w.webhook.sealed_secret = "v1:sealed";
  const auto other = another("second");
  const auto made = run(store_->webhooks().put(w, "webhook.create", "key:ops", clock_.now())).value();
  const auto due = [&] { return run(store_->webhooks().due({{made.id, 1'000, {}}}, clock_.now())).value(); };
  const auto send = [&](Other& by, std::vector<model::Delivery> claimed) {
    std::vector<store::RecordItem> items;
    for (model::Delivery& d : claimed) {
      store::RecordItem& record = items.emplace_back();
      record.delivery = std::move(d);
      record.to = DeliveryStatus::Sent;
    }
    ASSERT_TRUE(by.run(by.store->record(std::move(items), by.owner, clock_.now())));
  };
  ASSERT_TRUE(eventually([&] {
    accept_one(item());
    send(*other, scan_as(*other, 10));
    return count_told(due(), model::WebhookEvent::DeliverySent) > 0;
  })) << "the other process knows of the webhook";
  // Of the two who end its last deliveries at the same time one says that it is complete.
  const auto third = another("third");
  const std::size_t before = count_told(due(), model::WebhookEvent::NotificationCompleted);
  constexpr std::size_t kRounds = 20;
  for (std::size_t round = 0; round < kRounds; ++round) {
    accept_one(item(2));
    auto mine = scan_as(*other, 1), theirs = scan_as(*third, 1);
    ASSERT_EQ(mine.size() + theirs.size(), 2U);
    std::thread thread([&] { send(*other, std::move(mine)); });
    send(*third, std::move(theirs));
    thread.join();
  }
  EXPECT_EQ(count_told(due(), model::WebhookEvent::NotificationCompleted) - before, kRounds);
}

INSTANTIATE_TEST_SUITE_P(Stores, SharedStores, ::testing::ValuesIn(shared_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace carillon::conformance
