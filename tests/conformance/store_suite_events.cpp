// What every Store promises about events among the dead letters.
#include <fmt/format.h>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using store::EventLetter;
using store::ListPage;

class EventLetters : public StoreSuite {
 protected:
  static EventLetter letter(std::uint8_t hash, const std::string& event = R"({"id":"1"})") {
    EventLetter made;
    made.project = 1;
    made.app = 7;
    made.is_test = true;
    made.rule = "shipped";
    made.reason = "missing_field";
    made.error = "/data/user_id: it is not there";
    made.event = event;
    made.hash[0] = hash;
    return made;
  }
  std::vector<store::KeptLetter> keep(std::vector<EventLetter> letters) {
    return run(store_->put_event_letters(std::move(letters), clock_.now())).value();
  }
  std::vector<std::int64_t> put(std::vector<EventLetter> letters) {
    std::vector<std::int64_t> ids;
    for (const auto& kept : keep(std::move(letters))) ids.push_back(kept.id);
    return ids;
  }
  Result<EventLetter> get(std::int64_t id) { return run(store_->event_letter(id)); }
  std::vector<store::DeadLetter> list(std::int32_t project = 1) {
    return run(store_->letters().list({.project = project}, ListPage{})).value().rows;
  }
  bool close(std::int64_t id) {
    return run(store_->close_event_letter(id, 5, {}, "member:ann", clock_.now())).value();
  }
};

TEST_P(EventLetters, ReadBackAsWrittenAlsoAfterARestart) {
  const auto ids = put({letter(1)});
  ASSERT_EQ(ids.size(), 1U);
  const Time at = clock_.now();
  restart();
  const EventLetter read = get(ids[0]).value();
  EXPECT_EQ(read.project, 1);
  EXPECT_EQ(read.app, 7);
  EXPECT_TRUE(read.is_test);
  EXPECT_EQ(read.rule, "shipped");
  EXPECT_EQ(read.reason, "missing_field");
  EXPECT_EQ(read.error, "/data/user_id: it is not there");
  EXPECT_EQ(read.event, R"({"id":"1"})");
  EXPECT_EQ(read.hash[0], 1);
  EXPECT_EQ(read.at, at);
  EXPECT_FALSE(read.is_closed);
  EXPECT_EQ(get(ids[0] + 1).error().code, Errc::NotFound);
  const auto rows = list();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].kind, "event");
  EXPECT_EQ(rows[0].id, ids[0]);
  EXPECT_EQ(rows[0].delivery, 0);
  EXPECT_EQ(rows[0].queue, model::Queue::None);
  EXPECT_TRUE(list(2).empty());
}

TEST_P(EventLetters, TheSameEventKeepsOneOpenLetter) {
  const auto ids = put({letter(1), letter(2), letter(1, R"({"id":"1","data":2})")});
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(get(ids[0])->event, R"({"id":"1","data":2})") << "the last one is the one to replay";
  EventLetter again = letter(1);
  again.reason = "unknown_user";
  EXPECT_EQ(put({again})[0], ids[0]);
  EXPECT_EQ(list().back().reason, "unknown_user");
  EXPECT_EQ(list().size(), 2U);
}

TEST_P(EventLetters, AnEventThatWasReplayedMakesNoSecondOne) {
  const auto ids = put({letter(1)});
  EXPECT_FALSE(keep({letter(1)})[0].was_replayed);
  EXPECT_TRUE(close(ids[0]));
  const auto again = keep({letter(1, R"({"id":"1","data":2})")})[0];
  EXPECT_TRUE(again.was_replayed);
  EXPECT_EQ(again.id, ids[0]);
  EXPECT_EQ(again.notification, 5);
  EXPECT_EQ(get(ids[0])->event, R"({"id":"1"})");
  EXPECT_EQ(get(ids[0])->notification, 5);
  EXPECT_EQ(list().size(), 1U);
}

TEST_P(EventLetters, ClosingIsAuditedAndDoneOnce) {
  const auto ids = put({letter(1)});
  EXPECT_TRUE(close(ids[0]));
  EXPECT_FALSE(close(ids[0]));
  EXPECT_FALSE(close(ids[0] + 1));
  EXPECT_TRUE(get(ids[0])->is_closed);
  EXPECT_TRUE(list()[0].is_closed);
  const auto audit = run(store_->list_audit({.project = 1}, ListPage{})).value().rows;
  ASSERT_EQ(audit.size(), 1U);
  EXPECT_EQ(audit[0].action, "event.replay");
  EXPECT_EQ(audit[0].actor, "member:ann");
  EXPECT_EQ(audit[0].object, base::id_text(base::kDeadLetterPrefix, ids[0]));
  EXPECT_NE(audit[0].detail.find("\"rule\":\"shipped\""), std::string::npos);
}

TEST_P(EventLetters, GoWhenTheirRetentionIsOver) {
  const auto old = put({letter(1)});
  clock_.advance(std::chrono::days(60));
  const auto young = put({letter(2)});
  clock_.advance(std::chrono::days(31));
  store::Retention retention;
  retention.events = std::chrono::days(90);
  while (run(store_->housekeeping(retention, clock_.now())).value()) {}
  EXPECT_EQ(get(old[0]).error().code, Errc::NotFound);
  EXPECT_TRUE(get(young[0]));
  EXPECT_EQ(list().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Stores, EventLetters, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
