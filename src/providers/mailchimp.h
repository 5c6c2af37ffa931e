// Mailchimp Transactional (Mandrill): messages/send and its webhooks, the pure part. Sources:
// mailchimp-client-lib-codegen spec/transactional.json; mailchimp.com/developer/transactional: errors,
// webhooks.
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

namespace carillon::providers::mailchimp_detail {

struct Options {
  base::Secret api_key, webhook_key;
  std::string from_email, from_name, subaccount, ip_pool;
  bool track_opens = false, track_clicks = false;
  std::int64_t batch = 10, requests = 0;
};
void describe_options(base::SettingsGroup& group, Options& options);

inline constexpr std::size_t kBytesMax = 25'000'000;  // of a request
inline constexpr std::size_t kSynchronousMax = 10;    // recipients; with more Mandrill only queues

// What the `name` of an error means, whatever the HTTP status.
struct ErrorRow {
  std::string_view name;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const ErrorRow> error_rows() noexcept;

// What a recipient's `status`, and for "rejected" its `reject_reason`, means.
struct ResultRow {
  std::string_view status, reason;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const ResultRow> result_rows() noexcept;

// An event's meaning; `reason`: of "reject", empty: any other. Nullopt: nothing we keep.
struct EventRow {
  std::string_view event, reason;
  std::optional<model::ReceiptKind> kind;
};
std::span<const EventRow> event_rows() noexcept;

// One request for jobs of one letter, each with another address; with copies one job only.
net::Body body_of(std::span<Job* const> jobs, const Options& options);

// What it says about the recipients of the request, in their order. `asked_sender`: the sender is the
// request's own, not the integration's.
std::vector<model::Outcome> classify(const net::HttpResponse& response,
                                     std::span<const std::string_view> addresses, bool asked_sender,
                                     Time now);

// X-Mandrill-Signature of a form with one field `mandrill_events` posted to exactly this URL.
std::string signature_of(std::string_view key, std::string_view url, std::string_view events);
// The value of that field, its signature being right. Errors: InvalidArgument.
Result<std::vector<model::Receipt>> read_events(std::string_view json, Time now);
// Errors: as Provider::callback().
Result<CallbackReading> read_callback(const CallbackRequest& request, const base::Secret& key);

}  // namespace carillon::providers::mailchimp_detail
