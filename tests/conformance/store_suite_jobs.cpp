// What every Store promises about jobs: a step and how far the job came are one thing.
#include <fmt/format.h>
#include <rapidcheck.h>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using store::JobState;
using store::JobStep;
using store::ListPage;
using store::StoredJob;

constexpr std::int32_t kProject = 1;

class Jobs : public StoreSuite {
 protected:
  StoredJob put(const std::string& kind = "import_users", std::int64_t app = 0) {
    StoredJob made;
    made.id = ids_->take();
    made.project = kProject;
    made.app = app;
    made.kind = kind;
    made.actor = store::Actor("test", "req-7", "10.0.0.7");
    made.spec = R"({"format":"csv"})";
    made.total = 10;
    made.created_at = clock_.now();
    store::AuditEntry audit{.project = kProject,
                            .at = clock_.now(),
                            .actor = "test",
                            .action = "user.import",
                            .object = "x",
                            .detail = {}};
    EXPECT_TRUE(run(store_->jobs().put(made, {}, std::move(audit))));
    return made;
  }
  StoredJob get(std::int64_t id) { return run(store_->jobs().get(id)).value(); }
  static JobStep step(std::int64_t job, std::int64_t from, std::int64_t to) {
    JobStep made;
    made.job = job;
    made.expected_cursor = from;
    made.cursor = to;
    made.line = to + 1;
    made.change = {.actor = "test", .source = "import", .is_preference_change = false, .unique_email = true};
    return made;
  }
  static void add(JobStep& step, const std::string& user, const std::string& email,
                  std::int64_t version = 0) {
    model::Profile profile;
    profile.project = kProject;
    profile.user_id = user;
    profile.email = email;
    profile.version = version;
    step.profiles.push_back({std::move(profile), static_cast<std::int64_t>(step.profiles.size()) + 1});
    ++step.done;
  }
  Result<StoredJob> take(JobStep made) { return run(store_->jobs().step(std::move(made), clock_.now())); }
  std::shared_ptr<const model::Profile> user(const std::string& id) {
    std::vector<store::UserKey> keys{{kProject, id}};
    return run(store_->profiles(std::move(keys))).value().front();
  }
  std::vector<store::JobError> errors(std::int64_t job, ListPage page = {}) {
    return run(store_->jobs().errors(job, std::move(page))).value();
  }
  std::vector<std::int64_t> open() {
    std::vector<std::int64_t> ids;
    for (const auto& job : run(store_->jobs().open_ones()).value()) ids.push_back(job.id);
    return ids;
  }
};

TEST_P(Jobs, ReadBackAsWrittenAlsoAfterARestart) {
  const StoredJob made = put("import_users", 7);
  restart();
  EXPECT_GE(run(store_->register_process("conformance", clock_.now())).value().highest_id, made.id);
  const StoredJob read = get(made.id);
  EXPECT_EQ(read.project, kProject);
  EXPECT_EQ(read.app, 7);
  EXPECT_EQ(read.kind, "import_users");
  EXPECT_EQ(read.actor, "test");
  EXPECT_EQ(read.actor.request_id, "req-7");
  EXPECT_EQ(read.actor.origin, "10.0.0.7");
  EXPECT_EQ(read.spec, R"({"format":"csv"})");
  EXPECT_EQ(read.state, JobState::Queued);
  EXPECT_EQ(read.total, 10);
  EXPECT_EQ(read.created_at, made.created_at);
  EXPECT_FALSE(read.started_at || read.finished_at);
  EXPECT_EQ(run(store_->jobs().get(made.id + 1)).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->list_audit({.project = kProject}, {})).value().rows.front().action, "user.import");
}

TEST_P(Jobs, AreListedNewestFirstAndByApp) {
  const std::int64_t a = put("import_users", 1).id, b = put("replay", 2).id;
  const auto all = run(store_->jobs().list(kProject, 0, {})).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, b);
  const auto mine = run(store_->jobs().list(kProject, 1, {})).value();
  ASSERT_EQ(mine.size(), 1U);
  EXPECT_EQ(mine[0].id, a);
  EXPECT_EQ(run(store_->jobs().list(kProject, 0, ListPage{.after = b, .limit = 1, .after_key = {}}))
                .value()
                .front()
                .id,
            a);
  EXPECT_TRUE(run(store_->jobs().list(2, 0, {})).value().empty());
}

TEST_P(Jobs, AStepSaysWhatIsToBeKnownAndMayBeginAnew) {
  const std::int64_t id = put("export_deliveries").id;
  JobStep some = step(id, 0, 50);
  some.done = 40;
  EXPECT_EQ(take(some).value().done, 40);
  JobStep anew = step(id, 50, 0);
  anew.done = -40;
  EXPECT_EQ(take(anew).value().done, 0);
  JobStep last = step(id, 0, 0);
  last.line = 1'234;
  last.done = last.total = 3;
  last.detail = "there were more";
  last.is_last = true;
  ASSERT_TRUE(take(last));
  const StoredJob ended = get(id);
  EXPECT_EQ(ended.state, JobState::Completed);
  EXPECT_EQ(ended.line, 1'234);
  EXPECT_EQ(ended.total, 3);
  EXPECT_EQ(ended.detail, "there were more");
}

TEST_P(Jobs, AreNewsToWhoWatches) {
  std::uint64_t before = store_->news();
  const auto is_news = [&] { return std::exchange(before, store_->news()) != before; };
  const std::int64_t id = put().id;
  EXPECT_TRUE(is_news());
  ASSERT_TRUE(take(step(id, 0, 10)));
  EXPECT_TRUE(is_news());
  ASSERT_TRUE(run(store_->jobs().end(id, JobState::Cancelled, {}, "tests", clock_.now())));
  EXPECT_TRUE(is_news());
  store::AlertChange change;
  change.key = {.project = kProject, .kind = model::AlertKind::IntegrationPaused, .subject = "mail"};
  std::vector<store::AlertChange> changes{change};
  ASSERT_TRUE(run(store_->alerts().change(std::move(changes), std::nullopt, clock_.now())));
  EXPECT_TRUE(is_news());
}

TEST_P(Jobs, AStepWritesItsUsersAndHowFarItCame) {
  const std::int64_t id = put().id;
  JobStep first = step(id, 0, 100);
  add(first, "ann", "ann@example.test");
  add(first, "bob", "bob@example.test");
  first.errors.push_back(
      {.line = 4, .item = {}, .pointer = "/email", .code = "invalid_email", .detail = "no"});
  const auto taken = take(first);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->cursor, 100);
  EXPECT_EQ(taken->done, 2);
  restart();
  const StoredJob after = get(id);
  EXPECT_EQ(after.state, JobState::Running);
  EXPECT_EQ(after.cursor, 100);
  EXPECT_EQ(after.line, 101);
  EXPECT_EQ(after.done, 2);
  EXPECT_EQ(after.failed, 1);
  EXPECT_TRUE(after.started_at);
  ASSERT_TRUE(user("ann") && user("bob"));
  EXPECT_EQ(user("ann")->version, 1);
  ASSERT_EQ(errors(id).size(), 1U);
  EXPECT_EQ(errors(id)[0].line, 4);
  EXPECT_EQ(errors(id)[0].pointer, "/email");
  EXPECT_EQ(errors(id)[0].code, "invalid_email");
  EXPECT_EQ(errors(id)[0].detail, "no");
  // The same again does nothing: it was done.
  EXPECT_EQ(take(first).error().code, Errc::Conflict);
  JobStep last = step(id, 100, 120);
  last.is_last = true;
  ASSERT_TRUE(take(last));
  EXPECT_EQ(get(id).state, JobState::Completed);
  EXPECT_TRUE(get(id).finished_at);
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(take(step(id, 120, 130)).error().code, Errc::FailedPrecondition);
}

TEST_P(Jobs, AChangedUserUndoesTheWholeStep) {
  const std::int64_t id = put().id;
  JobStep first = step(id, 0, 10);
  add(first, "ann", "a@example.test");
  ASSERT_TRUE(take(first));
  JobStep second = step(id, 10, 20);
  add(second, "bob", "b@example.test");
  add(second, "ann", "other@example.test", 0);  // it has version 1
  EXPECT_EQ(take(second).error().code, Errc::Conflict);
  EXPECT_FALSE(user("bob"));
  EXPECT_EQ(get(id).cursor, 10);
  EXPECT_EQ(get(id).done, 1);
}

TEST_P(Jobs, ATakenAddressCostsItsRowOnly) {
  const std::int64_t id = put().id;
  JobStep first = step(id, 0, 10);
  first.errors.push_back({.line = 4, .item = {}, .pointer = {}, .code = "invalid_csv", .detail = "x"});
  add(first, "ann", "same@example.test");
  add(first, "bob", "same@example.test");
  add(first, "cid", "cid@example.test");
  ASSERT_TRUE(take(first));
  EXPECT_TRUE(user("ann") && user("cid"));
  EXPECT_FALSE(user("bob"));
  EXPECT_EQ(get(id).done, 2);
  EXPECT_EQ(get(id).failed, 2);
  ASSERT_EQ(errors(id).size(), 2U);
  EXPECT_EQ(errors(id)[0].code, "email_taken");
  EXPECT_EQ(errors(id)[0].line, 2);
  EXPECT_EQ(errors(id)[1].line, 4) << "in the order of the file";
}

TEST_P(Jobs, MembersComeWithTheStep) {
  ASSERT_TRUE(run(store_->put_group(kProject, "g", "g", "test", clock_.now())));
  const std::int64_t id = put("import_members").id;
  JobStep first = step(id, 0, 10);
  first.group = "g";
  first.members = {"u2", "u1", "u2"};
  first.done = 3;
  ASSERT_TRUE(take(first));
  EXPECT_EQ(run(store_->groups(kProject, {"g"})).value().front().members, 2);
  ASSERT_TRUE(run(store_->delete_group(kProject, "g", "test", clock_.now())));
  JobStep second = step(id, 10, 20);
  second.group = "g";
  second.members = {"u3"};
  EXPECT_EQ(take(second).error().code, Errc::NotFound);
  EXPECT_EQ(get(id).cursor, 10);
}

TEST_P(Jobs, EndOnceAndStayAsTheyAre) {
  const std::int64_t id = put().id;
  const auto ended = run(store_->jobs().end(id, JobState::Cancelled, {}, "ann", clock_.now())).value();
  EXPECT_EQ(ended.state, JobState::Cancelled);
  clock_.advance(std::chrono::minutes(1));
  const auto again = run(store_->jobs().end(id, JobState::Failed, "why", "ann", clock_.now())).value();
  EXPECT_EQ(again.state, JobState::Cancelled);
  EXPECT_EQ(again.finished_at, ended.finished_at);
  EXPECT_EQ(take(step(id, 0, 1)).error().code, Errc::FailedPrecondition);
  EXPECT_EQ(run(store_->jobs().end(id + 1, JobState::Failed, {}, "ann", clock_.now())).error().code,
            Errc::NotFound);
  EXPECT_EQ(run(store_->list_audit({.project = kProject}, {})).value().rows.front().action, "job.cancel");
}

TEST_P(Jobs, ErrorsAreKeptToALimitAndAllCounted) {
  StoredJob made;
  made.id = ids_->take();
  made.project = kProject;
  made.kind = "replay";
  made.state = JobState::Completed;
  made.created_at = clock_.now();
  std::vector<store::JobError> many(static_cast<std::size_t>(store::kJobErrorsMax) + 5);
  for (auto& error : many) error.detail = "x";
  made.failed = static_cast<std::int64_t>(many.size());
  ASSERT_TRUE(run(store_->jobs().put(made, std::move(many), {})));
  EXPECT_EQ(get(made.id).failed, store::kJobErrorsMax + 5);
  EXPECT_EQ(errors(made.id, ListPage{.after = store::kJobErrorsMax - 1, .limit = 50, .after_key = {}}).size(),
            1U);
  EXPECT_EQ(errors(made.id, ListPage{.after = 10, .limit = 2, .after_key = {}}).front().seq, 11);
}

TEST_P(Jobs, AreDroppedWhenTheyAreOldAndDone) {
  const std::int64_t kept = put().id, old = put().id;
  ASSERT_TRUE(run(store_->jobs().end(old, JobState::Cancelled, {}, "ann", clock_.now())));
  clock_.advance(std::chrono::hours(31 * 24));
  while (run(store_->housekeeping({}, clock_.now())).value()) {}
  EXPECT_EQ(open(), std::vector<std::int64_t>{kept});
  EXPECT_EQ(run(store_->jobs().get(old)).error().code, Errc::NotFound);
}

TEST_P(Jobs, WhatIsWipedReadsAnewAndKeepsItsState) {
  store::AcceptItem one = item(2);
  one.notification.body = R"({"title":"Dear Ann"})";
  const std::int64_t id = one.notification.id;
  accept_one(std::move(one));
  for (model::Delivery& d : claim({id + 1, id + 2})) {
    ASSERT_TRUE(record(std::move(d), model::DeliveryStatus::Failed));
  }
  std::vector<store::ReplayItem> items{
      {.delivery = id + 1, .params = R"({"name":"Ann"})", .address = {}, .integration = {}}};
  ASSERT_TRUE(run(store_->replay(std::move(items), "test", clock_.now())).value().at(0).replayed);
  auto again = claim({id + 1});
  ASSERT_NE(again.at(0).note.find("Ann"), std::string::npos);
  ASSERT_TRUE(record(std::move(again[0]), model::DeliveryStatus::Sent));
  std::vector<store::WipedNotification> wiped(1);
  wiped[0].id = id;
  wiped[0].expected_body = R"({"title":"Dear Ann"})";
  wiped[0].body = "{}";
  wiped[0].deliveries = {id + 1, id + 2};
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(run(store_->privacy().wipe_notifications(wiped, clock_.now())));
    wiped[0].expected_body = "{}";
    EXPECT_EQ(run(store_->notifications({id})).value().at(0)->body, "{}");
    EXPECT_EQ(stored(id + 1).note.find("Ann"), std::string::npos);
    EXPECT_EQ(stored(id + 1).status, model::DeliveryStatus::Sent);
    EXPECT_EQ(stored(id + 2).status, model::DeliveryStatus::Failed);
  }
  expect_accountable();
}

INSTANTIATE_TEST_SUITE_P(Stores, Jobs, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
