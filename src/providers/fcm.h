// FCM HTTP v1, the pure part: what a request looks like and what an answer means. For fcm.cpp and its
// tests.
// Source: firebase.google.com/docs/reference/fcm/rest/v1, …/cloud-messaging/error-codes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/http2_push.h"

namespace carillon::providers::fcm_detail {

inline constexpr std::size_t kPayloadMax = 4096;  // bytes of keys and values
inline constexpr Millis kQuotaPause{60'000};      // Google: 60 s where a 429 names no time

// What is used of a service account file.
struct ServiceAccount {
  std::string client_email, private_key_id, token_uri, project_id;
  base::Secret private_key;
  // Errors: InvalidArgument naming the field that is missing.
  static Result<ServiceAccount> read(const base::Secret& json);
  // The assertion that is exchanged for an access token (RFC 7523). Errors: InvalidArgument (the key).
  [[nodiscard]] Result<std::string> assertion(Time now) const;
};

// One line of Google's table of errors. A code of an FcmError detail first, else the canonical status.
struct ErrorRow {
  std::string_view code;
  int status = 0;
  bool is_fcm_error = false;
  model::OutcomeKind kind{};
  std::string_view text;
  PushVerdict::Follow follow = PushVerdict::Follow::None;
  bool is_suspicious = false;
};
std::span<const ErrorRow> error_rows() noexcept;

class Rules final : public PushRules {
 public:
  explicit Rules(const std::string& project_id)
      : path_("/v1/projects/" + net::percent_encode(project_id) + "/messages:send") {}
  std::optional<model::Outcome> build(const Job& job, bool is_test, PushRequest& request) const override;
  PushVerdict classify(const net::Http2Response& response, Time now) const override;

 private:
  const std::string path_;
};

}  // namespace carillon::providers::fcm_detail
