#include "net/detail/http_writer.h"

#include <gtest/gtest.h>
#include <time.h>

namespace carillon::net::detail {
namespace {

std::string write(const HttpResponse& response, WriteOptions options = {}) {
  std::string out;
  append_response(out, response, options);
  // The date is the only part that changes.
  const auto at = out.find("Date: ");
  return at == std::string::npos ? out : out.erase(at, out.find("\r\n", at) + 2 - at);
}

TEST(HttpWriter, WritesStatusHeadersLengthAndBody) {
  EXPECT_EQ(write({201, {{"A", "b"}}, "body"}),
            "HTTP/1.1 201 Created\r\nA: b\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(write({299, {}, ""}), "HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpWriter, KeepsFramingToItself) {
  const HttpResponse response{
      200,
      {{"content-length", "9"}, {"Transfer-Encoding", "chunked"}, {"Connection", "x"}, {"DATE", "x"}},
      "b"};
  EXPECT_EQ(write(response), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
}

TEST(HttpWriter, TellsTheLengthButNotTheBodyToHead) {
  WriteOptions options;
  options.is_head = true;
  EXPECT_EQ(write({200, {}, "body"}, options), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
}

TEST(HttpWriter, GivesNoLengthWhereThereIsNoBody) {
  EXPECT_EQ(write({204, {}, "ignored"}), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(write({304, {}, "ignored"}), "HTTP/1.1 304 Not Modified\r\n\r\n");
}

TEST(HttpWriter, NamesWhatHappensToTheConnection) {
  WriteOptions options;
  options.names_keep_alive = true;
  EXPECT_TRUE(write({204, {}, ""}, options).ends_with("\r\nConnection: keep-alive\r\n\r\n"));
  options.close = true;
  EXPECT_TRUE(write({204, {}, ""}, options).ends_with("\r\nConnection: close\r\n\r\n"));
}

TEST(HttpWriter, ReplacesWhatWouldNotBeHttp) {
  for (const HttpResponse& bad :
       {HttpResponse{0, {}, ""}, HttpResponse{101, {}, ""}, HttpResponse{600, {}, ""},
        HttpResponse{200, {{"A", "b\r\nC: d"}}, ""}, HttpResponse{200, {{"A:", "b"}}, ""},
        HttpResponse{200, {{"", "b"}}, ""}, HttpResponse{200, {{"A B", "b"}}, ""}}) {
    EXPECT_TRUE(write(bad).starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  }
}

TEST(HttpWriter, DatesAsRfc9110Says) {
  const std::string_view date = http_date_now();
  ASSERT_EQ(date.size(), 29U);
  EXPECT_EQ(date.substr(3, 2), ", ");
  EXPECT_TRUE(date.ends_with(" GMT"));
  // Read back by the Retry-After parser: now is at most a few seconds ago.
  EXPECT_EQ(parse_retry_after(date, ::time(nullptr) - 5).value_or(99) / 6, 0);
}

TEST(HttpWriter, SaysWhatIsWrongInAProblemDocument) {
  const HttpResponse problem = problem_response({413, "body_too_large", "send a smaller body"});
  EXPECT_EQ(problem.header("content-type"), "application/problem+json");
  EXPECT_EQ(problem.body, R"({"type":"/docs/errors#body_too_large","title":"Content Too Large","status":413,)"
                          R"("code":"body_too_large","detail":"send a smaller body"})");
}

}  // namespace
}  // namespace carillon::net::detail
