#include "net/http_transfer.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "net/public_address.h"

namespace carillon::net {

namespace {

constexpr std::size_t kHeaderBytesMax = 64 * 1024;  // of a response
constexpr long kConnectTimeoutMs = 30'000;          // the caller's deadline is usually earlier
constexpr long kUploadPiece = 128 * 1024;           // bytes of a large body read at a time

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

// Of an address curl is about to connect to.
bool is_public(const curl_sockaddr& address) {
  namespace ip = boost::asio::ip;
  if (address.family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.addr, sizeof v4);
    return is_public_address(ip::address_v4(ntohl(v4.sin_addr.s_addr)));
  }
  if (address.family != AF_INET6 || address.addrlen < sizeof(sockaddr_in6)) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.addr, sizeof v6);
  ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return is_public_address(ip::address_v6(bytes));
}

}  // namespace

HttpExchange::HttpExchange(HttpCall call) : easy_(curl_easy_init()), call_(std::move(call)) {
  CARILLON_ASSERT(easy_ != nullptr);
}

HttpExchange::~HttpExchange() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(list_);
}

void HttpExchange::set_common() {
  curl_easy_setopt(easy_, CURLOPT_URL, call_.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, no_proxy().c_str());
  curl_easy_setopt(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  if (call_.is_public_only) {
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &HttpExchange::on_open);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  }
  if (!call_.ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, call_.ca_file.c_str());
  // "Verbose" only feeds on_debug(), our view of what left the process; nothing is printed.
  curl_easy_setopt(easy_, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(easy_, CURLOPT_DEBUGFUNCTION, &HttpExchange::on_debug);
  curl_easy_setopt(easy_, CURLOPT_DEBUGDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpExchange::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
}

void HttpExchange::set_credential() {
  if (call_.user.empty()) return;
  std::string text(call_.password.reveal());
  curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  curl_easy_setopt(easy_, CURLOPT_USERNAME, call_.user.c_str());
  curl_easy_setopt(easy_, CURLOPT_PASSWORD, text.c_str());
  OPENSSL_cleanse(text.data(), text.size());
}

void HttpExchange::append_header(const std::string& text) {
  curl_slist* const longer = curl_slist_append(list_, text.c_str());
  CARILLON_ASSERT(longer != nullptr);
  list_ = longer;
}

int HttpExchange::on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
  if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) {
    static_cast<HttpExchange*>(user)->on_sent({data, size}, type == CURLINFO_DATA_OUT);
  }
  return 0;
}

std::size_t HttpExchange::on_header(char* data, std::size_t, std::size_t size, void* user) {
  static_cast<HttpExchange*>(user)->on_header_line({data, size});
  return size;
}

TransportResult<bool> HttpExchange::prepare() {
  const auto url = parse_url(call_.url);
  if (!url || (url->scheme != "http" && url->scheme != "https")) return not_sent("not an http(s) URL");
  if (has_control(call_.request.method)) return not_sent("method with control characters");
  set_common();
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set_credential();
  bool has_type = false;
  for (const auto& [name, value] : call_.request.headers) {
    if (has_control(name) || has_control(value)) return not_sent("header with control characters");
    // curl's form for a header without value is "Name;".
    append_header(value.empty() ? name + ";" : name + ": " + value);
    has_type = has_type || curl_strequal(name.c_str(), "content-type") != 0;
  }
  if (!has_type) append_header("Content-Type:");  // else curl calls every body a form
  append_header("Expect:");                       // no 100-continue round trip
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
  } else if (request.method == "POST" || call_.content || !request.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_size()));
    if (call_.content) {
      curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &HttpExchange::on_read);
      curl_easy_setopt(easy_, CURLOPT_READDATA, this);
      curl_easy_setopt(easy_, CURLOPT_SEEKFUNCTION, &HttpExchange::on_seek);
      curl_easy_setopt(easy_, CURLOPT_SEEKDATA, this);
      if (body_size() > static_cast<std::uint64_t>(kUploadPiece))
        curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kUploadPiece);
    } else {
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.c_str());
    }
  }
  if (request.method != "HEAD") curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

std::size_t HttpExchange::on_read(char* data, std::size_t, std::size_t size, void* user) {
  auto& self = *static_cast<HttpExchange*>(user);
  const auto count = self.call_.content->read(self.content_at_, {data, size});
  if (!count) return CURL_READFUNC_ABORT;
  self.content_at_ += *count;
  return *count;
}

// For a request that begins anew on another connection.
int HttpExchange::on_seek(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<HttpExchange*>(user)->content_at_ = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
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

// The address that is connected to is the one that is looked at: no name can resolve differently in between.
curl_socket_t HttpExchange::on_open(void* user, curlsocktype, curl_sockaddr* address) {
  if (!is_public(*address)) {
    static_cast<HttpExchange*>(user)->is_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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
  if (is_refused_ && !is_head_sent_) return not_sent("the host's address is private or reserved");
  const bool is_ended_by_us = result_ == CURLE_ABORTED_BY_CALLBACK;
  const SendFailure failure = is_fully_sent() ? SendFailure::Ambiguous : SendFailure::NotSent;
  return std::unexpected(
      TransportError{failure, is_ended_by_us ? "no answer in time" : curl_easy_strerror(result_)});
}

}  // namespace carillon::net
