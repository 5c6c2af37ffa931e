#include "sim/smtp_server.h"

#include <gmock/gmock.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using boost::asio::ip::tcp;
using ::testing::HasSubstr;

constexpr std::string_view kMail =
    "From: shop@example.com\r\nTo: a@example.com\r\nMessage-ID: <dlv_0123456789abc@example.com>\r\n"
    "X-Carillon-Delivery: dlv_0123456789abc\r\nSubject: Hello\r\n\r\n.dot\r\nend\r\n";

class SmtpTest : public SimTest {
 protected:
  net::TransportResult<net::SmtpReply> mail(const std::string& to, bool starttls = true,
                                            std::string password = {}) {
    net::SmtpMail m;
    m.url = at("smtp", "url");
    m.require_starttls = starttls;
    m.ca_file = ca_file();
    m.user = at("smtp", "user");
    m.password = base::Secret(password.empty() ? at("smtp", "password") : password);
    m.hello = "client.example";
    m.mail_from = "bounce@example.com";
    m.recipients = {to};
    m.content = kMail;
    net::HttpClient& client = http();
    return run([&client, m]() -> Task<net::TransportResult<net::SmtpReply>> {
      co_return co_await client.mail(m, base::Deadline::after(Millis(10'000)));
    });
  }

  // A plain conversation: writes everything at once, reads until the server closes.
  std::string converse(const std::string& lines) {
    boost::asio::io_context io;
    tcp::socket socket(io);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"),
                    static_cast<std::uint16_t>(std::int64_t(root_["smtp"]["port"]))});
    boost::asio::write(socket, boost::asio::buffer(lines));
    std::string all;
    boost::system::error_code error;
    boost::asio::read(socket, boost::asio::dynamic_buffer(all), error);
    return all;
  }
  std::string login() const {
    return "EHLO client\r\nAUTH PLAIN " +
           base::base64(std::string("\0", 1) + at("smtp", "user") + std::string("\0", 1) +
                        at("smtp", "password")) +
           "\r\n";
  }
};

TEST_F(SmtpTest, TakesMailOverStarttlsAndLogsIt) {
  open();
  const auto reply = mail("a@example.com");
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(reply->code, 250);
  EXPECT_THAT(control("GET", "/log?vendor=smtp"),
              HasSubstr(R"("recipient":"a@example.com","delivery":"dlv_0123456789abc",)"
                        R"("collapse":"<dlv_0123456789abc@example.com>")"));
  EXPECT_THAT(control("GET", "/messages/last?vendor=smtp"), HasSubstr(R"(\r\n.dot\r\nend)"));
}

TEST_F(SmtpTest, ReservedAddressesActAsTheContractSays) {
  open();
  EXPECT_EQ(mail("ok@sandbox.carillon.test")->code, 250);
  EXPECT_EQ(mail("bounce@sandbox.carillon.test")->code, 550);
  EXPECT_EQ(mail("tempfail@sandbox.carillon.test")->code, 451);
  EXPECT_EQ(mail("complaint@sandbox.carillon.test")->code, 250);
  EXPECT_EQ(mail("slow@sandbox.carillon.test")->code, 250);
  const auto unknown = mail("unknown@sandbox.carillon.test");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("smtp", "accepted"), 4U);
  EXPECT_EQ(count("smtp", "unanswered"), 1U);
}

TEST_F(SmtpTest, RefusesWrongPasswords) {
  open();
  const auto reply = mail("a@example.com", true, "wrong");
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(reply->code, 535);
}

TEST_F(SmtpTest, AnswersPipelinedCommandsInOrder) {
  open();
  const std::string replies =
      converse(login() +
               "MAIL FROM:<b@example.com> SIZE=10\r\nRCPT TO:<a@example.com>\r\n"
               "RCPT TO:<bounce@sandbox.carillon.test>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n" +
               std::string(kMail.substr(0, kMail.find(".dot"))) + "..dot\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(replies,
              ::testing::ContainsRegex("235 2.7.0[^\n]*\r\n250 2.1.0[^\n]*\r\n250 2.1.5[^\n]*\r\n550 5.1.1"
                                       "[^\n]*\r\n250 2.1.5[^\n]*\r\n354[^\n]*\r\n250 2.0.0[^\n]*\r\n221"));
  EXPECT_EQ(count("smtp", "accepted"), 2U);
  EXPECT_THAT(control("GET", "/messages/last?vendor=smtp"), HasSubstr(R"(\r\n.dot\r\n)"));
}

TEST_F(SmtpTest, RefusesWhatRfcsForbid) {
  auto o = options();
  o.smtp_size_max = 2000;
  open(o);
  EXPECT_THAT(converse("EHLO c\r\nMAIL FROM:<b@example.com>\r\nQUIT\r\n"), HasSubstr("530 5.7.0"));
  EXPECT_THAT(converse(login() + "RCPT TO:<a@example.com>\r\nQUIT\r\n"), HasSubstr("503 5.5.1"));
  EXPECT_THAT(converse(login() + "MAIL FROM:<b@example.com> SIZE=3000\r\nQUIT\r\n"), HasSubstr("552 5.3.4"));
  EXPECT_THAT(converse(login() + "MAIL FROM:b\r\nQUIT\r\n"), HasSubstr("501 5.1.7"));
  EXPECT_THAT(converse(login() + "MAIL FROM:<\xC3\xA9@example.com>\r\nQUIT\r\n"), HasSubstr("553 5.6.7"));
  const auto content = [this](const std::string& text) {
    return converse(login() + "MAIL FROM:<b@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n" + text +
                    "\r\n.\r\nQUIT\r\n");
  };
  EXPECT_THAT(content("From: a@b\r\n\r\nbare\nnewline"), HasSubstr("550 5.6.11"));
  EXPECT_THAT(content("From: a@b\r\n\r\n" + std::string(999, 'x')), HasSubstr("550 5.6.0"));
  EXPECT_THAT(content("Subject: none\r\n\r\nx"), HasSubstr("550 5.6.0"));
  std::string big = "From: a@b\r\n\r\n";
  for (int i = 0; i < 30; ++i) big += std::string(100, 'x') + "\r\n";
  EXPECT_THAT(content(big), HasSubstr("552 5.3.4"));
  EXPECT_EQ(count("smtp", "accepted"), 0U);
}

TEST_F(SmtpTest, FaultsHitBetweenEndOfDataAndReply) {
  open();
  control("PUT", "/faults", R"({"smtp":{"rate_429":1}})");
  EXPECT_EQ(mail("a@example.com")->code, 450);
  control("PUT", "/faults", R"({"smtp":{"rate_5xx":1}})");
  EXPECT_EQ(mail("a@example.com")->code, 451);
  control("PUT", "/faults", R"({"smtp":{"reset_before":1}})");
  EXPECT_EQ(mail("a@example.com").error().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("smtp", "accepted"), 0U);
  control("PUT", "/faults", R"({"smtp":{"reset_after":1}})");
  EXPECT_EQ(mail("a@example.com").error().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("smtp", "unanswered"), 1U);
}

}  // namespace
}  // namespace carillon::sim
