// Huawei Push Kit as the simulator plays it (PROVIDERS §10.2): messages over HTTP/2, the endpoint that hands
// out access tokens, receipts.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "net/http.h"
#include "sim/callbacks.h"
#include "sim/context.h"
#include "sim/h2_server.h"

namespace carillon::sim {

// The account and its access tokens. Thread-safe.
class HmsAccount {
 public:
  static constexpr std::string_view kTokenPath = "/oauth2/v3/token";
  static constexpr std::size_t kTokensMax = 10'000;  // the first to expire go

  explicit HmsAccount(Context& context) : context_(context) {}
  // Once the credentials are there.
  void load();
  // Answers one request to the token endpoint, as RFC 6749 §4.4 says.
  [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request);
  // When that access token expires; nullopt when it was never issued or has expired.
  [[nodiscard]] std::optional<Time> find(std::string_view access_token) const;
  [[nodiscard]] const std::string& app_id() const noexcept { return app_id_; }
  // Fields of the account's object in sim.json.
  void describe(base::JsonWriter& out) const;
  // The receipt of a message, signed as AppGallery Connect was told.
  [[nodiscard]] Callback receipt(const std::string& url, std::string_view token, std::string_view tag,
                                 std::string_view request_id, int status) const;

 private:
  Context& context_;
  std::string app_id_, app_secret_, receipt_user_, receipt_key_;
  mutable std::mutex mutex_;
  std::map<std::string, Time, std::less<>> tokens_;
};

struct HmsOptions {
  std::uint32_t streams_max = 1000;
};

// All three must outlive the result.
std::unique_ptr<H2Application> make_hms(Context& context, HmsAccount& account, Callbacks& callbacks,
                                        HmsOptions options);

}  // namespace carillon::sim
