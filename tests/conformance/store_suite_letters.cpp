// What every Store promises about dead letters of every kind: how they are found, listed and given up.
#include <algorithm>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using store::DeadLetter;
using store::LetterFilter;
using store::ListPage;

class Letters : public StoreSuite {
 protected:
  // A delivery that was given up on.
  DeadLetter dead(std::int64_t app = 7, DeliveryStatus status = DeliveryStatus::Dead) {
    store::AcceptItem one = item();
    one.notification.app = app;
    accept_one(one);
    const auto taken = claim({one.deliveries[0].id});
    EXPECT_TRUE(record(taken.at(0), status));
    return list({.project = 1}).rows.at(0);
  }
  std::int64_t event(std::int64_t app = 7, const std::string& rule = "shipped") {
    store::EventLetter made;
    made.project = 1;
    made.app = app;
    made.rule = rule;
    made.reason = "missing_field";
    made.event = R"({"id":"1"})";
    made.hash[0] = static_cast<std::uint8_t>(++events_);
    std::vector<store::EventLetter> letters{made};
    return run(store_->put_event_letters(std::move(letters), clock_.now())).value().at(0).id;
  }
  store::DeadLetterPage list(LetterFilter filter, ListPage page = {}) {
    return run(store_->letters().list(std::move(filter), std::move(page))).value();
  }
  std::vector<std::int64_t> ids(LetterFilter filter) {
    std::vector<std::int64_t> found;
    for (const DeadLetter& letter : list(std::move(filter)).rows) found.push_back(letter.id);
    return found;
  }
  std::vector<store::Discarded> discard(std::vector<std::int64_t> letters, std::int64_t app = 0,
                                        const std::string& reason = "nobody waits for it") {
    store::Discard what{.project = 1,
                        .app = app,
                        .letters = std::move(letters),
                        .reason = reason,
                        .actor = store::Actor("member:ann", "req-1", "10.0.0.1")};
    return run(store_->letters().discard(std::move(what), clock_.now())).value();
  }
  Result<DeadLetter> find(std::int64_t id, std::int32_t project = 1) {
    return run(store_->letters().find(project, id));
  }

  int events_ = 0;
};

TEST_P(Letters, ADiscardedOneKeepsItsDeliveryAsItIs) {
  const DeadLetter letter = dead();
  EXPECT_FALSE(letter.is_closed);
  EXPECT_EQ(letter.app, 7);
  const auto results = discard({letter.id});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_TRUE(results[0].is_done) << results[0].why;
  const Time at = clock_.now();
  clock_.advance(Millis(1000));
  restart();
  const DeadLetter closed = find(letter.id).value();
  EXPECT_TRUE(closed.is_closed);
  EXPECT_EQ(closed.end.how, "discarded");
  EXPECT_EQ(closed.end.reason, "nobody waits for it");
  EXPECT_EQ(closed.end.by, "member:ann");
  EXPECT_EQ(closed.end.at, at);
  EXPECT_EQ(stored(letter.delivery).status, DeliveryStatus::Dead) << "giving up is no state of a delivery";
  const auto detail = run(store_->delivery(letter.delivery)).value();
  ASSERT_TRUE(detail.letter);
  EXPECT_EQ(detail.letter->id, letter.id);
  EXPECT_EQ(detail.letter->end.reason, "nobody waits for it");
  expect_accountable();
}

TEST_P(Letters, WhatTheyAreAboutIsReadTogetherInTheirOrder) {
  for (int i = 0; i < 20; ++i) {  // more than are looked for at a time
    dead();
    if (i % 5 == 0) event(7, "rule " + std::to_string(i));
  }
  store::RecordLetter made;
  made.project = 1;
  made.topic = "notification.events";
  made.offset = 42;
  made.reason = "not_json";
  made.hash[0] = 1;
  std::vector<store::RecordLetter> records{made};
  ASSERT_TRUE(run(store_->ingest().keep(std::move(records), clock_.now())));
  std::vector<DeadLetter> letters = list({.project = 1}).rows;
  ASSERT_EQ(letters.size(), 25U);
  letters[3].delivery = 1;  // gone
  const auto subjects = run(store_->letters().subjects(letters)).value();
  ASSERT_EQ(subjects.size(), letters.size());
  std::vector<std::int64_t> seen;
  std::vector<std::string> rules;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (const auto* const delivery = std::get_if<model::Delivery>(&subjects[i])) {
      EXPECT_EQ(delivery->id, letters[i].delivery);
      EXPECT_EQ(delivery->status, DeliveryStatus::Dead);
      seen.push_back(delivery->id);
    } else if (const auto* const event = std::get_if<store::EventLetter>(&subjects[i])) {
      EXPECT_EQ(event->id, letters[i].id);
      rules.push_back(event->rule);
    } else if (const auto* const record = std::get_if<store::RecordLetter>(&subjects[i])) {
      EXPECT_EQ(record->id, letters[i].id);
      EXPECT_EQ(record->offset, 42);
      EXPECT_EQ(i, 0U) << "the newest";
    } else {
      EXPECT_EQ(i, 3U);
    }
  }
  EXPECT_EQ(seen.size(), 19U);
  EXPECT_EQ(rules, (std::vector<std::string>{"rule 15", "rule 10", "rule 5", "rule 0"}));
  EXPECT_TRUE(run(store_->letters().subjects({})).value().empty());
}

TEST_P(Letters, DiscardingIsAuditedWithItsReason) {
  const DeadLetter letter = dead();
  const std::int64_t lost = event();
  discard({letter.id, lost});
  const auto audit = run(store_->list_audit({.project = 1}, ListPage{})).value().rows;
  ASSERT_EQ(audit.size(), 2U);
  EXPECT_EQ(audit[0].action, "event.discard");
  EXPECT_EQ(audit[0].object, base::id_text(base::kDeadLetterPrefix, lost));
  EXPECT_EQ(audit[1].action, "delivery.discard");
  EXPECT_EQ(audit[1].object, base::id_text(base::kDeliveryPrefix, letter.delivery));
  EXPECT_EQ(audit[1].actor, "member:ann");
  EXPECT_NE(audit[1].detail.find(R"("reason":"nobody waits for it")"), std::string::npos) << audit[1].detail;
}

TEST_P(Letters, AreDiscardedOnceAndByWhoMay) {
  const DeadLetter letter = dead();
  EXPECT_FALSE(discard({letter.id}, 8)[0].is_done) << "it is another app's";
  EXPECT_FALSE(discard({letter.id + 1'000})[0].is_done);
  EXPECT_TRUE(discard({letter.id}, 7)[0].is_done);
  const auto again = discard({letter.id}, 0, "once more");
  EXPECT_FALSE(again[0].is_done);
  EXPECT_EQ(again[0].why, "it was discarded: nobody waits for it");
  EXPECT_EQ(find(letter.id)->end.reason, "nobody waits for it");
  EXPECT_EQ(run(store_->list_audit({.project = 1}, ListPage{})).value().rows.size(), 1U);
  EXPECT_EQ(find(letter.id, 2).error().code, Errc::NotFound);
}

TEST_P(Letters, AReplayStaysPossibleAndDoesNotUndoIt) {
  const DeadLetter letter = dead();
  discard({letter.id});
  std::vector<store::ReplayItem> items(1);
  items[0].delivery = letter.delivery;
  EXPECT_TRUE(run(store_->replay(items, "admin", clock_.now())).value()[0].replayed);
  EXPECT_EQ(find(letter.id)->end.how, "discarded");
  const auto again = scan(model::Lane{letter.queue, model::Priority::Normal});
  ASSERT_EQ(again.size(), 1U);
  record(again[0], DeliveryStatus::Dead);
  const auto open = ids({.project = 1, .is_closed = false});
  ASSERT_EQ(open.size(), 1U) << "it is given up on anew";
  EXPECT_NE(open[0], letter.id);
  expect_accountable();
}

TEST_P(Letters, SayHowTheyEnded) {
  const DeadLetter letter = dead();
  std::vector<store::ReplayItem> items(1);
  items[0].delivery = letter.delivery;
  EXPECT_TRUE(run(store_->replay(items, "key:ops", clock_.now())).value()[0].replayed);
  EXPECT_EQ(find(letter.id)->end.how, "replayed");
  EXPECT_EQ(find(letter.id)->end.by, "key:ops");
  EXPECT_EQ(discard({letter.id})[0].why, "it is closed: it was replayed");
}

TEST_P(Letters, AnEventThatWasDiscardedAndComesAgainIsKeptAgain) {
  const std::int64_t first = event();
  discard({first});
  --events_;  // the same again
  const std::int64_t second = event();
  EXPECT_NE(first, second);
  EXPECT_TRUE(find(first)->is_closed);
  EXPECT_FALSE(find(second)->is_closed);
  --events_;
  EXPECT_EQ(event(), second);
}

TEST_P(Letters, AreListedByWhatAFilterSays) {
  const DeadLetter a = dead(7), b = dead(8), c = dead(7, DeliveryStatus::Unknown);
  const std::int64_t e = event(8, "billed");
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(ids({.project = 1}), (Ids{e, c.id, b.id, a.id}));
  EXPECT_EQ(ids({.project = 2}), Ids{});
  EXPECT_EQ(ids({.project = 1, .app = 8}), (Ids{e, b.id}));
  EXPECT_EQ(ids({.project = 1, .kind = "event"}), (Ids{e}));
  EXPECT_EQ(ids({.project = 1, .kind = "delivery"}), (Ids{c.id, b.id, a.id}));
  EXPECT_EQ(ids({.project = 1, .rule = "billed"}), (Ids{e}));
  EXPECT_EQ(ids({.project = 1, .rule = "shipped"}), Ids{});
  EXPECT_EQ(ids({.project = 1, .topic = "t"}), Ids{});
  EXPECT_EQ(ids({.project = 1, .reason = a.reason, .channel = model::channel_of(a.queue)}),
            ids({.project = 1, .kind = "delivery", .reason = a.reason}));
  EXPECT_EQ(ids({.project = 1, .channel = model::Channel::Voice}), Ids{});
  EXPECT_EQ(ids({.project = 1, .integration = "nobody"}), Ids{});
  EXPECT_EQ(ids({.project = 1, .from = clock_.now() + Millis(1)}), Ids{});
  EXPECT_EQ(ids({.project = 1, .until = clock_.now()}), Ids{});
  discard({b.id});
  EXPECT_EQ(ids({.project = 1, .is_closed = false}), (Ids{e, c.id, a.id}));
  EXPECT_EQ(ids({.project = 1, .is_closed = true}), (Ids{b.id}));
  EXPECT_EQ(run(store_->letters().count_open({.project = 1}, INT64_MAX)).value(), 3);
  EXPECT_EQ(run(store_->letters().count_open({.project = 1, .app = 7}, c.id)).value(), 1);
}

TEST_P(Letters, PagesOfAFilterHoldAllThatFits) {
  std::vector<std::int64_t> wanted;
  for (int i = 0; i < 7; ++i) {
    dead(8);
    wanted.push_back(dead(7).id);
  }
  std::ranges::reverse(wanted);
  std::vector<std::int64_t> found;
  ListPage page;
  page.limit = 3;
  for (int n = 0; n < 10; ++n) {
    const auto part = list({.project = 1, .app = 7}, page);
    for (const DeadLetter& letter : part.rows) found.push_back(letter.id);
    if (part.next == 0) break;
    page.after = part.next;
  }
  EXPECT_EQ(found, wanted);
}

TEST_P(Letters, AStepOfAJobDiscardsAndCountsOnce) {
  const DeadLetter a = dead(), b = dead();
  discard({b.id}, 0, "before");
  store::StoredJob job;
  job.id = ids_->take();
  job.project = 1;
  job.kind = "discard";
  job.actor = "member:ann";
  job.spec = "{}";
  job.total = 2;
  job.created_at = clock_.now();
  ASSERT_TRUE(run(store_->jobs().put(job, {}, {})));
  store::JobStep step;
  step.job = job.id;
  step.cursor = a.id;
  step.done = 2;
  step.change.actor = "member:ann";
  step.letters = {a.id, b.id};
  step.reason = "all of them";
  step.is_last = true;
  const auto done = run(store_->jobs().step(step, clock_.now())).value();
  EXPECT_EQ(done.done, 1);
  EXPECT_EQ(done.failed, 1);
  EXPECT_EQ(done.state, store::JobState::Completed);
  EXPECT_EQ(find(a.id)->end.reason, "all of them");
  EXPECT_EQ(find(b.id)->end.reason, "before");
  const auto errors = run(store_->jobs().errors(job.id, {})).value();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].item, base::id_text(base::kDeadLetterPrefix, b.id));
}

INSTANTIATE_TEST_SUITE_P(Stores, Letters, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
