// Members sign in, stay signed in, and are out at once when they are not to be in any more.
#include "api/api_fixture_test.h"
#include "base/totp.h"

namespace carillon::api {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPassword = "correct horse battery staple";

class SignIn : public ApiTest {
 protected:
  // What a browser has after signing in.
  struct Browser {
    std::string cookie, csrf;
  };

  void SetUp() override {
    ApiTest::SetUp();
    put_member("ann", R"({"name":"Ann Kim","email":"Ann@example.com","grants":{"default":"sender"}})");
  }

  void put_member(const std::string& key, const std::string& body) {
    const auto put = as_admin("PUT", "/v1/members/" + key, body);
    ASSERT_LT(put.status, 300) << put.body;
  }
  static std::string token_of(const net::HttpResponse& answer) {
    const std::string url = at(answer, "/url");
    return url.substr(url.find("token=") + 6);
  }
  std::string invite(const std::string& key) {
    const auto answer = as_admin("POST", "/v1/members/" + key + "/invite");
    EXPECT_EQ(answer.status, 201) << answer.body;
    EXPECT_TRUE(at(answer, "/url").contains("/#/join?token="));
    return token_of(answer);
  }
  static std::string acceptance(const std::string& token, const std::string& password = kPassword) {
    return fmt::format(R"({{"token":"{}","password":"{}"}})", token, password);
  }
  static Browser browser(const net::HttpResponse& answer) {
    const std::string_view set = answer.header("Set-Cookie");
    return {std::string(set.substr(0, set.find(';'))), at(answer, "/csrf")};
  }
  Browser join(const std::string& key = "ann") {
    const auto answer = call("POST", "/v1/invitations/accept", acceptance(invite(key)));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return browser(answer);
  }
  net::HttpResponse sign_in(const std::string& who = "ann", const std::string& password = kPassword,
                            const std::string& code = {}, net::Headers headers = {}) {
    base::JsonWriter body;
    body.object().field("email", who).field("password", password).field_if("code", code).end_object();
    return call("POST", "/v1/session", body.str(), std::move(headers));
  }
  net::HttpResponse as(const Browser& who, std::string method, std::string target, std::string body = {}) {
    net::Headers headers{{"Cookie", who.cookie}};
    if (method != "GET") headers.emplace_back("X-CSRF-Token", who.csrf);
    return call(std::move(method), std::move(target), std::move(body), std::move(headers));
  }
  int status(const Browser& who) { return as(who, "GET", "/v1/session").status; }
  // The secret of an authenticator app that ann has set up.
  std::string set_up_totp(const Browser& who) {
    // At the beginning of a step, so that none ends in the middle of the test.
    clock_.advance(base::kTotpStep - Millis(to_ms(clock_.now()) % base::kTotpStep.count()));
    const auto begun = as(who, "POST", "/v1/session/totp");
    EXPECT_EQ(begun.status, 200) << begun.body;
    secret_ = unbase32(at(begun, "/secret"));
    const auto confirmed = as(who, "PUT", "/v1/session/totp", fmt::format(R"({{"code":"{}"}})", code()));
    EXPECT_EQ(confirmed.status, 200) << confirmed.body;
    return at(confirmed, "/recovery_codes/0");
  }
  std::string code(std::int64_t steps = 0) const {
    return base::totp_code(secret_, base::totp_step(clock_.now()) + steps);
  }
  static std::string unbase32(std::string_view text) {
    std::string out;
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : text) {
      buffer = (buffer << 5) | static_cast<unsigned>(c >= 'A' ? c - 'A' : c - '2' + 26);
      bits += 5;
      if (bits >= 8) out += static_cast<char>((buffer >> (bits -= 8)) & 0xFF);
    }
    return out;
  }
  // Actions of the installation's trail, newest first.
  std::vector<std::string> trail() {
    std::vector<std::string> out;
    for (const auto& entry : run(store_->list_audit({}, {})).value().rows)
      out.push_back(entry.action + " " + entry.object + " by " + entry.actor.name);
    return out;
  }
  std::string secret_;
};

TEST_F(SignIn, ByALinkAndThenByPassword) {
  const std::string token = invite("ann");
  const auto looked = call("POST", "/v1/invitations/look", fmt::format(R"({{"token":"{}"}})", token));
  EXPECT_EQ(looked.status, 200);
  EXPECT_EQ(at(looked, "/member"), R"({"key":"ann","name":"Ann Kim","email":"Ann@example.com"})");
  const auto joined =
      call("POST", "/v1/invitations/accept",
           fmt::format(R"({{"token":"{}","password":"{}","name":"Ann K."}})", token, kPassword));
  ASSERT_EQ(joined.status, 200) << joined.body;
  EXPECT_EQ(at(joined, "/member/name"), "Ann K.");
  EXPECT_EQ(at(joined, "/projects"), R"([{"key":"default","name":"","role":"sender","apps":null}])");
  EXPECT_EQ(at(joined, "/is_installation_admin"), "false");
  EXPECT_EQ(at(joined, "/member/has_totp"), "false");
  EXPECT_EQ(call("POST", "/v1/invitations/accept", acceptance(token)).status, 404) << "a link works once";
  for (const char* who : {"ann", "Ann@example.com", "ann@EXAMPLE.com"}) {
    const auto signed_in = sign_in(who);
    ASSERT_EQ(signed_in.status, 200) << who << signed_in.body;
    EXPECT_EQ(at(signed_in, "/member/key"), "ann");
    EXPECT_EQ(signed_in.header("Cache-Control"), "no-store");
    const Browser ann = browser(signed_in);
    EXPECT_TRUE(ann.cookie.starts_with("carillon_session=")) << ann.cookie;
    EXPECT_EQ(at(as(ann, "GET", "/v1/session"), "/csrf"), ann.csrf);
  }
  EXPECT_EQ(trail()[0], "session.create ann by member:ann");
}

TEST_F(SignIn, SaysTheSameWhateverIsWrong) {
  join();
  put_member("bob", R"({"grants":{}})");
  put_member("dis", R"({"grants":{},"email":"dis@example.com"})");
  join("dis");
  put_member("dis", R"({"grants":{},"email":"dis@example.com","disabled":true})");
  std::set<std::string> answers;
  for (const auto& [who, password] :
       std::vector<std::pair<std::string, std::string>>{{"ann", "wrong horse battery staple"},
                                                        {"nobody@example.com", kPassword},
                                                        {"bob", kPassword},
                                                        {"dis", kPassword},
                                                        {"", kPassword},
                                                        {"ann", ""}}) {
    const auto answer = sign_in(who, password);
    EXPECT_EQ(answer.status, 401) << who;
    EXPECT_TRUE(answer.header("Set-Cookie").empty());
    answers.insert(at(answer, "/code") + at(answer, "/detail"));
  }
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers.begin()->starts_with("wrong_credentials"));
}

TEST_F(SignIn, BadBodiesNameTheField) {
  const auto answer = call("POST", "/v1/session", R"({"email":7,"password":"x","pass":"y"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(at(answer, "/errors/0/pointer"), "/email");
  EXPECT_EQ(at(call("POST", "/v1/session", R"({"email":"ann"})"), "/errors/0/pointer"), "/password");
  EXPECT_EQ(at(call("POST", "/v1/session", "nonsense"), "/code"), "not_json");
  for (const char* weak : {"short", "ann@example.com", "aaaaaaaaaaaaaaaa"}) {
    const auto refused = call("POST", "/v1/invitations/accept", acceptance(invite("ann"), weak));
    EXPECT_EQ(refused.status, 422) << weak;
    EXPECT_EQ(at(refused, "/errors/0/pointer"), "/password");
    EXPECT_EQ(at(refused, "/errors/0/code"), "weak_password");
  }
}

TEST_F(SignIn, TakesTheCookieAsTheMemberAndNothingElse) {
  const Browser ann = join();
  EXPECT_EQ(as(ann, "GET", "/v1/notifications").status, 200);
  EXPECT_EQ(as(ann, "POST", "/v1/notifications", kMail).status, 202);
  EXPECT_EQ(as(ann, "PATCH", "/v1/apps/shop", R"({"rate_limit":9})").status, 403) << "a sender";
  EXPECT_EQ(as(ann, "GET", "/v1/members").status, 403);
  // What is given besides counts alone.
  const auto both =
      call("GET", "/v1/notifications", {}, {{"Cookie", ann.cookie}, {"Authorization", "Bearer mt_no"}});
  EXPECT_EQ(both.status, 401);
  EXPECT_EQ(call("GET", "/v1/notifications", {}, {{"Cookie", ann.cookie}}, Entrance::Public).status, 404);
  EXPECT_EQ(call("GET", "/v1/session", {}, {{"Cookie", ann.cookie}}, Entrance::Public).status, 404);
  EXPECT_EQ(call("POST", "/v1/session", "{}", {}, Entrance::Public).status, 404);
  EXPECT_EQ(call("GET", "/v1/me/devices", {}, {{"Cookie", ann.cookie}}, Entrance::Public).status, 401);
}

TEST_F(SignIn, ChangesNothingWithoutTheTokenOfThePage) {
  const Browser ann = join();
  const auto post = [&](net::Headers more) {
    more.emplace_back("Cookie", ann.cookie);
    return call("POST", "/v1/notifications", kMail, std::move(more));
  };
  EXPECT_EQ(at(post({}), "/code"), "csrf");
  EXPECT_EQ(at(post({{"X-CSRF-Token", ann.csrf + "x"}}), "/code"), "csrf");
  EXPECT_EQ(at(post({{"X-CSRF-Token", join("ann").csrf}}), "/code"), "unauthenticated")
      << "that ended this one";
}

TEST_F(SignIn, ChangesNothingForPagesOfOtherOrigins) {
  const Browser ann = join();
  const auto post = [&](net::Headers more) {
    more.emplace_back("Cookie", ann.cookie);
    more.emplace_back("X-CSRF-Token", ann.csrf);
    more.emplace_back("Host", "127.0.0.1:8080");
    return call("POST", "/v1/notifications", kMail, std::move(more));
  };
  EXPECT_EQ(post({{"Origin", "http://127.0.0.1:8080"}, {"Sec-Fetch-Site", "same-origin"}}).status, 202);
  EXPECT_EQ(at(post({{"Origin", "http://127.0.0.1:9090"}}), "/code"), "cross_site");
  EXPECT_EQ(at(post({{"Sec-Fetch-Site", "same-site"}}), "/code"), "cross_site");
  EXPECT_EQ(at(sign_in("ann", kPassword, {}, {{"Origin", "http://evil.test"}, {"Host", "127.0.0.1:8080"}}),
               "/code"),
            "cross_site")
      << "nobody is signed in by another page";
  EXPECT_EQ(call("POST", "/v1/invitations/look", "{}", {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
}

TEST_F(SignIn, EndsWhenItIsNotUsedAndInAnyCaseAfterAWhile) {
  Browser ann = join();
  clock_.advance(11h);
  EXPECT_EQ(status(ann), 200);
  clock_.advance(11h);
  EXPECT_EQ(status(ann), 200) << "it was used";
  clock_.advance(13h);
  EXPECT_EQ(status(ann), 401);
  ann = browser(sign_in());
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(status(ann), 200) << i;
    clock_.advance(10h);
  }
  clock_.advance(9h);
  EXPECT_EQ(status(ann), 401) << "seven days";
}

TEST_F(SignIn, IsNotWrittenDownWithEachRequest) {
  const Browser ann = join();
  const auto seen = [&] { return run(store_->sessions().list("ann", clock_.now())).value().front().seen_at; };
  const Time first = seen();
  clock_.advance(4min);
  EXPECT_EQ(status(ann), 200);
  EXPECT_EQ(seen(), first);
  clock_.advance(2min);
  EXPECT_EQ(status(ann), 200);
  EXPECT_GT(seen(), first);
}

TEST_F(SignIn, IsOverWithTheMemberAtOnce) {
  Browser ann = join();
  put_member("ann", R"({"name":"Ann Kim","email":"ann@example.com","grants":{"default":"viewer"}})");
  EXPECT_EQ(as(ann, "POST", "/v1/notifications", kMail).status, 403) << "a viewer now";
  put_member("ann", R"({"grants":{"default":"viewer"},"disabled":true})");
  EXPECT_EQ(status(ann), 401);
  put_member("ann", R"({"grants":{"default":"viewer"}})");
  EXPECT_EQ(status(ann), 401) << "enabled again, the member signs in again";
  ann = browser(sign_in());
  EXPECT_EQ(status(ann), 200);
  EXPECT_EQ(as_admin("DELETE", "/v1/members/ann").status, 204);
  EXPECT_EQ(status(ann), 401);
  EXPECT_EQ(sign_in().status, 401);
  put_member("ann", R"({"grants":{"default":"viewer"}})");
  EXPECT_EQ(status(ann), 401) << "another of that name";
  EXPECT_EQ(sign_in().status, 401);
}

TEST_F(SignIn, IsListedAndEndedByOnesself) {
  put_member("bob", R"({"grants":{"default":"viewer"}})");
  const Browser here = join(), there = browser(sign_in()), bob = join("bob");
  const auto list = as(here, "GET", "/v1/sessions");
  EXPECT_EQ(at(list, "/data/0/current"), "false");
  EXPECT_EQ(at(list, "/data/1/current"), "true");
  EXPECT_EQ(at(list, "/data/2"), "(none)");
  const std::string path = "/v1/sessions/" + at(list, "/data/0/id");
  EXPECT_EQ(as(bob, "DELETE", path).status, 404);
  EXPECT_EQ(status(there), 200);
  EXPECT_EQ(as(here, "DELETE", path).status, 204);
  EXPECT_EQ(status(there), 401);
  EXPECT_EQ(as(here, "DELETE", path).status, 404);
  const auto out = as(here, "DELETE", "/v1/session");
  EXPECT_EQ(out.status, 204);
  EXPECT_TRUE(out.header("Set-Cookie").contains("Max-Age=0"));
  EXPECT_EQ(status(here), 401);
  EXPECT_EQ(status(bob), 200);
  EXPECT_EQ(trail()[0], "session.delete ann by member:ann");
}

TEST_F(SignIn, ByANewPasswordEndsEverywhereElse) {
  const Browser here = join(), there = browser(sign_in());
  const auto change = [&](std::string_view current, std::string_view fresh) {
    return as(here, "POST", "/v1/session/password",
              fmt::format(R"({{"current":"{}","new":"{}"}})", current, fresh));
  };
  const auto wrong = change("not the password", "another four words here");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(at(wrong, "/errors/0/pointer"), "/current");
  EXPECT_EQ(at(change(kPassword, "short"), "/errors/0/pointer"), "/new");
  EXPECT_EQ(status(there), 200);
  EXPECT_EQ(change(kPassword, "another four words here").status, 204);
  EXPECT_EQ(status(there), 401);
  EXPECT_EQ(status(here), 200);
  EXPECT_EQ(sign_in().status, 401);
  EXPECT_EQ(sign_in("ann", "another four words here").status, 200);
  EXPECT_EQ(trail()[2], "password.update ann by member:ann");
}

TEST_F(SignIn, AsksForACodeThatCountsOnce) {
  const Browser ann = join();
  EXPECT_EQ(at(as(ann, "PUT", "/v1/session/totp", R"({"code":"123456"})"), "/code"), "totp_not_begun");
  const std::string recovery = set_up_totp(ann);
  EXPECT_EQ(at(as(ann, "GET", "/v1/session"), "/member/has_totp"), "true");
  EXPECT_EQ(at(as(ann, "POST", "/v1/session/totp"), "/code"), "totp_active");
  EXPECT_EQ(at(sign_in(), "/code"), "totp_required");
  EXPECT_EQ(at(sign_in("ann", "wrong words of no use"), "/code"), "wrong_credentials")
      << "the password first";
  EXPECT_EQ(at(sign_in("ann", kPassword, code()), "/code"), "wrong_code") << "it confirmed the app";
  EXPECT_EQ(sign_in("ann", kPassword, code(1)).status, 200) << "a phone that is ahead";
  EXPECT_EQ(at(sign_in("ann", kPassword, code(1)), "/code"), "wrong_code") << "once";
  EXPECT_EQ(at(sign_in("ann", kPassword, code(2)), "/code"), "wrong_code");
  EXPECT_EQ(sign_in("ann", kPassword, recovery).status, 200);
  EXPECT_EQ(at(sign_in("ann", kPassword, recovery), "/code"), "wrong_code") << "once";
  clock_.advance(90s);
  EXPECT_EQ(sign_in("ann", kPassword, code()).status, 200);
}

TEST_F(SignIn, StopsAskingForACodeWithThePasswordOnly) {
  const Browser ann = join();
  set_up_totp(ann);
  EXPECT_EQ(
      at(as(ann, "DELETE", "/v1/session/totp", R"({"password":"guess of somebody"})"), "/errors/0/pointer"),
      "/password");
  EXPECT_EQ(at(sign_in(), "/code"), "totp_required");
  EXPECT_EQ(as(ann, "DELETE", "/v1/session/totp", fmt::format(R"({{"password":"{}"}})", kPassword)).status,
            204);
  EXPECT_EQ(sign_in().status, 200);
  EXPECT_EQ(as(ann, "DELETE", "/v1/session/totp", fmt::format(R"({{"password":"{}"}})", kPassword)).status,
            404);
  EXPECT_EQ(trail()[1], "totp.delete ann by member:ann");
}

TEST_F(SignIn, ResetTakesPasswordAndSessionsAndTheAppOnlyWhenAsked) {
  const Browser ann = join();
  set_up_totp(ann);
  const auto reset = as_admin("POST", "/v1/members/ann/reset-password");
  ASSERT_EQ(reset.status, 201) << reset.body;
  EXPECT_EQ(status(ann), 401);
  EXPECT_EQ(at(sign_in("ann", kPassword, code(1)), "/code"), "wrong_credentials");
  const std::string token = token_of(reset);
  EXPECT_EQ(at(call("POST", "/v1/invitations/accept", acceptance(token)), "/code"), "totp_required");
  const auto accepted =
      call("POST", "/v1/invitations/accept",
           fmt::format(R"({{"token":"{}","password":"{}","code":"{}"}})", token, kPassword, code(1)));
  EXPECT_EQ(accepted.status, 200) << accepted.body;
  const auto whole = as_admin("POST", "/v1/members/ann/reset-password", R"({"totp":true})");
  EXPECT_EQ(call("POST", "/v1/invitations/accept", acceptance(token_of(whole))).status, 200);
  EXPECT_EQ(sign_in().status, 200);
  EXPECT_EQ(as_admin("POST", "/v1/members/nobody/reset-password").status, 404);
}

TEST_F(SignIn, IsRefusedAfterTooManyGuessesEvenWhenRight) {
  join();
  net::HttpResponse answer;
  for (std::int64_t i = 0; i < kMemberFailures; ++i) {
    answer = sign_in("ann", fmt::format("guess number {}", i));
    EXPECT_EQ(answer.status, 401) << i;
  }
  answer = sign_in();
  EXPECT_EQ(answer.status, 429) << "the right one";
  EXPECT_EQ(at(answer, "/code"), "too_many_attempts");
  EXPECT_EQ(sign_in("Ann@example.com").status, 429);
  const std::int64_t wait = std::stoll(std::string(answer.header("Retry-After")));
  EXPECT_GT(wait, 60);
  EXPECT_LE(wait, 180);
  // Few of the guesses are told; nobody fills the trail.
  const auto told = trail();
  EXPECT_EQ(std::ranges::count(told, "session.fail ann by nobody"), 5);
  // An administrator helps at once.
  const auto reset = as_admin("POST", "/v1/members/ann/reset-password");
  EXPECT_EQ(call("POST", "/v1/invitations/accept", acceptance(token_of(reset))).status, 200);
  clock_.advance(std::chrono::seconds(wait));
  EXPECT_EQ(sign_in().status, 200);
}

TEST_F(SignIn, GuessesAtWhoIsNotThereAreCountedToo) {
  for (std::int64_t i = 0; i < kMemberFailures; ++i) EXPECT_EQ(sign_in("ghost@example.com").status, 401);
  EXPECT_EQ(sign_in("ghost@example.com").status, 429) << "as for one who is";
  EXPECT_EQ(sign_in("other@example.com").status, 401);
}

TEST_F(SignIn, ManyAtATimeAreBounded) {
  join();
  std::vector<std::future<net::HttpResponse>> answers;
  constexpr std::size_t kMany = 3 * kPasswordsWaitingMax;
  for (std::size_t i = 0; i < kMany; ++i) {
    net::HttpRequest request{
        "POST", "/v1/session", {}, fmt::format(R"({{"email":"u{}@example.com","password":"guess"}})", i)};
    answers.push_back(boost::asio::co_spawn(
        api_thread_->context,
        api_->handle(std::move(request), net::HttpPeer{fmt::format("10.0.0.{}", i), false}, Entrance::Tcp),
        boost::asio::use_future));
  }
  // Others are answered meanwhile: hashes are computed elsewhere.
  const auto since = std::chrono::steady_clock::now();
  EXPECT_EQ(as_app("GET", "/v1/limits").status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - since, 2s);
  std::size_t refused = 0, looked_at = 0;
  for (auto& answer : answers) {
    const int got = answer.get().status;
    refused += got == 429 ? 1U : 0U;
    looked_at += got == 401 ? 1U : 0U;
  }
  EXPECT_EQ(refused + looked_at, kMany);
  EXPECT_GE(looked_at, kPasswordsWaitingMax);
  EXPECT_GE(refused, kPasswordsWaitingMax);
}

TEST_F(SignIn, BrowsersAreNotMadeToAskForANameThemselves) {
  const auto answer = call("GET", "/v1/session", {}, {{"Sec-Fetch-Site", "same-origin"}});
  EXPECT_EQ(answer.status, 401);
  for (const auto& [name, value] : answer.headers) {
    if (name == "WWW-Authenticate") EXPECT_FALSE(value.starts_with("Basic")) << value;
  }
}

// The body of a large upload is not read for a cookie that was not made here.
TEST_F(SignIn, AHeadIsRefusedByItsCookieAlone) {
  const Browser ann = join();
  const auto refused = [&](const std::string& cookie) {
    const net::HttpRequest head{"POST", "/v1/objects", {{"Cookie", cookie}}, {}};
    return api_->refuse_head(head, net::HttpPeer{"127.0.0.1", false}, Entrance::Tcp).has_value();
  };
  EXPECT_FALSE(refused(ann.cookie));
  EXPECT_TRUE(refused("carillon_session=forged"));
  EXPECT_TRUE(refused(""));
}

TEST_F(SignIn, AMembersOwnSendIsApprovedBySomebodyElse) {
  put_member("ann", R"({"name":"Ann Kim","email":"Ann@example.com","grants":{"default":"administrator"}})");
  put_member("bob", R"({"grants":{"default":"administrator"}})");
  ASSERT_LT(as_admin("PUT", "/v1/categories/news", R"({"approval_over":1,"channels":["email"]})").status,
            300);
  const Browser ann = join(), bob = join("bob");
  const auto sent = as(ann, "POST", "/v1/notifications",
                       R"({"to":[{"email":"a@sandbox.carillon.test"},{"email":"b@sandbox.carillon.test"}],)"
                       R"("category":"news","title":"x","body":"y"})");
  ASSERT_EQ(at(sent, "/status"), "awaiting_approval") << sent.body;
  const std::string path = "/v1/approvals/" + at(sent, "/approval_id") + "/approve";
  EXPECT_EQ(at(as(ann, "POST", path), "/code"), "own_submission");
  EXPECT_EQ(as(bob, "POST", path).status, 200);
}

TEST_F(SignIn, TwoMembersDoNotHaveOneAddress) {
  const auto answer = as_admin("PUT", "/v1/members/bob", R"({"email":"ANN@example.com","grants":{}})");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(at(answer, "/errors/0/pointer"), "/email");
  EXPECT_EQ(as_admin("PUT", "/v1/members/ann", R"({"email":"ann@example.com","grants":{}})").status, 200)
      << "its own";
}

}  // namespace
}  // namespace carillon::api
