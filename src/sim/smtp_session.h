// One SMTP connection.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "sim/context.h"
#include "sim/smtp_server.h"

namespace carillon::sim {

// Used by its own coroutine only. All references must outlive it.
class SmtpSession {
 public:
  SmtpSession(boost::asio::ip::tcp::socket& socket, boost::asio::ssl::context& tls, Context& context,
              const SmtpOptions& options)
      : socket_(socket), tls_context_(tls), context_(context), options_(options) {}

  // Serves until QUIT, an error or a fault that ends the connection.
  Task<void> run();

 private:
  static constexpr std::size_t kLineMax = 12'288;    // bytes, for AUTH (RFC 4954 §4)
  static constexpr std::size_t kTextLineMax = 1000;  // bytes with CRLF (RFC 5321 §4.5.3.1.6)
  static constexpr std::size_t kRecipientsMax = 100;
  static constexpr std::size_t kErrorsMax = 50;  // refused commands, then 421

  struct Mail {
    bool is_begun = false;
    bool is_utf8 = false;
    std::vector<std::string> recipients;
    Draw draw;
    std::string content;
    std::size_t size = 0;  // bytes, counted beyond the limit too
    bool has_bare_newline = false;
    bool has_long_line = false;
  };

  // Input. Replies gathered so far are sent before it waits. False: the connection is over.
  Task<bool> read_line(std::string& line);
  Task<bool> read_more();
  Task<bool> flush();
  void reply(std::string_view line) { out_.append(line).append("\r\n"); }
  void refuse(std::string_view line);

  // Each returns false when the connection is to end.
  Task<bool> command(std::string line);
  Task<bool> start_tls();
  Task<bool> authenticate(std::string line);
  Task<bool> prompt(std::string challenge, std::string& answer);
  Task<bool> data();
  Task<bool> finish();
  void hello(std::string_view verb);
  [[nodiscard]] bool may_mail();
  bool begin_mail(std::string_view line);
  [[nodiscard]] bool read_mail_parameters(std::string_view parameters);
  void recipient(std::string_view line);
  void take_text(std::string_view line);
  // What is wrong with the mail, as a reply; empty: nothing.
  [[nodiscard]] std::string_view check_mail() const;
  // Logs every recipient; true when the sender is to get an answer.
  bool accept(std::string_view queue_id);

  boost::asio::ip::tcp::socket& socket_;
  boost::asio::ssl::context& tls_context_;
  Context& context_;
  const SmtpOptions& options_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  std::string in_;
  std::size_t taken_ = 0;  // bytes of in_ already used
  std::string out_;
  bool has_greeted_ = false;
  bool is_authenticated_ = false;
  Mail mail_;
  std::int64_t mails_ = 0;
  std::size_t errors_ = 0;
};

}  // namespace carillon::sim
