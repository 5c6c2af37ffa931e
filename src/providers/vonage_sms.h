// Vonage's SMS API, the pure part: what a request looks like and what an answer means.
// Source: Nexmo/api-specification sms.yml; developer.vonage.com/api-errors/sms and
// /messaging/sms/guides/delivery-receipts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::vonage_sms_detail {

inline constexpr std::size_t kTextMax = 3200;  // characters, all parts together

struct Options {
  std::string api_key, from;
  base::Secret api_secret, signature_secret;
  std::string signature_method = "sha256";
};
void describe_options(base::SettingsGroup& group, Options& options);

// One value of "status" in the answer, which is HTTP 200 also where nothing was taken.
struct StatusRow {
  std::string_view status;
  model::OutcomeKind kind{};
  std::string_view text;
  // It complains of the sender: where the request chose it, the request is wrong and not the account.
  bool is_about_sender = false;
  // It complains of where the message goes, which this account may not reach. Others go on.
  bool is_about_destination = false;
};
std::span<const StatusRow> status_rows() noexcept;

// One "err-code" of a delivery receipt.
struct LateRow {
  std::string_view code;
  model::ReceiptKind kind{};
  std::string_view text;
};
std::span<const LateRow> late_rows() noexcept;

// The form of one message. `callback`: where to report; empty: nowhere.
std::string form_of(const Job& job, const Options& options, const std::string& callback);
// Several parts of a long text have a status each. All taken: sent, the ids joined by commas. Some: nobody
// can say what arrives, and sending it again would repeat the rest. `has_own_sender`: the request named its
// sender.
model::Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now);
// Errors: as read_vonage_fields().
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);

}  // namespace carillon::providers::vonage_sms_detail
