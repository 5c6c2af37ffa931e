// APNs, the pure part: what a request looks like and what an answer means. For apns.cpp, its tests and
// its benchmark.
// Source: Apple, "Sending notification requests to APNs", "Handling notification responses from APNs".
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/http2_push.h"

namespace carillon::providers::apns_detail {

struct Options {
  std::string team_id, key_id;
  base::Secret private_key;  // PKCS#8 PEM, P-256
  std::string topic;         // bundle id of devices that name none
  std::string environment = "production";
  std::int64_t connections = 4;
};
void describe_options(base::SettingsGroup& group, Options& options);

inline constexpr std::size_t kPayloadMax = 4096;      // bytes
inline constexpr std::size_t kPayloadVoipMax = 5120;  // bytes

// One line of Apple's table of errors.
struct Reason {
  std::string_view reason;
  int status = 0;
  model::OutcomeKind kind{};
  std::string_view text;  // Apple's wording
  PushVerdict::Follow follow = PushVerdict::Follow::None;
  bool is_suspicious = false;  // often means that production and development are mixed up
};
std::span<const Reason> reasons() noexcept;

class Rules final : public PushRules {
 public:
  Rules(std::string topic, std::string environment)
      : topic_(std::move(topic)), environment_(std::move(environment)) {}
  std::optional<model::Outcome> build(const Job& job, bool is_test, PushRequest& request) const override;
  PushVerdict classify(const net::Http2Response& response, Time now) const override;

 private:
  const std::string topic_, environment_;
};

// A provider token. One per team and key for the whole process: Apple refuses more than one new token
// in 20 minutes (429 TooManyProviderTokenUpdates), whoever made them. Thread-safe.
class Token {
 public:
  static constexpr Millis kRenewAfter{45 * 60'000};
  static constexpr Millis kRenewFloor{20 * 60'000};

  Token(std::string team_id, std::string key_id, base::Secret private_key);
  // The token all accounts with these credentials share.
  static std::shared_ptr<Token> shared(const Options& options);

  // "bearer …", made anew when older than kRenewAfter. Errors: InvalidArgument (no P-256 key).
  Result<CredentialValue> value(Time now);
  // Apple says `value` is expired. True: there is another, or there may be one now.
  bool refused(const CredentialValue& value, Time now);

 private:
  const std::string team_id_, key_id_;
  const base::Secret private_key_;
  std::mutex mutex_;
  CredentialValue value_;
  Time made_{};
};

}  // namespace carillon::providers::apns_detail
