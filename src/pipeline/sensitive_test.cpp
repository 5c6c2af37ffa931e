#include "pipeline/sensitive.h"

#include "pipeline/route_fixture_test.h"

namespace carillon::pipeline {
namespace {

class Sensitive : public RouteFixture {
 protected:
  Sensitive() {
    put_template("otp", R"({"params":[{"name":"code","sensitive":true},{"name":"name"}],"default_locale":"en",
        "content":{"en":{"title":"Code","body":"{{code}} {{name}}"}}})");
  }
  model::Notification kept(std::string_view body, std::string* sealed = nullptr) {
    const auto planned = plan(body);
    EXPECT_TRUE(planned) << planned.error().detail;
    model::Notification n;
    n.id = 42;
    n.body = body;
    auto made = seal_sensitive(*planned, keys_, n);
    EXPECT_TRUE(made);
    if (sealed != nullptr) *sealed = *made;
    EXPECT_EQ(made->empty(), !n.is_sensitive);
    return n;
  }
  const base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'r'))).value();
};

constexpr std::string_view kSend = R"({"to":[{"user_id":"ann"}],"channels":["email"],"template":"otp",)"
                                   R"("params":{"code":"739154","name":"Ann"}})";

TEST_F(Sensitive, TheBodyKeepsTheRestAndTheSealAll) {
  std::string sealed;
  const auto n = kept(kSend, &sealed);
  EXPECT_TRUE(n.is_sensitive);
  EXPECT_EQ(n.body, R"({"to":[{"user_id":"ann"}],"channels":["email"],"template":"otp",)"
                    R"("params":{"code":"•••","name":"Ann"}})");
  EXPECT_EQ(n.request->params, R"({"code":"•••","name":"Ann"})");
  EXPECT_TRUE(is_sealed(sealed));
  EXPECT_EQ(sealed.find("739154"), std::string::npos);
  EXPECT_EQ(keys_.sensitive_sealer.open(sealed, sealed_context(42))->reveal(), kSend);
  EXPECT_FALSE(keys_.sensitive_sealer.open(sealed, sealed_context(43))) << "it is that notification's";
  EXPECT_FALSE(keys_.sealer.open(sealed, sealed_context(42))) << "the key is for this alone";
}

TEST_F(Sensitive, WhatSaysNothingSensitiveStaysAsItIs) {
  constexpr std::string_view kPlain =
      R"({"to":[{"user_id":"ann"}],"channels":["email"],"title":"a","body":"b"})";
  EXPECT_EQ(kept(kPlain).body, kPlain);
  constexpr std::string_view kWithout =
      R"({"to":[{"user_id":"ann"}],"channels":["email"],"template":"otp","params":{"name":"Ann"}})";
  EXPECT_EQ(kept(kWithout).body, kWithout);
  EXPECT_FALSE(plan(kPlain)->is_sensitive());
  EXPECT_TRUE(plan(kWithout)->is_sensitive());
}

TEST_F(Sensitive, UnderASensitiveCategoryAllOfItIs) {
  const auto n = kept(R"({"to":[{"user_id":"ann"}],"channels":["sms"],"category":"security",)"
                      R"("sms":{"body":"739154"},"tags":["x"]})");
  EXPECT_EQ(n.body, R"({"to":[{"user_id":"ann"}],"channels":["sms"],"category":"security","tags":["x"],)"
                    R"("title":"•••","body":"•••"})");
}

TEST_F(Sensitive, EventsAreOpenedByTheirHash) {
  store::EventLetter letter;
  letter.hash[0] = 7;
  constexpr std::string_view kEvent =
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"ann","data":{"code":"739154"}})";
  letter.event = kEvent;
  EXPECT_EQ(open_event(keys_, letter).value(), kEvent);
  letter.event = keys_.sensitive_sealer.seal(kEvent, event_context(letter.hash));
  EXPECT_EQ(open_event(keys_, letter).value(), kEvent);
  letter.hash[0] = 8;
  EXPECT_EQ(open_event(keys_, letter).error().code, Errc::Corruption);
  EXPECT_EQ(event_rest(kEvent), R"({"specversion":"1.0","id":"1","source":"/s","type":"t"})");
  EXPECT_EQ(event_rest("{"), "");
}

TEST_F(Sensitive, UsersAreNamedByTheirIdAndByTheirDevices) {
  people_.device_owner["phone"] = "ann";
  const auto& asked = request(
      R"({"to":[{"user_id":"bob"},{"device_id":"phone"},{"email":"a@example.test"},{"device_id":"nobody's"},)"
      R"({"user_id":"ann"},{"group":"ann"}],"channels":["email"],"title":"x","body":"y"})");
  const std::int64_t ann = user_key(keys_, kDefaultProject, "ann"),
                     bob = user_key(keys_, kDefaultProject, "bob");
  EXPECT_EQ(namings(keys_, kDefaultProject, asked, people_),
            (std::vector<store::Naming>{{bob, 0}, {ann, 1}, {ann, 4}}));
  EXPECT_NE(ann, user_key(keys_, kDefaultProject + 1, "ann"));
}

}  // namespace
}  // namespace carillon::pipeline
