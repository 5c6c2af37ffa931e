// What every Store promises about records, the audit trail, sandbox messages and kept answers.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using store::ListPage;
using store::Record;
using store::RecordKey;

Record make_record(const std::string& key, const std::string& data = "{}", std::int32_t project = 1) {
  Record r;
  r.key = RecordKey{"template", project, key};
  r.data = data;
  return r;
}

class Records : public StoreSuite {
 protected:
  Result<Record> put(Record r, std::optional<std::int64_t> expected = std::nullopt) {
    return run(store_->put_record(std::move(r), expected, "member:ann", clock_.now()));
  }
  Result<Record> get(const std::string& key, std::int32_t project = 1) {
    return run(store_->get_record(RecordKey{"template", project, key}));
  }
  std::vector<store::AuditEntry> audit(ListPage page = {}, std::int32_t project = 1) {
    return run(store_->list_audit({.project = project}, page)).value().rows;
  }
  store::SandboxMessage message(std::int32_t project = 1) {
    store::SandboxMessage m;
    m.id = ids_->take();
    m.project = project;
    m.delivery = 5;
    m.notification = 4;
    m.channel = model::Channel::Sms;
    m.to = "+821012345678";
    m.content = R"({"body":"hello"})";
    m.at = clock_.now();
    return m;
  }
};

TEST_P(Records, ARecordReadsBackAsWrittenAlsoAfterARestart) {
  const Record stored = put(make_record("welcome", R"({"a":1})")).value();
  EXPECT_EQ(stored.version, 1);
  EXPECT_GT(stored.id, 0);
  EXPECT_EQ(stored.created_at, clock_.now());
  restart();
  const Record read = get("welcome").value();
  EXPECT_EQ(read.data, R"({"a":1})");
  EXPECT_EQ(read.id, stored.id);
  EXPECT_EQ(read.key.key, "welcome");
  EXPECT_EQ(read.created_at, stored.created_at);
}

TEST_P(Records, AnUnknownRecordIsNotFound) {
  ASSERT_TRUE(put(make_record("welcome")));
  EXPECT_EQ(get("other").error().code, Errc::NotFound);
  EXPECT_EQ(get("welcome", 2).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->get_record({"layout", 1, "welcome"})).error().code, Errc::NotFound);
}

TEST_P(Records, AChangeKeepsIdAndBirthAndRaisesTheVersion) {
  const Record first = put(make_record("welcome")).value();
  clock_.advance(Millis(10));
  const Record second = put(make_record("welcome", R"({"b":2})")).value();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.version, 2);
  EXPECT_EQ(second.created_at, first.created_at);
  EXPECT_EQ(second.updated_at, clock_.now());
  EXPECT_EQ(get("welcome")->data, R"({"b":2})");
}

TEST_P(Records, AnExpectedVersionThatIsNotTheStoredOneIsAConflictAndWritesNothing) {
  EXPECT_EQ(put(make_record("welcome"), 1).error().code, Errc::Conflict) << "does not exist";
  ASSERT_TRUE(put(make_record("welcome", R"({"a":1})"), 0));
  EXPECT_EQ(put(make_record("welcome"), 0).error().code, Errc::Conflict) << "exists";
  EXPECT_EQ(put(make_record("welcome"), 2).error().code, Errc::Conflict) << "ahead";
  EXPECT_EQ(put(make_record("welcome", R"({"a":2})"), 1).value().version, 2);
  EXPECT_EQ(put(make_record("welcome"), 1).error().code, Errc::Conflict) << "behind";
  EXPECT_EQ(get("welcome")->data, R"({"a":2})");
  EXPECT_EQ(audit().size(), 2U);
}

TEST_P(Records, ADeletedRecordIsGoneAndItsSuccessorIsAnother) {
  const Record first = put(make_record("welcome")).value();
  ASSERT_TRUE(run(store_->delete_record(first.key, "member:ann", clock_.now())));
  EXPECT_EQ(get("welcome").error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->delete_record(first.key, "member:ann", clock_.now())).error().code, Errc::NotFound);
  const Record second = put(make_record("welcome"), 0).value();
  EXPECT_GT(second.id, first.id) << "an id is never given twice";
  EXPECT_EQ(second.version, 1);
}

TEST_P(Records, EveryChangeIsAuditedNewestFirst) {
  ASSERT_TRUE(put(make_record("welcome")));
  ASSERT_TRUE(put(make_record("welcome")));
  ASSERT_TRUE(put(make_record("else", "{}", 2)));
  ASSERT_TRUE(run(store_->delete_record({"template", 1, "welcome"}, "member:bob", clock_.now())));
  restart();
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].action, "template.delete");
  EXPECT_EQ(entries[0].actor, "member:bob");
  EXPECT_EQ(entries[1].action, "template.update");
  EXPECT_EQ(entries[2].action, "template.create");
  EXPECT_EQ(entries[2].object, "welcome");
  EXPECT_EQ(entries[2].at, clock_.now());
  const auto rest = audit(ListPage{.after = entries[0].id, .limit = 1, .after_key = {}});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].id, entries[1].id);
}

TEST_P(Records, TheAuditTellsWhoAskedAndWhatChangedWithoutSecrets) {
  const store::Actor ann("member:ann", "req_7", "10.0.0.7");
  const auto write = [&](const std::string& data) {
    return run(store_->put_record(make_record("welcome", data), std::nullopt, ann, clock_.now()));
  };
  ASSERT_TRUE(write(R"({"a":1,"secret":"first"})"));
  ASSERT_TRUE(write(R"({"a":2,"secret":"other"})"));
  ASSERT_TRUE(run(store_->delete_record({"template", 1, "welcome"}, ann, clock_.now())));
  restart();
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 3U);
  for (const auto& entry : entries) {
    EXPECT_EQ(entry.actor.name, "member:ann");
    EXPECT_EQ(entry.actor.request_id, "req_7");
    EXPECT_EQ(entry.actor.origin, "10.0.0.7");
    EXPECT_EQ(entry.detail.find("first"), std::string::npos);
    EXPECT_EQ(entry.detail.find("other"), std::string::npos);
  }
  EXPECT_EQ(entries[0].detail,
            R"({"changes":[{"pointer":"/a","before":2},{"pointer":"/secret","before":{"set":true}}]})");
  EXPECT_EQ(entries[1].detail, R"({"version":2,"changes":[{"pointer":"/a","before":1,"after":2},)"
                               R"({"pointer":"/secret","before":{"set":true},"after":{"set":true}}]})");
  EXPECT_EQ(entries[2].detail, R"({"version":1,"changes":[{"pointer":"/a","after":1},)"
                               R"({"pointer":"/secret","after":{"set":true}}]})");
}

TEST_P(Records, TheAuditIsFilteredAndPagedByTime) {
  const Time start = clock_.now();
  for (int i = 0; i < 12; ++i) {
    const store::Actor who(i % 2 == 0 ? "key:ops" : "cli", fmt::format("req_{}", i), "");
    ASSERT_TRUE(
        run(store_->put_record(make_record(fmt::format("t{}", i % 3)), std::nullopt, who, clock_.now())));
    if (i % 4 == 3) clock_.advance(Millis(1'000));  // four of each second share its millisecond
  }
  const auto count = [&](store::AuditFilter filter) {
    filter.project = 1;
    std::vector<std::int64_t> ids;
    for (ListPage page{.after = 0, .limit = 5, .after_key = {}};;) {
      const auto found = run(store_->list_audit(filter, page)).value();
      for (const auto& row : found.rows) ids.push_back(row.id);
      if (found.next == 0) break;
      page.after = found.next;
    }
    EXPECT_TRUE(std::ranges::is_sorted(ids, std::greater{})) << "newest first, none twice";
    return ids.size();
  };
  EXPECT_EQ(count({}), 12U);
  EXPECT_EQ(count({.actor = "cli"}), 6U);
  EXPECT_EQ(count({.object = "t1"}), 4U);
  EXPECT_EQ(count({.object = "t1", .action = "template.create"}), 1U);
  EXPECT_EQ(count({.action = "template"}), 12U);
  EXPECT_EQ(count({.action = "templat"}), 0U);
  EXPECT_EQ(count({.request_id = "req_4"}), 1U);
  EXPECT_EQ(count({.from = start + Millis(1'000)}), 8U);
  EXPECT_EQ(count({.until = start + Millis(1'000)}), 4U);
  EXPECT_EQ(count({.from = start + Millis(1'000), .until = start + Millis(2'000)}), 4U);
  EXPECT_EQ(count({.from = start + Millis(9'000)}), 0U);
}

TEST_P(Records, WhatHasNoActorIsKeptButNotAudited) {
  ASSERT_TRUE(run(store_->put_record(make_record("state"), std::nullopt, "", clock_.now())));
  EXPECT_EQ(get("state")->version, 1);
  EXPECT_TRUE(audit().empty());
  ASSERT_TRUE(run(store_->delete_record({"template", 1, "state"}, "", clock_.now())));
  EXPECT_EQ(get("state").error().code, Errc::NotFound);
  EXPECT_TRUE(audit().empty());
}

TEST_P(Records, RecordsAreListedByKeyCompletelyWhileOthersComeIn) {
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(put(make_record(fmt::format("k{:02}", i))));
  ASSERT_TRUE(put(make_record("k99", "{}", 2)));
  std::vector<std::string> seen;
  ListPage page{.after = 0, .limit = 10, .after_key = {}};
  for (;;) {
    const auto rows = run(store_->list_records("template", 1, page)).value();
    EXPECT_LE(rows.size(), 10U);
    if (rows.empty()) break;
    for (const Record& row : rows) seen.push_back(row.key.key);
    page.after_key = seen.back();
    ASSERT_TRUE(put(make_record(fmt::format("a{}", seen.size()))));
  }
  EXPECT_EQ(seen.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_P(Records, AKeptAnswerIsTheFirstOneUntilItExpires) {
  const Time expires = clock_.now() + Millis(1'000);
  EXPECT_EQ(run(store_->get_answer("key", clock_.now())).value(), std::nullopt);
  ASSERT_TRUE(run(store_->put_answer("key", "first", expires, clock_.now())));
  ASSERT_TRUE(run(store_->put_answer("key", "second", expires + Millis(500), clock_.now())));
  restart();
  EXPECT_EQ(run(store_->get_answer("key", clock_.now())).value(), "first");
  EXPECT_EQ(run(store_->get_answer("other", clock_.now())).value(), std::nullopt);
  clock_.set(expires);
  EXPECT_EQ(run(store_->get_answer("key", clock_.now())).value(), std::nullopt);
  ASSERT_TRUE(run(store_->put_answer("key", "third", expires + Millis(500), clock_.now())));
  EXPECT_EQ(run(store_->get_answer("key", clock_.now())).value(), "third");
}

TEST_P(Records, HousekeepingTrimsTheAuditTrailToItsRetention) {
  ASSERT_TRUE(put(make_record("old")));
  store::Retention retention;
  clock_.advance(retention.audit + Millis(1));
  ASSERT_TRUE(put(make_record("new")));
  while (run(store_->housekeeping(retention, clock_.now())).value()) {}
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].object, "new");
  EXPECT_TRUE(get("old")) << "the record itself stays";
}

TEST_P(Records, SandboxMessagesAreListedNewestFirstPerProject) {
  std::vector<store::SandboxMessage> messages;
  for (int i = 0; i < 7; ++i) messages.push_back(message());
  messages.push_back(message(2));
  ASSERT_TRUE(run(store_->add_sandbox_messages(messages)));
  restart();
  std::vector<std::int64_t> seen, expected;
  for (int i = 6; i >= 0; --i) expected.push_back(messages[static_cast<std::size_t>(i)].id);
  ListPage page{.after = 0, .limit = 3, .after_key = {}};
  for (;;) {
    const auto rows = run(store_->list_sandbox_messages(1, page)).value();
    if (rows.empty()) break;
    for (const auto& row : rows) seen.push_back(row.id);
    EXPECT_EQ(rows.back().to, "+821012345678");
    EXPECT_EQ(rows.back().content, R"({"body":"hello"})");
    page.after = seen.back();
    ASSERT_TRUE(run(store_->add_sandbox_messages({message()})));
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(Records, TheNewestHundredThousandSandboxMessagesAreKept) {
  std::vector<store::SandboxMessage> oldest{message()};
  ASSERT_TRUE(run(store_->add_sandbox_messages(oldest)));
  std::int64_t newest_kept = 0;
  for (int chunk = 0; chunk < 26; ++chunk) {
    std::vector<store::SandboxMessage> messages;
    for (int i = 0; i < 4'000; ++i) messages.push_back(message());
    if (chunk == 1) newest_kept = messages.front().id;  // the 100,000th from the end
    ASSERT_TRUE(run(store_->add_sandbox_messages(std::move(messages))));
  }
  const auto last_of = [&](std::int64_t after) {
    return run(store_->list_sandbox_messages(1, ListPage{.after = after, .limit = 1, .after_key = {}}))
        .value();
  };
  EXPECT_TRUE(last_of(oldest[0].id + 1).empty()) << "the oldest went";
  ASSERT_EQ(last_of(newest_kept + 1).size(), 1U);
  EXPECT_EQ(last_of(newest_kept + 1)[0].id, newest_kept) << "one of the newest went";
}

INSTANTIATE_TEST_SUITE_P(Stores, Records, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
