// Google's token endpoint: a signed assertion in, an access token out (PROVIDERS §2.1).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http.h"
#include "sim/context.h"

namespace carillon::sim {

// Issues and remembers access tokens. Thread-safe.
class TokenIssuer {
 public:
  static constexpr std::size_t kTokensMax = 10'000;  // the oldest-expiring go first

  explicit TokenIssuer(Context& context) : context_(context) {}
  // The `aud` assertions must carry; set before the endpoint is served.
  void set_token_uri(std::string uri) { token_uri_ = std::move(uri); }
  [[nodiscard]] const std::string& token_uri() const noexcept { return token_uri_; }

  // Answers one request to the endpoint, as RFC 6749 §5 and RFC 7523 say.
  [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request);
  // When that access token expires; nullopt when it was never issued or has expired.
  [[nodiscard]] std::optional<Time> find(std::string_view access_token) const;

 private:
  [[nodiscard]] std::string check(std::string_view assertion) const;  // empty: right
  [[nodiscard]] std::string issue();

  Context& context_;
  std::string token_uri_;
  mutable std::mutex mutex_;
  std::map<std::string, Time, std::less<>> tokens_;
};

}  // namespace carillon::sim
