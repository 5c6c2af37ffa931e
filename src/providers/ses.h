// Amazon SES, API v2 SendEmail with raw mail, and its events by SNS, the pure part. Sources: SES API
// reference v2, SendEmail and common errors; SES developer guide, "Contents of event data that SES publishes
// to SNS".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::ses_detail {

struct Options {
  std::string region, access_key_id;
  base::Secret secret_access_key, session_token;
  std::string from_email, from_name;
  std::string configuration_set, topic_arn, sns_origin;
};
void describe_options(base::SettingsGroup& group, Options& options);

inline constexpr std::size_t kBytesMax = 40'000'000;  // of a mail, in base64
inline constexpr std::size_t kRecipientsMax = 50;     // of a request, copies included

// What an error's type means: of SendEmail, of the API, of AWS itself.
struct ErrorRow {
  std::string_view type;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const ErrorRow> error_rows() noexcept;

// Where the type says too little, what words in the message mean.
struct WordRow {
  std::string_view type, words;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const WordRow> word_rows() noexcept;

// An event's meaning; `detail`: of a bounce its type, empty: any other. Nullopt: nothing we keep.
struct EventRow {
  std::string_view event, detail;
  std::optional<model::ReceiptKind> kind;
};
std::span<const EventRow> event_rows() noexcept;

// The JSON of one request around a complete mail.
std::string body_of(const Job& job, std::string_view mail, const Options& options);
// `asked_sender`: the sender is the request's own, not the integration's.
model::Outcome classify(const net::HttpResponse& response, bool asked_sender, Time now);
// The receipts in the text of an SNS notification; none when it is no event of SES. `message`: where SNS puts
// it, verified.
std::vector<model::Receipt> read_event(std::string_view message, Time now);

}  // namespace carillon::providers::ses_detail
