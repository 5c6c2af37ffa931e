#include "sim/smtp_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

#include "base/crypto.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kReadChunk = 32 * 1024;
constexpr std::size_t kRepliesMax = 64 * 1024;  // bytes gathered before they are sent

bool equals(std::string_view a, std::string_view lower) noexcept {
  return std::ranges::equal(a, lower,
                            [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

bool begins(std::string_view text, std::string_view lower) noexcept {
  return text.size() >= lower.size() && equals(text.substr(0, lower.size()), lower);
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "<a@b> SIZE=1" → address and the rest; nullopt when malformed.
struct Path {
  std::string_view address, parameters;
};
std::optional<Path> parse_path(std::string_view text) noexcept {
  text = trim(text);
  const std::size_t end = text.find('>');
  if (text.empty() || text.front() != '<' || end == std::string_view::npos) return std::nullopt;
  return Path{text.substr(1, end - 1), trim(text.substr(end + 1))};
}

bool is_mailbox(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < address.size() &&
         std::ranges::none_of(address, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

bool is_ascii(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The value of a header of this mail, its first line or, where that is empty, the one folded below it.
std::string_view header(std::string_view mail, std::string_view lower_name) noexcept {
  while (!mail.empty()) {
    const std::size_t end = std::min(mail.find("\r\n"), mail.size());
    if (end == 0) return {};
    std::string_view line = mail.substr(0, end);
    mail.remove_prefix(std::min(end + 2, mail.size()));
    if (!begins(line, lower_name) || line.size() <= lower_name.size() || line[lower_name.size()] != ':')
      continue;
    line = trim(line.substr(lower_name.size() + 1));
    if (line.empty() && !mail.empty() && (mail.front() == ' ' || mail.front() == '\t')) {
      line = trim(mail.substr(0, mail.find("\r\n")));
    }
    return line;
  }
  return {};
}

}  // namespace

// ---- bytes ----------------------------------------------------------------------------------------

Task<bool> SmtpSession::flush() {
  if (out_.empty()) co_return true;
  const auto bytes = boost::asio::buffer(out_);
  boost::system::error_code error;
  if (tls_) {
    std::tie(error, std::ignore) = co_await boost::asio::async_write(*tls_, bytes, kAwait);
  } else {
    std::tie(error, std::ignore) = co_await boost::asio::async_write(socket_, bytes, kAwait);
  }
  out_.clear();
  co_return !error;
}

Task<bool> SmtpSession::read_more() {
  if (!co_await flush()) co_return false;
  in_.erase(0, taken_);
  taken_ = 0;
  const std::size_t old = in_.size();
  in_.resize(old + kReadChunk);
  const auto room = boost::asio::buffer(in_.data() + old, kReadChunk);
  boost::system::error_code error;
  std::size_t got = 0;
  if (tls_) {
    std::tie(error, got) = co_await tls_->async_read_some(room, kAwait);
  } else {
    std::tie(error, got) = co_await socket_.async_read_some(room, kAwait);
  }
  in_.resize(old + got);
  co_return !error;
}

Task<bool> SmtpSession::read_line(std::string& line) {
  std::size_t end = in_.find('\n', taken_);
  while (end == std::string::npos) {
    if (in_.size() - taken_ > kLineMax) {
      reply("421 4.7.0 Line too long, closing");
      co_await flush();
      co_return false;
    }
    if (!co_await read_more()) co_return false;
    end = in_.find('\n', taken_);
  }
  line.assign(in_, taken_, end - taken_);
  if (line.ends_with('\r')) line.pop_back();
  taken_ = end + 1;
  if (out_.size() > kRepliesMax) co_return co_await flush();
  co_return true;
}

// ---- commands -------------------------------------------------------------------------------------

Task<void> SmtpSession::run() {
  if (context_.faults.rates(Vendor::Smtp).black_hole) {
    co_await stay_silent(socket_);
    co_return;
  }
  reply("220 localhost ESMTP Carillon simulator");
  std::string line;
  while (co_await read_line(line)) {
    if (co_await command(line)) continue;
    co_await flush();
    co_return;
  }
}

void SmtpSession::refuse(std::string_view line) {
  ++errors_;
  reply(line);
}

Task<bool> SmtpSession::command(std::string line) {
  const std::string_view text = line;
  const std::string_view verb = text.substr(0, text.find(' '));
  if (errors_ > kErrorsMax) {
    reply("421 4.7.0 Too many errors");
    co_return false;
  }
  if (equals(verb, "ehlo") || equals(verb, "helo")) {
    hello(verb);
  } else if (equals(verb, "noop")) {
    reply("250 2.0.0 Ok");
  } else if (equals(verb, "rset")) {
    mail_ = {};
    reply("250 2.0.0 Ok");
  } else if (equals(verb, "quit")) {
    reply("221 2.0.0 Bye");
    co_return false;
  } else if (equals(verb, "starttls")) {
    co_return co_await start_tls();
  } else if (equals(verb, "auth")) {
    co_return co_await authenticate(std::move(line));
  } else if (equals(verb, "mail")) {
    co_return begin_mail(line);
  } else if (equals(verb, "rcpt")) {
    recipient(line);
  } else if (equals(verb, "data")) {
    co_return co_await data();
  } else if (equals(verb, "vrfy") || equals(verb, "expn")) {
    refuse("252 2.5.2 Cannot verify");
  } else {
    refuse("500 5.5.1 Command unknown");
  }
  co_return true;
}

void SmtpSession::hello(std::string_view verb) {
  has_greeted_ = true;
  mail_ = {};
  if (equals(verb, "helo")) return reply("250 localhost");
  reply("250-localhost");
  reply("250-PIPELINING");
  reply(fmt::format("250-SIZE {}", options_.size_max));
  reply("250-8BITMIME");
  reply("250-SMTPUTF8");
  if (!tls_) reply("250-STARTTLS");
  if (tls_ || !options_.requires_starttls) reply("250-AUTH PLAIN LOGIN");
  reply("250 ENHANCEDSTATUSCODES");
}

Task<bool> SmtpSession::start_tls() {
  if (tls_) {
    refuse("503 5.5.1 TLS is on already");
    co_return true;
  }
  reply("220 2.0.0 Ready to start TLS");
  if (!co_await flush()) co_return false;
  // Whatever came before the handshake was not protected by it: it must not be taken for commands.
  in_.clear();
  taken_ = 0;
  tls_.emplace(socket_, tls_context_);
  auto [error] = co_await tls_->async_handshake(boost::asio::ssl::stream_base::server, kAwait);
  has_greeted_ = is_authenticated_ = false;
  mail_ = {};
  co_return !error;
}

Task<bool> SmtpSession::prompt(std::string challenge, std::string& answer) {
  reply(challenge);
  std::string line;
  if (!co_await read_line(line)) co_return false;
  answer = base::unbase64(line).value_or("");
  co_return true;
}

Task<bool> SmtpSession::authenticate(std::string line) {
  if (options_.requires_starttls && !tls_) {
    refuse("538 5.7.11 Encryption required for requested authentication mechanism");
    co_return true;
  }
  if (!has_greeted_ || is_authenticated_) {
    refuse("503 5.5.1 Bad sequence of commands");
    co_return true;
  }
  const std::string_view arguments = trim(std::string_view(line).substr(4));
  const std::string_view mechanism = arguments.substr(0, arguments.find(' '));
  const std::string_view initial = trim(arguments.substr(mechanism.size()));
  std::string user;
  std::string password;
  std::string first = initial.empty() ? std::string() : base::unbase64(initial).value_or("");
  if (equals(mechanism, "plain")) {
    if (initial.empty() && !co_await prompt("334 ", first)) co_return false;
    const std::size_t a = first.find('\0');
    const std::size_t b = a == std::string::npos ? a : first.find('\0', a + 1);
    if (b != std::string::npos) {
      user = first.substr(a + 1, b - a - 1);
      password = first.substr(b + 1);
    }
  } else if (equals(mechanism, "login")) {
    user = first;
    if (initial.empty() && !co_await prompt("334 VXNlcm5hbWU6", user)) co_return false;
    if (!co_await prompt("334 UGFzc3dvcmQ6", password)) co_return false;
  } else {
    refuse("504 5.5.4 Mechanism not supported");
    co_return true;
  }
  const bool is_right =
      user == context_.credentials.smtp_user && context_.credentials.smtp_password.matches(password);
  const bool is_faulty = context_.faults.rates(Vendor::Smtp).auth_failure > 0 &&
                         context_.faults.draw(Vendor::Smtp).fault == Fault::AuthFailure;
  if (!is_right || is_faulty) {
    context_.log->refused(Vendor::Smtp, "535 5.7.8");
    refuse("535 5.7.8 Authentication credentials invalid");
    co_return true;
  }
  is_authenticated_ = true;
  reply("235 2.7.0 Authentication successful");
  co_return true;
}

bool SmtpSession::may_mail() {
  if (!has_greeted_ || mail_.is_begun) {
    refuse("503 5.5.1 Bad sequence of commands");
  } else if (options_.requires_starttls && !tls_) {
    refuse("530 5.7.0 Must issue a STARTTLS command first");
  } else if (options_.requires_auth && !is_authenticated_) {
    context_.log->refused(Vendor::Smtp, "530 5.7.0");
    refuse("530 5.7.0 Authentication required");
  } else {
    return true;
  }
  return false;
}

// False: the connection ends.
bool SmtpSession::begin_mail(std::string_view line) {
  if (!may_mail()) return true;
  const auto path = begins(line, "mail from:") ? parse_path(line.substr(10)) : std::nullopt;
  if (!path || (!path->address.empty() && !is_mailbox(path->address))) {
    refuse("501 5.1.7 Bad sender address syntax");
    return true;
  }
  const std::int64_t every = context_.faults.goaway_every(Vendor::Smtp);
  const Draw draw = context_.faults.draw(Vendor::Smtp);
  if (draw.fault == Fault::RefusedStream || (every > 0 && mails_ >= every)) {
    reply("421 4.3.2 Closing the connection, try again");
    return false;
  }
  if (draw.fault == Fault::Throttle) {
    context_.log->refused(Vendor::Smtp, "450 4.7.1");
    refuse("450 4.7.1 Too many messages, slow down");
    return true;
  }
  if (draw.fault == Fault::AuthFailure) {
    context_.log->refused(Vendor::Smtp, "530 5.7.0");
    refuse("530 5.7.0 Authentication required");
    return true;
  }
  mail_ = {};
  mail_.draw = draw;
  if (!read_mail_parameters(path->parameters)) return true;
  if (!mail_.is_utf8 && !is_ascii(path->address)) {
    refuse("553 5.6.7 SMTPUTF8 is needed for this address");
    return true;
  }
  mail_.is_begun = true;
  reply("250 2.1.0 Ok");
  return true;
}

bool SmtpSession::read_mail_parameters(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view one = parameters.substr(0, parameters.find(' '));
    parameters = trim(parameters.substr(one.size()));
    if (begins(one, "size=")) {
      std::int64_t size = -1;
      const auto [end, error] = std::from_chars(one.data() + 5, one.data() + one.size(), size);
      if (error != std::errc() || end != one.data() + one.size() || size < 0) {
        refuse("501 5.5.4 Bad SIZE");
        return false;
      }
      if (size > options_.size_max) {
        context_.log->refused(Vendor::Smtp, "552 5.3.4");
        refuse("552 5.3.4 Message size exceeds fixed limit");
        return false;
      }
    } else if (equals(one, "smtputf8")) {
      mail_.is_utf8 = true;
    } else if (!equals(one, "body=8bitmime") && !equals(one, "body=7bit") && !begins(one, "auth=")) {
      refuse("555 5.5.4 Unsupported option");
      return false;
    }
  }
  return true;
}

void SmtpSession::recipient(std::string_view line) {
  if (!mail_.is_begun) return refuse("503 5.5.1 MAIL first");
  const auto path = begins(line, "rcpt to:") ? parse_path(line.substr(8)) : std::nullopt;
  if (!path || !is_mailbox(path->address)) return refuse("501 5.1.3 Bad recipient address syntax");
  if (!path->parameters.empty()) return refuse("555 5.5.4 Unsupported option");
  if (!mail_.is_utf8 && !is_ascii(path->address))
    return refuse("553 5.6.7 SMTPUTF8 is needed for this address");
  if (mail_.recipients.size() >= kRecipientsMax) return refuse("452 4.5.3 Too many recipients");
  switch (reserved_address(path->address)) {
    case Reserved::Bounce:
      context_.log->refused(Vendor::Smtp, "550 5.1.1");
      return refuse("550 5.1.1 Mailbox does not exist");
    case Reserved::TempFail:
      context_.log->refused(Vendor::Smtp, "451 4.3.0");
      return refuse("451 4.3.0 Temporary failure, try again later");
    case Reserved::None:
    case Reserved::Ok:
    case Reserved::Complaint:
    case Reserved::Slow:
    case Reserved::Unknown: break;
  }
  mail_.recipients.emplace_back(path->address);
  reply("250 2.1.5 Ok");
}

// ---- content --------------------------------------------------------------------------------------

// One line of content without its CRLF, dots already unstuffed.
void SmtpSession::take_text(std::string_view line) {
  if (line.find_first_of("\r\n") != std::string_view::npos) mail_.has_bare_newline = true;
  if (line.size() + 2 > kTextLineMax) mail_.has_long_line = true;
  mail_.size += line.size() + 2;
  if (mail_.size > static_cast<std::size_t>(options_.size_max)) return;
  mail_.content.append(line).append("\r\n");
}

Task<bool> SmtpSession::data() {
  if (!mail_.is_begun || mail_.recipients.empty()) {
    refuse(mail_.is_begun ? "554 5.5.1 No valid recipients" : "503 5.5.1 MAIL first");
    co_return true;
  }
  reply("354 End data with <CR><LF>.<CR><LF>");
  for (;;) {
    std::size_t end = in_.find("\r\n", taken_);
    while (end == std::string::npos) {
      // A line longer than this is remembered as too long and forgotten, so that memory stays bounded.
      if (in_.size() - taken_ > kLineMax * 2) {
        mail_.has_long_line = true;
        taken_ = in_.size() - 1;  // keeps a CR that may begin the line end
      }
      if (!co_await read_more()) co_return false;
      end = in_.find("\r\n", taken_);
    }
    std::string_view line(in_.data() + taken_, end - taken_);
    taken_ = end + 2;
    if (line == ".") break;
    if (line.starts_with('.')) line.remove_prefix(1);
    take_text(line);
  }
  co_return co_await finish();
}

std::string_view SmtpSession::check_mail() const {
  if (mail_.size > static_cast<std::size_t>(options_.size_max))
    return "552 5.3.4 Message size exceeds fixed limit";
  if (mail_.has_bare_newline) return "550 5.6.11 Bare CR or LF in the message";
  if (mail_.has_long_line) return "550 5.6.0 Line longer than 998 bytes";
  if (header(mail_.content, "from").empty()) return "550 5.6.0 The message has no From header";
  if (mail_.draw.fault == Fault::ServerError) return "451 4.3.0 Temporary failure, try again later";
  return {};
}

Task<bool> SmtpSession::finish() {
  ++mails_;
  const Draw draw = mail_.draw;
  if (draw.fault == Fault::ResetBefore) {
    reset(socket_);
    co_return false;
  }
  if (draw.fault == Fault::BlackHole) {
    co_await stay_silent(socket_);
    co_return false;
  }
  Millis delay = draw.latency;
  const std::string_view wrong = check_mail();
  if (wrong.empty()) {
    const std::string queue_id = base::hex(base::random_bytes(8));
    const bool is_answered = accept(queue_id);
    context_.log->flush();
    if (draw.fault == Fault::NoAnswer) {
      co_await stay_silent(socket_);
      co_return false;
    }
    if (!is_answered) {
      reset(socket_);
      co_return false;
    }
    const bool is_slow = std::ranges::any_of(
        mail_.recipients, [](const std::string& to) { return reserved_address(to) == Reserved::Slow; });
    if (is_slow) delay += context_.slow;
    reply(fmt::format("250 2.0.0 Ok: queued as {}", queue_id));
  } else {
    context_.log->refused(Vendor::Smtp, wrong.substr(0, wrong.find(' ', 4)));
    refuse(wrong);
  }
  mail_ = {};
  co_await pause(socket_, delay);
  co_return true;
}

bool SmtpSession::accept(std::string_view queue_id) {
  const bool is_answered =
      mail_.draw.fault == Fault::None && std::ranges::none_of(mail_.recipients, [](const std::string& to) {
        return reserved_address(to) == Reserved::Unknown;
      });
  const std::string_view message_id = header(mail_.content, "message-id");
  std::string_view delivery = header(mail_.content, "x-carillon-delivery");
  if (delivery.empty()) delivery = find_delivery_text(message_id);
  const Time now = context_.clock.now();
  for (const std::string& recipient : mail_.recipients) {
    context_.log->accepted({.time = now,
                            .vendor = Vendor::Smtp,
                            .recipient = recipient,
                            .delivery = delivery,
                            .collapse = message_id,
                            .message_id = queue_id,
                            .content = mail_.content,
                            .is_answered = is_answered});
  }
  return is_answered;
}

}  // namespace carillon::sim
