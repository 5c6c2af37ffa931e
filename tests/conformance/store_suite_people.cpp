// What every Store promises about people: profiles, devices that move, preferences, suppressions.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::Profile;
using store::ListPage;
using store::ProfileChange;
using store::UserKey;

Profile user(const std::string& id, std::int32_t project = 1) {
  Profile p;
  p.project = project;
  p.user_id = id;
  p.name = "Somebody";
  p.email = id + "@example.com";
  return p;
}

model::Device device(const std::string& id, const std::string& token, Time used = from_ms(1'000)) {
  model::Device d;
  d.device_id = id;
  d.platform = model::Platform::Ios;
  d.bundle = "com.example.app";
  d.endpoints.push_back({"apns", token, from_ms(1'000)});
  d.last_logged_in_at = used;
  return d;
}

ProfileChange by(const std::string& actor = "app:shop") { return {actor, "api", false, false}; }

base::Hash128 address(std::uint8_t n) {
  base::Hash128 h{};
  h.fill(n);
  return h;
}

store::Suppression suppression(std::uint8_t n, const std::string& reason = "stop", std::int32_t project = 1) {
  store::Suppression s;
  s.project = project;
  s.channel = model::Channel::Sms;
  s.hash = address(n);
  s.hint = "+82…00";
  s.reason = reason;
  return s;
}

class People : public StoreSuite {
 protected:
  Result<store::PutProfileResult> put(Profile profile, ProfileChange change = by()) {
    return run(store_->put_profile(std::move(profile), std::move(change), clock_.now()));
  }
  std::shared_ptr<const Profile> get(const std::string& id, std::int32_t project = 1) {
    return run(store_->profiles({UserKey{project, id}})).value().at(0);
  }
  std::optional<store::Suppression> suppressed(std::uint8_t n, std::int32_t project = 1,
                                               model::Channel channel = model::Channel::Sms) {
    return run(store_->suppressed(project, {{channel, address(n)}})).value().at(0);
  }
  std::vector<store::AuditEntry> audit(std::int32_t project = 1) {
    return run(store_->list_audit({.project = project}, ListPage{})).value().rows;
  }
};

TEST_P(People, AProfileReadsBackAsWrittenAlsoAfterARestart) {
  Profile p = user("kim");
  p.phone_number = "+821012345678";
  p.attributes = R"({"plan":"gold"})";
  p.addresses.push_back({model::Channel::Webhook, "", "https://example.com/hook", "v1:sealed", ""});
  p.devices.push_back(device("phone", "t1"));
  p.preferences.push_back({"sms", "*", false});
  p.quiet_hours = model::QuietHours{22 * 60, 8 * 60};
  p.created_at = from_ms(5);
  ASSERT_EQ(put(p).value().version, 1);
  p.version = 1;
  p.stored_at = get("kim")->stored_at;  // the store's own word on it
  EXPECT_TRUE(p.stored_at);
  EXPECT_EQ(*get("kim"), p);
  restart();
  EXPECT_EQ(*get("kim"), p);
  EXPECT_EQ(get("lee"), nullptr);
}

TEST_P(People, AreFoundByAddressAndByHowOneBegins) {
  const auto with = [](const std::string& id, const std::string& email, const std::string& phone,
                       std::int32_t project = 1) {
    Profile p = user(id, project);
    p.email = email;
    p.phone_number = phone;
    return p;
  };
  for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(put(with(id, "family@example.com", "+821011112222")));
  ASSERT_TRUE(put(with("d", "fan@example.com", "+821011113333")));
  ASSERT_TRUE(put(with("e", "FAN@example.com", "")));
  ASSERT_TRUE(put(with("f", "", "+14155550100")));
  ASSERT_TRUE(put(with("g", "family@example.com", "+821011112222", 2)));
  restart();
  const auto found = [this](bool is_phone, const std::string& first, const std::string& last,
                            std::size_t limit = 50) {
    std::string ids;
    store::AddressQuery query{.project = 1,
                              .is_phone = is_phone,
                              .first = first,
                              .last = last,
                              .after_address = {},
                              .after_user = {},
                              .limit = limit};
    for (;;) {
      const auto page = run(store_->profiles_by_address(query)).value();
      EXPECT_LE(page.size(), limit);
      for (const auto& p : page) ids += p->user_id;
      if (page.size() < limit) return ids;
      query.after_address = is_phone ? page.back()->phone_number : page.back()->email;
      query.after_user = page.back()->user_id;
      ids += ' ';
    }
  };
  const std::string end = "\U0010FFFF";
  EXPECT_EQ(found(false, "family@example.com", "family@example.com"), "abc");
  EXPECT_EQ(found(false, "family@example.com", "family@example.com", 2), "ab c");
  EXPECT_EQ(found(false, "fa", "fa" + end), "abcd") << "by bytes, in order of address and user";
  EXPECT_EQ(found(false, "fa", "fa" + end, 1), "a b c d ");
  EXPECT_EQ(found(false, "F", "F" + end), "e");
  EXPECT_EQ(found(true, "+821011112222", "+821011112222"), "abc");
  EXPECT_EQ(found(true, "+8210", "+8210" + end, 3), "abc d");
  EXPECT_EQ(found(true, "+1", "+1" + end), "f");
  Profile moved = *get("a");
  moved.phone_number = "+14155550100";
  moved.email.clear();
  ASSERT_TRUE(put(moved));
  EXPECT_EQ(found(true, "+821011112222", "+821011112222"), "bc");
  EXPECT_EQ(found(true, "+14155550100", "+14155550100"), "af");
  EXPECT_EQ(found(false, "family@example.com", "family@example.com"), "bc");
  ASSERT_TRUE(run(store_->delete_profile({1, "f"}, "tests", clock_.now())));
  ASSERT_TRUE(run(store_->erase_user({1, "b"}, "tests", clock_.now())));
  EXPECT_EQ(found(true, "+1", "+9"), "acd");
}

TEST_P(People, ProfilesComeInTheOrderAskedForWithNullForTheUnknown) {
  ASSERT_TRUE(put(user("a")));
  ASSERT_TRUE(put(user("b")));
  restart();
  std::vector<UserKey> keys{{1, "b"}, {1, "nobody"}, {1, "a"}, {2, "a"}, {1, "b"}};
  const auto found = run(store_->profiles(keys)).value();
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0]->user_id, "b");
  EXPECT_EQ(found[1], nullptr);
  EXPECT_EQ(found[2]->user_id, "a");
  EXPECT_EQ(found[3], nullptr);
  EXPECT_EQ(found[4]->user_id, "b");
  keys.assign(1'025, UserKey{1, "a"});
  EXPECT_EQ(run(store_->profiles(keys)).error().code, Errc::InvalidArgument);
}

TEST_P(People, AChangeNeedsTheStoredVersion) {
  ASSERT_TRUE(put(user("kim")));
  EXPECT_EQ(put(user("kim")).error().code, Errc::Conflict);
  Profile next = *get("kim");
  next.name = "Another";
  EXPECT_EQ(put(next).value().version, 2);
  EXPECT_EQ(put(next).error().code, Errc::Conflict);
  EXPECT_EQ(get("kim")->version, 2);
  Profile unknown = user("lee");
  unknown.version = 3;
  EXPECT_EQ(put(unknown).error().code, Errc::Conflict);
}

TEST_P(People, AReadAfterAWriteSeesItHoweverOften) {
  for (int i = 0; i < 50; ++i) {
    const auto stored = get("kim");
    Profile next = stored ? *stored : user("kim");
    next.name = fmt::format("name {}", i);
    ASSERT_TRUE(put(next));
    ASSERT_EQ(get("kim")->name, next.name);
  }
}

TEST_P(People, AStampMovesOnWithEveryChangeOfItsUser) {
  const auto stamp = [this] { return store_->profile_stamp(1, "kim"); };
  std::uint64_t before = stamp();
  if (before == 0) return;  // this store cannot tell, and says so
  const auto has_moved = [&] { return std::exchange(before, stamp()) != before; };
  Profile p = user("kim");
  p.devices.push_back(device("phone", "t1"));
  ASSERT_TRUE(put(p));
  EXPECT_TRUE(has_moved()) << "made";
  p = *get("kim");
  EXPECT_FALSE(has_moved()) << "only read";
  p.name = "Kim";
  ASSERT_TRUE(put(p));
  EXPECT_TRUE(has_moved()) << "changed";
  Profile other = user("lee");
  other.devices.push_back(device("phone", "t1"));
  ASSERT_TRUE(put(other));
  EXPECT_TRUE(has_moved()) << "lost a token to another user";
  ASSERT_TRUE(run(store_->delete_profile({1, "kim"}, "tests", clock_.now())));
  EXPECT_TRUE(has_moved()) << "deleted";
}

TEST_P(People, ATokenMovesToItsNewUserAndTheEmptiedDeviceGoes) {
  Profile old = user("old");
  old.devices = {device("phone", "token"), device("tablet", "other")};
  ASSERT_TRUE(put(old));
  Profile next = user("new");
  next.devices = {device("phone", "token")};
  const auto put_result = put(next).value();
  EXPECT_EQ(put_result.moved_from, std::vector<std::string>{"old"});
  const auto before = get("old");
  ASSERT_EQ(before->devices.size(), 1U);
  EXPECT_EQ(before->devices[0].device_id, "tablet");
  EXPECT_EQ(before->version, 2);
  restart();
  EXPECT_EQ(get("old")->devices.size(), 1U);
  EXPECT_EQ(run(store_->find_device(1, "phone")).value().user_id, "new");
  // And back again.
  Profile again = *get("old");
  again.devices.push_back(device("phone", "token"));
  EXPECT_EQ(put(again).value().moved_from, std::vector<std::string>{"new"});
  EXPECT_TRUE(get("new")->devices.empty());
}

TEST_P(People, OnlyTheTokenMovesFromADeviceThatHasAnother) {
  Profile old = user("old");
  old.devices = {device("phone", "token")};
  old.devices[0].endpoints.push_back({"jpush", "stays", from_ms(1'000)});
  ASSERT_TRUE(put(old));
  Profile next = user("new");
  next.devices = {device("phone2", "token")};
  ASSERT_TRUE(put(next));
  ASSERT_EQ(get("old")->devices.size(), 1U);
  EXPECT_EQ(get("old")->devices[0].endpoints.at(0).token, "stays");
}

TEST_P(People, TheSameTokenOfAnotherBundleServiceOrProjectStays) {
  Profile old = user("old");
  old.devices = {device("phone", "token")};
  ASSERT_TRUE(put(old));
  Profile bundle = user("bundle"), service = user("service"), project = user("project", 2);
  bundle.devices = {device("p", "token")};
  bundle.devices[0].bundle = "com.example.other";
  service.devices = {device("p", "token")};
  service.devices[0].endpoints[0].service = "pushy";
  project.devices = {device("phone", "token")};
  for (const Profile& p : {bundle, service, project}) EXPECT_TRUE(put(p).value().moved_from.empty());
  EXPECT_EQ(get("old")->devices.size(), 1U);
  EXPECT_EQ(get("old")->version, 1);
}

TEST_P(People, ATokenRegisteredWithoutItsAppMovesFromAndToAnyApp) {
  const auto with = [](const std::string& id, const std::string& bundle) {
    Profile p = user(id);
    p.devices = {device("phone", "token")};
    p.devices[0].bundle = bundle;
    return p;
  };
  const auto moved_from = [&](const Profile& p) { return put(p).value().moved_from; };
  using Users = std::vector<std::string>;
  EXPECT_TRUE(moved_from(with("first", "com.example.app")).empty());
  EXPECT_TRUE(moved_from(with("other", "com.example.second")).empty());
  Profile service = with("android", "com.example.app");
  service.devices[0].endpoints[0].service = "fcm";
  EXPECT_TRUE(moved_from(service).empty());
  EXPECT_EQ(moved_from(with("second", "")), (Users{"first", "other"}));
  EXPECT_EQ(moved_from(with("third", "com.example.app")), Users{"second"});
  for (const char* id : {"first", "other", "second"}) EXPECT_TRUE(get(id)->devices.empty()) << id;
  EXPECT_EQ(get("third")->devices.size(), 1U);
  EXPECT_EQ(get("android")->devices.size(), 1U);
}

TEST_P(People, AnAnonymousProfileEndsWhenItsDeviceIsClaimed) {
  Profile anonymous = user("anon");
  anonymous.is_anonymous = true;
  anonymous.devices = {device("phone", "token")};
  ASSERT_TRUE(put(anonymous));
  Profile next = user("kim");
  next.devices = {device("phone", "token")};
  EXPECT_EQ(put(next).value().moved_from, std::vector<std::string>{"anon"});
  EXPECT_EQ(get("anon"), nullptr);
  EXPECT_EQ(run(store_->find_device(1, "phone")).value().user_id, "kim");
}

TEST_P(People, AClaimedAnonymousProfileEndsAlsoWhenItsTokenChanged) {
  Profile anonymous = user("anon");
  anonymous.email.clear();
  anonymous.is_anonymous = true;
  anonymous.devices = {device("phone", "old-token")};
  ASSERT_TRUE(put(anonymous));
  Profile next = user("kim");
  next.devices = {device("phone", "new-token")};
  ProfileChange change = by();
  change.claims = "anon";
  EXPECT_EQ(put(next, change).value().moved_from, std::vector<std::string>{"anon"});
  EXPECT_EQ(get("anon"), nullptr);
  EXPECT_EQ(run(store_->find_device(1, "old-token")).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->find_device(1, "phone")).value().user_id, "kim");
}

TEST_P(People, OnlyAnonymousProfilesAreClaimed) {
  ASSERT_TRUE(put(user("lee")));
  ProfileChange change = by();
  change.claims = "lee";
  EXPECT_TRUE(put(user("kim"), change).value().moved_from.empty());
  EXPECT_NE(get("lee"), nullptr);
}

TEST_P(People, WhenAUserWasStoredIsKnownWhateverTheCallerSaysOfTheirAge) {
  Profile old = user("kim");
  old.created_at = from_ms(1'000);
  ASSERT_TRUE(put(old));
  EXPECT_EQ(get("kim")->since(), clock_.now());
  Profile fresh = user("lee");
  ASSERT_TRUE(put(fresh));
  EXPECT_EQ(get("lee")->since(), clock_.now());
  EXPECT_FALSE(get("lee")->stored_at);
}

TEST_P(People, ARefusedChangeMovesNoToken) {
  Profile old = user("old");
  old.devices = {device("phone", "token")};
  ASSERT_TRUE(put(old));
  Profile next = user("new");
  next.devices = {device("phone", "token")};
  next.version = 9;
  EXPECT_EQ(put(next).error().code, Errc::Conflict);
  EXPECT_EQ(get("old")->devices.size(), 1U);
  EXPECT_EQ(run(store_->find_device(1, "token")).value().user_id, "old");
}

TEST_P(People, ATokenStandsOnceInAProfileWithTheLaterRegistration) {
  Profile p = user("kim");
  p.devices = {device("a", "token"), device("b", "token"), device("c", "mine")};
  p.devices[0].endpoints[0].registered_at = from_ms(2'000);
  ASSERT_TRUE(put(p));
  std::vector<std::string> ids;
  for (const auto& d : get("kim")->devices) ids.push_back(d.device_id);
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "c"}));
}

TEST_P(People, OfMoreThanAHundredDevicesTheLongestUnusedGo) {
  Profile p = user("kim");
  for (int i = 0; i < 103; ++i) {
    p.devices.push_back(
        device(fmt::format("d{}", i), fmt::format("t{}", i), from_ms(1'000 + (i * 37) % 103)));
  }
  std::set<std::string> oldest;
  for (int i = 0; i < 103; ++i) {
    if ((i * 37) % 103 < 3) oldest.insert(fmt::format("d{}", i));
  }
  ASSERT_TRUE(put(p));
  const auto stored = get("kim");
  EXPECT_EQ(stored->devices.size(), 100U);
  for (const auto& d : stored->devices) EXPECT_FALSE(oldest.contains(d.device_id)) << d.device_id;
  for (const auto& id : oldest) EXPECT_EQ(run(store_->find_device(1, id)).error().code, Errc::NotFound);
}

TEST_P(People, ADeviceIsFoundByItsIdAndByItsToken) {
  Profile p = user("kim");
  p.devices = {device("phone", "token")};
  ASSERT_TRUE(put(p));
  EXPECT_EQ(run(store_->find_device(1, "phone")).value().device, p.devices[0]);
  EXPECT_EQ(run(store_->find_device(1, "token")).value().user_id, "kim");
  EXPECT_EQ(run(store_->find_device(2, "phone")).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->find_device(1, "tok")).error().code, Errc::NotFound);
  Profile next = *get("kim");
  next.devices = {device("phone", "renewed")};
  ASSERT_TRUE(put(next));
  EXPECT_EQ(run(store_->find_device(1, "token")).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->find_device(1, "renewed")).value().device.device_id, "phone");
}

TEST_P(People, AnInstallationKnownToSeveralIsOfTheOneWhoUsedItLast) {
  Profile a = user("a"), b = user("b");
  a.devices = {device("tv", "t1", from_ms(9'000))};
  b.devices = {device("tv", "t2", from_ms(8'000))};
  ASSERT_TRUE(put(a));
  ASSERT_TRUE(put(b));
  EXPECT_EQ(run(store_->find_device(1, "tv")).value().user_id, "a");
}

TEST_P(People, OneEmailPerProjectIsEnforcedOnlyWhereAsked) {
  Profile a = user("a"), b = user("b"), c = user("c", 2);
  a.email = b.email = c.email = "family@example.com";
  ProfileChange strict = by();
  strict.unique_email = true;
  ASSERT_TRUE(put(a, strict));
  EXPECT_EQ(put(b, strict).error().code, Errc::AlreadyExists);
  EXPECT_EQ(get("b"), nullptr);
  EXPECT_TRUE(put(c, strict));
  EXPECT_TRUE(put(*get("a"), strict)) << "one's own address is no other's";
  EXPECT_TRUE(put(b));
}

TEST_P(People, TheLogOfPreferencesSaysWhoChangedWhat) {
  Profile p = user("kim");
  ASSERT_TRUE(put(p));
  p = *get("kim");
  p.preferences = {{"sms", "*", false}, {"push", "news", true}};
  ASSERT_TRUE(put(p, {"client:kim", "api", true, false}));
  clock_.advance(Millis(10));
  p = *get("kim");
  p.preferences = {{"sms", "*", true}};
  p.quiet_hours = model::QuietHours{22 * 60, 8 * 60 + 30};
  ASSERT_TRUE(put(p, {"member:ann", "cli", true, false}));
  p = *get("kim");
  p.name = "No preference";
  ASSERT_TRUE(put(p));
  restart();
  auto log = run(store_->preference_log({1, "kim"}, ListPage{})).value();
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log[0].actor, "member:ann");
  EXPECT_EQ(log[0].source, "cli");
  EXPECT_EQ(log[0].at, clock_.now());
  EXPECT_EQ(log[0].change, R"({"preferences":[{"channel":"push","category":"news","was":true,"opt_in":null},)"
                           R"({"channel":"sms","category":"*","was":false,"opt_in":true}],)"
                           R"("quiet_hours":{"from":"22:00","to":"08:30"}})");
  EXPECT_EQ(log[1].actor, "client:kim");
  log = run(store_->preference_log({1, "kim"}, ListPage{.after = log[0].id, .limit = 1, .after_key = {}}))
            .value();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].actor, "client:kim");
  EXPECT_TRUE(run(store_->preference_log({2, "kim"}, ListPage{})).value().empty());
}

TEST_P(People, EveryChangeIsAudited) {
  Profile p = user("kim");
  p.devices = {device("phone", "token")};
  ASSERT_TRUE(put(p));
  Profile q = user("lee");
  q.devices = p.devices;
  ASSERT_TRUE(put(q, by("app:other")));
  ASSERT_TRUE(run(store_->delete_profile({1, "kim"}, "member:ann", clock_.now())));
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].action, "user.delete");
  EXPECT_EQ(entries[0].object, "kim");
  EXPECT_EQ(entries[0].actor, "member:ann");
  EXPECT_EQ(entries[1].action, "user.create");
  EXPECT_EQ(entries[1].detail, R"({"source":"api","version":1,"moved_from":["kim"]})");
  EXPECT_TRUE(audit(2).empty());
}

TEST_P(People, WhatAPhoneSaysOfItselfIsNotAudited) {
  Profile p = user("kim");
  p.devices = {device("phone", "token")};
  ProfileChange own = by("client:kim");
  own.is_audited = false;
  ASSERT_TRUE(put(p, own));
  EXPECT_TRUE(audit().empty());
}

TEST_P(People, ADeletedUserIsGoneWithTheDevicesAndMayComeBack) {
  Profile p = user("kim");
  p.devices = {device("phone", "token")};
  ASSERT_TRUE(put(p));
  ASSERT_TRUE(get("kim"));
  ASSERT_TRUE(run(store_->put_suppression(suppression(1), false, "app", clock_.now())));
  ASSERT_TRUE(run(store_->delete_profile({1, "kim"}, "app", clock_.now())));
  EXPECT_EQ(get("kim"), nullptr);
  EXPECT_EQ(run(store_->find_device(1, "phone")).error().code, Errc::NotFound);
  EXPECT_EQ(run(store_->delete_profile({1, "kim"}, "app", clock_.now())).error().code, Errc::NotFound);
  EXPECT_TRUE(suppressed(1));
  EXPECT_EQ(put(p).value().version, 1);
}

TEST_P(People, UsersAreListedByIdCompletelyWhileOthersComeIn) {
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(put(user(fmt::format("u{:02}", i))));
  ASSERT_TRUE(put(user("elsewhere", 2)));
  std::vector<std::string> seen;
  ListPage page{.after = 0, .limit = 10, .after_key = {}};
  for (;;) {
    const auto rows = run(store_->list_profiles(1, page)).value();
    for (const auto& row : rows) seen.push_back(row->user_id);
    if (rows.empty()) break;
    page.after_key = rows.back()->user_id;
    ASSERT_TRUE(put(user(fmt::format("a{}", seen.size())))) << "before the cursor: must not be seen";
  }
  ASSERT_EQ(seen.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.front(), "u00");
}

TEST_P(People, ASuppressionHoldsForItsProjectChannelAndAddress) {
  ASSERT_TRUE(run(store_->put_suppression(suppression(1), false, "callback", clock_.now())));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(suppressed(1));
    EXPECT_EQ(suppressed(1)->reason, "stop");
    EXPECT_EQ(suppressed(1)->at, clock_.now());
    EXPECT_EQ(suppressed(1)->hint, "+82…00");
    EXPECT_FALSE(suppressed(2));
    EXPECT_FALSE(suppressed(1, 2));
    EXPECT_FALSE(suppressed(1, 1, model::Channel::Voice));
    restart();
  }
}

TEST_P(People, ASuppressionKeepsItsDateAndEndsWhenRemoved) {
  const Time first = clock_.now();
  ASSERT_TRUE(run(store_->put_suppression(suppression(1), false, "callback", first)));
  clock_.advance(Millis(500));
  ASSERT_TRUE(run(store_->put_suppression(suppression(1, "manual"), false, "member:ann", clock_.now())));
  EXPECT_EQ(suppressed(1)->at, first);
  EXPECT_EQ(suppressed(1)->reason, "manual");
  ASSERT_TRUE(run(store_->put_suppression(suppression(1), true, "member:ann", clock_.now())));
  EXPECT_FALSE(suppressed(1));
  EXPECT_EQ(run(store_->put_suppression(suppression(1), true, "member:ann", clock_.now())).error().code,
            Errc::NotFound);
  restart();
  EXPECT_FALSE(suppressed(1));
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].action, "suppression.remove");
}

TEST_P(People, SuppressionsAreListedNewestFirstPageByPage) {
  for (std::uint8_t i = 1; i <= 7; ++i) {
    ASSERT_TRUE(run(store_->put_suppression(suppression(i), false, "app", clock_.now())));
  }
  ASSERT_TRUE(run(store_->put_suppression(suppression(99, "stop", 2), false, "app", clock_.now())));
  std::vector<std::uint8_t> seen;
  ListPage page{.after = 0, .limit = 3, .after_key = {}};
  for (;;) {
    const auto rows = run(store_->list_suppressions(1, page)).value();
    if (rows.empty()) break;
    for (const auto& row : rows) seen.push_back(row.hash[0]);
    page.after = rows.back().id;
    ASSERT_TRUE(run(store_->put_suppression(suppression(100), false, "app", clock_.now())));
  }
  EXPECT_EQ(seen, (std::vector<std::uint8_t>{7, 6, 5, 4, 3, 2, 1}));
}

INSTANTIATE_TEST_SUITE_P(Stores, People, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
