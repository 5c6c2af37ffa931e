// Huawei Push Kit, the pure part: what a message looks like, what an answer and a receipt mean. For hms.cpp,
// its tests and the benchmark. Source: developer.huawei.com, HMS Core references, https-send-api and
// https-send-receipt-api; Push Kit, push-msg-receipt.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/http2_push.h"

namespace carillon::providers::hms_detail {

inline constexpr std::size_t kPayloadMax = 4096;  // bytes without the token

struct Options {
  std::string app_id;
  base::Secret app_secret;
  std::string token_url = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";
  std::string receipt_user;
  base::Secret receipt_key;
  std::string category;
  bool is_urgent = false;  // may use high priority for data
  std::int64_t connections = 4;
};
void describe_options(base::SettingsGroup& group, Options& options);

// One line of Huawei's table of result codes, which come with HTTP 200.
struct ResultRow {
  std::string_view code;
  model::OutcomeKind kind{};
  std::string_view text;
  PushVerdict::Follow follow = PushVerdict::Follow::None;
  bool is_suspicious = false;  // often means that the tokens are another app's
};
std::span<const ResultRow> result_rows() noexcept;

// One line of the table of receipt codes.
struct ReceiptRow {
  std::int64_t code = 0;
  model::ReceiptKind kind{};
  std::string_view text;
};
std::span<const ReceiptRow> receipt_rows() noexcept;

class Rules final : public PushRules {
 public:
  explicit Rules(const Options& options);
  std::optional<model::Outcome> build(const Job& job, bool is_test, PushRequest& request) const override;
  PushVerdict classify(const net::Http2Response& response, Time now) const override;

 private:
  const std::string path_, category_;
  const bool is_urgent_;
};

// X-HUAWEI-CALLBACK-ID's value for that time, nonce and user.
[[nodiscard]] std::string receipt_signature(std::string_view key, std::string_view timestamp,
                                            std::string_view nonce, std::string_view user);

// The signature covers time, nonce and user, not the body. Errors: Unauthenticated (no or another signature,
// of ten minutes ago or more, or no receipt_key is set) · InvalidArgument (no JSON, no statuses).
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);

}  // namespace carillon::providers::hms_detail
