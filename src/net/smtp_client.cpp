#include "net/smtp_client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/crypto.h"

namespace carillon::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using Phase = SmtpReply::Phase;

namespace {

constexpr std::size_t kReplyBytesMax = 64 * 1024;  // of one reply with all its lines
constexpr std::size_t kReplyTextMax = 500;         // bytes of it kept
constexpr std::size_t kIdleMax = 16;               // kept connections
constexpr std::size_t kPieceBytes = 64 * 1024;     // of what follows a mail's content
constexpr auto kIdleAge = std::chrono::seconds(60);
constexpr auto kClosePoll = std::chrono::milliseconds(1);

std::unexpected<TransportError> not_sent(std::string detail) {
  return std::unexpected(TransportError{SendFailure::NotSent, std::move(detail)});
}

bool is_bad_address(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return (c >= 0 && c <= 0x20) || c == '<' || c == '>' || c == 0x7f; });
}

bool has_8bit(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x7f; });
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != 0 ? name.data() : "localhost";
}

// RFC 5321 §4.5.2: a dot at the beginning of a line is doubled.
std::string stuffed(std::string_view content) {
  std::string out;
  out.reserve(content.size() + content.size() / 64 + 8);
  if (content.starts_with('.')) out += '.';
  std::size_t from = 0;
  for (std::size_t at; (at = content.find("\r\n.", from)) != std::string_view::npos; from = at + 3) {
    out.append(content, from, at + 3 - from);
    out += '.';
  }
  out.append(content, from);
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

}  // namespace

// One connection and what the server can do.
class SmtpSession {
 public:
  SmtpSession(asio::any_io_executor executor, Url url, std::shared_ptr<const TlsContext> tls)
      : url_(std::move(url)),
        tls_(std::move(tls)),
        socket_(executor, url_.scheme == "smtps" ? tls_ : nullptr) {}

  Task<TransportResult<SmtpReply>> deliver(const SmtpMail& mail, base::Deadline deadline) {
    if (!is_ready_) {
      auto opened = co_await open(mail, deadline);
      if (!opened || opened->code >= 400) co_return opened;
      is_ready_ = true;
    } else if (must_reset_) {
      const auto reply = co_await command("RSET\r\n", Phase::MailFrom);
      if (!reply || reply->code >= 400) co_return reply;
    }
    must_reset_ = true;
    if (mail.verify_only) {
      auto sender = co_await command("MAIL FROM:<" + mail.mail_from + ">\r\n", Phase::MailFrom);
      if (sender && sender->code < 400) sender->phase = Phase::Done;
      co_return sender;
    }
    auto envelope = co_await send_envelope(mail);
    if (!envelope || envelope->code >= 400) co_return envelope;
    co_return co_await send_content(mail);
  }

  // True when the connection can take another mail.
  [[nodiscard]] bool is_reusable() const noexcept { return is_ready_ && !is_broken_; }
  // True when it was kept, and the server had closed it: silence, 421, or one reply (to RSET) at most.
  [[nodiscard]] bool was_stale() const noexcept { return is_kept_ && is_broken_ && replies_ <= 1; }
  void begin_again() noexcept {
    is_kept_ = true;
    replies_ = 0;
  }
  void close() {
    is_broken_ = true;
    socket_.close();
  }
  void quit() {
    constexpr std::string_view kQuit = "QUIT\r\n";
    if (is_reusable()) socket_.write(kQuit.data(), kQuit.size());  // politeness; the answer is not waited for
    close();
  }

 private:
  // Greeting, EHLO, STARTTLS, AUTH. A reply below 400 means ready.
  Task<TransportResult<SmtpReply>> open(const SmtpMail& mail, base::Deadline deadline) {
    if (const auto connected = co_await socket_.connect(url_.host, url_.port, deadline); !connected) {
      is_broken_ = true;
      co_return not_sent(connected.error().message);
    }
    auto reply = co_await read_reply(Phase::Connect);
    if (!reply || reply->code >= 400) co_return reply;
    reply = co_await hello(mail);
    if (!reply || reply->code >= 400) co_return reply;
    if (!socket_.is_tls()) {
      if (offers("STARTTLS")) {
        reply = co_await start_tls(mail);
        if (!reply || reply->code >= 400) co_return reply;
      } else if (mail.require_starttls) {
        co_return lost("the server does not offer STARTTLS");
      }
    }
    if (!mail.user.empty()) co_return co_await authenticate(mail);
    co_return reply;
  }

  Task<TransportResult<SmtpReply>> hello(const SmtpMail& mail) {
    const std::string name = mail.hello.empty() ? host_name() : mail.hello;
    auto reply = co_await command("EHLO " + name + "\r\n", Phase::Connect);
    if (reply && reply->code >= 500) {  // RFC 5321 §3.2: an old server
      reply = co_await command("HELO " + name + "\r\n", Phase::Connect);
      lines_.clear();
    }
    capabilities_ = lines_;
    std::ranges::transform(capabilities_, capabilities_.begin(), [](char c) {
      return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    co_return reply;
  }

  Task<TransportResult<SmtpReply>> start_tls(const SmtpMail& mail) {
    auto reply = co_await command("STARTTLS\r\n", Phase::Connect);
    if (!reply || reply->code >= 400) co_return reply;
    // Whatever came before the handshake was not said by the verified server (CVE-2011-0411).
    if (!buffer_.empty()) co_return lost("the server spoke before the TLS handshake");
    if (const auto up = co_await socket_.upgrade(url_.host, tls_); !up) co_return lost(up.error().message);
    co_return co_await hello(mail);
  }

  Task<TransportResult<SmtpReply>> authenticate(const SmtpMail& mail) {
    if (offers_auth("PLAIN")) {
      std::string plain = '\0' + mail.user + '\0';
      plain += mail.password.reveal();
      co_return co_await command("AUTH PLAIN " + base::base64(plain) + "\r\n", Phase::Auth);
    }
    if (!offers_auth("LOGIN")) co_return lost("the server offers neither AUTH PLAIN nor AUTH LOGIN");
    auto reply = co_await command("AUTH LOGIN\r\n", Phase::Auth);
    if (!reply || reply->code != 334) co_return reply;
    reply = co_await command(base::base64(mail.user) + "\r\n", Phase::Auth);
    if (!reply || reply->code != 334) co_return reply;
    co_return co_await command(base::base64(mail.password.reveal()) + "\r\n", Phase::Auth);
  }

  // MAIL, RCPT (in one write where the server can), DATA; the first refusal or the 354.
  Task<TransportResult<SmtpReply>> send_envelope(const SmtpMail& mail) {
    const bool is_utf8 = has_8bit(mail.mail_from) || std::ranges::any_of(mail.recipients, has_8bit);
    std::string from = "MAIL FROM:<" + mail.mail_from + ">";
    if (offers("SIZE")) {
      from += fmt::format(" SIZE={}", mail.content.size() + (mail.rest ? mail.rest->size() : 0));
    }
    if (offers("8BITMIME") && has_8bit(mail.content)) from += " BODY=8BITMIME";
    if (offers("SMTPUTF8") && is_utf8) from += " SMTPUTF8";
    from += "\r\n";
    const bool is_pipelined = offers("PIPELINING");
    if (is_pipelined) {
      for (const std::string& recipient : mail.recipients) from += "RCPT TO:<" + recipient + ">\r\n";
    }
    auto worst = co_await command(std::move(from), Phase::MailFrom);
    if (!worst) co_return worst;
    for (const std::string& recipient : mail.recipients) {
      if (!is_pipelined && worst->code >= 400) break;
      auto reply = is_pipelined ? co_await read_reply(Phase::Recipient)
                                : co_await command("RCPT TO:<" + recipient + ">\r\n", Phase::Recipient);
      if (!reply) co_return reply;
      if (reply->code >= 400 && worst->code < 400) worst = std::move(reply);
    }
    if (worst->code >= 400) co_return worst;
    co_return co_await command("DATA\r\n", Phase::Data);
  }

  Task<TransportResult<SmtpReply>> send_content(const SmtpMail& mail) {
    const std::uint64_t rest_size = mail.rest ? mail.rest->size() : 0;
    std::string text = stuffed(mail.content);
    for (std::uint64_t at = 0; at < rest_size;) {
      if (!co_await write(std::move(text))) co_return lost(socket_.error_text());
      text.assign(kPieceBytes, '\0');
      const auto count = mail.rest->read(at, text);
      if (!count) co_return lost(count.error().message);
      text.resize(*count);
      at += *count;
    }
    text += ".\r\n";
    if (!co_await write(std::move(text))) co_return lost(socket_.error_text());
    is_end_sent_ = true;
    auto reply = co_await read_reply(Phase::Data);
    is_end_sent_ = false;
    if (reply && reply->code < 300) {
      reply->phase = Phase::Done;
      must_reset_ = false;
    }
    co_return reply;
  }

  // --- lines ---

  Task<TransportResult<SmtpReply>> command(std::string text, Phase phase) {
    if (!co_await write(std::move(text))) co_return lost(socket_.error_text());
    co_return co_await read_reply(phase);
  }

  Task<TransportResult<SmtpReply>> read_reply(Phase phase) {
    lines_.clear();
    for (;;) {
      const auto line = co_await read_line();
      if (!line) co_return lost(socket_.error_text());
      int code = 0;
      const bool is_coded =
          line->size() >= 3 && std::from_chars(line->data(), line->data() + 3, code).ptr == line->data() + 3;
      lines_ += *line;
      lines_ += '\n';
      if (!is_coded || code < 200 || code > 599 || lines_.size() > kReplyBytesMax)
        co_return lost("not an SMTP reply");
      if (line->size() > 3 && (*line)[3] == '-') continue;
      ++replies_;
      if (code == 421) is_broken_ = true;  // the server is closing the connection
      co_return reply_of(code, *line, phase);
    }
  }

  static SmtpReply reply_of(int code, std::string_view line, Phase phase) {
    const std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();
    SmtpReply reply;
    reply.code = code;
    reply.text = text.substr(0, kReplyTextMax);
    reply.phase = phase;
    // RFC 3463: class "." subject "." detail.
    const std::string_view first = text.substr(0, text.find(' '));
    const bool is_dotted =
        std::ranges::all_of(first, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
    if (is_dotted && std::ranges::count(first, '.') == 2 && first.size() >= 5 && first[1] == '.')
      reply.enhanced = first;
    return reply;
  }

  Task<std::optional<std::string>> read_line() {
    for (;;) {
      if (const auto at = buffer_.find('\n'); at != std::string::npos) {
        std::string line = buffer_.substr(0, at);
        buffer_.erase(0, at + 1);
        if (line.ends_with('\r')) line.pop_back();
        co_return line;
      }
      if (buffer_.size() > kReplyBytesMax) co_return std::nullopt;
      std::array<char, 4096> data;
      const IoResult got = socket_.read(data.data(), data.size());
      if (got.state == IoResult::State::Done) buffer_.append(data.data(), got.bytes);
      else if (!co_await wait(got.state)) co_return std::nullopt;
    }
  }

  Task<bool> write(std::string text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const IoResult put = socket_.write(text.data() + sent, text.size() - sent);
      if (put.state == IoResult::State::Done) sent += put.bytes;
      else if (!co_await wait(put.state)) co_return false;
    }
    co_return true;
  }

  Task<bool> wait(IoResult::State state) {
    if (state != IoResult::State::WouldRead && state != IoResult::State::WouldWrite) co_return false;
    const auto what = state == IoResult::State::WouldRead ? tcp::socket::wait_read : tcp::socket::wait_write;
    auto [ec] = co_await socket_.socket().async_wait(what, kAwait);
    socket_.readable();
    co_return !ec;
  }

  TransportResult<SmtpReply> lost(std::string_view why) {
    is_broken_ = true;
    const SendFailure failure = is_end_sent_ ? SendFailure::Ambiguous : SendFailure::NotSent;
    return std::unexpected(TransportError{failure, why.empty() ? "connection ended" : std::string(why)});
  }

  // `capabilities_` holds lines such as "250-STARTTLS" and "250 AUTH PLAIN LOGIN".
  [[nodiscard]] bool offers(std::string_view word) const { return !arguments_of(word).empty(); }
  [[nodiscard]] bool offers_auth(std::string_view mechanism) const {
    return (arguments_of("AUTH") + " ").contains(" " + std::string(mechanism) + " ");
  }
  // The rest of that capability's line with a leading blank; empty when it is not offered.
  [[nodiscard]] std::string arguments_of(std::string_view word) const {
    for (std::size_t from = 0; from < capabilities_.size();) {
      const std::size_t end = capabilities_.find('\n', from);
      const std::string line = capabilities_.substr(from, end - from) + " ";
      if (line.size() > 4 && line.substr(4).starts_with(std::string(word) + " "))
        return line.substr(4 + word.size());
      from = end + 1;
    }
    return {};
  }

  Url url_;
  std::shared_ptr<const TlsContext> tls_;
  ClientSocket socket_;
  std::string buffer_;        // received, not yet taken
  std::string lines_;         // of the last reply
  std::string capabilities_;  // of EHLO, upper case
  std::size_t replies_ = 0;   // in this mail
  bool is_ready_ = false, is_broken_ = false, is_kept_ = false;
  bool must_reset_ = false;   // an envelope was begun and not ended
  bool is_end_sent_ = false;  // end of data is with the kernel, its reply has not come
};

SmtpClient::SmtpClient(asio::any_io_executor executor) : executor_(std::move(executor)) {}
SmtpClient::~SmtpClient() = default;

Result<std::shared_ptr<const TlsContext>> SmtpClient::tls_of(const std::string& ca_file) {
  auto& context = tls_[ca_file];
  if (!context) {
    CARILLON_TRY(context, TlsContext::open(ca_file, {}));
  }
  return context;
}

std::unique_ptr<SmtpSession> SmtpClient::take_idle(const std::string& key) {
  const SteadyTime oldest = std::chrono::steady_clock::now() - kIdleAge;
  while (!idle_.empty() && idle_.front().since < oldest) {
    idle_.front().session->quit();
    idle_.pop_front();
  }
  const auto found = std::ranges::find(idle_, key, &Idle::key);
  if (found == idle_.end()) return nullptr;
  auto session = std::move(found->session);
  idle_.erase(found);
  session->begin_again();
  return session;
}

void SmtpClient::keep(std::string key, std::unique_ptr<SmtpSession> session) {
  if (is_closed_) return;
  idle_.push_back({std::move(key), std::chrono::steady_clock::now(), std::move(session)});
  if (idle_.size() <= kIdleMax) return;
  idle_.front().session->quit();
  idle_.pop_front();
}

Task<TransportResult<SmtpReply>> SmtpClient::run(SmtpSession& session, const SmtpMail& mail,
                                                 base::Deadline deadline) {
  // The timer's handler may run after this frame is gone; `armed` tells it.
  const auto armed = std::make_shared<bool>(true);
  asio::steady_timer timer(executor_);
  timer.expires_at(deadline.at());
  timer.async_wait([armed, &session](boost::system::error_code ec) {
    if (!ec && *armed) session.close();
  });
  const auto entry = running_.insert(running_.end(), &session);
  auto reply = co_await session.deliver(mail, deadline);
  *armed = false;
  running_.erase(entry);
  co_return reply;
}

Task<TransportResult<SmtpReply>> SmtpClient::mail(SmtpMail mail, base::Deadline deadline) {
  if (is_closed_) co_return not_sent("client closed");
  const auto url = parse_url(mail.url);
  if (!url || (url->scheme != "smtp" && url->scheme != "smtps")) co_return not_sent("not an smtp(s) URL");
  if (mail.recipients.empty() && !mail.verify_only) co_return not_sent("no recipient");
  if (is_bad_address(mail.mail_from) || is_bad_address(mail.hello))
    co_return not_sent("bad sender or EHLO name");
  if (std::ranges::any_of(mail.recipients, is_bad_address)) co_return not_sent("bad recipient");
  const auto tls = tls_of(mail.ca_file);
  if (!tls) co_return not_sent(tls.error().message);
  const std::string secret = base::sha256(mail.password.reveal());
  std::string key =
      fmt::format("{} {} {} {} {}", url->origin(), mail.require_starttls, mail.ca_file, mail.user, secret);
  auto session = take_idle(key);
  if (!session) session = std::make_unique<SmtpSession>(executor_, *url, *tls);
  auto reply = co_await run(*session, mail, deadline);
  // A kept connection the server had closed meanwhile: nothing was said on it, so a fresh one may.
  if (session->was_stale() && !deadline.passed() && !is_closed_) {
    session = std::make_unique<SmtpSession>(executor_, *url, *tls);
    reply = co_await run(*session, mail, deadline);
  }
  if (reply && session->is_reusable()) keep(std::move(key), std::move(session));
  co_return reply;
}

Task<void> SmtpClient::close() {
  is_closed_ = true;
  for (Idle& idle : idle_) idle.session->quit();
  idle_.clear();
  for (SmtpSession* session : running_) session->close();
  while (!running_.empty()) co_await base::sleep_for(kClosePoll);
}

}  // namespace carillon::net
