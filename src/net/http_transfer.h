// One HTTP/1.1 request or one mail as a libcurl transfer: options in, outcome out. No event loop
// here; http_client.cpp runs it.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"

namespace carillon::net {

// What both kinds share: the handle, its lists, and what curl said in the end. Not movable: curl
// holds pointers to it.
class HttpTransfer {
 public:
  HttpTransfer();
  virtual ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  [[nodiscard]] CURL* easy() const noexcept { return easy_; }
  void set_result(CURLcode result) noexcept { result_ = result; }
  // The transfer a handle belongs to; null for handles of curl's own.
  static HttpTransfer* of(CURL* easy) noexcept;
  // The socket this transfer was last seen on.
  void note_socket(curl_socket_t fd) noexcept { socket_ = fd; }

 protected:
  using Ready = TransportResult<bool>;

  // Puts the handle back to its defaults and sets what both kinds want.
  void reset(const std::string& url, const std::string& ca_file);
  void set_credential(const std::string& user, const base::Secret& password);
  void append(curl_slist*& list, const std::string& text);
  [[nodiscard]] std::string reason() const { return curl_easy_strerror(result_); }

  // Bytes curl has written to the connection, as it reports them.
  virtual void on_sent(std::string_view bytes, bool is_body) = 0;
  virtual void on_header_line(std::string_view line) = 0;

  CURL* easy_;
  CURLcode result_ = CURLE_ABORTED_BY_CALLBACK;
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  curl_slist* list_ = nullptr;

 private:
  static int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* user);
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user);
};

class HttpExchange final : public HttpTransfer {
 public:
  explicit HttpExchange(HttpCall call) : call_(std::move(call)) {}
  // Errors (always NotSent): the request cannot be expressed.
  Ready prepare();
  // After the transfer ended or was taken out.
  TransportResult<HttpResponse> outcome();

 private:
  void on_sent(std::string_view bytes, bool is_body) override;
  void on_header_line(std::string_view line) override;
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user);
  static int on_request_start(void* user, char*, char*, int, int);
  [[nodiscard]] bool is_fully_sent() const noexcept {
    return is_head_sent_ && body_sent_ >= call_.request.body.size();
  }
  void set_method();

  HttpCall call_;
  HttpResponse response_;
  std::string head_tail_;      // the last bytes of the request head sent
  std::size_t body_sent_ = 0;
  std::size_t header_bytes_ = 0;
  bool is_head_sent_ = false;
  bool is_cut_ = false;        // the response body reached its limit
};

class SmtpExchange final : public HttpTransfer {
 public:
  explicit SmtpExchange(SmtpMail mail) : mail_(std::move(mail)) {}
  Ready prepare();
  // True when a kept connection turned out to be closed before the server said anything.
  [[nodiscard]] bool met_stale_connection() const;
  TransportResult<SmtpReply> outcome();

 private:
  void on_sent(std::string_view bytes, bool is_body) override;
  void on_header_line(std::string_view line) override;
  static std::size_t on_read(char* out, std::size_t, std::size_t size, void* user);

  SmtpMail mail_;
  std::size_t read_ = 0;       // bytes of the content curl has taken
  bool is_end_given_ = false;  // the last of them, so end of data may be on its way
  bool is_fresh_ = false;
  std::size_t replies_ = 0;
  SmtpReply::Phase phase_ = SmtpReply::Phase::Connect;  // of the last command sent
  SmtpReply reply_;
};

}  // namespace carillon::net
