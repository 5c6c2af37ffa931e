#include "app/client.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace carillon::app {
namespace {

TEST(Assignment, TakesTextAndJson) {
  const auto text = parse_assignment("name=Kim=Lee", "--param");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->name, "name");
  EXPECT_EQ(text->value, "Kim=Lee");
  EXPECT_FALSE(text->is_json);
  const auto json = parse_assignment("count:=3", "--param");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->name, "count");
  EXPECT_EQ(json->value, "3");
  EXPECT_TRUE(json->is_json);
}

TEST(Assignment, DoesNotRepeatWhatMayBeASecret) {
  for (const char* given : {"hunter2", "=hunter2", ":=hunter2"}) {
    const auto parsed = parse_assignment(given, "--setting");
    ASSERT_FALSE(parsed) << given;
    EXPECT_EQ(parsed.error().code, Errc::InvalidArgument);
    EXPECT_EQ(parsed.error().message.find("hunter2"), std::string::npos);
    EXPECT_NE(parsed.error().message.find("--setting"), std::string::npos);
  }
}

TEST(ObjectOf, MakesOneJsonObject) {
  const auto object = object_of({"name=\"Kim\"", "count:=3", "list:=[1,2]"}, "--param");
  ASSERT_TRUE(object);
  EXPECT_EQ(*object, R"({"name":"\"Kim\"","count":3,"list":[1,2]})");
}

TEST(ObjectOf, RefusesWhatIsNoJson) {
  const auto object = object_of({"count:=three"}, "--param");
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().code, Errc::InvalidArgument);
}

TEST(PathOf, EscapesTheKey) {
  EXPECT_EQ(path_of("/v1/users/", "a/b c", "/devices"), "/v1/users/a%2Fb%20c/devices");
}

TEST(WithQuery, LeavesOutWhatHasNoValue) {
  EXPECT_EQ(with_query("/v1/users", {{"limit", ""}, {"after", ""}}), "/v1/users");
  EXPECT_EQ(with_query("/v1/users", {{"limit", "5"}, {"after", "a&b"}}), "/v1/users?limit=5&after=a%26b");
}

TEST(JoinUrl, HasOneSlash) {
  EXPECT_EQ(join_url("https://host/base/", "/v1/apps"), "https://host/base/v1/apps");
  EXPECT_EQ(join_url("http://host:8080", "/v1/apps"), "http://host:8080/v1/apps");
}

TEST(MakesStore, OnlyByWhatSetsSomethingUp) {
  EXPECT_TRUE(makes_store("POST", "/v1/apps"));
  EXPECT_TRUE(makes_store("PUT", "/v1/users/1"));
  EXPECT_FALSE(makes_store("POST", "/v1/notifications"));
  EXPECT_FALSE(makes_store("GET", "/v1/apps"));
  EXPECT_FALSE(makes_store("DELETE", "/v1/apps/x"));
}

class ResolveValue : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "carillon_resolve_value";
    std::ofstream(path_) << "-----KEY-----\nabc\n";
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

TEST_F(ResolveValue, ReadsFilesAndVariables) {
  EXPECT_EQ(resolve_value("plain").value(), "plain");
  EXPECT_EQ(resolve_value("@@handle").value(), "@handle");
  EXPECT_EQ(resolve_value("@" + path_).value(), "-----KEY-----\nabc");
  ASSERT_EQ(::setenv("RESOLVE_VALUE_TEST", "from there", 1), 0);
  EXPECT_EQ(resolve_value("@env:RESOLVE_VALUE_TEST").value(), "from there");
  ASSERT_EQ(::unsetenv("RESOLVE_VALUE_TEST"), 0);
  EXPECT_EQ(resolve_value("@env:RESOLVE_VALUE_TEST").error().code, Errc::NotFound);
  EXPECT_EQ(resolve_value("@/nowhere/at/all").error().code, Errc::NotFound);
}

// The parsed command line of a program that has all commands.
struct Parsed {
  Shell shell;
  CLI::App root{"test", "carillon"};
  Parsed() {
    root.require_subcommand(1);
    add_sending(root, shell);
    add_operating(root, shell);
    add_admin(root, shell);
    add_members(root, shell);
    add_people(root, shell);
    add_clients(root, shell);
    add_schedule(root, shell);
    add_content(root, shell);
    add_channels(root, shell);
    add_rules(root, shell);
    add_backup(root, shell);
    add_doctor(root, shell);
    add_reference(root, shell);
  }
};

void expect_help(const CLI::App& command, const std::string& path) {
  EXPECT_FALSE(command.get_description().empty()) << path;
  const auto children = command.get_subcommands([](const CLI::App*) { return true; });
  if (children.empty()) {
    EXPECT_NE(command.get_footer().find("Example: carillon"), std::string::npos) << path << " has no example";
    EXPECT_TRUE(path == " reference" || command.get_option_no_throw("--json") != nullptr)
        << path << " has no --json";
  }
  for (const CLI::App* child : children) expect_help(*child, path + " " + child->get_name());
}

TEST(Commands, HaveHelpWithAnExampleAndJson) {
  const Parsed parsed;
  expect_help(parsed.root, "");
}

bool has_command(const CLI::App& root, const std::string& name) {
  return !root.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; }).empty();
}

TEST(Commands, AreTheContractsAndNoneOfLaterReleases) {
  const Parsed parsed;
  for (const char* name :
       {"send",     "status",      "app",     "key",    "user",     "group",       "template", "layout",
        "category", "integration", "route",   "rule",   "schedule", "suppression", "dlq",      "pause",
        "settings", "backup",      "restore", "doctor", "version",  "admin"}) {
    EXPECT_TRUE(has_command(parsed.root, name)) << name;
  }
  for (const char* name : {"approval", "import", "export", "migrate", "bench"}) {
    EXPECT_FALSE(has_command(parsed.root, name)) << name;
  }
}

TEST(Commands, ReadTheCommandLineOfTheContract) {
  Parsed parsed;
  parsed.root.parse("key create ops --management --scopes admin,people --data ./x --json", false);
  EXPECT_TRUE(parsed.shell.json);
  EXPECT_EQ(parsed.shell.line.data, "./x");
  EXPECT_TRUE(parsed.shell.run);
}

TEST(Commands, RefuseWhatTheyDoNotKnow) {
  for (const char* line :
       {"app", "app create", "app create x --colour red", "user preferences set 1 --opt-in maybe",
        "template publish x notanumber", "nonsense"}) {
    Parsed parsed;
    EXPECT_THROW(parsed.root.parse(line, false), CLI::ParseError) << line;
  }
}

}  // namespace
}  // namespace carillon::app
