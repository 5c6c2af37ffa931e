// One HTTP/1.1 request as a libcurl transfer: options in, outcome out. No event loop here;
// http_client.cpp runs it.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"

namespace carillon::net {

// Not movable: curl holds pointers to it.
class HttpExchange {
 public:
  explicit HttpExchange(HttpCall call);
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Errors (always NotSent): the request cannot be expressed.
  TransportResult<bool> prepare();
  [[nodiscard]] CURL* easy() const noexcept { return easy_; }
  void set_result(CURLcode result) noexcept { result_ = result; }
  // After the transfer ended or was taken out.
  TransportResult<HttpResponse> outcome();

 private:
  static int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* user);
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user);
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user);
  static std::size_t on_read(char* data, std::size_t, std::size_t size, void* user);
  static int on_seek(void* user, curl_off_t offset, int origin);
  static int on_request_start(void* user, char*, char*, int, int);
  static curl_socket_t on_open(void* user, curlsocktype purpose, curl_sockaddr* address);
  [[nodiscard]] bool is_fully_sent() const noexcept {
    return is_head_sent_ && body_sent_ >= body_size();
  }
  [[nodiscard]] std::uint64_t body_size() const noexcept {
    return call_.content ? call_.content->size() : call_.request.body.size();
  }
  void set_common();
  void set_credential();
  void set_method();
  void append_header(const std::string& text);
  // Bytes curl has written to the connection, as it reports them.
  void on_sent(std::string_view bytes, bool is_body);
  void on_header_line(std::string_view line);

  CURL* easy_;
  CURLcode result_ = CURLE_ABORTED_BY_CALLBACK;
  curl_slist* list_ = nullptr;
  HttpCall call_;
  HttpResponse response_;
  std::string head_tail_;      // the last bytes of the request head sent
  std::uint64_t body_sent_ = 0;
  std::uint64_t content_at_ = 0;  // what curl reads next of call_.content
  std::size_t header_bytes_ = 0;
  bool is_head_sent_ = false;
  bool is_cut_ = false;        // the response body reached its limit
  bool is_refused_ = false;    // the host has an address that is not public
};

}  // namespace carillon::net
