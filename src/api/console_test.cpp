#include "api/console.h"

#include <gtest/gtest.h>

#include <set>

namespace carillon::api {
namespace {

constexpr ConsoleFile kScript{"/assets/a-12345678.js", "text/javascript", "abc", "plain", "gz", "br", true};
constexpr ConsoleFile kPage{"/", "text/html", "def", "<!doctype html>", "gz", "", false};

Reply ask(const ConsoleFile& file, net::Headers headers, bool is_secure = false) {
  return console_reply(file, {"GET", "/", std::move(headers), {}}, is_secure);
}
std::string_view header(const Reply& reply, std::string_view name) {
  return net::find_header(reply.headers, name);
}

TEST(Console, SendsTheSmallestFormTheBrowserTakes) {
  const auto body = [](const char* accepted) { return ask(kScript, {{"Accept-Encoding", accepted}}).body; };
  EXPECT_EQ(body("gzip, deflate, br, zstd"), "br");
  EXPECT_EQ(body("gzip"), "gz");
  EXPECT_EQ(body("br;q=0, gzip;q=0.5"), "gz");
  EXPECT_EQ(body("br;q=0.000 , gzip;q=0"), "plain");
  EXPECT_EQ(body("br; q=0.1"), "br");
  EXPECT_EQ(body("identity"), "plain");
  EXPECT_EQ(body("xbr,brx"), "plain");
  EXPECT_EQ(body(""), "plain");
  EXPECT_EQ(ask(kScript, {}).body, "plain");
  EXPECT_EQ(ask(kPage, {{"Accept-Encoding", "br"}}).body, "<!doctype html>") << "it has no such form";
  EXPECT_EQ(header(ask(kScript, {{"Accept-Encoding", "br"}}), "Content-Encoding"), "br");
  EXPECT_EQ(header(ask(kScript, {}), "Content-Encoding"), "");
  EXPECT_EQ(header(ask(kScript, {}), "Vary"), "Accept-Encoding");
}

TEST(Console, KeepsWhatHasItsHashInItsNameAndAsksForTheRest) {
  EXPECT_EQ(header(ask(kScript, {}), "Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(header(ask(kPage, {}), "Cache-Control"), "no-cache");
}

TEST(Console, SendsNothingThatTheBrowserHas) {
  const auto status = [](const char* given, const char* accepted = "") {
    const Reply reply = ask(kPage, {{"If-None-Match", given}, {"Accept-Encoding", accepted}});
    EXPECT_EQ(reply.body.empty(), reply.status == 304);
    EXPECT_FALSE(header(reply, "ETag").empty());
    return reply.status;
  };
  EXPECT_EQ(status("\"def\""), 304);
  EXPECT_EQ(status("W/\"def\""), 304);
  EXPECT_EQ(status("\"x\", \"def\""), 304);
  EXPECT_EQ(status("*"), 304);
  EXPECT_EQ(status("\"def\"", "gzip"), 200) << "it has another form";
  EXPECT_EQ(status("\"def-gzip\"", "gzip"), 304);
  EXPECT_EQ(status("\"other\""), 200);
  EXPECT_EQ(status("def"), 200);
}

TEST(Console, TellsTheBrowserWhatThePageMayDo) {
  const Reply reply = ask(kPage, {});
  const std::string_view policy = header(reply, "Content-Security-Policy");
  for (const char* part : {"default-src 'self'", "script-src 'self';", "frame-ancestors 'none'",
                           "base-uri 'none'", "form-action 'self'", "object-src 'none'"})
    EXPECT_TRUE(policy.contains(part)) << part;
  EXPECT_FALSE(policy.contains("script-src 'self' 'unsafe"));
  EXPECT_EQ(header(reply, "Strict-Transport-Security"), "") << "plain http";
  EXPECT_EQ(header(ask(kPage, {}, true), "Strict-Transport-Security"), "max-age=31536000");
}

TEST(Console, IsInTheBinary) {
  std::set<std::string_view> paths;
  for (const ConsoleFile& file : console_files()) {
    EXPECT_TRUE(paths.insert(file.path).second) << file.path;
    EXPECT_TRUE(file.path.starts_with('/'));
    EXPECT_FALSE(file.plain.empty()) << file.path;
    EXPECT_FALSE(file.hash.empty());
    EXPECT_TRUE(file.gzip.size() < file.plain.size() && file.brotli.size() < file.plain.size());
    EXPECT_EQ(file.is_hashed, file.path.starts_with("/assets/")) << file.path;
  }
  if (paths.empty()) GTEST_SKIP() << "built with CARILLON_CONSOLE=OFF";
  ASSERT_NE(find_console_file("/"), nullptr);
  EXPECT_TRUE(find_console_file("/")->plain.starts_with("<!doctype html>"));
  EXPECT_EQ(find_console_file("/index.html"), nullptr);
  EXPECT_EQ(find_console_file(""), nullptr);
}

}  // namespace
}  // namespace carillon::api
