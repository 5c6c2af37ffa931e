#include "providers/slack.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "providers/fixtures_test.h"

namespace carillon::providers::slack_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;
using testing_only::text_of;

TEST(Slack, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("slack", [](auto answer, auto outcome, const std::string& file) {
    const auto response = testing_only::response_of(answer);
    const auto got =
        file.starts_with("hook_") ? classify_hook(response, from_ms(0)) : classify(response, from_ms(0));
    testing_only::expect_outcome(got, outcome, file);
  });
}

TEST(Slack, ClassifiesEveryErrorItDocuments) {
  const std::map<OutcomeKind, std::set<std::string_view>> expected = {
      {OutcomeKind::InvalidRecipient,
       {"channel_not_found", "is_archived", "user_not_found", "users_not_found", "user_disabled",
        "cannot_dm_bot", "channel_is_archived", "no_service", "no_service_id", "no_team", "team_disabled",
        "invalid_token"}},
      {OutcomeKind::Throttled, {"rate_limited", "ratelimited", "message_limit_exceeded"}},
      {OutcomeKind::Misconfigured,
       {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission",
        "missing_scope", "not_allowed_token_type", "access_denied", "accesslimited", "ekm_access_denied",
        "enterprise_is_restricted", "metadata_must_be_sent_from_app", "team_access_not_granted",
        "two_factor_setup_required", "messages_tab_disabled", "deprecated_endpoint", "method_deprecated"}},
      {OutcomeKind::Temporary,
       {"org_login_required", "team_added_to_org", "request_timeout", "service_unavailable"}},
      {OutcomeKind::Ambiguous, {"fatal_error", "internal_error"}},
  };
  std::set<std::string_view> seen;
  for (const ErrorRow& row : error_rows()) {
    EXPECT_TRUE(seen.insert(row.code).second) << row.code << " is there twice";
    OutcomeKind kind = OutcomeKind::Permanent;
    for (const auto& [of_kind, codes] : expected) {
      if (codes.contains(row.code)) kind = of_kind;
    }
    const net::HttpResponse api{200, {}, fmt::format(R"({{"ok":false,"error":"{}"}})", row.code)};
    const auto outcome = classify(api, from_ms(0));
    EXPECT_EQ(outcome.kind, kind) << row.code;
    EXPECT_EQ(outcome.code, row.code);
    EXPECT_EQ(classify_hook({400, {}, std::string(row.code)}, from_ms(0)).kind, kind) << row.code;
  }
  for (const auto& [kind, codes] : expected) {
    for (const auto code : codes) EXPECT_TRUE(seen.contains(code)) << code;
  }
}

TEST(Slack, WritesTitleBodyAndLinkEscaped) {
  Job job = job_of("C0123ABC");
  auto message = message_of("Order <A&B>", "left > today");
  message->url = "https://shop.example/?a=1&b=2";
  job.message = message;
  base::JsonDocument document;
  const auto root = document.parse(body_of(job, false)).value();
  EXPECT_EQ(text_of(root, "channel"), "C0123ABC");
  EXPECT_EQ(text_of(root, "text"),
            "*Order &lt;A&amp;B&gt;*\nleft &gt; today\nhttps://shop.example/?a=1&amp;b=2");
  EXPECT_EQ(text_of(root["metadata"]["event_payload"].value(), "d"), job.delivery_text());
}

TEST(Slack, TakesBlocksAndKeepsWhatIsOurs) {
  Job job = job_of("C0123ABC");
  auto message = message_of("", "fallback");
  message->slack = R"({"blocks":[{"type":"divider"}],"channel":"C9","token":"x","unfurl_links":false})";
  job.message = message;
  base::JsonDocument document;
  auto root = document.parse(body_of(job, false)).value();
  EXPECT_EQ(text_of(root, "channel"), "C0123ABC");
  EXPECT_EQ(base::to_json(root["blocks"].value()), R"([{"type":"divider"}])");
  EXPECT_NE(root["token"].error(), simdjson::SUCCESS);
  EXPECT_EQ(root["unfurl_links"].error(), simdjson::SUCCESS);
  root = document.parse(body_of(job, true)).value();
  EXPECT_NE(root["channel"].error(), simdjson::SUCCESS) << "an incoming webhook has its own";
}

TEST(SlackChannelLimits, GivesEachThatWaitsAPlaceOfItsOwn) {
  ChannelLimits limits;
  const Time now = from_ms(1'790'000'000'000);
  EXPECT_EQ(limits.wait("C1", now), Millis(0));
  limits.refused("C1", now + Millis(3000));
  EXPECT_EQ(limits.wait("C1", now), Millis(3000));
  EXPECT_EQ(limits.wait("C1", now), Millis(4000));
  EXPECT_EQ(limits.wait("C2", now), Millis(0)) << "another channel is not limited";
  EXPECT_EQ(limits.wait("C1", now + Millis(3000)), Millis(0));
  EXPECT_EQ(limits.wait("C1", now + Millis(3000)), Millis(0));
}

}  // namespace
}  // namespace carillon::providers::slack_detail
