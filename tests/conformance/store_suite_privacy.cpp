// What every Store promises about what is sensitive, and about forgetting a user.
#include <fmt/format.h>

#include <algorithm>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using model::NotificationStatus;
using store::AcceptItem;
using store::NamedItem;
using store::WipedNotification;

constexpr std::int64_t kAnn = 4711, kBob = 4712;  // keys of users

class Privacy : public StoreSuite {
 protected:
  AcceptItem sensitive(std::size_t deliveries = 1, const std::string& sealed = "v1:k:secret") {
    AcceptItem one = item(deliveries);
    one.notification.is_sensitive = true;
    one.notification.body = R"({"params":{"code":"•••"}})";
    one.notification.template_key = "otp";
    one.sealed = sealed;
    return one;
  }
  AcceptItem unbegun(NotificationStatus status, std::vector<store::Naming> named) {
    AcceptItem one = item(0);
    one.notification.status = status;
    one.notification.first_delivery = 0;
    one.notification.body = R"({"title":"Dear Ann"})";
    one.named = std::move(named);
    return one;
  }
  std::string sealed(std::int64_t id) { return run(store_->privacy().sealed(id)).value(); }
  std::vector<NamedItem> named(std::int64_t key, std::int64_t before = INT64_MAX, std::size_t limit = 100) {
    return run(store_->privacy().named({.user_key = key, .before = before, .limit = limit})).value();
  }
  std::shared_ptr<const model::Notification> notification(std::int64_t id) {
    return run(store_->notifications({id})).value().at(0);
  }
  Result<void> wipe(WipedNotification one) {
    std::vector<WipedNotification> wiped;
    wiped.push_back(std::move(one));
    return run(store_->privacy().wipe_notifications(std::move(wiped), clock_.now()));
  }
  bool record_sensitive(model::Delivery d, DeliveryStatus to) {
    std::vector<store::RecordItem> items(1);
    items[0].delivery = std::move(d);
    items[0].to = to;
    items[0].category = "general";
    items[0].app = 7;
    items[0].is_sensitive = true;
    return run(store_->record(std::move(items), owner_, clock_.now())).value().at(0);
  }
  store::ReplayResult replay(store::ReplayItem again) {
    std::vector<store::ReplayItem> items;
    items.push_back(std::move(again));
    return run(store_->replay(std::move(items), "key:ops", clock_.now())).value().at(0);
  }
  static store::ReplayItem again(std::int64_t delivery, std::string sealed = {}) {
    store::ReplayItem made;
    made.delivery = delivery;
    made.sealed = std::move(sealed);
    return made;
  }
  void keep_house() {
    while (run(store_->housekeeping({}, clock_.now())).value()) {}
  }
};

TEST_P(Privacy, WhatIsSealedIsKeptUntilTheLastDeliveryIsFinal) {
  const AcceptItem one = sensitive(2);
  accept_one(one);
  const std::int64_t id = one.notification.id;
  restart();
  EXPECT_TRUE(notification(id)->is_sensitive);
  EXPECT_EQ(notification(id)->body, one.notification.body);
  EXPECT_EQ(sealed(id), "v1:k:secret");
  auto taken = claim({id + 1, id + 2});
  ASSERT_TRUE(record_sensitive(taken.at(0), DeliveryStatus::Sent));
  EXPECT_EQ(sealed(id), "v1:k:secret") << "the other one needs it";
  ASSERT_TRUE(record_sensitive(taken.at(1), DeliveryStatus::Dead));
  EXPECT_EQ(sealed(id), "");
  EXPECT_TRUE(notification(id)->is_sensitive);
  keep_house();
  expect_accountable();
}

TEST_P(Privacy, WhatEndsInAnotherWayIsWipedByHousekeeping) {
  const AcceptItem cancelled = sensitive(), open = sensitive(), recorded = sensitive();
  AcceptItem draft = unbegun(NotificationStatus::Draft, {});
  draft.notification.is_sensitive = true;
  draft.sealed = "v1:k:draft";
  accept({cancelled, open, recorded, draft});
  ASSERT_TRUE(run(store_->cancel(cancelled.notification.id, "key:ops", clock_.now())));
  record(claim({recorded.notification.id + 1}).at(0), DeliveryStatus::Sent);  // by who did not know
  keep_house();
  EXPECT_EQ(sealed(cancelled.notification.id), "v1:k:secret") << "its delivery is not turned yet";
  ASSERT_TRUE(run(store_->cancel_chunk(cancelled.notification.id, 0, 100, clock_.now())));
  EXPECT_EQ(sealed(cancelled.notification.id), "");
  EXPECT_EQ(sealed(recorded.notification.id), "");
  EXPECT_EQ(sealed(open.notification.id), "v1:k:secret");
  EXPECT_EQ(sealed(draft.notification.id), "v1:k:draft");
  ASSERT_TRUE(run(store_->cancel(draft.notification.id, "key:ops", clock_.now())));
  EXPECT_EQ(sealed(draft.notification.id), "");
}

TEST_P(Privacy, ARewrittenDraftHasTheSealedOfItsNewBody) {
  AcceptItem draft = unbegun(NotificationStatus::Draft, {{kAnn, 0}});
  draft.notification.is_sensitive = true;
  draft.sealed = "v1:k:1";
  accept_one(draft);
  const std::int64_t id = draft.notification.id;
  const auto rewrite = [&](bool is_sensitive, std::string text, std::vector<store::Naming> names) {
    store::Rewrite change;
    change.notification = draft.notification;
    change.notification.is_sensitive = is_sensitive;
    change.expected_body = draft.notification.body;
    change.sealed = std::move(text);
    change.named = std::move(names);
    change.actor = "app:shop";
    change.action = "notification.update";
    return run(store_->rewrite(std::move(change), clock_.now()));
  };
  ASSERT_TRUE(rewrite(true, "v1:k:2", {{kBob, 1}}));
  EXPECT_EQ(sealed(id), "v1:k:2");
  EXPECT_TRUE(named(kAnn).empty());
  ASSERT_EQ(named(kBob).size(), 1U);
  ASSERT_TRUE(rewrite(false, "", {}));
  EXPECT_EQ(sealed(id), "");
  EXPECT_FALSE(notification(id)->is_sensitive);
}

TEST_P(Privacy, WhatWasWipedIsReplayedOnlyWithNewParameters) {
  const AcceptItem one = sensitive(), inline_one = [&] {
    AcceptItem made = sensitive();
    made.notification.template_key.clear();
    return made;
  }();
  accept({one, inline_one});
  const std::int64_t delivery = one.notification.id + 1, said = inline_one.notification.id + 1;
  ASSERT_TRUE(record_sensitive(claim({delivery}).at(0), DeliveryStatus::Dead));
  ASSERT_TRUE(record_sensitive(claim({said}).at(0), DeliveryStatus::Dead));
  EXPECT_EQ(replay(again(delivery)).why, "sensitive_wiped");
  EXPECT_EQ(replay(again(said, "v1:k:new")).why, "sensitive_wiped")
      << "what was said inline has no parameters";
  ASSERT_TRUE(replay(again(delivery, "v1:k:new")).replayed);
  EXPECT_EQ(sealed(delivery), "v1:k:new");
  auto taken = claim({delivery});
  EXPECT_NE(taken.at(0).note.find(R"("changes":{"sealed":true})"), std::string::npos) << taken.at(0).note;
  ASSERT_TRUE(record_sensitive(taken.at(0), DeliveryStatus::Failed));
  EXPECT_EQ(sealed(delivery), "") << "it is final again";
}

TEST_P(Privacy, WhoIsNamedIsFoundNewestFirst) {
  const AcceptItem first = unbegun(NotificationStatus::Draft, {{kAnn, 0}, {kBob, 1}, {kAnn, 3}});
  const AcceptItem second = unbegun(NotificationStatus::Scheduled, {{kAnn, 2}});
  accept({first, second});
  const auto found = named(kAnn);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].item, second.notification.id);
  EXPECT_EQ(found[1].item, first.notification.id);
  EXPECT_EQ(found[1].entries, (std::vector<std::int32_t>{0, 3}));
  EXPECT_EQ(named(kAnn, INT64_MAX, 1).size(), 1U);
  EXPECT_EQ(named(kAnn, second.notification.id).size(), 1U);
  EXPECT_TRUE(named(kAnn, first.notification.id).empty());
  EXPECT_EQ(named(kBob).size(), 1U);
}

TEST_P(Privacy, OfAForgottenUserOpenDeliveriesEndAndFinalOnesAreBare) {
  AcceptItem one = item(4);
  one.notification.body = R"({"title":"Dear Ann"})";
  for (auto& d : one.deliveries) d.device_id = "phone";
  accept_one(one);
  const std::int64_t id = one.notification.id;
  auto taken = claim({id + 1, id + 2});
  model::Attempt attempt;
  attempt.number = 1;
  attempt.at = clock_.now();
  attempt.outcome = "permanent";
  attempt.code = "550";
  attempt.detail = "550 no ann here";
  std::vector<store::RecordItem> items(1);
  items[0].delivery = taken.at(0);
  items[0].to = DeliveryStatus::Dead;
  items[0].attempt = attempt;
  items[0].dead_letter = "bounced: 550 no ann here";
  ASSERT_TRUE(run(store_->record(std::move(items), owner_, clock_.now())).value().at(0));
  std::vector<store::SandboxMessage> messages(2);
  messages[0] = {
      .id = 1, .project = 1, .delivery = id + 1, .notification = id, .to = "ann", .content = "{}", .at = {}};
  messages[1] = {
      .id = 2, .project = 1, .delivery = id + 4, .notification = id, .to = "bob", .content = "{}", .at = {}};
  ASSERT_TRUE(run(store_->add_sandbox_messages(std::move(messages))));
  WipedNotification wiped;
  wiped.id = id;
  wiped.expected_body = one.notification.body;
  wiped.body = R"j({"title":"(erased)"})j";
  wiped.deliveries = {id + 1, id + 2, id + 3};
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(wipe(wiped));
    wiped.expected_body = wiped.body;
    const auto dead = run(store_->delivery(id + 1)).value();
    EXPECT_EQ(dead.delivery.status, DeliveryStatus::Dead);
    EXPECT_EQ(dead.delivery.device_id, "");
    EXPECT_EQ(dead.attempts.at(0).code, "550");
    EXPECT_EQ(dead.attempts.at(0).detail, "");
    const auto letter = run(store_->letters().list({.project = 1}, {})).value().rows.at(0);
    EXPECT_EQ(letter.reason, "bounced");
    EXPECT_EQ(letter.error, "");
    EXPECT_EQ(stored(id + 2).status, DeliveryStatus::Processing) << "it is being sent";
    EXPECT_EQ(stored(id + 2).device_id, "phone");
    EXPECT_EQ(stored(id + 3).status, DeliveryStatus::Suppressed);
    EXPECT_EQ(stored(id + 3).reason, model::Reason::UserDeleted);
    EXPECT_EQ(stored(id + 4).status, DeliveryStatus::Pending) << "somebody else's";
    const auto kept = run(store_->list_sandbox_messages(1, {})).value();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].to, "bob");
    expect_accountable();
  }
  ASSERT_TRUE(record(taken.at(1), DeliveryStatus::Sent)) << "whoever sends it may say how it went";
  EXPECT_TRUE(claim({id + 3}).empty());
  EXPECT_EQ(claim({id + 4}).size(), 1U);
  expect_accountable();
}

TEST_P(Privacy, ANotificationWhoseLastOpenDeliveriesAreAForgottenUsersIsComplete) {
  const AcceptItem one = item(2);
  accept_one(one);
  const std::int64_t id = one.notification.id;
  EXPECT_EQ(notification(id)->status, NotificationStatus::Sending);
  ASSERT_TRUE(record(claim({id + 2}).at(0), DeliveryStatus::Sent));
  WipedNotification wiped;
  wiped.id = id;
  wiped.deliveries = {id + 1};
  ASSERT_TRUE(wipe(wiped));
  EXPECT_EQ(notification(id)->status, NotificationStatus::Completed);
  EXPECT_EQ(notification(id)->body, one.notification.body);
}

TEST_P(Privacy, WhatWasToOneAloneIsNeverSentAgain) {
  AcceptItem one = sensitive();
  accept_one(one);
  const std::int64_t id = one.notification.id;
  ASSERT_TRUE(record(claim({id + 1}).at(0), DeliveryStatus::Failed));
  WipedNotification wiped;
  wiped.id = id;
  wiped.expected_body = one.notification.body;
  wiped.body = R"j({"title":"(erased)"})j";
  wiped.is_erased = true;
  ASSERT_TRUE(wipe(wiped));
  EXPECT_TRUE(notification(id)->is_erased);
  EXPECT_EQ(sealed(id), "");
  EXPECT_EQ(replay(again(id + 1, "v1:k:new")).why, "content_gone");
}

TEST_P(Privacy, WhatWasChangedMeanwhileIsNotOverwritten) {
  const AcceptItem one = unbegun(NotificationStatus::Draft, {{kAnn, 0}, {kBob, 1}});
  accept_one(one);
  WipedNotification wiped;
  wiped.id = one.notification.id;
  wiped.expected_body = R"({"title":"older"})";
  wiped.body = R"j({"title":"(erased)"})j";
  wiped.user_key = kAnn;
  EXPECT_EQ(wipe(wiped).error().code, Errc::Conflict);
  EXPECT_EQ(notification(one.notification.id)->body, one.notification.body);
  EXPECT_EQ(named(kAnn).size(), 1U);
  wiped.expected_body = one.notification.body;
  wiped.sealed = "v1:k:others";
  ASSERT_TRUE(wipe(wiped));
  EXPECT_EQ(notification(one.notification.id)->body, wiped.body);
  EXPECT_EQ(sealed(one.notification.id), "v1:k:others");
  EXPECT_TRUE(named(kAnn).empty());
  EXPECT_EQ(named(kBob).size(), 1U);
  wiped.id = 12345;
  EXPECT_TRUE(wipe(wiped)) << "what is gone is as good";
}

TEST_P(Privacy, AnEventThatNamesAUserGoesUnlessItWasReplayed) {
  std::vector<store::EventLetter> letters(2);
  for (std::size_t i = 0; i < letters.size(); ++i) {
    letters[i].project = 1;
    letters[i].rule = "shipped";
    letters[i].reason = "unknown_user";
    letters[i].error = "there is no ann";
    letters[i].event = R"({"data":"Ann"})";
    letters[i].hash[0] = static_cast<std::uint8_t>(i + 1);
    letters[i].named = {{kAnn, 0}};
  }
  const auto kept = run(store_->put_event_letters(letters, clock_.now())).value();
  ASSERT_TRUE(run(store_->close_event_letter(kept[1].id, 9, {}, "key:ops", clock_.now())).value());
  ASSERT_EQ(named(kAnn).size(), 2U);
  EXPECT_LT(named(kAnn)[0].item, store::kLettersBelow);
  for (const auto& letter : kept) {
    for (int times = 0; times < 2; ++times)
      ASSERT_TRUE(run(store_->privacy().erase_event_letter(letter.id, "{}")));
  }
  EXPECT_TRUE(named(kAnn).empty());
  EXPECT_EQ(run(store_->event_letter(kept[0].id)).error().code, Errc::NotFound);
  const auto replayed = run(store_->event_letter(kept[1].id)).value();
  EXPECT_EQ(replayed.event, "{}");
  EXPECT_EQ(replayed.error, "");
  const auto rows = run(store_->letters().list({.project = 1}, {})).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, kept[1].id);
  const auto repeated = run(store_->put_event_letters({letters[1]}, clock_.now())).value();
  EXPECT_TRUE(repeated[0].was_replayed);
  EXPECT_EQ(run(store_->event_letter(kept[1].id)).value().event, "{}");
}

TEST_P(Privacy, AReplayedEventLeavesWhatStandsForIt) {
  std::vector<store::EventLetter> letters(1);
  letters[0].project = 1;
  letters[0].rule = "shipped";
  letters[0].reason = "x";
  letters[0].event = "v1:k:secret";
  letters[0].hash[0] = 9;
  const auto kept = run(store_->put_event_letters(letters, clock_.now())).value();
  ASSERT_TRUE(
      run(store_->close_event_letter(kept[0].id, 9, R"({"id":"1"})", "key:ops", clock_.now())).value());
  EXPECT_EQ(run(store_->event_letter(kept[0].id)).value().event, R"({"id":"1"})");
}

INSTANTIATE_TEST_SUITE_P(Stores, Privacy, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
