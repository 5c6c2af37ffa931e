// SendGrid v3 Mail Send and its Event Webhook, the pure part. Sources: twilio.com/docs/sendgrid: mail-send,
// mail-send/errors, event webhook reference, event webhook security; sendgrid-go helpers/eventwebhook.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/signature.h"
#include "providers/provider.h"

namespace carillon::providers::sendgrid_detail {

struct Options {
  base::Secret api_key;
  std::string from_email, from_name;
  std::string webhook_public_key;
  std::string ip_pool;
  std::int64_t unsubscribe_group = 0;
  bool sandbox_mode = false, track_opens = false, track_clicks = false;
  std::int64_t requests = 0;
};
void describe_options(base::SettingsGroup& group, Options& options);

inline constexpr std::size_t kBytesMax = 30'000'000;  // of a request
inline constexpr std::size_t kRecipientsMax = 1000;   // of a request, copies included

// What a status means; for 400 the row of the field it names decides.
struct StatusRow {
  int status = 0;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const StatusRow> status_rows() noexcept;

// A field that an error names, without the numbers in it.
struct FieldRow {
  std::string_view field;  // "personalizations.to"; also what is below it
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const FieldRow> field_rows() noexcept;

// An event's meaning for a delivery; nullopt: nothing we keep.
struct EventRow {
  std::string_view event;   // "bounce"
  std::string_view detail;  // its `type` or the beginning of its `reason`; empty: any other
  std::optional<model::ReceiptKind> kind;
};
std::span<const EventRow> event_rows() noexcept;

// One request for jobs of one letter. `host`: the server's name, for Message-ID.
net::Body body_of(std::span<Job* const> jobs, const Options& options, std::string_view host);

struct Answer {
  model::Outcome outcome;  // of every job that is not in `refused`
  // 400: SendGrid named these jobs by index, and took none at all.
  struct Refused {
    std::size_t job = 0;
    model::Outcome outcome;
  };
  std::vector<Refused> refused;
};
// `jobs`: how many the request had. `asked_sender`: the sender is the request's own, not the integration's.
Answer classify(const net::HttpResponse& response, std::size_t jobs, bool asked_sender, Time now);

// The events of a call whose signature is right. Errors: InvalidArgument.
Result<std::vector<model::Receipt>> read_events(std::string_view json, Time now);
// `key`: nullopt when the integration has none. Errors: as Provider::callback().
Result<CallbackReading> read_callback(const CallbackRequest& request,
                                      const std::optional<base::PublicKey>& key);

}  // namespace carillon::providers::sendgrid_detail
