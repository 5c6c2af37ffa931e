// What every Store promises about webhooks: an event is there exactly when its change is, for those who want
// it.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using namespace std::chrono_literals;
using model::DeliveryStatus;
using store::StoredWebhook;
using store::WebhookState;

class WebhookOutbox : public StoreSuite {
 protected:
  store::WebhookStore& webhooks() { return store_->webhooks(); }

  StoredWebhook made(std::string key = "shop", std::string events = "*", std::int32_t project = 1) {
    StoredWebhook w;
    w.project = project;
    w.webhook.key = std::move(key);
    w.webhook.url = "https://shop.example.com/hook";
    w.webhook.patterns = {events};
    w.webhook.events = model::webhook_events_of(events);
    w.webhook.sealed_secret = "v1:sealed";
    return put(std::move(w)).value();
  }
  Result<StoredWebhook> put(StoredWebhook w) {
    return run(webhooks().put(std::move(w), "webhook.update", "key:ops", clock_.now()));
  }
  std::vector<store::WebhookDelivery> due(const StoredWebhook& w, std::size_t limit = 100,
                                          std::vector<std::int64_t> busy = {}) {
    std::vector<store::WebhookDueQuery> queries{{w.id, limit, std::move(busy)}};
    return run(webhooks().due(std::move(queries), clock_.now())).value();
  }
  // Their types in order of time.
  std::vector<std::string> types(const StoredWebhook& w) {
    auto rows = due(w);
    std::ranges::sort(rows, {}, [](const auto& row) { return row.event.id; });
    std::vector<std::string> names;
    for (const auto& row : rows) names.emplace_back(model::name(row.event.type));
    return names;
  }
  static std::string at(const store::WebhookDelivery& told, std::string_view pointer) {
    base::JsonDocument document;
    const auto root = document.parse(told.event.data);
    base::JsonElement found;
    if (!root || root->at_pointer(pointer).get(found) != simdjson::SUCCESS) return "(none)";
    std::string_view text;
    return found.get_string().get(text) == simdjson::SUCCESS ? std::string(text) : base::to_json(found);
  }
  store::WebhookHealth settle(const StoredWebhook& w, std::int64_t event, WebhookState state,
                              Millis again = Millis{5'000}) {
    store::WebhookResult result{.webhook = w.id, .event = event, .state = state};
    result.due_at = clock_.now() + again;
    result.tried.at = clock_.now();
    result.tried.took_ms = 12;
    result.tried.status = state == WebhookState::Delivered ? 204 : 503;
    if (state != WebhookState::Delivered) result.tried.error = "it answered 503";
    return run(webhooks().settle({result}, clock_.now())).value().at(0);
  }
  // A notification with a delivery, claimed.
  model::Delivery taken(std::string body = "{}") {
    auto one = item();
    one.notification.body = std::move(body);
    const std::int64_t id = one.deliveries[0].id;
    accept_one(std::move(one));
    return claim({id}).at(0);
  }
  void housekeep(store::Retention retention = {}) {
    while (run(store_->housekeeping(retention, clock_.now())).value()) continue;
  }
};

TEST_P(WebhookOutbox, HoldsWhatWasRecordedForThoseWhoWantIt) {
  const auto all = made(), failures = made("failures", "delivery.failed"), other = made("other", "*", 2);
  const auto d = taken(R"({"metadata":{"order":"7"},"tags":["a"],"params":{"code":"1234"}})");
  ASSERT_TRUE(record(d, DeliveryStatus::Sent));
  EXPECT_EQ(types(all), (std::vector<std::string>{"delivery.sent", "notification.completed"}));
  EXPECT_TRUE(due(failures).empty());
  EXPECT_TRUE(due(other).empty());
  const auto told = due(all);
  const auto& sent = told[0].event.type == model::WebhookEvent::DeliverySent ? told[0] : told[1];
  EXPECT_EQ(at(sent, "/delivery_id"), base::id_text(base::kDeliveryPrefix, d.id));
  EXPECT_EQ(at(sent, "/notification_id"), base::id_text(base::kNotificationPrefix, d.notification));
  EXPECT_EQ(at(sent, "/status"), "sent");
  EXPECT_EQ(at(sent, "/user_id"), "u0");
  EXPECT_EQ(at(sent, "/metadata"), R"({"order":"7"})");
  EXPECT_EQ(at(sent, "/tags"), R"(["a"])");
  EXPECT_EQ(sent.event.app, 7);
  EXPECT_EQ(sent.event.data.find("1234"), std::string::npos);
  restart();
  EXPECT_EQ(types(all).size(), 2U);
}

TEST_P(WebhookOutbox, IsEmptyWithoutAWebhookOrForADisabledOne) {
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  auto webhook = made();
  webhook.webhook.enabled = false;
  webhook = put(std::move(webhook)).value();
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  webhook.webhook.enabled = true;
  webhook = put(std::move(webhook)).value();
  EXPECT_TRUE(due(webhook).empty());
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  EXPECT_EQ(due(webhook).size(), 2U);
}

TEST_P(WebhookOutbox, HoldsNothingOfAStaleResult) {
  const auto webhook = made("shop", "delivery.*");
  const auto d = taken();
  ASSERT_TRUE(record(d, DeliveryStatus::Retrying));
  ASSERT_FALSE(record(d, DeliveryStatus::Sent));
  EXPECT_TRUE(due(webhook).empty());
}

TEST_P(WebhookOutbox, TellsOfTheLastDeliveryThatTheNotificationIsComplete) {
  const auto webhook = made("shop", "notification.completed");
  auto one = item(3);
  one.deliveries[0].status = DeliveryStatus::Suppressed;
  one.deliveries[0].reason = model::Reason::OptedOut;
  const std::int64_t first = one.deliveries[1].id;
  accept_one(std::move(one));
  auto claimed = claim({first, first + 1});
  ASSERT_EQ(claimed.size(), 2U);
  ASSERT_TRUE(record(claimed[0], DeliveryStatus::Sent));
  EXPECT_TRUE(due(webhook).empty());
  ASSERT_TRUE(record(claimed[1], DeliveryStatus::Failed));
  const auto told = due(webhook);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(at(told[0], "/outcome"), "partial");
  EXPECT_EQ(at(told[0], "/deliveries"), R"({"sent":1,"failed":1,"suppressed":1})");
}

TEST_P(WebhookOutbox, TellsAtOnceOfWhatReachesNobody) {
  const auto webhook = made();
  auto one = item();
  one.deliveries[0].status = DeliveryStatus::Suppressed;
  one.deliveries[0].reason = model::Reason::NoAddress;
  accept_one(std::move(one));
  EXPECT_EQ(types(webhook), (std::vector<std::string>{"delivery.suppressed", "notification.completed"}));
}

TEST_P(WebhookOutbox, OnlyTheOffenderOfABatchLeavesNoEvent) {
  const auto webhook = made("shop", "delivery.suppressed");
  std::vector<store::AcceptItem> items;
  for (int i = 0; i < 3; ++i) {
    items.push_back(item());
    items.back().deliveries[0].status = DeliveryStatus::Suppressed;
  }
  items[1].deliveries[0].id = items[0].deliveries[0].id;  // an id that is taken
  const auto results = accept(std::move(items));
  EXPECT_FALSE(results[1]);
  EXPECT_EQ(due(webhook).size(), 2U);
}

TEST_P(WebhookOutbox, TellsOfReceiptsAndSuppressions) {
  const auto webhook = made();
  const auto d = taken();
  ASSERT_TRUE(record(d, DeliveryStatus::Sent));
  const auto report = [&](model::ReceiptKind kind) {
    store::ReceiptItem one;
    one.project = 1;
    one.receipt.kind = kind;
    one.receipt.delivery = d.id;
    one.receipt.at = clock_.now();
    one.address = store::AddressKey{model::Channel::Sms, base::Hash128{7}};
    one.hint = "+82…00";
    ASSERT_TRUE(run(store_->receipts().add({std::move(one)}, clock_.now())));
  };
  using model::ReceiptKind;
  clock_.advance(1ms);  // what happens in one is told in any order
  for (const auto kind : {ReceiptKind::Delivered, ReceiptKind::Opened, ReceiptKind::Opened,
                          ReceiptKind::Unsubscribed, ReceiptKind::Resubscribed}) {
    report(kind);
  }
  EXPECT_EQ(types(webhook),
            (std::vector<std::string>{"delivery.sent", "notification.completed", "delivery.delivered",
                                      "engagement.opened", "suppression.added", "engagement.unsubscribed",
                                      "suppression.removed"}));
}

TEST_P(WebhookOutbox, TellsOfDevicesAndPreferences) {
  const auto webhook = made();
  const auto put_profile = [&](model::Profile profile) {
    store::ProfileChange by;
    by.actor = "app:shop";
    by.source = "api";
    ASSERT_TRUE(run(store_->put_profile(std::move(profile), std::move(by), clock_.now())));
  };
  model::Profile ann;
  ann.project = 1;
  ann.user_id = "ann";
  model::Device& phone = ann.devices.emplace_back();
  phone.device_id = "phone";
  phone.platform = model::Platform::Ios;
  phone.endpoints.push_back({"apns", "token-1", clock_.now()});
  put_profile(ann);
  model::Profile bob = ann;  // the same phone
  bob.user_id = "bob";
  put_profile(bob);
  bob.version = 1;
  bob.preferences.push_back({"sms", "*", false});
  put_profile(bob);
  bob.version = 2;
  bob.devices.clear();
  put_profile(bob);
  EXPECT_EQ(types(webhook),
            (std::vector<std::string>{"device.registered", "device.removed", "device.registered",
                                      "preference.changed", "device.removed"}));
  std::vector<std::string> reasons;
  for (const auto& told : due(webhook)) {
    if (told.event.type == model::WebhookEvent::DeviceRemoved)
      reasons.push_back(at(told, "/user_id") + " " + at(told, "/reason"));
    if (told.event.type == model::WebhookEvent::PreferenceChanged)
      EXPECT_EQ(at(told, "/changes/preferences/0/opt_in"), "false");
  }
  std::ranges::sort(reasons);
  EXPECT_EQ(reasons, (std::vector<std::string>{"ann moved", "bob user"}));
}

TEST_P(WebhookOutbox, ForgetsTheEventsOfAUserWhoIsErased) {
  const auto webhook = made("shop", "delivery.*");
  const auto d = taken();
  ASSERT_TRUE(record(d, DeliveryStatus::Sent));
  ASSERT_EQ(due(webhook).size(), 1U);
  ASSERT_TRUE(run(store_->erase_user(store::UserKey{1, "u0"}, "key:ops", clock_.now())));
  EXPECT_TRUE(due(webhook).empty());
}

TEST_P(WebhookOutbox, GivesOutWhatIsDueUntilItIsSettled) {
  const auto webhook = made("shop", "delivery.sent");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
    clock_.advance(1s);
  }
  const auto first = due(webhook, 1);
  ASSERT_EQ(first.size(), 1U);
  const auto others = due(webhook, 10, {first[0].event.id});
  ASSERT_EQ(others.size(), 2U);
  EXPECT_GT(others[0].event.id, first[0].event.id);
  settle(webhook, first[0].event.id, WebhookState::Delivered);
  settle(webhook, others[0].event.id, WebhookState::Waiting);
  settle(webhook, others[1].event.id, WebhookState::Failed);
  EXPECT_TRUE(due(webhook).empty());
  clock_.advance(6s);
  ASSERT_EQ(due(webhook).size(), 1U);
  EXPECT_EQ(due(webhook)[0].event.id, others[0].event.id);
  EXPECT_EQ(due(webhook)[0].tries, 1);
  restart();
  const auto again = run(webhooks().delivery(webhook.id, others[0].event.id)).value();
  ASSERT_TRUE(again.last);
  EXPECT_EQ(again.last->status, 503);
  EXPECT_EQ(again.last->error, "it answered 503");
  EXPECT_EQ(run(webhooks().attempts(webhook.id, others[0].event.id)).value().size(), 1U);
  EXPECT_TRUE(run(webhooks().attempts(webhook.id, first[0].event.id)).value().empty());
  const auto backlog = run(webhooks().backlog(webhook.id)).value();
  EXPECT_EQ(backlog.waiting, 1);
  EXPECT_EQ(backlog.failed, 1);
}

TEST_P(WebhookOutbox, KnowsSinceWhenNothingButFailuresComeBack) {
  const auto webhook = made("shop", "delivery.sent");
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  const std::int64_t event = due(webhook)[0].event.id;
  const Time began = clock_.now();
  EXPECT_EQ(settle(webhook, event, WebhookState::Waiting).failing_since, began);
  clock_.advance(1h);
  EXPECT_EQ(settle(webhook, event, WebhookState::Waiting).failing_since, began);
  EXPECT_EQ(run(webhooks().get(1, "shop")).value().failing_since, began);
  EXPECT_FALSE(settle(webhook, event, WebhookState::Delivered).failing_since);
  EXPECT_FALSE(run(webhooks().get(1, "shop")).value().failing_since);
}

TEST_P(WebhookOutbox, AResumeBringsTriesForward) {
  auto webhook = made("shop", "delivery.sent");
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  settle(webhook, due(webhook)[0].event.id, WebhookState::Waiting, 10h);
  webhook.webhook.paused = "maintenance";
  webhook = put(std::move(webhook)).value();
  EXPECT_TRUE(webhook.failing_since);
  EXPECT_TRUE(due(webhook).empty());
  webhook.webhook.paused.clear();
  webhook = put(std::move(webhook)).value();
  EXPECT_FALSE(webhook.failing_since);
  EXPECT_EQ(due(webhook).size(), 1U);
}

TEST_P(WebhookOutbox, ReplaysSomeOrAStretch) {
  const auto webhook = made("shop", "delivery.sent");
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
    clock_.advance(1s);
  }
  auto told = due(webhook);
  ASSERT_EQ(told.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i)
    settle(webhook, told[i].event.id, i == 0 ? WebhookState::Failed : WebhookState::Delivered);
  store::WebhookReplay which{.webhook = webhook.id, .project = 1, .events = webhook.webhook.events};
  which.is_failed_only = true;
  which.until = INT64_MAX;
  auto piece = run(webhooks().replay_piece(which, clock_.now())).value();
  EXPECT_EQ(piece.replayed, 1);
  EXPECT_EQ(piece.next, 0);
  ASSERT_EQ(due(webhook).size(), 1U);
  EXPECT_EQ(due(webhook)[0].tries, 0);
  settle(webhook, told[0].event.id, WebhookState::Delivered);
  which.is_failed_only = false;
  which.from = told[2].event.id;
  EXPECT_EQ(run(webhooks().replay_piece(which, clock_.now())).value().replayed, 2);
  EXPECT_EQ(due(webhook).size(), 2U);
  const auto some = run(webhooks().replay(which, {told[1].event.id, 999}, clock_.now())).value();
  EXPECT_EQ(some, std::vector<std::int64_t>{told[1].event.id});
  EXPECT_EQ(due(webhook).size(), 3U);
  // One that was made later is told of what there was before it.
  const auto late = made("late", "delivery.*");
  which.webhook = late.id;
  which.events = late.webhook.events;
  which.from = 0;
  EXPECT_EQ(run(webhooks().replay_piece(which, clock_.now())).value().replayed, 4);
  EXPECT_EQ(due(late).size(), 4U);
}

TEST_P(WebhookOutbox, IsListedNewestFirstAndFiltered) {
  const auto webhook = made();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(record(taken(), i == 1 ? DeliveryStatus::Failed : DeliveryStatus::Sent));
    clock_.advance(1s);
  }
  const auto list = [&](store::WebhookDeliveryFilter filter, store::ListPage page = {}) {
    filter.webhook = webhook.id;
    return run(webhooks().deliveries(filter, page)).value();
  };
  EXPECT_EQ(list({}).rows.size(), 6U);
  EXPECT_GT(list({}).rows[0].event.id, list({}).rows[1].event.id);
  store::WebhookDeliveryFilter failed;
  failed.events = model::webhook_events_of("delivery.failed");
  EXPECT_EQ(list(failed).rows.size(), 1U);
  store::WebhookDeliveryFilter waiting;
  waiting.state = WebhookState::Waiting;
  EXPECT_EQ(list(waiting).rows.size(), 6U);
  waiting.state = WebhookState::Delivered;
  EXPECT_TRUE(list(waiting).rows.empty());
  store::ListPage page;
  page.limit = 4;
  const auto first = list({}, page);
  ASSERT_EQ(first.rows.size(), 4U);
  page.after = first.next;
  EXPECT_EQ(list({}, page).rows.size(), 2U);
}

TEST_P(WebhookOutbox, GoesWithItsRetentionAndWithItsWebhook) {
  const auto webhook = made("shop", "delivery.sent"), gone = made("gone", "delivery.sent");
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  ASSERT_EQ(due(webhook).size(), 1U);
  ASSERT_TRUE(run(webhooks().remove(1, "gone", "key:ops", clock_.now())));
  EXPECT_EQ(run(webhooks().remove(1, "gone", "key:ops", clock_.now())).error().code, Errc::NotFound);
  housekeep();
  EXPECT_TRUE(due(gone).empty());
  EXPECT_EQ(due(webhook).size(), 1U);
  clock_.advance(std::chrono::hours(24 * 8));
  housekeep();
  EXPECT_TRUE(due(webhook).empty());
}

TEST_P(WebhookOutbox, IdsAscendAlsoWhereTheClockStands) {
  const auto webhook = made("shop", "delivery.sent");
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  auto told = due(webhook);
  ASSERT_EQ(told.size(), 5U);
  std::ranges::sort(told, {}, [](const auto& row) { return row.event.id; });
  for (const auto& row : told) {
    EXPECT_GT(row.event.id, last);
    EXPECT_GE(row.event.id, base::id_floor(row.event.at));
    last = row.event.id;
  }
}

TEST_P(WebhookOutbox, TwoWhoChangeAWebhookAtOnceAreToldAndThereIsALimit) {
  auto webhook = made();
  const auto old = webhook;
  webhook.webhook.description = "first";
  const std::uint64_t before = webhooks().generation();
  ASSERT_TRUE(put(webhook));
  EXPECT_NE(webhooks().generation(), before);
  EXPECT_EQ(put(old).error().code, Errc::Conflict);
  for (std::size_t i = 1; i < model::kWebhooksMax; ++i) made(fmt::format("w{}", i));
  StoredWebhook more = old;
  more.id = more.version = 0;
  more.webhook.key = "more";
  EXPECT_EQ(put(std::move(more)).error().code, Errc::ResourceExhausted);
  EXPECT_EQ(run(webhooks().list(1)).value().size(), model::kWebhooksMax);
  store::AuditFilter filter;
  filter.project = 1;
  for (const auto& entry : run(store_->list_audit(filter, {})).value().rows)
    EXPECT_EQ(entry.detail.find("v1:sealed"), std::string::npos);
}

TEST_P(WebhookOutbox, HoldsAllEventsForTheStreamWhileItIsOn) {
  StoredWebhook stream;
  stream.id = store::kEventStream;
  webhooks().stream_events(true);
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  EXPECT_EQ(types(stream), (std::vector<std::string>{"delivery.sent", "notification.completed"}));
  // A webhook beside it, also one that comes or changes later, gets its own.
  const auto failures = made("failures", "delivery.failed");
  ASSERT_TRUE(record(taken(), DeliveryStatus::Failed));
  EXPECT_EQ(types(failures), std::vector<std::string>{"delivery.failed"});
  ASSERT_EQ(types(stream).size(), 4U);
  std::vector<std::int64_t> ids;
  for (const auto& one : due(stream)) ids.push_back(one.event.id);
  ASSERT_TRUE(run(webhooks().streamed(ids)));
  ASSERT_TRUE(run(webhooks().streamed(ids)));
  EXPECT_TRUE(due(stream).empty());
  EXPECT_EQ(types(failures), std::vector<std::string>{"delivery.failed"}) << "it has not been told yet";
  webhooks().stream_events(false);
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  EXPECT_TRUE(due(stream).empty());
}

TEST_P(WebhookOutbox, DropsWhatTheStreamDidNotTakeForSoLong) {
  StoredWebhook stream;
  stream.id = store::kEventStream;
  webhooks().stream_events(true);
  ASSERT_TRUE(record(taken(), DeliveryStatus::Sent));
  housekeep();
  EXPECT_EQ(due(stream).size(), 2U);
  clock_.advance(std::chrono::days(8));
  housekeep();
  EXPECT_TRUE(due(stream).empty());
}

INSTANTIATE_TEST_SUITE_P(Backends, WebhookOutbox, ::testing::ValuesIn(store_backends()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::conformance
