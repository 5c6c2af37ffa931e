#include "base/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace carillon::base {
namespace {

struct Options {
  std::string listen = "127.0.0.1:8080";
  Secret key;
  std::int64_t workers = 4;
  double rate = 1.5;
  bool tls = false;
  Millis timeout{30'000};
  std::int64_t body = 256 * 1024;
  std::string mode = "fast";
  std::vector<std::string> hosts{"a", "b"};
};

void describe(SettingsGroup& g, Options& o) {
  g.text("listen", o.listen).help("Where it listens.");
  g.secret("key_file", o.key).help("Names a file | or not.");
  g.integer("workers", o.workers).range(1, 64).unit("threads").help("How many.");
  g.number("rate", o.rate).range(0, 10).unit("requests/s").help("How fast.");
  g.boolean("tls", o.tls).help("Whether TLS is spoken.");
  g.duration("timeout", o.timeout).range(1'000, 60'000).help("How long.");
  g.bytes("body", o.body).range(0, 1 << 20).help("How large.");
  g.choice("mode", o.mode, {"fast", "safe"}).help("Which way.");
  g.text_list("hosts", o.hosts).help("Which hosts.");
}

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() { describe(settings.group("server"), o); }
  ~SettingsTest() override { std::filesystem::remove(path); }
  Result<void> load(std::string_view toml) {
    std::ofstream(path, std::ios::binary) << toml;
    return settings.load_file(path);
  }
  std::string path = testing::TempDir() + "settings_test_" + std::to_string(::getpid()) + ".toml";
  Options o;
  Settings settings;
};

TEST_F(SettingsTest, SetsEveryTypeFromText) {
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{{"listen", "[::]:80"},
                                                                                   {"key_file", "s3cret"},
                                                                                   {"workers", "8"},
                                                                                   {"rate", "0.25"},
                                                                                   {"tls", "true"},
                                                                                   {"timeout", "45s"},
                                                                                   {"body", "64KiB"},
                                                                                   {"mode", "safe"},
                                                                                   {"hosts", " x, y ,,z"}}) {
    EXPECT_TRUE(settings.set("server." + name, text)) << name;
  }
  EXPECT_EQ(o.listen, "[::]:80");
  EXPECT_EQ(o.key.reveal(), "s3cret");
  EXPECT_EQ(o.workers, 8);
  EXPECT_EQ(o.rate, 0.25);
  EXPECT_TRUE(o.tls);
  EXPECT_EQ(o.timeout, Millis(45'000));
  EXPECT_EQ(o.body, 65'536);
  EXPECT_EQ(o.mode, "safe");
  EXPECT_THAT(o.hosts, testing::ElementsAre("x", "y", "z"));
}

TEST_F(SettingsTest, RefusesWrongTextWithoutRepeatingIt) {
  for (const auto& [name, text] :
       std::vector<std::pair<std::string, std::string>>{{"workers", "hunter2"},
                                                        {"workers", "0"},
                                                        {"workers", "65"},
                                                        {"workers", "4.0"},
                                                        {"rate", "nan"},
                                                        {"rate", "11"},
                                                        {"tls", "hunter2"},
                                                        {"timeout", "61s"},
                                                        {"timeout", "45"},
                                                        {"body", "2MiB"},
                                                        {"body", "-1"},
                                                        {"mode", "hunter2"},
                                                        {"listen", std::string(kMaxSettingBytes + 1, 'x')}}) {
    const auto done = settings.set("server." + name, text);
    ASSERT_FALSE(done) << name << "=" << text;
    EXPECT_EQ(done.error().code, Errc::InvalidArgument);
    EXPECT_EQ(done.error().message.find("hunter2"), std::string::npos);
  }
  EXPECT_EQ(o.workers, 4);
  EXPECT_THAT(settings.set("server.timeout", "61s").error().message, testing::HasSubstr("1s to 1m"));
  EXPECT_EQ(settings.set("server.nope", "1").error().code, Errc::NotFound);
  EXPECT_THAT(settings.set("server.nope", "1").error().message, testing::HasSubstr("key_file"));
  EXPECT_EQ(settings.set("nope.x", "1").error().code, Errc::NotFound);
  EXPECT_EQ(settings.set("server", "1").error().code, Errc::NotFound);
}

TEST_F(SettingsTest, ReadsTheEnvironmentAndNamesWhatItDoesNotKnow) {
  std::vector<std::string> entries{"PATH=/bin",
                                   "CARILLON_SERVER_KEY_FILE=a=b",
                                   "CARILLON_SERVER_WORKERS=9",
                                   "CARILLON_SERVER_NOPE=1",
                                   "CARILLON_URL=x",
                                   "CARILLON_TOKEN=x",
                                   "CARILLON_CONFIG=x",
                                   "CARILLON_DATA=x",
                                   "CARILLON_SERVER_workers=7",
                                   "CARILLON_X=1"};
  std::vector<char*> environment;
  for (auto& entry : entries) environment.push_back(entry.data());
  environment.push_back(nullptr);
  const auto unknown = settings.load_environment(environment.data());
  ASSERT_TRUE(unknown);
  EXPECT_THAT(*unknown,
              testing::ElementsAre("CARILLON_SERVER_NOPE", "CARILLON_SERVER_workers", "CARILLON_X"));
  EXPECT_EQ(o.key.reveal(), "a=b");
  EXPECT_EQ(o.workers, 9);
  std::string wrong = "CARILLON_SERVER_TLS=maybe";
  char* only[] = {wrong.data(), nullptr};
  EXPECT_THAT(settings.load_environment(only).error().message, testing::HasSubstr("CARILLON_SERVER_TLS"));
}

TEST_F(SettingsTest, ReadsAFile) {
  ASSERT_TRUE(
      load("[server]\nworkers = 7\nrate = 2.5\ntls = true\ntimeout = \"10s\"\nhosts = [\"p\", \"q\"]\n"));
  EXPECT_EQ(o.workers, 7);
  EXPECT_EQ(o.rate, 2.5);
  EXPECT_TRUE(o.tls);
  EXPECT_EQ(o.timeout, Millis(10'000));
  EXPECT_THAT(o.hosts, testing::ElementsAre("p", "q"));
}

TEST_F(SettingsTest, NamesFileAndLineOfAMistake) {
  for (const auto& [line, toml] :
       std::vector<std::pair<int, std::string>>{{2, "[server]\nworkers = 99"},
                                                {3, "[server]\n\nnope = 1"},
                                                {1, "workers = 1"},
                                                {2, "[other]\nx = 1"},
                                                {2, "[server]\nhosts = [1]"},
                                                {2, "[server]\nlisten = 2026-01-01"},
                                                {2, "[server]\nx = = 1"}}) {
    const auto done = load(toml);
    ASSERT_FALSE(done) << toml;
    EXPECT_EQ(done.error().code, Errc::InvalidArgument);
    EXPECT_THAT(done.error().message, testing::StartsWith(fmt::format("{}:{}: ", path, line)));
  }
  EXPECT_EQ(settings.load_file(path + ".none").error().code, Errc::InvalidArgument);
}

TEST_F(SettingsTest, TheSampleIsReadBackWhenItsValuesAreUncommented) {
  std::string sample, line;
  std::istringstream lines(settings.sample_toml());
  while (std::getline(lines, line)) {
    const bool is_value = line.starts_with("# ") && line.find(" = ") != std::string::npos;
    sample += (is_value ? line.substr(2) : line) + "\n";
  }
  o.workers = 1;
  o.hosts.clear();
  o.body = 0;
  const auto done = load(sample);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(o.workers, 4);
  EXPECT_EQ(o.body, 256 * 1024);
  EXPECT_THAT(o.hosts, testing::ElementsAre("a", "b"));
}

TEST_F(SettingsTest, TheReferenceShowsEverySetting) {
  const std::string text = settings.reference_markdown();
  EXPECT_THAT(text, testing::HasSubstr("| `server.timeout` | duration | `30s` | 1s to 1m | How long. | "
                                       "`CARILLON_SERVER_TIMEOUT` |"));
  EXPECT_THAT(text, testing::HasSubstr("Names a file \\| or not."));
  EXPECT_THAT(text, testing::HasSubstr("fast, safe"));
}

TEST(SettingsGroup, AppliesJsonAndCollectsProblems) {
  Options o;
  SettingsGroup g("twilio_sms");
  describe(g, o);
  std::string sid;
  g.text("sid", sid).required();
  JsonDocument document;
  Problems problems;
  g.apply(
      document
          .parse(R"({"listen":12,"workers":"x","rate":2,"tls":"true","timeout":"99d","body":4096,"mode":"odd",
                             "hosts":["h"],"extra":1,"key_file":{"a":1}})")
          .value(),
      "/settings", problems);
  std::vector<std::string> found;
  for (const Problem& p : problems) found.push_back(p.pointer + " " + p.code);
  EXPECT_THAT(found,
              testing::UnorderedElementsAre("/settings/workers wrong_type", "/settings/timeout out_of_range",
                                            "/settings/mode invalid_choice", "/settings/extra unknown_field",
                                            "/settings/sid required", "/settings/key_file wrong_type"));
  EXPECT_EQ(o.listen, "12");
  EXPECT_EQ(o.rate, 2.0);
  EXPECT_EQ(o.body, 4096);
  EXPECT_THAT(o.hosts, testing::ElementsAre("h"));
  problems.clear();
  g.apply(document.parse(R"({"sid":"AC1"})").value(), "/settings", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(sid, "AC1");
  g.apply(document.parse("[]").value(), "/settings", problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, "wrong_type");
}

TEST(ByteText, ReadsUnitsAndWritesTheShortest) {
  EXPECT_EQ(parse_bytes("64MiB"), 67'108'864);
  EXPECT_EQ(parse_bytes("64MB"), 64'000'000);
  EXPECT_EQ(parse_bytes("4096"), 4096);
  EXPECT_EQ(parse_bytes("1TiB"), 1LL << 40);
  for (const char* text : {"", "MiB", "-1", "1.5GiB", "1 KB", "1kb", "9999999TiB", "99999999999999999999"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
  EXPECT_EQ(to_bytes_text(67'108'864), "64MiB");
  EXPECT_EQ(to_bytes_text(1000), "1000");
  EXPECT_EQ(to_bytes_text(0), "0");
}

}  // namespace
}  // namespace carillon::base
