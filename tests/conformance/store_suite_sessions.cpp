// What every Store promises about how members sign in: what lets somebody in counts once and ends with the
// member.
#include <fmt/format.h>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using namespace std::chrono_literals;
using store::Invitation;
using store::Login;
using store::LoginChange;
using store::Session;
using store::SessionStart;

class Sessions : public StoreSuite {
 protected:
  void SetUp() override {
    StoreSuite::SetUp();
    make_member("ann");
  }
  store::SessionStore& sessions() { return store_->sessions(); }

  void make_member(const std::string& key) {
    store::Record record;
    record.key = {"member", 0, key};
    record.data = "{}";
    ASSERT_TRUE(run(store_->put_record(std::move(record), 0, "test", clock_.now())));
  }
  void remove_member(const std::string& key) {
    ASSERT_TRUE(run(store_->delete_record({"member", 0, key}, "test", clock_.now())));
  }
  Login login(const std::string& member = "ann") { return run(sessions().login(member)).value(); }
  Result<void> put(Login login, std::optional<std::int64_t> keeps = std::nullopt,
                   const std::string& member = "ann") {
    LoginChange change{"password.update", keeps};
    return run(sessions().put_login(member, std::move(login), std::move(change), "test", clock_.now()));
  }
  SessionStart start(const std::string& hash, const std::string& member = "ann") {
    SessionStart start;
    start.session = Session{.id = ids_->take(),
                            .hash = hash,
                            .member = member,
                            .created_at = clock_.now(),
                            .seen_at = clock_.now(),
                            .expires_at = clock_.now() + 24h,
                            .user_agent = "Firefox",
                            .origin = "10.0.0.7"};
    start.login = login(member);
    return start;
  }
  Result<void> begin(SessionStart start) {
    return run(sessions().begin(std::move(start), "test", clock_.now()));
  }
  std::optional<Session> find(const std::string& hash) { return run(sessions().find(hash)).value(); }
  std::vector<std::string> list(const std::string& member = "ann") {
    std::vector<std::string> hashes;
    for (const Session& session : run(sessions().list(member, clock_.now())).value())
      hashes.push_back(session.hash);
    return hashes;
  }
  void invite(const std::string& hash, std::optional<Login> reset = std::nullopt,
              const std::string& member = "ann") {
    Invitation invitation{member, hash, clock_.now() + 72h};
    ASSERT_TRUE(run(sessions().invite(std::move(invitation), std::move(reset), "test", clock_.now())));
  }
  std::optional<Invitation> invitation(const std::string& hash) {
    return run(sessions().invitation(hash, clock_.now())).value();
  }
  // Of the installation, newest first.
  std::vector<std::string> audit() {
    std::vector<std::string> actions;
    for (const auto& entry : run(store_->list_audit({}, {})).value().rows)
      if (!entry.action.starts_with("member.")) actions.push_back(entry.action + " " + entry.object);
    return actions;
  }
};

TEST_P(Sessions, AreReadBackAsTheyBeganAlsoAfterARestart) {
  const SessionStart made = start("h1");
  ASSERT_TRUE(begin(made));
  restart();
  const auto read = find("h1");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, made.session.id);
  EXPECT_EQ(read->member, "ann");
  EXPECT_EQ(read->created_at, made.session.created_at);
  EXPECT_EQ(read->seen_at, made.session.seen_at);
  EXPECT_EQ(read->expires_at, made.session.expires_at);
  EXPECT_EQ(read->user_agent, "Firefox");
  EXPECT_EQ(read->origin, "10.0.0.7");
  EXPECT_FALSE(find("h2"));
  EXPECT_EQ(audit(), std::vector<std::string>{"session.create ann"});
}

TEST_P(Sessions, TellWhenTheyWereUsedAndNeverEarlier) {
  const SessionStart made = start("h1");
  ASSERT_TRUE(begin(made));
  ASSERT_TRUE(run(sessions().touch(made.session.id, clock_.now() + 2min)));
  ASSERT_TRUE(run(sessions().touch(made.session.id, clock_.now() + 1min)));
  EXPECT_EQ(find("h1")->seen_at, clock_.now() + 2min);
  ASSERT_TRUE(run(sessions().end("ann", made.session.id, "test", clock_.now())));
  ASSERT_TRUE(run(sessions().touch(made.session.id, clock_.now() + 3min)));
  EXPECT_FALSE(find("h1")) << "one that has ended stays so";
}

TEST_P(Sessions, EndOneByOneOrAllAndOnlyTheMembersOwn) {
  make_member("bob");
  const SessionStart a = start("a"), b = start("b"), c = start("c", "bob");
  for (const SessionStart& each : {a, b, c}) ASSERT_TRUE(begin(each));
  EXPECT_EQ(list(), (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(run(sessions().end("bob", a.session.id, "test", clock_.now())).value(), 0);
  EXPECT_TRUE(find("a"));
  EXPECT_EQ(run(sessions().end("ann", a.session.id, "test", clock_.now())).value(), 1);
  EXPECT_FALSE(find("a"));
  EXPECT_EQ(run(sessions().end("ann", std::nullopt, "test", clock_.now())).value(), 1);
  EXPECT_EQ(list(), std::vector<std::string>{});
  EXPECT_EQ(list("bob"), std::vector<std::string>{"c"});
  EXPECT_EQ(audit()[0], "session.delete ann");
  EXPECT_EQ(audit()[1], "session.delete ann");
  EXPECT_EQ(audit()[2], "session.create bob") << "what ended nothing is not told";
}

TEST_P(Sessions, AreAtMostSoManyOfAMemberAndThoseThatExpiredGoFirst) {
  ASSERT_TRUE(begin(start("first")));
  clock_.advance(25h);
  EXPECT_EQ(list(), std::vector<std::string>{}) << "expired";
  EXPECT_TRUE(find("first"));
  for (std::size_t i = 0; i < store::kSessionsMax + 1; ++i) ASSERT_TRUE(begin(start(fmt::format("h{}", i))));
  EXPECT_FALSE(find("first"));
  EXPECT_FALSE(find("h0"));
  EXPECT_TRUE(find("h1"));
  EXPECT_EQ(list().size(), store::kSessionsMax);
}

TEST_P(Sessions, BeginOnlyForAMemberWhoIsThere) {
  EXPECT_EQ(begin(start("h", "nobody")).error().code, Errc::NotFound);
  EXPECT_FALSE(find("h"));
}

TEST_P(Sessions, GoWithTheirMemberAndDoNotComeBack) {
  Login with_password;
  with_password.password = "p";
  ASSERT_TRUE(put(with_password));
  ASSERT_TRUE(begin(start("h")));
  invite("i");
  remove_member("ann");
  EXPECT_FALSE(find("h"));
  EXPECT_FALSE(invitation("i"));
  EXPECT_EQ(login(), Login{});
  make_member("ann");
  EXPECT_FALSE(find("h"));
  EXPECT_FALSE(invitation("i"));
  EXPECT_EQ(login(), Login{});
  restart();
  EXPECT_EQ(login(), Login{});
}

TEST_P(Sessions, StayWhenAnotherKindOfRecordOfThatKeyGoes) {
  ASSERT_TRUE(begin(start("h")));
  store::Record record;
  record.key = {"app", 1, "ann"};
  record.data = "{}";
  ASSERT_TRUE(run(store_->put_record(record, 0, "test", clock_.now())));
  ASSERT_TRUE(run(store_->delete_record(record.key, "test", clock_.now())));
  EXPECT_TRUE(find("h"));
}

TEST_P(Sessions, AreRefusedWhenTheLoginWasChangedMeanwhile) {
  SessionStart late = start("late");
  Login changed = login();
  changed.password = "another";
  ASSERT_TRUE(put(changed));
  EXPECT_EQ(begin(late).error().code, Errc::Conflict);
  EXPECT_FALSE(find("late"));
  // Two at a time with the same code: the second is late.
  SessionStart one = start("one"), two = start("two");
  one.login.totp_step = two.login.totp_step = 77;
  ASSERT_TRUE(begin(one));
  EXPECT_EQ(begin(two).error().code, Errc::Conflict);
  EXPECT_EQ(login().totp_step, 77);
  // Without anything to use up they do not disturb each other.
  const SessionStart three = start("three"), four = start("four");
  EXPECT_TRUE(begin(three));
  EXPECT_TRUE(begin(four));
}

TEST_P(Sessions, OfALoginAreWrittenWholeAndChangedByOneAtATime) {
  Login first;
  first.password = "$argon2id$x";
  first.totp = "v1:sealed";
  first.pending_totp = "v1:pending";
  first.totp_step = 1'234;
  first.recovery = {"aa", "bb"};
  ASSERT_TRUE(put(first));
  restart();
  Login read = login();
  EXPECT_GT(read.version, first.version);
  first.version = read.version;
  EXPECT_EQ(read, first);
  Login stale = read;
  read.recovery.clear();
  ASSERT_TRUE(put(read));
  stale.totp.clear();
  EXPECT_EQ(put(stale).error().code, Errc::Conflict);
  EXPECT_TRUE(login().recovery.empty());
  EXPECT_EQ(login().totp, "v1:sealed");
  EXPECT_EQ(put(Login{.password = "p"}, std::nullopt, "nobody").error().code, Errc::NotFound);
}

TEST_P(Sessions, EndButOneWhenAPasswordIsChanged) {
  const SessionStart here = start("here"), there = start("there");
  ASSERT_TRUE(begin(here));
  ASSERT_TRUE(begin(there));
  Login changed = login();
  changed.password = "new";
  ASSERT_TRUE(put(changed, here.session.id));
  EXPECT_TRUE(find("here"));
  EXPECT_FALSE(find("there"));
  EXPECT_EQ(audit()[0], "password.update ann");
}

TEST_P(Sessions, AreBegunByAnInvitationOnceAndEndTheOthers) {
  ASSERT_TRUE(begin(start("old")));
  invite("link");
  ASSERT_TRUE(invitation("link"));
  EXPECT_EQ(invitation("link")->member, "ann");
  SessionStart joined = start("joined");
  joined.login.password = "p";
  joined.invitation = "link";
  ASSERT_TRUE(begin(joined));
  EXPECT_EQ(login().password, "p");
  EXPECT_FALSE(find("old"));
  EXPECT_FALSE(invitation("link"));
  SessionStart again = start("again");
  again.login.password = "q";
  again.invitation = "link";
  EXPECT_EQ(begin(again).error().code, Errc::NotFound);
  EXPECT_EQ(login().password, "p") << "nothing of it is written";
  EXPECT_EQ(audit()[0], "invitation.accept ann");
}

TEST_P(Sessions, AreNotBegunByAnInvitationThatIsOldReplacedOrOfSomebodyElse) {
  make_member("bob");
  invite("first");
  invite("second");
  invite("bobs", std::nullopt, "bob");
  EXPECT_FALSE(invitation("first"));
  EXPECT_TRUE(invitation("bobs"));
  for (const char* wrong : {"first", "bobs"}) {
    SessionStart joined = start("h");
    joined.invitation = wrong;
    EXPECT_EQ(begin(joined).error().code, Errc::NotFound) << wrong;
  }
  clock_.advance(73h);
  EXPECT_FALSE(invitation("second"));
  SessionStart late = start("h");
  late.invitation = "second";
  EXPECT_EQ(begin(late).error().code, Errc::NotFound);
  EXPECT_FALSE(find("h"));
}

TEST_P(Sessions, EndAllOfEverybodyWithTheirLinks) {
  make_member("bob");
  ASSERT_TRUE(put(Login{.password = "p"}));
  ASSERT_TRUE(begin(start("a")));
  ASSERT_TRUE(begin(start("b", "bob")));
  invite("link");
  ASSERT_TRUE(run(sessions().end_all("restore", clock_.now())));
  EXPECT_FALSE(find("a"));
  EXPECT_FALSE(find("b"));
  EXPECT_FALSE(invitation("link"));
  EXPECT_EQ(login().password, "p");
  EXPECT_EQ(audit()[0], "session.delete ");
  ASSERT_TRUE(run(sessions().end_all("restore", clock_.now())));
  EXPECT_EQ(audit()[1], "invitation.create ann") << "what ended nothing is not told";
}

TEST_P(Sessions, EndAllByAResetThatTakesThePasswordAway) {
  ASSERT_TRUE(put(Login{.password = "p", .totp = "t"}));
  ASSERT_TRUE(begin(start("h")));
  Login reset = login();
  reset.password.clear();
  invite("link", reset);
  EXPECT_FALSE(find("h"));
  EXPECT_TRUE(login().password.empty());
  EXPECT_EQ(login().totp, "t");
  EXPECT_TRUE(invitation("link"));
  EXPECT_EQ(audit()[0], "password.reset ann");
  Invitation for_nobody{"nobody", "x", clock_.now() + 1h};
  EXPECT_EQ(run(sessions().invite(std::move(for_nobody), std::nullopt, "test", clock_.now())).error().code,
            Errc::NotFound);
}

INSTANTIATE_TEST_SUITE_P(Backends, Sessions, testing::ValuesIn(store_backends()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace carillon::conformance
