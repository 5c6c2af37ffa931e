// Sends whose members are cut into parts, each with a cursor and a process of its own.
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "tests/conformance/store_suite_shared.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using model::NotificationStatus;
using store::DueExpansion;
using store::Owner;
using Names = std::vector<std::string>;

constexpr std::int32_t kProject = 1;

// What both suites do. `Base`: StoreSuite, or SharedStores.
template <class Base>
class CutSends : public Base {
 protected:
  using Base::clock_, Base::owner_, Base::run, Base::store_;

  store::ExpansionStore& expansions() { return store_->expansions(); }
  std::int64_t group(const std::string& key, Names users) {
    const auto made = run(store_->put_group(kProject, key, key, "test", clock_.now())).value();
    EXPECT_TRUE(run(store_->change_members(kProject, key, std::move(users), false, "test", clock_.now())));
    return made.id;
  }
  std::int64_t send(std::vector<store::AudienceGroup> audience = {}, std::int64_t recipients = 9) {
    store::AcceptItem one = this->item(0);
    one.notification.status = NotificationStatus::Expanding;
    one.notification.first_delivery = 0;
    one.audience = std::move(audience);
    one.recipients = recipients;
    this->accept_one(one);
    return one.notification.id;
  }
  // A send that is cut at these users.
  std::int64_t send_cut(Names points) {
    const std::int64_t sent = send();
    EXPECT_TRUE(run(expansions().cut(sent, 0, std::move(points))));
    return sent;
  }
  std::vector<DueExpansion> take(Owner owner, std::size_t limit = 10) {
    return run(expansions().take(owner, limit, clock_.now())).value();
  }
  DueExpansion take_one(Owner owner) {
    auto taken = take(owner);
    EXPECT_EQ(taken.size(), 1U);
    return taken.empty() ? DueExpansion{} : taken.front();
  }
  // The next chunk of `at`, `n` deliveries, and `at` after it.
  store::ExpandItem chunk(DueExpansion& at, Owner owner, std::size_t n, bool is_done,
                          const std::string& after = "u") {
    store::ExpandItem e;
    e.notification = at.notification;
    e.part = at.part;
    e.owner = owner;
    e.expected_cursor = at.cursor;
    e.next_cursor = ++at.cursor;
    e.after = after;
    e.done = is_done;
    e.deliveries = this->item(n).deliveries;
    e.recipients = static_cast<std::int64_t>(n);
    for (model::Delivery& d : e.deliveries) d.notification = at.notification;
    return e;
  }
  Result<void> expand(DueExpansion& at, Owner owner, std::size_t n, bool is_done,
                      const std::string& after = "u") {
    return run(expansions().expand(chunk(at, owner, n, is_done, after), clock_.now()));
  }
  static std::optional<Errc> code_of(const Result<void>& done) {
    return done ? std::nullopt : std::optional(done.error().code);
  }
  NotificationStatus status(std::int64_t notification) {
    return run(store_->notifications({notification})).value()[0]->status;
  }
  std::int64_t pending(std::int64_t notification) {
    return run(store_->status_counts(notification))
        .value()[static_cast<std::size_t>(DeliveryStatus::Pending)];
  }
  void housekeep() {
    while (run(store_->housekeeping({}, clock_.now())).value()) continue;
  }
};

class Expansions : public CutSends<StoreSuite> {};
class SharedExpansions : public CutSends<SharedStores> {};

TEST_P(Expansions, EndsWhenEachPartHasAndCountsExactly) {
  const std::int64_t sent = send_cut({"d", "m"});
  EXPECT_EQ(status(sent), NotificationStatus::Expanding);
  const Names ends{"d", "m", ""}, starts{"", "d", "m"};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    DueExpansion at = take_one(owner_);
    EXPECT_EQ(at.part, static_cast<std::int64_t>(i + 1));
    EXPECT_EQ(at.after, starts[i]);
    EXPECT_EQ(at.until, ends[i]);
    EXPECT_EQ(at.left, 9);
    ASSERT_TRUE(expand(at, owner_, 2, false, "x"));
    EXPECT_EQ(take_one(owner_).part, at.part) << "what it has comes again";
    EXPECT_EQ(take_one(owner_).after, "x");
    EXPECT_EQ(run(expansions().progress(sent)).value()->expanded, static_cast<std::int64_t>(i) * 3 + 2);
    EXPECT_EQ(status(sent), NotificationStatus::Expanding);
    ASSERT_TRUE(expand(at, owner_, 1, true, ""));
  }
  EXPECT_TRUE(take(owner_).empty());
  EXPECT_EQ(run(expansions().progress(sent)).value()->expanded, 9);
  EXPECT_EQ(pending(sent), 9);
  EXPECT_EQ(status(sent), NotificationStatus::Sending);
  for (const auto& d : this->scan(kSharedLane)) this->record(d, DeliveryStatus::Sent);
  housekeep();
  EXPECT_EQ(status(sent), NotificationStatus::Completed);
  this->expect_accountable();
}

TEST_P(Expansions, APartMovesByItsCursorAndItsOwner) {
  const std::int64_t sent = send_cut({"m"});
  DueExpansion at = take_one(owner_), behind = at, stranger = at, whole = at;
  ASSERT_TRUE(expand(at, owner_, 1, false));
  EXPECT_EQ(code_of(expand(behind, owner_, 1, false)), Errc::Conflict);
  stranger.cursor = at.cursor;
  EXPECT_EQ(code_of(expand(stranger, Owner{owner_.node + 1, owner_.epoch}, 1, false)), Errc::Conflict);
  whole.part = 0;
  whole.cursor = 0;
  EXPECT_EQ(code_of(expand(whole, owner_, 1, true)), Errc::Conflict) << "it was cut meanwhile";
  DueExpansion other = at;
  other.part = 2;
  other.cursor = 0;
  EXPECT_EQ(code_of(expand(other, owner_, 1, false)), Errc::Conflict) << "nobody has that part";
  ASSERT_TRUE(expand(at, owner_, 1, true));
  EXPECT_EQ(code_of(expand(at, owner_, 1, true)), Errc::Conflict) << "it is done";
  EXPECT_EQ(pending(sent), 2);
}

TEST_P(Expansions, IsCutOnceAndOnlyWhileItGoesOn) {
  const std::int64_t sent = send();
  EXPECT_EQ(run(expansions().cut(sent, 0, {"b", "a"})).error().code, Errc::InvalidArgument);
  EXPECT_EQ(run(expansions().cut(sent, 0, {"a", "a"})).error().code, Errc::InvalidArgument);
  EXPECT_EQ(run(expansions().cut(sent, 5, {"a"})).error().code, Errc::Conflict);
  DueExpansion at = take_one(owner_);
  EXPECT_EQ(at.part, 0);
  ASSERT_TRUE(expand(at, owner_, 2, false, "c"));
  ASSERT_TRUE(run(expansions().cut(sent, at.cursor, {"m"})));
  EXPECT_EQ(run(expansions().cut(sent, at.cursor + 1, {"m"})).error().code, Errc::Conflict);
  EXPECT_TRUE(run(expansions().due(10, clock_.now())).value().empty());
  EXPECT_EQ(take_one(owner_).after, "c") << "what was expanded before is not done again";
  EXPECT_EQ(take_one(owner_).left, 7);
  const std::int64_t other = send();
  ASSERT_TRUE(run(store_->cancel(other, "key:ops", clock_.now())));
  EXPECT_EQ(run(expansions().cut(other, 0, {"m"})).error().code, Errc::Conflict);
}

TEST_P(Expansions, WhatAnEarlierRunHadIsTakenAndItsResultsAreRefused) {
  const std::int64_t sent = send_cut({"m"});
  const Owner before = owner_;
  DueExpansion old = take_one(before);
  ASSERT_TRUE(expand(old, before, 2, false, "c"));
  const std::int64_t uncut = send();
  EXPECT_EQ(take(before).size(), 2U);
  this->restart();
  ASSERT_NE(owner_.epoch, before.epoch);
  auto taken = take(owner_);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].part, 1);
  EXPECT_EQ(taken[0].after, "c");
  EXPECT_EQ(taken[1].notification, uncut);
  EXPECT_EQ(code_of(expand(old, before, 1, false)), Errc::Conflict);
  ASSERT_TRUE(expand(taken[0], owner_, 1, true));
  EXPECT_EQ(pending(sent), 3);
}

TEST_P(Expansions, CancelAndPauseStopEachPart) {
  const std::int64_t sent = send_cut({"m"});
  DueExpansion at = take_one(owner_);
  ASSERT_TRUE(expand(at, owner_, 2, false));
  ASSERT_TRUE(run(store_->pause(sent, "key:ops", clock_.now())));
  EXPECT_TRUE(take(owner_).empty());
  EXPECT_EQ(code_of(expand(at, owner_, 1, false)), Errc::Conflict);
  ASSERT_TRUE(run(store_->resume(sent, "key:ops", clock_.now())));
  at = take_one(owner_);
  ASSERT_TRUE(expand(at, owner_, 1, false));
  EXPECT_EQ(run(store_->cancel(sent, "key:ops", clock_.now())).value().cancelled, 3U);
  EXPECT_EQ(code_of(expand(at, owner_, 1, true)), Errc::Conflict);
  EXPECT_TRUE(take(owner_).empty());
  EXPECT_EQ(run(store_->cancel_chunk(sent, 0, 100, clock_.now())).value().turned, 3U);
  housekeep();
  EXPECT_EQ(code_of(expand(at, owner_, 1, true)), Errc::Conflict);
  this->expect_accountable();
}

// However the groups overlap and wherever they are cut: everybody is in one range.
TEST_P(Expansions, TheRangesHaveEverybodyOnce) {
  EXPECT_TRUE(rc::check([this] {
    static int round = 0;
    std::vector<store::AudienceGroup> audience;
    std::set<std::string> all;
    const std::size_t groups = *rc::gen::inRange<std::size_t>(1, 4);
    for (std::size_t g = 0; g < groups; ++g) {
      std::set<std::string> users;
      for (int i = *rc::gen::inRange(0, 40); i > 0; --i)
        users.insert(fmt::format("u{:02}", *rc::gen::inRange(0, 60)));
      all.insert(users.begin(), users.end());
      audience.push_back({g, group(fmt::format("g{}", ++round), Names(users.begin(), users.end()))});
    }
    const std::size_t parts = *rc::gen::inRange<std::size_t>(1, 9);
    const store::MembersQuery query{.groups = audience, .after = {}, .limit = 3};
    Names points = run(expansions().cut_points(query, parts)).value();
    RC_ASSERT(points.size() < parts);
    RC_ASSERT(std::ranges::adjacent_find(points, std::greater_equal<>()) == points.end());
    points.emplace_back();
    Names seen;
    store::MembersQuery range = query;
    for (const std::string& until : points) {
      range.until = until;
      for (;;) {
        const auto some = run(store_->members(range)).value();
        for (const auto& member : some) seen.push_back(member.user_id);
        if (some.size() < range.limit) break;
        range.after = some.back().user_id;
      }
      range.after = until;
    }
    RC_ASSERT(seen == Names(all.begin(), all.end()));
  }));
}

TEST_P(Expansions, CutPointsMakeRangesOfOneSizeFromWhereItIs) {
  Names users;
  for (int i = 0; i < 100; ++i) users.push_back(fmt::format("u{:02}", i));
  const std::int64_t few = group("few", {"u01", "zz"}), many = group("many", users);
  const store::MembersQuery query{.groups = {{0, few}, {1, many}}, .after = {}};
  EXPECT_EQ(run(expansions().cut_points(query, 4)).value(), (Names{"u24", "u49", "u74"}));
  store::MembersQuery later = query;
  later.after = "u89";
  EXPECT_TRUE(run(expansions().cut_points(later, 4)).value().empty());
  EXPECT_TRUE(run(expansions().cut_points({}, 4)).value().empty());
}

TEST_P(SharedExpansions, EachPartIsOneProcesses) {
  const auto second = another("second"), third = another("third");
  const std::int64_t sent = send_cut({"m"}), uncut = send();
  const auto take_by = [&](Other& by) {
    return by.run(by.store->expansions().take(by.owner, 10, clock_.now())).value();
  };
  auto mine = take_by(*second), theirs = take_by(*third);
  ASSERT_EQ(mine.size(), 2U);
  EXPECT_EQ(mine[0].part, 1);
  EXPECT_EQ(mine[1].notification, uncut);
  ASSERT_EQ(theirs.size(), 1U) << "the other one is the first's";
  EXPECT_EQ(theirs[0].part, 2);
  EXPECT_TRUE(take(owner_).empty());
  // One goes; what it had is free at once, and what it says then is not heard.
  ASSERT_TRUE(second->run(
      second->store->expansions().expand(chunk(mine[0], second->owner, 2, false, "c"), clock_.now())));
  const Owner gone = second->owner;
  second->store->close();
  auto taken = take(owner_);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].after, "c");
  EXPECT_EQ(code_of(expand(mine[0], gone, 1, false)), Errc::Conflict);
  ASSERT_TRUE(expand(taken[0], owner_, 1, true));
  EXPECT_EQ(status(sent), NotificationStatus::Expanding);
  ASSERT_TRUE(
      third->run(third->store->expansions().expand(chunk(theirs[0], third->owner, 4, true), clock_.now())));
  EXPECT_EQ(status(sent), NotificationStatus::Sending);
  EXPECT_EQ(pending(sent), 7);
  this->expect_accountable();
}

TEST_P(SharedExpansions, TwoWhoEndTheLastPartsAtOnceEndTheSend) {
  const auto second = another("second"), third = another("third");
  for (int round = 0; round < 20; ++round) {
    const std::int64_t sent = send_cut({"m"});
    const auto finish = [&](Other& by, store::ExpandItem item) {
      const auto done = by.run(by.store->expansions().expand(std::move(item), clock_.now()));
      EXPECT_TRUE(done) << done.error().message;
    };
    auto mine = second->run(second->store->expansions().take(second->owner, 1, clock_.now())).value();
    auto theirs = third->run(third->store->expansions().take(third->owner, 1, clock_.now())).value();
    ASSERT_EQ(mine.size() + theirs.size(), 2U);
    auto one = chunk(mine[0], second->owner, 3, true), two = chunk(theirs[0], third->owner, 3, true);
    std::thread thread([&] { finish(*second, std::move(one)); });
    finish(*third, std::move(two));
    thread.join();
    EXPECT_EQ(status(sent), NotificationStatus::Sending);
    EXPECT_EQ(run(expansions().progress(sent)).value()->expanded, 6);
  }
  this->expect_accountable();
}

// Neither waits for the other as long as nobody stops the send; who stops it waits for a chunk each, and no
// more come.
TEST_P(SharedExpansions, ACancelStopsThoseWhoGoOnAtOnce) {
  const auto second = another("second"), third = another("third");
  for (int round = 0; round < 5; ++round) {
    const std::int64_t sent = send_cut({"m"});
    std::vector<std::thread> threads;
    std::atomic<int> chunks = 0;
    for (Other* by : {second.get(), third.get()}) {
      auto taken = by->run(by->store->expansions().take(by->owner, 1, clock_.now())).value();
      ASSERT_EQ(taken.size(), 1U);
      threads.emplace_back([this, by, at = taken[0], &chunks]() mutable {
        for (;; ++chunks) {
          store::ExpandItem e;
          e.notification = at.notification;
          e.part = at.part;
          e.owner = by->owner;
          e.expected_cursor = at.cursor;
          e.next_cursor = ++at.cursor;
          model::Delivery& d = e.deliveries.emplace_back();
          d.id = by->ids->take(1);
          d.notification = at.notification;
          d.project = kProject;
          d.queue = model::Queue::Email;
          const auto done = by->run(by->store->expansions().expand(std::move(e), clock_.now()));
          if (done) continue;
          EXPECT_EQ(done.error().code, Errc::Conflict) << done.error().message;
          return;
        }
      });
    }
    while (chunks < 10) std::this_thread::yield();
    const auto cancelled = run(store_->cancel(sent, "key:ops", clock_.now()));
    EXPECT_TRUE(cancelled) << cancelled.error().message;
    const std::int64_t then = pending(sent);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(pending(sent), then);
    EXPECT_EQ(run(store_->cancel_chunk(sent, 0, 4096, clock_.now())).value().turned,
              static_cast<std::size_t>(then));
  }
  this->expect_accountable();
}

INSTANTIATE_TEST_SUITE_P(Stores, Expansions, testing::ValuesIn(store_backends()),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Stores, SharedExpansions, testing::ValuesIn(shared_backends()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace carillon::conformance
