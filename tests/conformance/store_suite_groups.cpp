// Groups, who was in them when a send was accepted, and the counts of sends with many deliveries.
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using Names = std::vector<std::string>;

constexpr std::int32_t kProject = 1;

class Groups : public StoreSuite {
 protected:
  store::Group put(const std::string& key) {
    return run(store_->put_group(kProject, key, key + "!", "test", clock_.now())).value();
  }
  std::int64_t change(const std::string& key, Names users, bool is_removal = false) {
    return run(store_->change_members(kProject, key, std::move(users), is_removal, "test", clock_.now()))
        .value()
        .changed;
  }
  store::Group group(const std::string& key) { return run(store_->groups(kProject, {key})).value().front(); }
  std::vector<store::Member> members(std::vector<store::AudienceGroup> groups,
                                     std::int64_t moment = store::kNow, std::size_t page = 3) {
    std::vector<store::Member> all;
    for (;;) {
      store::MembersQuery query{.groups = groups, .moment = moment, .after = {}, .limit = page};
      if (!all.empty()) query.after = all.back().user_id;
      const auto some = run(store_->members(std::move(query))).value();
      all.insert(all.end(), some.begin(), some.end());
      if (some.size() < page) return all;
    }
  }
  Names names(const std::vector<store::Member>& members) {
    Names out;
    for (const auto& m : members) out.push_back(m.user_id);
    return out;
  }
  // Accepts a send to the groups.
  std::int64_t send(std::vector<store::AudienceGroup> audience) {
    AcceptItem one = item(0);
    one.notification.status = model::NotificationStatus::Expanding;
    one.notification.first_delivery = 0;
    one.audience = std::move(audience);
    one.recipients = 4;
    accept_one(one);
    return one.notification.id;
  }
  store::DueExpansion due(std::int64_t notification) {
    for (auto& d : run(store_->expansions().due(100, clock_.now())).value()) {
      if (d.notification == notification) return d;
    }
    ADD_FAILURE() << "not due";
    return {};
  }
  // The next chunk of a send: `n` deliveries.
  void expand(const store::DueExpansion& at, std::size_t n, bool is_done, const std::string& after) {
    store::ExpandItem e;
    e.notification = at.notification;
    e.expected_cursor = at.cursor;
    e.next_cursor = at.cursor + 1;
    e.done = is_done;
    e.after = after;
    e.deliveries = item(n).deliveries;
    e.recipients = static_cast<std::int64_t>(n);
    for (model::Delivery& d : e.deliveries) d.notification = at.notification;
    ASSERT_TRUE(run(store_->expansions().expand(std::move(e), clock_.now())));
  }
  std::int64_t count(std::int64_t notification, DeliveryStatus status) {
    return run(store_->status_counts(notification)).value()[static_cast<std::size_t>(status)];
  }
  using AcceptItem = store::AcceptItem;
  std::optional<store::ExpansionProgress> progress(std::int64_t notification) {
    return run(store_->expansions().progress(notification)).value();
  }
};

TEST_P(Groups, HowFarAnExpansionIsOutlivesARestart) {
  const std::int64_t sent = send({});
  EXPECT_EQ(progress(sent)->recipients, 4);
  EXPECT_EQ(progress(sent)->expanded, 0);
  expand(due(sent), 2, false, "u1");
  restart();
  EXPECT_EQ(progress(sent)->expanded, 2);
  expand(due(sent), 1, true, "u2");  // one was in two groups
  EXPECT_EQ(progress(sent)->expanded, 3);
  EXPECT_EQ(progress(sent)->recipients, 4);
  const auto plain = item(1);
  accept_one(plain);
  EXPECT_FALSE(progress(plain.notification.id));
}

TEST_P(Groups, AGroupIsMadeRenamedListedAndRemoved) {
  EXPECT_EQ(put("b").name, "b!");
  put("a");
  EXPECT_EQ(run(store_->put_group(kProject, "a", "Anna's", "test", clock_.now())).value().name, "Anna's");
  const auto listed = run(store_->list_groups(kProject, {})).value();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].key, "a");
  EXPECT_TRUE(run(store_->list_groups(2, {})).value().empty());
  EXPECT_EQ(group("c").id, 0);
  EXPECT_TRUE(run(store_->delete_group(kProject, "a", "test", clock_.now())));
  EXPECT_EQ(run(store_->delete_group(kProject, "a", "test", clock_.now())).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->change_members(kProject, "a", {"u"}, false, "test", clock_.now())).error().code,
            Errc::NotFound);
  EXPECT_NE(put("a").id, listed[0].id);
}

TEST_P(Groups, AddingAndRemovingTwiceChangesNothing) {
  put("a");
  EXPECT_EQ(change("a", {"u2", "u1", "u2"}), 2);
  EXPECT_EQ(change("a", {"u2", "u3"}), 1);
  EXPECT_EQ(group("a").members, 3);
  EXPECT_EQ(change("a", {"u1", "nobody"}, true), 1);
  EXPECT_EQ(change("a", {"u1"}, true), 0);
  EXPECT_EQ(names(members({{0, group("a").id}})), (Names{"u2", "u3"}));
  restart();
  EXPECT_EQ(group("a").members, 2);
}

TEST_P(Groups, WhoIsErasedIsInNoneAndHasNoLog) {
  put("a");
  put("b");
  put("c");
  change("a", {"ann", "bob"});
  change("b", {"ann"});
  change("c", {"ann"});
  change("c", {"ann"}, true);
  model::Profile ann;
  ann.project = kProject;
  ann.user_id = "ann";
  ann.preferences.push_back({"sms", "*", false});
  ASSERT_TRUE(run(store_->put_profile(ann, {.actor = "test", .source = "api"}, clock_.now())));
  const auto keys_of = [this](const std::string& user) {
    Names keys;
    for (const auto& g : run(store_->groups_of({kProject, user})).value()) keys.push_back(g.key);
    return keys;
  };
  EXPECT_EQ(keys_of("ann"), (Names{"a", "b"}));
  const std::int64_t sent = send({{0, group("b").id}});
  ASSERT_TRUE(run(store_->erase_user({kProject, "ann"}, "test", clock_.now())));
  EXPECT_TRUE(keys_of("ann").empty());
  EXPECT_EQ(keys_of("bob"), Names{"a"});
  EXPECT_EQ(group("a").members, 1);
  EXPECT_EQ(group("b").members, 0);
  EXPECT_EQ(group("c").members, 0);
  EXPECT_TRUE(members(due(sent).audience, due(sent).moment).empty()) << "nor in a send on its way";
  EXPECT_FALSE(run(store_->profiles({{kProject, "ann"}})).value().front());
  EXPECT_TRUE(run(store_->preference_log({kProject, "ann"}, {})).value().empty());
  EXPECT_EQ(run(store_->list_audit({.project = kProject}, {})).value().rows.front().action, "user.erase");
  EXPECT_TRUE(run(store_->erase_user({kProject, "ann"}, "test", clock_.now())));
}

TEST_P(Groups, WhoIsInSeveralIsThereOnceForTheFirstEntry) {
  put("a");
  put("b");
  change("a", {"u1", "u3", "u5"});
  change("b", {"u1", "u2", "u3", "u4"});
  const auto all = members({{4, group("a").id}, {2, group("b").id}});
  EXPECT_EQ(names(all), (Names{"u1", "u2", "u3", "u4", "u5"}));
  EXPECT_EQ(all[0].entry, 2U);
  EXPECT_EQ(all[4].entry, 4U);
}

TEST_P(Groups, ASendReachesWhoWasInWhenItWasAccepted) {
  put("a");
  put("b");
  change("a", {"early", "leaves", "moves"});
  change("b", {"moves"});
  const std::int64_t sent = send({{0, group("a").id}, {1, group("b").id}});
  change("a", {"late"});
  change("a", {"leaves", "moves"}, true);
  const store::DueExpansion at = due(sent);
  ASSERT_EQ(at.audience.size(), 2U);
  const auto seen = members(at.audience, at.moment);
  EXPECT_EQ(names(seen), (Names{"early", "leaves", "moves"}));
  EXPECT_FALSE(seen[0].has_left);
  EXPECT_TRUE(seen[1].has_left);
  EXPECT_FALSE(seen[2].has_left) << "still in the other group";
  EXPECT_EQ(names(members({{0, group("a").id}})), (Names{"early", "late"}));
  // The group goes; the send goes on, and only then its members are dropped.
  const std::int64_t id = group("a").id;
  EXPECT_TRUE(run(store_->delete_group(kProject, "a", "test", clock_.now())));
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_EQ(members(at.audience, at.moment).size(), 3U);
  expand(at, 1, true, "moves");
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_TRUE(members({{0, id}}).empty());
}

TEST_P(Groups, WhoMovedToAnotherOfTheGroupsHasNotLeft) {
  put("a");
  put("b");
  change("a", {"u"});
  const std::int64_t sent = send({{3, group("a").id}, {5, group("b").id}});
  change("a", {"u"}, true);
  change("b", {"u"});
  const store::DueExpansion at = due(sent);
  const auto seen = members(at.audience, at.moment);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_FALSE(seen[0].has_left);
  EXPECT_EQ(seen[0].entry, 3U) << "the entry by which the send was for this user";
}

TEST_P(Groups, ComingBackIsNotHavingLeft) {
  put("a");
  change("a", {"u"});
  const std::int64_t sent = send({{0, group("a").id}});
  change("a", {"u"}, true);
  change("a", {"u"});
  const store::DueExpansion at = due(sent);
  const auto seen = members(at.audience, at.moment);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_FALSE(seen[0].has_left);
}

TEST_P(Groups, AnExpansionKeepsItsPlaceOverARestart) {
  put("a");
  const std::int64_t sent = send({{7, group("a").id}});
  expand(due(sent), 2, false, "u1");
  restart();
  const store::DueExpansion at = due(sent);
  EXPECT_EQ(at.after, "u1");
  EXPECT_EQ(at.cursor, 1);
  ASSERT_EQ(at.audience.size(), 1U);
  EXPECT_EQ(at.audience[0].entry, 7U);
}

TEST_P(Groups, CountsOfASendWithManyFollowItsDeliveries) {
  const std::int64_t sent = send({});
  expand(due(sent), 3, false, "u2");
  expand(due(sent), 2, true, "u4");
  EXPECT_EQ(count(sent, DeliveryStatus::Pending), 5);
  const auto lane = item(1).deliveries.front().lane();
  auto taken = scan(lane);
  ASSERT_EQ(taken.size(), 5U);
  EXPECT_EQ(count(sent, DeliveryStatus::Processing), 5);
  record(taken[0], DeliveryStatus::Sent);
  record(taken[1], DeliveryStatus::Dead);
  record(taken[2], DeliveryStatus::Retrying, Millis(60'000));
  restart();
  EXPECT_EQ(count(sent, DeliveryStatus::Sent), 1);
  EXPECT_EQ(count(sent, DeliveryStatus::Dead), 1);
  EXPECT_EQ(count(sent, DeliveryStatus::Retrying), 1);
  EXPECT_EQ(count(sent, DeliveryStatus::Processing), 2);
  EXPECT_EQ(run(store_->cancel(sent, "key:ops", clock_.now())).value().cancelled, 1U);
  std::size_t turned = 0;
  for (std::int64_t from = 0;;) {
    const auto chunk = run(store_->cancel_chunk(sent, from, 2, clock_.now())).value();
    turned += chunk.turned;
    if ((from = chunk.next) == 0) break;
  }
  EXPECT_EQ(turned, 1U);
  EXPECT_EQ(count(sent, DeliveryStatus::Cancelled), 1);
  expect_accountable();
}

TEST_P(Groups, AnExpandedSendIsCompleteWhenAllIsFinalAndOpenAgainAfterAReplay) {
  const std::int64_t sent = send({});
  expand(due(sent), 1, true, "u");
  const auto status = [&] { return run(store_->notifications({sent})).value()[0]->status; };
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_EQ(status(), model::NotificationStatus::Sending);
  const auto lane = item(1).deliveries.front().lane();
  const auto taken = scan(lane);
  record(taken.at(0), DeliveryStatus::Dead);
  EXPECT_EQ(status(), model::NotificationStatus::Completed) << "before housekeeping marked it";
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_EQ(status(), model::NotificationStatus::Completed);
  store::ReplayItem again;
  again.delivery = taken[0].id;
  EXPECT_TRUE(run(store_->replay({again}, "test", clock_.now())).value()[0].replayed);
  EXPECT_EQ(status(), model::NotificationStatus::Sending);
  record(scan(lane).at(0), DeliveryStatus::Sent);
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_EQ(status(), model::NotificationStatus::Completed);
}

// Whatever was added and removed when: a send sees the members of its moment, each once.
TEST_P(Groups, AnyHistoryOfMembershipIsSeenAsOfItsMoment) {
  EXPECT_TRUE(rc::check([this] {
    static int round = 0;
    const std::string a = "a" + std::to_string(++round), b = "b" + std::to_string(round);
    put(a);
    put(b);
    const std::vector<store::AudienceGroup> audience{{0, group(a).id}, {1, group(b).id}};
    std::map<std::string, std::set<std::string>> now;
    std::map<std::int64_t, std::set<std::string>> sends;
    for (int i = *rc::gen::inRange(1, 30); i > 0; --i) {
      // Drawn as a number: a case that is tried again has groups of its own.
      const std::string& key = *rc::gen::arbitrary<bool>() ? a : b;
      const std::string user = "u" + std::to_string(*rc::gen::inRange(0, 8));
      if (*rc::gen::inRange(0, 6) == 0) {
        std::set<std::string> both = now[a];
        both.insert(now[b].begin(), now[b].end());
        sends.emplace(send(audience), std::move(both));
      } else if (*rc::gen::arbitrary<bool>()) {
        RC_ASSERT(change(key, {user}) == (now[key].insert(user).second ? 1 : 0));
      } else {
        RC_ASSERT(change(key, {user}, true) == static_cast<std::int64_t>(now[key].erase(user)));
      }
    }
    for (const auto& [sent, expected] : sends) {
      const store::DueExpansion at = due(sent);
      const auto seen = members(at.audience, at.moment, 2);
      RC_ASSERT(names(seen) == Names(expected.begin(), expected.end()));
      for (const auto& m : seen) {
        RC_ASSERT(m.has_left == (!now[a].contains(m.user_id) && !now[b].contains(m.user_id)));
      }
      expand(at, 0, true, "z");
    }
    while (run(store_->housekeeping({}, clock_.now())).value()) {}
  }));
}

INSTANTIATE_TEST_SUITE_P(Stores, Groups, testing::ValuesIn(store_backends()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace carillon::conformance
