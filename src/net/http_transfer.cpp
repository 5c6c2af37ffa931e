#include "net/http_transfer.h"

#include <openssl/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace carillon::net {

namespace {

constexpr std::size_t kHeaderBytesMax = 64 * 1024;  // of a response
constexpr std::size_t kReplyTextMax = 500;          // bytes of an SMTP reply kept
constexpr long kConnectTimeoutMs = 30'000;          // the caller's deadline is usually earlier

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

std::unexpected<TransportError> not_sent(std::string detail) {
  return std::unexpected(TransportError{SendFailure::NotSent, std::move(detail)});
}

// Proxies come from the environment as usual; loopback never goes through one.
const std::string& no_proxy() {
  static const std::string list = [] {
    const char* given = std::getenv("no_proxy");
    if (given == nullptr) given = std::getenv("NO_PROXY");
    return std::string(given != nullptr ? given : "") + ",localhost,127.0.0.1,::1";
  }();
  return list;
}

}  // namespace

// --- what both kinds share --------------------------------------------------------------------

HttpTransfer::HttpTransfer() : easy_(curl_easy_init()) { CARILLON_ASSERT(easy_ != nullptr); }

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(list_);
}

void HttpTransfer::reset(const std::string& url, const std::string& ca_file) {
  curl_easy_reset(easy_);
  curl_slist_free_all(std::exchange(list_, nullptr));
  result_ = CURLE_ABORTED_BY_CALLBACK;
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, no_proxy().c_str());
  curl_easy_setopt(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  if (!ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, ca_file.c_str());
  // "Verbose" only feeds on_debug(), our view of what left the process; nothing is printed.
  curl_easy_setopt(easy_, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(easy_, CURLOPT_DEBUGFUNCTION, &HttpTransfer::on_debug);
  curl_easy_setopt(easy_, CURLOPT_DEBUGDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
}

HttpTransfer* HttpTransfer::of(CURL* easy) noexcept {
  char* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  return static_cast<HttpTransfer*>(static_cast<void*>(transfer));
}

void HttpTransfer::set_credential(const std::string& user, const base::Secret& password) {
  if (user.empty()) return;
  std::string text(password.reveal());
  curl_easy_setopt(easy_, CURLOPT_USERNAME, user.c_str());
  curl_easy_setopt(easy_, CURLOPT_PASSWORD, text.c_str());
  OPENSSL_cleanse(text.data(), text.size());
}

void HttpTransfer::append(curl_slist*& list, const std::string& text) {
  curl_slist* const longer = curl_slist_append(list, text.c_str());
  CARILLON_ASSERT(longer != nullptr);
  list = longer;
}

int HttpTransfer::on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
  if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) {
    static_cast<HttpTransfer*>(user)->on_sent({data, size}, type == CURLINFO_DATA_OUT);
  }
  return 0;
}

std::size_t HttpTransfer::on_header(char* data, std::size_t, std::size_t size, void* user) {
  static_cast<HttpTransfer*>(user)->on_header_line({data, size});
  return size;
}

// --- HTTP -------------------------------------------------------------------------------------

HttpTransfer::Ready HttpExchange::prepare() {
  const auto url = parse_url(call_.url);
  if (!url || (url->scheme != "http" && url->scheme != "https")) return not_sent("not an http(s) URL");
  if (has_control(call_.request.method)) return not_sent("method with control characters");
  reset(call_.url, call_.ca_file);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  set_credential(call_.user, call_.password);
  bool has_type = false;
  for (const auto& [name, value] : call_.request.headers) {
    if (has_control(name) || has_control(value)) return not_sent("header with control characters");
    // curl's form for a header without value is "Name;".
    append(list_, value.empty() ? name + ";" : name + ": " + value);
    has_type = has_type || curl_strequal(name.c_str(), "content-type") != 0;
  }
  if (!has_type) append(list_, "Content-Type:");  // else curl calls every body a form
  append(list_, "Expect:");                       // no 100-continue round trip
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, list_);
  set_method();
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpExchange::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &HttpExchange::on_request_start);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  return true;
}

void HttpExchange::set_method() {
  const HttpRequest& request = call_.request;
  if (request.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST" || !request.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "HEAD") curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

// curl repeats a request by itself when a kept connection dies before the first byte of the answer.
// One that was fully sent may have been acted upon: it must not be repeated here.
int HttpExchange::on_request_start(void* user, char*, char*, int, int) {
  auto& self = *static_cast<HttpExchange*>(user);
  if (self.is_fully_sent()) return CURL_PREREQFUNC_ABORT;
  self.is_head_sent_ = false;
  self.body_sent_ = 0;
  self.head_tail_.clear();
  return CURL_PREREQFUNC_OK;
}

void HttpExchange::on_sent(std::string_view bytes, bool is_body) {
  if (is_body) {
    body_sent_ += bytes.size();
    return;
  }
  head_tail_.append(bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 4)));
  if (head_tail_.size() > 4) head_tail_.erase(0, head_tail_.size() - 4);
  is_head_sent_ = head_tail_ == "\r\n\r\n";
}

void HttpExchange::on_header_line(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // a final answer replaces an interim one (1xx)
    response_.headers.clear();
    header_bytes_ = 0;
    return;
  }
  header_bytes_ += line.size();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || header_bytes_ > kHeaderBytesMax) return;
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(" \t");
  value.remove_prefix(std::min(first, value.size()));
  value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
  response_.headers.emplace_back(line.substr(0, colon), value);
}

std::size_t HttpExchange::on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& self = *static_cast<HttpExchange*>(user);
  const std::size_t left = self.call_.response_body_max - self.response_.body.size();
  self.response_.body.append(data, std::min(size, left));
  if (size <= left) return size;
  self.is_cut_ = true;
  return 0;  // ends the transfer
}

TransportResult<HttpResponse> HttpExchange::outcome() {
  if (result_ == CURLE_OK || is_cut_) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    return std::move(response_);
  }
  const bool is_ended_by_us = result_ == CURLE_ABORTED_BY_CALLBACK;
  const SendFailure failure = is_fully_sent() ? SendFailure::Ambiguous : SendFailure::NotSent;
  return std::unexpected(TransportError{failure, is_ended_by_us ? "no answer in time" : reason()});
}

// --- SMTP -------------------------------------------------------------------------------------

HttpTransfer::Ready SmtpExchange::prepare() {
  const auto url = parse_url(mail_.url);
  if (!url || (url->scheme != "smtp" && url->scheme != "smtps")) return not_sent("not an smtp(s) URL");
  if (mail_.recipients.empty()) return not_sent("no recipient");
  if (has_control(mail_.mail_from)) return not_sent("sender with control characters");
  is_fresh_ = replies_ > 0 || result_ != CURLE_ABORTED_BY_CALLBACK;  // the second attempt
  // The path is the EHLO name; curl takes this host's name when there is none.
  reset(url->origin() + "/" + percent_encode(mail_.hello), mail_.ca_file);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(easy_, CURLOPT_USE_SSL, static_cast<long>(mail_.require_starttls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (is_fresh_) curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  set_credential(mail_.user, mail_.password);
  const std::string from = "<" + mail_.mail_from + ">";
  curl_easy_setopt(easy_, CURLOPT_MAIL_FROM, from.c_str());
  for (const std::string& recipient : mail_.recipients) {
    if (recipient.empty() || has_control(recipient)) return not_sent("recipient with control characters");
    append(list_, "<" + recipient + ">");
  }
  curl_easy_setopt(easy_, CURLOPT_MAIL_RCPT, list_);
  curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail_.content.size()));
  curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &SmtpExchange::on_read);
  curl_easy_setopt(easy_, CURLOPT_READDATA, this);
  read_ = 0;
  is_end_given_ = false;
  replies_ = 0;
  phase_ = SmtpReply::Phase::Connect;
  reply_ = {};
  return true;
}

// curl doubles leading dots itself (RFC 5321 §4.5.2); the content passes as it is.
std::size_t SmtpExchange::on_read(char* out, std::size_t, std::size_t size, void* user) {
  auto& self = *static_cast<SmtpExchange*>(user);
  const std::size_t n = std::min(size, self.mail_.content.size() - self.read_);
  std::memcpy(out, self.mail_.content.data() + self.read_, n);
  self.read_ += n;
  if (self.read_ == self.mail_.content.size()) self.is_end_given_ = true;
  return n;
}

void SmtpExchange::on_sent(std::string_view bytes, bool is_body) {
  using Phase = SmtpReply::Phase;
  static constexpr std::array<std::pair<std::string_view, Phase>, 7> kVerbs{{{"EHLO", Phase::Connect},
                                                                             {"HELO", Phase::Connect},
                                                                             {"STARTTLS", Phase::Connect},
                                                                             {"AUTH", Phase::Auth},
                                                                             {"MAIL FROM", Phase::MailFrom},
                                                                             {"RCPT TO", Phase::Recipient},
                                                                             {"DATA", Phase::Data}}};
  // curl says QUIT when it drops a connection, and then blocks this thread until the server has
  // answered. Nobody needs that answer: take the waiting away.
  if (bytes.starts_with("QUIT") && !is_body && socket_ != CURL_SOCKET_BAD) ::shutdown(socket_, SHUT_RD);
  if (is_body || phase_ == Phase::Data) return;
  for (const auto& [verb, phase] : kVerbs) {
    if (bytes.starts_with(verb)) phase_ = phase;  // anything else continues AUTH
  }
}

void SmtpExchange::on_header_line(std::string_view line) {
  ++replies_;
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  int code = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + std::min<std::size_t>(3, line.size()), code);
  if (parsed.ptr != line.data() + 3 || (line.size() > 3 && line[3] == '-')) return;
  std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();
  reply_ = SmtpReply{code, {}, std::string(text.substr(0, kReplyTextMax)), phase_};
  // RFC 3463: class "." subject "." detail.
  const std::string_view first = text.substr(0, text.find(' '));
  const bool is_dotted = std::ranges::count(first, '.') == 2 &&
                         std::ranges::all_of(first, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  if (is_dotted && first.size() >= 5 && first[1] == '.') reply_.enhanced = first;
}

bool SmtpExchange::met_stale_connection() const {
  long connects = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects);
  return !is_fresh_ && result_ != CURLE_OK && connects == 0 && replies_ == 0 && !is_end_given_;
}

TransportResult<SmtpReply> SmtpExchange::outcome() {
  if (result_ == CURLE_OK) {
    reply_.phase = SmtpReply::Phase::Done;
    return std::move(reply_);
  }
  if (reply_.code >= 400) return std::move(reply_);
  const bool is_ended_by_us = result_ == CURLE_ABORTED_BY_CALLBACK;
  const SendFailure failure = is_end_given_ ? SendFailure::Ambiguous : SendFailure::NotSent;
  return std::unexpected(TransportError{failure, is_ended_by_us ? "not finished in time" : reason()});
}

}  // namespace carillon::net
