// What every Store promises about looking at what is stored: filters, pages that are complete and stable
// while rows come in, projects that do not see each other.
#include <fmt/format.h>

#include <algorithm>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using store::AcceptItem;
using store::HistoryFilter;
using store::ListPage;
using Ids = std::vector<std::int64_t>;

class Looking : public StoreSuite {
 protected:
  std::int64_t accept_for(const std::string& user, const std::function<void(AcceptItem&)>& change = {}) {
    AcceptItem made = item();
    made.deliveries[0].user_id = user;
    if (change) change(made);
    const std::int64_t id = made.notification.id;
    accept_one(std::move(made));
    return id;
  }
  // Everything a filter finds, page by page; `between` runs after each page.
  Ids notifications(HistoryFilter filter, const std::function<void()>& between = {}) {
    Ids ids;
    for (;;) {
      auto page = run(store_->list_notifications(filter)).value();
      EXPECT_LE(page.rows.size(), filter.limit);
      for (const auto& row : page.rows) ids.push_back(row.id);
      if (page.next == 0) return ids;
      filter.after = page.next;
      if (between) between();
    }
  }
  Ids deliveries(HistoryFilter filter, const std::function<void()>& between = {}) {
    Ids ids;
    for (;;) {
      auto page = run(store_->list_deliveries(filter)).value();
      EXPECT_LE(page.rows.size(), filter.limit);
      for (const auto& row : page.rows) ids.push_back(row.id);
      if (page.next == 0) return ids;
      filter.after = page.next;
      if (between) between();
    }
  }
  // Lets the history index catch up with everything accepted so far.
  void fold() {
    clock_.advance(Millis(60'000));
    while (run(store_->housekeeping(store::Retention{}, clock_.now())).value()) {}
  }
  HistoryFilter filter(std::size_t limit = 50) {
    HistoryFilter f;
    f.project = 1;
    f.limit = limit;
    return f;
  }
  static Ids newest_first(Ids ids) {
    std::ranges::sort(ids, std::greater{});
    return ids;
  }
};

TEST_P(Looking, APageGoesOnWhereTheLastEndedWhileOthersComeIn) {
  Ids expected;
  for (int i = 0; i < 25; ++i) expected.push_back(accept_for("kim"));
  const auto more = [this] { accept_for("kim"); };
  EXPECT_EQ(notifications(filter(10), more), newest_first(expected));
  EXPECT_EQ(notifications(filter(25)).size(), 27U);
}

TEST_P(Looking, AFullLastPageSaysThatItIsTheLast) {
  for (int i = 0; i < 10; ++i) accept_for("kim");
  EXPECT_EQ(run(store_->list_notifications(filter(10))).value().next, 0);
  EXPECT_NE(run(store_->list_notifications(filter(9))).value().next, 0);
}

TEST_P(Looking, NotificationsOfAUserAreFoundBeforeAndAfterTheIndexHasThem) {
  Ids kim;
  for (int i = 0; i < 6; ++i) {
    kim.push_back(accept_for("kim"));
    accept_for("lee");
  }
  HistoryFilter f = filter(4);
  f.user_id = "kim";
  EXPECT_EQ(notifications(f), newest_first(kim)) << "not indexed yet";
  fold();
  EXPECT_EQ(notifications(f), newest_first(kim)) << "indexed";
  for (int i = 0; i < 5; ++i) kim.push_back(accept_for("kim"));
  EXPECT_EQ(notifications(f), newest_first(kim)) << "both";
  restart();
  EXPECT_EQ(notifications(f), newest_first(kim));
  f.user_id = "nobody";
  EXPECT_TRUE(notifications(f).empty());
}

TEST_P(Looking, PagesOfAUserStayCompleteWhileTheIndexMovesOn) {
  Ids kim;
  for (int i = 0; i < 12; ++i) kim.push_back(accept_for("kim"));
  HistoryFilter f = filter(3);
  f.user_id = "kim";
  EXPECT_EQ(notifications(f,
                          [this] {
                            accept_for("kim");
                            fold();
                          }),
            newest_first(kim));
}

TEST_P(Looking, AnEventIdIsFoundInItsProjectOnly) {
  const auto with_event = [](AcceptItem& made) { made.notification.event_id = "order-1"; };
  const std::int64_t id = accept_for("kim", with_event);
  accept_for("kim", [](AcceptItem& made) { made.notification.event_id = "order-2"; });
  accept_for("kim", [&](AcceptItem& made) {
    with_event(made);
    made.notification.project = made.deliveries[0].project = 2;
  });
  HistoryFilter f = filter();
  f.event_id = "order-1";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(notifications(f), Ids{id});
    EXPECT_EQ(deliveries(f), Ids{id + 1});
    f.user_id = "lee";
    EXPECT_TRUE(notifications(f).empty()) << "both must hold";
    f.user_id.clear();
    fold();
  }
}

TEST_P(Looking, ARawAddressIsFoundByItsKey) {
  const std::int64_t id = accept_for("", [](AcceptItem& made) { made.address_keys = {4711}; });
  accept_for("", [](AcceptItem& made) { made.address_keys = {4712}; });
  HistoryFilter f = filter();
  f.address_key = 4711;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(notifications(f), Ids{id});
    EXPECT_EQ(deliveries(f), Ids{id + 1});
    fold();
  }
}

TEST_P(Looking, AProjectSeesItsOwnOnly) {
  const std::int64_t mine = accept_for("kim");
  const std::int64_t theirs =
      accept_for("kim", [](AcceptItem& made) { made.notification.project = made.deliveries[0].project = 2; });
  HistoryFilter f = filter();
  for (const std::string user : {"", "kim"}) {
    f.user_id = user;
    f.project = 1;
    EXPECT_EQ(notifications(f), Ids{mine});
    EXPECT_EQ(deliveries(f), Ids{mine + 1});
    f.project = 2;
    EXPECT_EQ(notifications(f), Ids{theirs});
    EXPECT_EQ(deliveries(f), Ids{theirs + 1});
  }
}

TEST_P(Looking, EveryFilterOfNotificationsHolds) {
  const std::int64_t plain = accept_for("kim");
  const std::int64_t app = accept_for("kim", [](AcceptItem& made) { made.notification.app = 8; });
  const std::int64_t news = accept_for("kim", [](AcceptItem& made) { made.notification.category = "news"; });
  const std::int64_t sms =
      accept_for("kim", [](AcceptItem& made) { made.deliveries[0].queue = model::Queue::Sms; });
  HistoryFilter f = filter();
  f.app = 8;
  EXPECT_EQ(notifications(f), Ids{app});
  EXPECT_EQ(deliveries(f), Ids{app + 1});
  f = filter();
  f.category = "news";
  EXPECT_EQ(notifications(f), Ids{news});
  EXPECT_EQ(deliveries(f), Ids{news + 1});
  f.category = "never-used";
  EXPECT_TRUE(notifications(f).empty());
  EXPECT_TRUE(deliveries(f).empty());
  f = filter();
  f.channel = model::Channel::Sms;
  EXPECT_EQ(notifications(f), Ids{sms});
  EXPECT_EQ(deliveries(f), Ids{sms + 1});
  f = filter();
  ASSERT_TRUE(record(claim({plain + 1}).at(0), DeliveryStatus::Sent));
  f.notification_status = model::NotificationStatus::Completed;
  EXPECT_EQ(notifications(f), Ids{plain});
  f.notification_status = model::NotificationStatus::Sending;
  EXPECT_EQ(notifications(f), (Ids{sms, news, app}));
}

TEST_P(Looking, ATimeRangeHoldsItsStartAndNotItsEnd) {
  accept_for("kim");
  clock_.advance(Millis(1'000));
  const Time from = clock_.now();
  const std::int64_t inside = accept_for("kim");
  clock_.advance(Millis(1'000));
  const Time until = clock_.now();
  accept_for("kim");
  HistoryFilter f = filter();
  f.from = from;
  f.until = until;
  for (const std::string user : {"", "kim"}) {
    f.user_id = user;
    EXPECT_EQ(notifications(f), Ids{inside});
    EXPECT_EQ(deliveries(f), Ids{inside + 1});
  }
}

TEST_P(Looking, DeliveriesAreFoundByStatus) {
  Ids failed, held;
  for (int i = 0; i < 9; ++i) {
    const std::int64_t id = accept_for("kim") + 1;
    const bool is_failed = i % 3 == 0, is_held = i % 3 == 1;
    if (!is_failed && !is_held) continue;
    auto claimed = claim({id});
    ASSERT_EQ(claimed.size(), 1U);
    ASSERT_TRUE(record(claimed[0], is_failed ? DeliveryStatus::Failed : DeliveryStatus::Held));
    (is_failed ? failed : held).push_back(id);
  }
  HistoryFilter f = filter(2);
  f.statuses = {DeliveryStatus::Failed};
  EXPECT_EQ(deliveries(f), newest_first(failed));
  f.statuses = {DeliveryStatus::Failed, DeliveryStatus::Held};
  Ids both = failed;
  both.insert(both.end(), held.begin(), held.end());
  EXPECT_EQ(deliveries(f), newest_first(both));
  f.statuses = {DeliveryStatus::Pending, DeliveryStatus::Held};
  EXPECT_EQ(deliveries(f).size(), 6U);
  f.user_id = "kim";
  f.statuses = {DeliveryStatus::Failed};
  EXPECT_EQ(deliveries(f), newest_first(failed));
}

TEST_P(Looking, DeliveriesOfAUserAreCompletePageByPage) {
  Ids expected;
  for (int i = 0; i < 8; ++i) {
    AcceptItem made = item(3);  // u0, u1, u2
    for (const auto& d : made.deliveries) {
      if (d.user_id == "u1") expected.push_back(d.id);
    }
    accept_one(std::move(made));
    if (i == 4) fold();
  }
  HistoryFilter f = filter(3);
  f.user_id = "u1";
  EXPECT_EQ(deliveries(f, [this] { accept_for("u1"); }), newest_first(expected));
}

TEST_P(Looking, ManyDeliveriesOfOneNotificationGoOverSeveralPages) {
  AcceptItem made = item(25);
  made.notification.event_id = "big";
  const std::int64_t id = made.notification.id;
  accept_one(std::move(made));
  HistoryFilter f = filter(10);
  f.event_id = "big";
  Ids expected;
  for (std::int64_t d = id + 25; d > id; --d) expected.push_back(d);
  EXPECT_EQ(deliveries(f), expected);
  Ids seen;
  ListPage page{.after = 0, .limit = 10, .after_key = {}};
  for (;;) {
    const auto rows = run(store_->deliveries_of(id, page)).value();
    if (rows.empty()) break;
    for (const auto& d : rows) seen.push_back(d.id);
    page.after = seen.back();
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(Looking, AnExpandedNotificationIsFoundByItsUsersThoughNewerOnesWereIndexedFirst) {
  AcceptItem scheduled = item(0);
  scheduled.notification.status = model::NotificationStatus::Scheduled;
  scheduled.notification.send_at = clock_.now() + Millis(100'000);
  const std::int64_t old = scheduled.notification.id;
  accept_one(std::move(scheduled));
  Ids expected{old};
  for (int i = 0; i < 5; ++i) expected.push_back(accept_for("kim"));
  fold();
  clock_.advance(Millis(100'000));
  store::ExpandItem expansion;
  expansion.notification = old;
  expansion.next_cursor = 1;
  expansion.done = true;
  expansion.deliveries = item().deliveries;
  expansion.deliveries[0].notification = old;
  expansion.deliveries[0].user_id = "kim";
  const std::int64_t delivery = expansion.deliveries[0].id;
  ASSERT_TRUE(run(store_->expansions().expand(std::move(expansion), clock_.now())));
  HistoryFilter f = filter(1);
  f.user_id = "kim";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(notifications(f), newest_first(expected)) << round;
    const Ids found = deliveries(f);
    EXPECT_EQ(found.size(), 6U) << round;
    EXPECT_EQ(std::ranges::count(found, delivery), 1) << round;
    fold();
  }
}

TEST_P(Looking, AShortPageAfterTwentyThousandRowsSaysWhereToGoOn) {
  const std::int64_t wanted =
      accept_for("kim", [](AcceptItem& made) { made.notification.category = "rare"; });
  for (int chunk = 0; chunk < 21; ++chunk) {
    std::vector<AcceptItem> items;
    for (int i = 0; i < 1'000; ++i) items.push_back(item());
    accept(std::move(items));
  }
  HistoryFilter f = filter();
  f.category = "rare";
  const auto first = run(store_->list_notifications(f)).value();
  EXPECT_TRUE(first.rows.empty());
  EXPECT_NE(first.next, 0);
  EXPECT_EQ(notifications(f), Ids{wanted});
  EXPECT_EQ(deliveries(f), Ids{wanted + 1});
  f = filter();
  f.user_id = "kim";
  EXPECT_EQ(notifications(f), Ids{wanted}) << "not indexed yet";
  EXPECT_EQ(deliveries(f), Ids{wanted + 1});
}

TEST_P(Looking, ADeliveryShowsItsAttempts) {
  const std::int64_t id = accept_for("kim") + 1;
  store::RecordItem made;
  made.delivery = claim({id}).at(0);
  made.delivery.attempts = 1;
  made.to = DeliveryStatus::Dead;
  made.dead_letter = "retries_exhausted";
  made.attempt = model::Attempt{.delivery = id,
                                .number = 1,
                                .at = clock_.now(),
                                .took_ms = 12,
                                .integration = "smtp-main",
                                .outcome = "temporary",
                                .status = 451,
                                .code = "4.7.1",
                                .detail = "try later",
                                .provider_id = ""};
  ASSERT_TRUE(run(store_->record({made}, owner_, clock_.now())).value().at(0));
  restart();
  const auto detail = run(store_->delivery(id)).value();
  EXPECT_EQ(detail.delivery.status, DeliveryStatus::Dead);
  ASSERT_EQ(detail.attempts.size(), 1U);
  EXPECT_EQ(detail.attempts[0].integration, "smtp-main");
  EXPECT_EQ(detail.attempts[0].status, 451);
  EXPECT_EQ(detail.attempts[0].detail, "try later");
  EXPECT_EQ(run(store_->delivery(1)).error().code, Errc::NotFound);
  const auto letters = run(store_->letters().list({.project = 1}, ListPage{})).value();
  ASSERT_EQ(letters.rows.size(), 1U);
  EXPECT_EQ(letters.rows[0].delivery, id);
  EXPECT_EQ(letters.rows[0].reason, "retries_exhausted");
  EXPECT_EQ(letters.next, 0);
  EXPECT_TRUE(run(store_->letters().list({.project = 2}, ListPage{})).value().rows.empty());
}

TEST_P(Looking, LettersOfAnOutageAreFoundUntilTheyAreReplayed) {
  std::vector<std::int64_t> ids;
  const auto end_as = [&](std::string why) {
    ids.push_back(accept_for("kim") + 1);
    store::RecordItem made;
    made.delivery = claim({ids.back()}).at(0);
    made.to = DeliveryStatus::Dead;
    made.dead_letter = std::move(why);
    ASSERT_TRUE(run(store_->record({made}, owner_, clock_.now())).value().at(0));
  };
  for (const char* why : {"provider_down: no integration answered in time", "retries_exhausted: not_sent",
                          "provider_down", "provider_downright: something else"}) {
    end_as(why);
  }
  restart();
  const model::Queue queue = run(store_->delivery(ids[0])).value().delivery.queue;
  const auto found = [&](store::OutageQuery query) {
    Ids deliveries;
    for (const auto& letter : run(store_->list_outage_letters(query)).value())
      deliveries.push_back(letter.delivery);
    return deliveries;
  };
  EXPECT_EQ(found({.project = 1, .queue = queue}), (Ids{ids[0], ids[2]}));
  EXPECT_EQ(found({.project = 1, .queue = queue, .limit = 1}), Ids{ids[0]});
  const auto first =
      run(store_->list_outage_letters({.project = 1, .queue = queue, .limit = 1})).value().at(0);
  EXPECT_EQ(found({.project = 1, .queue = queue, .after = first.id}), Ids{ids[2]});
  EXPECT_TRUE(found({.project = 2, .queue = queue}).empty());
  EXPECT_TRUE(found({.project = 1, .queue = model::Queue::Voice}).empty());
  std::vector<store::ReplayItem> items(1);
  items[0].delivery = ids[0];
  ASSERT_TRUE(run(store_->replay(items, "system", clock_.now())).value().at(0).replayed);
  EXPECT_EQ(found({.project = 1, .queue = queue}), Ids{ids[2]});
}

TEST_P(Looking, RollUpsCountWhatWasAcceptedAndWhatBecameOfIt) {
  const Time from = clock_.now();
  const std::int64_t id = accept_for("kim") + 1;
  accept_for("kim");
  ASSERT_TRUE(record(claim({id}).at(0), DeliveryStatus::Sent));
  std::int64_t accepted = 0, sent = 0;
  for (const auto& row : run(store_->stats({1, from, from + Millis(3'600'000)})).value()) {
    EXPECT_EQ(row.category, "general");
    EXPECT_EQ(row.app, 7);
    if (row.status == DeliveryStatus::Pending) accepted += row.n;
    if (row.status == DeliveryStatus::Sent) sent += row.n;
  }
  EXPECT_EQ(accepted, 2);
  EXPECT_EQ(sent, 1);
  EXPECT_TRUE(run(store_->stats({2, from, from + Millis(3'600'000)})).value().empty());
  EXPECT_TRUE(run(store_->stats({1, from - Millis(7'200'000), from - Millis(3'600'000)})).value().empty());
}

TEST_P(Looking, ANotificationReadFromTheStoreCarriesItsRequest) {
  const std::int64_t id = accept_for("kim", [](AcceptItem& made) {
    made.notification.body =
        R"({"to":[{"user_id":"kim"}],"title":"Hello","body":"there","channels":["email"]})";
  });
  restart();
  const auto found = run(store_->notifications({id, 1})).value();
  ASSERT_NE(found[0], nullptr);
  ASSERT_NE(found[0]->request, nullptr);
  EXPECT_EQ(found[0]->request->to.at(0).id, "kim");
  EXPECT_EQ(found[0]->request->channels, std::vector<model::Channel>{model::Channel::Email});
  EXPECT_EQ(found[1], nullptr);
}

INSTANTIATE_TEST_SUITE_P(Stores, Looking, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
