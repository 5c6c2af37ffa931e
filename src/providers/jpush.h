// JPush (Jiguang), the pure part: what a push looks like, what an answer and a callback mean. For jpush.cpp
// and its tests. Source:
// docs.jiguang.cn/jpush/server/push/{rest_api_v3_push,rest_api_v3_push_single,rest_api_v3_callback}.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::jpush_detail {

inline constexpr std::size_t kAndroidMax = 4000;  // bytes of notification and message together
inline constexpr std::size_t kIosMax = 2000;      // bytes of notification.ios

struct Options {
  std::string app_key;
  base::Secret master_secret;
  std::string harmony_category;
  std::int64_t cids = 10;  // asked for at a time
  bool is_batched = false;
};
void describe_options(base::SettingsGroup& group, Options& options);

// One line of the vendor's table of errors.
struct ErrorRow {
  std::int64_t code = 0;
  int status = 0;  // the HTTP status it comes with
  model::OutcomeKind kind{};
  std::string_view text;
  bool is_suspicious = false;  // often means that the devices are another app's
};
std::span<const ErrorRow> error_rows() noexcept;

// Appends the members of a push that do not say for whom it is: platform, notification or message, options,
// callback. `callback_base` (Context::callback_url) may be empty. An outcome: it cannot be sent.
std::optional<model::Outcome> append_push(std::string& out, const Job& job, const Options& options,
                                          const std::string& callback_base);

// The answer to one push, or to a batch that was refused as a whole.
model::Outcome classify(const net::HttpResponse& response, Time now);
// The answer about one push of a batch: {"msg_id":…} or {"error":{…}}.
model::Outcome classify_one(base::JsonElement result);

// Errors: Unauthenticated (not the account's credentials) · InvalidArgument (no JSON).
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);

}  // namespace carillon::providers::jpush_detail
