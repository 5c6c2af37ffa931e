// Web Push, the pure part: what a subscription is, what a request looks like and what an answer means.
// Sources: RFC 8030, RFC 8291, RFC 8292; what push services add to them: Mozilla's autopush-rs
// (docs/src/errors.md), Apple ("Sending web push notifications in web apps and browsers"), FCM.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "net/push_encryption.h"
#include "providers/http2_push.h"
#include "providers/provider.h"

namespace carillon::providers::webpush_detail {

inline constexpr std::int64_t kTtlMaxS = 2'419'200;  // four weeks: what every push service takes
inline constexpr Millis kTokenLife{12 * 3'600'000};  // RFC 8292 §2 allows a day
inline constexpr Millis kTokenUse{6 * 3'600'000};    // renewed after it
inline constexpr Millis kTokenFloor{3'600'000};      // Apple: not renewed more often

struct Options {
  base::Secret private_key;
  std::string subject, icon;
  std::int64_t connections = 2;
};
void describe_options(base::SettingsGroup& group, Options& options);

// Where one browser's messages go.
struct Subscription {
  std::string origin;  // "https://host" or with a port that is not 443: what a token is for
  std::string host, path;
  net::PushKeys keys;
};
// The token of a device, as the device's reader wrote it: {"endpoint","keys":{"p256dh","auth"}}. nullopt: it
// cannot be one.
std::optional<Subscription> read_subscription(std::string_view token);
// Where a reserved recipient goes at the push service `origin`: /push/<token>, with the keys of the example
// in RFC 8291 Appendix A, which everybody knows.
Subscription reserved_subscription(const std::string& origin, std::string_view token);
// https://host[:port] of an https URL that a message may be sent to. Errors: InvalidArgument.
Result<std::string> push_origin(std::string_view url);

// The push services of the browsers there are. What one of them says of our key and of our pace is believed;
// what any other says (a browser's user chose it) concerns that subscription only.
[[nodiscard]] bool is_known_service(std::string_view host) noexcept;

// One message before it is encrypted.
struct Push {
  std::string plain, ttl, topic;
  std::string_view urgency;
};
// An outcome: it cannot be sent. `icon`: a URL or empty.
std::optional<model::Outcome> build(const Job& job, std::string_view icon, Push& push);

// One line of what push services answer: by their own code where they give one, else by status.
struct ErrorRow {
  std::string_view code;  // Apple's reason, "errno 109" of autopush, a word of FCM's page; empty: any
  int status = 0;         // 0: any
  model::OutcomeKind kind{};
  std::string_view text;
  bool is_suspicious = false;
};
std::span<const ErrorRow> error_rows() noexcept;
// `is_trusted`: the service is a known one or our own. `renew`, when not null: set to true when a fresh token
// may be all that is missing.
model::Outcome classify(const net::Http2Response& response, bool is_trusted, Time now, bool* renew = nullptr);
// What a failure to talk to it means.
model::Outcome classify(const net::TransportError& error, bool is_trusted);

// The tokens that say who sends (RFC 8292), one for each push service. Not thread-safe.
class Vapid {
 public:
  static constexpr std::size_t kOriginsMax = 1000;  // remembered
  // Errors: InvalidArgument (the key).
  static Result<Vapid> open(const base::Secret& private_key, std::string subject);
  // The value of the authorization header for that origin.
  CredentialValue header(const std::string& origin, Time now);
  // The service did not take `value`. True: another may be tried.
  bool refused(const std::string& origin, const CredentialValue& value, Time now);
  // What browsers subscribe with: 65 bytes in base64url.
  [[nodiscard]] const std::string& public_key() const noexcept { return public_key_; }

 private:
  struct Token {
    CredentialValue value;
    Time made_at{};
  };
  base::Secret pem_;
  std::string public_key_, subject_;
  std::map<std::string, Token> tokens_;
};

}  // namespace carillon::providers::webpush_detail
