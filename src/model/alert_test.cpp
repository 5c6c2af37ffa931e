#include "model/alert.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "model/admin.h"

namespace carillon::model {
namespace {

const std::string kSecret = "whsec_" + base::base64(std::string(32, 'k'));

AlertSettings read(const std::string& json, base::Problems& problems, const AlertSettings* before = nullptr) {
  base::JsonDocument document;
  return read_alert_settings(document.parse(json).value(), "/alerts", before, problems);
}

std::string problem_of(const std::string& json) {
  base::Problems problems;
  read(json, problems);
  return problems.empty() ? "" : problems[0].pointer + " " + problems[0].code;
}

TEST(AlertKinds, HaveNamesThatReadBack) {
  for (std::size_t i = 0; i < kAlertKindCount; ++i) {
    const auto kind = static_cast<AlertKind>(i);
    EXPECT_EQ(parse_alert_kind(name(kind)), kind);
    EXPECT_FALSE(alert_title({1, kind, "x"}).empty());
    EXPECT_FALSE(alert_advice(kind).empty());
  }
  EXPECT_FALSE(parse_alert_kind("Disk_Low"));
  EXPECT_EQ(alert_title({1, AlertKind::RetriesExhausted, "rule big-orders"}),
            "Events of the rule big-orders cannot be sent");
  EXPECT_EQ(alert_title({1, AlertKind::IntegrationPaused, "{smtp}"}), "The integration '{smtp}' is paused");
}

TEST(AlertSettings, AreReadWithTheirSecret) {
  base::Problems problems;
  const auto settings = read(R"({"webhook":{"url":"https://ops.example.com/a","secret":")" + kSecret +
                                 R"("},"email":["Ops@Example.com"]})",
                             problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(settings.webhook_url, "https://ops.example.com/a");
  EXPECT_EQ(settings.plain_secret, kSecret);
  EXPECT_EQ(settings.emails, std::vector<std::string>{"Ops@example.com"});
  EXPECT_EQ(settings.targets(), (std::vector{AlertTarget::Webhook, AlertTarget::Email}));
  EXPECT_TRUE(read("{}", problems).targets().empty());
}

TEST(AlertSettings, SayWhatIsWrong) {
  EXPECT_EQ(problem_of(R"({"email":["ops"]})"), "/alerts/email/0 invalid_email");
  EXPECT_EQ(problem_of(R"({"email":"ops@example.com"})"), "/alerts/email wrong_type");
  EXPECT_EQ(problem_of(R"({"webhook":{"secret":")" + kSecret + R"("}})"), "/alerts/webhook/url required");
  EXPECT_EQ(problem_of(R"({"webhook":{"url":"https://x.example"}})"), "/alerts/webhook/secret required");
  EXPECT_EQ(problem_of(R"({"webhook":{"url":"https://x.example","secret":"geheim"}})"),
            "/alerts/webhook/secret invalid_value");
  EXPECT_EQ(problem_of(R"({"webhook":{"url":"https://x.example","secret":{"set":true}}})"),
            "/alerts/webhook/secret required");
  EXPECT_EQ(problem_of(R"({"webhook":{"url":"https://x.example","secret":{"set":false}}})"),
            "/alerts/webhook/secret wrong_type");
  EXPECT_EQ(problem_of(R"({"slack":1})"), "/alerts/slack unknown_field");
}

TEST(AlertSettings, KeepTheSecretThatReadsBackAsSet) {
  AlertSettings before;
  before.webhook_url = "https://old.example";
  before.sealed_secret = "v1:sealed";
  base::Problems problems;
  const auto settings =
      read(R"({"webhook":{"url":"https://new.example","secret":{"set":true}}})", problems, &before);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(settings.sealed_secret, "v1:sealed");
  EXPECT_TRUE(settings.plain_secret.empty());
}

TEST(AlertSettings, AreStoredWithTheProjectsOthersAndShowNoSecret) {
  ProjectSettings project;
  project.alerts.emplace();
  project.alerts->webhook_url = "https://ops.example.com";
  project.alerts->sealed_secret = "v1:sealed";
  project.alerts->emails = {"ops@example.com"};
  const auto back = decode_project_settings(encode(project));
  ASSERT_TRUE(back);
  ASSERT_TRUE(back->alerts);
  EXPECT_EQ(back->alerts->sealed_secret, "v1:sealed");
  EXPECT_EQ(back->alerts->emails, project.alerts->emails);
  base::JsonWriter out;
  write_project_settings(out, project);
  const std::string shown = out.str();
  EXPECT_EQ(shown.find("v1:sealed"), std::string::npos);
  EXPECT_NE(shown.find(R"("secret":{"set":true})"), std::string::npos);
}

TEST(AlertSettings, ANullTakesThemAway) {
  ProjectSettings project;
  project.alerts.emplace();
  base::JsonDocument document;
  base::Problems problems;
  read_project_settings(document.parse(R"({"alerts":null})").value(), project, ProjectSettings{}, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_FALSE(project.alerts);
}

}  // namespace
}  // namespace carillon::model
