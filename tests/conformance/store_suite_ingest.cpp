// What every Store promises about records among the dead letters.
#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using store::ListPage;
using store::RecordLetter;
using store::RecordTry;

class RecordLetters : public StoreSuite {
 protected:
  static RecordLetter letter(std::uint8_t hash, std::optional<Time> due_at = std::nullopt) {
    RecordLetter made;
    made.project = 1;
    made.app = 7;
    made.topic = "notification.events";
    made.partition = 3;
    made.offset = std::int64_t{1} << 40;
    made.reason = due_at ? "unknown_user" : "not_json";
    made.error = "at byte 5";
    made.record = "v1:sealed";
    made.hash[0] = hash;
    made.due_at = due_at;
    made.named = {{.user_key = 99, .entry = 0}};
    return made;
  }
  std::vector<store::KeptLetter> keep(std::vector<RecordLetter> letters) {
    return run(ingest().keep(std::move(letters), clock_.now())).value();
  }
  std::int64_t keep_one(RecordLetter one) {
    std::vector<RecordLetter> letters;
    letters.push_back(std::move(one));
    return keep(std::move(letters)).front().id;
  }
  store::IngestStore& ingest() { return store_->ingest(); }
  Result<RecordLetter> get(std::int64_t id) { return run(ingest().get(id)); }
  std::vector<store::DeadLetter> list(std::int32_t project = 1) {
    return run(store_->letters().list({.project = project}, ListPage{})).value().rows;
  }
  std::vector<std::int64_t> due(std::size_t limit = 10) {
    std::vector<std::int64_t> ids;
    for (const auto& one : run(ingest().take_due(limit, Millis(60'000), clock_.now())).value())
      ids.push_back(one.id);
    return ids;
  }
  bool close(std::int64_t id, const std::string& ended = "replayed") {
    return run(ingest().close({id, ended, 5, ended == "replayed"}, "member:ann", clock_.now())).value();
  }
  void settle(RecordTry tried) {
    std::vector<RecordTry> tries;
    tries.push_back(std::move(tried));
    ASSERT_TRUE(run(ingest().settle(std::move(tries), clock_.now())));
  }
  std::vector<store::NamedItem> named() { return run(store_->privacy().named({.user_key = 99})).value(); }
};

TEST_P(RecordLetters, ReadBackAsWrittenAlsoAfterARestart) {
  const auto id = keep_one(letter(1));
  const Time at = clock_.now();
  restart();
  const RecordLetter read = get(id).value();
  EXPECT_EQ(read.project, 1);
  EXPECT_EQ(read.app, 7);
  EXPECT_EQ(read.topic, "notification.events");
  EXPECT_EQ(read.partition, 3);
  EXPECT_EQ(read.offset, std::int64_t{1} << 40);
  EXPECT_EQ(read.reason, "not_json");
  EXPECT_EQ(read.error, "at byte 5");
  EXPECT_EQ(read.record, "v1:sealed");
  EXPECT_EQ(read.hash[0], 1);
  EXPECT_EQ(read.tries, 1);
  EXPECT_FALSE(read.due_at);
  EXPECT_EQ(read.at, at);
  EXPECT_FALSE(read.is_closed);
  EXPECT_EQ(read.ended, "");
  EXPECT_EQ(get(id + 1).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->event_letter(id)).error().code, Errc::NotFound);
  const auto rows = list();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].kind, "record");
  EXPECT_EQ(rows[0].id, id);
  EXPECT_EQ(rows[0].queue, model::Queue::None);
  EXPECT_TRUE(list(2).empty());
  EXPECT_LT(id, store::kLettersBelow);
}

TEST_P(RecordLetters, OneThatIsReadAgainMakesNoSecondOne) {
  auto again = letter(1);
  again.reason = "unknown_template";
  const auto kept = keep({letter(1), letter(2), again});
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].id, kept[2].id);
  EXPECT_NE(kept[0].id, kept[1].id);
  EXPECT_EQ(get(kept[0].id)->reason, "unknown_template");
  EXPECT_TRUE(close(kept[0].id));
  const auto closed = keep({letter(1)});
  EXPECT_TRUE(closed[0].was_replayed);
  EXPECT_EQ(closed[0].notification, 5);
  EXPECT_EQ(list().size(), 2U);
}

TEST_P(RecordLetters, ClosingIsAuditedAndDoneOnce) {
  const auto id = keep_one(letter(1)), other = keep_one(letter(2)), third = keep_one(letter(3));
  EXPECT_TRUE(close(id));
  store::Discard unwanted{
      .project = 1, .app = 0, .letters = {id, other}, .reason = {}, .actor = "member:ann"};
  const auto discarded = run(store_->letters().discard(std::move(unwanted), clock_.now())).value();
  EXPECT_FALSE(discarded[0].is_done);
  EXPECT_TRUE(discarded[1].is_done);
  EXPECT_TRUE(close(third, "republished"));
  EXPECT_FALSE(close(third + 1));
  EXPECT_EQ(get(id)->record, "") << "nobody needs it any more";
  EXPECT_EQ(get(id)->ended, "replayed");
  EXPECT_EQ(get(id)->notification, 5);
  EXPECT_EQ(get(other)->record, "v1:sealed");
  EXPECT_EQ(get(other)->ended, "discarded");
  const auto audit = run(store_->list_audit({.project = 1}, ListPage{})).value().rows;
  ASSERT_EQ(audit.size(), 3U);
  EXPECT_EQ(audit[0].action, "record.republish");
  EXPECT_EQ(audit[1].action, "record.discard");
  EXPECT_EQ(audit[2].action, "record.replay");
  EXPECT_EQ(audit[2].actor, "member:ann");
  EXPECT_EQ(audit[2].object, base::id_text(base::kDeadLetterPrefix, id));
  EXPECT_NE(audit[2].detail.find("\"topic\":\"notification.events\""), std::string::npos);
}

TEST_P(RecordLetters, ThoseThatWaitAreTakenWhenTheyAreDueByOneAtATime) {
  const auto first = keep_one(letter(1, clock_.now() + Millis(1000)));
  const auto second = keep_one(letter(2, clock_.now() + Millis(500)));
  keep_one(letter(3));
  EXPECT_TRUE(due().empty());
  clock_.advance(Millis(1000));
  EXPECT_EQ(due(1), std::vector{second});
  EXPECT_EQ(due(), std::vector{first});
  EXPECT_TRUE(due().empty()) << "both are being tried";
  clock_.advance(Millis(60'000));
  EXPECT_EQ(due().size(), 2U) << "whoever took them died";
}

TEST_P(RecordLetters, AnotherTryIsWaitedForAndWhatIsTakenIsForgotten) {
  const auto id = keep_one(letter(1, clock_.now()));
  ASSERT_EQ(due(), std::vector{id});
  settle({id, RecordTry::Kind::Again, clock_.now() + Millis(5000), "unknown_user", "still"});
  EXPECT_EQ(get(id)->tries, 2);
  EXPECT_EQ(get(id)->error, "still");
  EXPECT_TRUE(due().empty());
  clock_.advance(Millis(5000));
  ASSERT_EQ(due(), std::vector{id});
  EXPECT_EQ(named().size(), 1U);
  settle({id, RecordTry::Kind::Taken, {}, {}, {}});
  EXPECT_EQ(get(id).error().code, Errc::NotFound);
  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(named().empty());
}

TEST_P(RecordLetters, OneThatWaitedInVainIsDeadFromThenOn) {
  const auto id = keep_one(letter(1, clock_.now()));
  const auto newer = keep_one(letter(2));
  ASSERT_EQ(due(), std::vector{id});
  clock_.advance(Millis(5000));
  settle({id, RecordTry::Kind::Dead, {}, "unknown_user", "never"});
  const auto rows = list();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_GT(rows[0].id, newer) << "it is the newest";
  EXPECT_EQ(rows[0].at, clock_.now());
  const RecordLetter dead = get(rows[0].id).value();
  EXPECT_EQ(dead.hash[0], 1);
  EXPECT_EQ(dead.tries, 2);
  EXPECT_FALSE(dead.due_at);
  EXPECT_EQ(dead.error, "never");
  EXPECT_EQ(named().front().item, rows[0].id);
  EXPECT_TRUE(due().empty());
  // Settled twice, or closed meanwhile: nothing more.
  settle({rows[0].id, RecordTry::Kind::Taken, {}, {}, {}});
  EXPECT_TRUE(get(rows[0].id));
}

TEST_P(RecordLetters, AreCountedForAlertsWhenTheyAreDead) {
  const auto tallies = [&] { return run(store_->alerts().new_letters(100)).value().tallies; };
  const auto id = keep_one(letter(1, clock_.now()));
  EXPECT_TRUE(tallies().empty()) << "it waits";
  ASSERT_EQ(due(), std::vector{id});
  settle({id, RecordTry::Kind::Dead, {}, "unknown_user", "never"});
  const auto seen = tallies();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].topic, "notification.events");
  EXPECT_EQ(seen[0].reason, "unknown_user");
  EXPECT_EQ(seen[0].n, 1);
}

TEST_P(RecordLetters, AUserWhoIsForgottenTakesThemAlong) {
  const auto id = keep_one(letter(1));
  ASSERT_EQ(named().front().item, id);
  ASSERT_TRUE(run(ingest().erase(id)));
  ASSERT_TRUE(run(ingest().erase(id)));
  EXPECT_EQ(get(id).error().code, Errc::NotFound);
  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(named().empty());
}

TEST_P(RecordLetters, GoWhenTheirRetentionIsOver) {
  const auto old = keep_one(letter(1));
  clock_.advance(std::chrono::days(60));
  const auto young = keep_one(letter(2));
  clock_.advance(std::chrono::days(31));
  store::Retention retention;
  retention.events = std::chrono::days(90);
  while (run(store_->housekeeping(retention, clock_.now())).value()) {}
  EXPECT_EQ(get(old).error().code, Errc::NotFound);
  EXPECT_TRUE(get(young));
  EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(named().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Stores, RecordLetters, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
