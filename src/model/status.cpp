#include "model/status.h"

#include <array>
#include <span>

namespace carillon::model {
namespace {

using D = DeliveryStatus;
using DE = DeliveryEvent;
using N = NotificationStatus;
using NE = NotificationEvent;

constexpr std::array<std::string_view, kNotificationStatusCount> kNotificationNames{
    "draft",  "awaiting_approval", "scheduled", "expanding", "sending",
    "paused", "completed",         "cancelled", "rejected",  "approval_expired"};
constexpr std::array<std::string_view, kDeliveryStatusCount> kDeliveryNames{
    "pending", "held", "processing", "retrying",   "sent",      "delivered",
    "failed",  "dead", "unknown",    "suppressed", "cancelled", "expired"};
constexpr std::array<std::string_view, 5> kLogNames{"", "PENDING", "PROCESSING", "SUCCESS", "FAIL"};
constexpr std::array<std::string_view, kReasonCount> kReasonNames{"",
                                                                  "opted_out",
                                                                  "unsubscribed",
                                                                  "address_suppressed",
                                                                  "no_address",
                                                                  "device_blocked",
                                                                  "device_moved",
                                                                  "duplicate_recipient",
                                                                  "frequency_cap",
                                                                  "quiet_hours",
                                                                  "integration_paused",
                                                                  "provider_down",
                                                                  "no_route",
                                                                  "paused",
                                                                  "fallback_wait",
                                                                  "fallback_not_needed",
                                                                  "unknown_user",
                                                                  "user_deleted",
                                                                  "bounced",
                                                                  "undelivered",
                                                                  "unknown_outcome",
                                                                  "invalid_recipient",
                                                                  "rejected",
                                                                  "retries_exhausted",
                                                                  "poison",
                                                                  "ttl_passed",
                                                                  "cancelled_by_caller",
                                                                  "payload_too_large",
                                                                  "render_failed",
                                                                  "throttled",
                                                                  "temporary",
                                                                  "not_sent",
                                                                  "not_expandable",
                                                                  "left_group",
                                                                  "local_time",
                                                                  "notification_paused"};
static_assert(!kReasonNames.back().empty());

constexpr std::array<std::string_view, kDeliveryEventCount> kDeliveryEventNames{"claim",
                                                                                "release",
                                                                                "hold",
                                                                                "unhold",
                                                                                "sent",
                                                                                "retry",
                                                                                "fail",
                                                                                "exhaust",
                                                                                "outcome unknown",
                                                                                "suppress",
                                                                                "cancel",
                                                                                "expire",
                                                                                "receipt delivered",
                                                                                "receipt failed",
                                                                                "evidence sent",
                                                                                "replay",
                                                                                "answered"};
constexpr std::array<std::string_view, kNotificationEventCount> kNotificationEventNames{
    "submit",         "approve", "reject", "approval expires", "schedule",  "start expanding",
    "expansion done", "pause",   "resume", "cancel",           "all final", "replay"};

template <class Status, class Event>
struct Rule {
  Status from;
  Event event;
  Status to;
};

// In the order in which a reader wants to meet them: the diagrams keep it.
constexpr Rule<D, DE> kDeliveryRules[] = {
    {D::Pending, DE::Claim, D::Processing},
    {D::Retrying, DE::Claim, D::Processing},
    {D::Held, DE::Claim, D::Processing},
    {D::Processing, DE::Release, D::Pending},
    {D::Pending, DE::Hold, D::Held},
    {D::Processing, DE::Hold, D::Held},
    {D::Retrying, DE::Hold, D::Held},
    {D::Held, DE::Hold, D::Held},  // for another reason, or until another time
    {D::Held, DE::Unhold, D::Pending},
    {D::Processing, DE::Sent, D::Sent},
    {D::Processing, DE::Answered, D::Delivered},
    {D::Processing, DE::Retry, D::Retrying},
    {D::Processing, DE::Fail, D::Failed},
    {D::Processing, DE::OutcomeUnknown, D::Unknown},
    {D::Processing, DE::Exhaust, D::Dead},
    // Without a ttl the age limit of the category's kind ends what waits, too (PIPELINE §4).
    {D::Pending, DE::Exhaust, D::Dead},
    {D::Retrying, DE::Exhaust, D::Dead},
    {D::Held, DE::Exhaust, D::Dead},
    {D::Pending, DE::Suppress, D::Suppressed},
    {D::Processing, DE::Suppress, D::Suppressed},
    {D::Retrying, DE::Suppress, D::Suppressed},
    {D::Held, DE::Suppress, D::Suppressed},
    {D::Pending, DE::Cancel, D::Cancelled},
    {D::Processing, DE::Cancel, D::Cancelled},  // only while its send has not begun
    {D::Retrying, DE::Cancel, D::Cancelled},
    {D::Held, DE::Cancel, D::Cancelled},
    {D::Pending, DE::Expire, D::Expired},
    {D::Processing, DE::Expire, D::Expired},
    {D::Retrying, DE::Expire, D::Expired},
    {D::Held, DE::Expire, D::Expired},
    {D::Sent, DE::ReceiptDelivered, D::Delivered},
    {D::Sent, DE::ReceiptFailed, D::Failed},
    {D::Unknown, DE::EvidenceSent, D::Sent},
    {D::Unknown, DE::ReceiptDelivered, D::Delivered},
    {D::Unknown, DE::ReceiptFailed, D::Failed},
    {D::Dead, DE::Replay, D::Pending},
    {D::Failed, DE::Replay, D::Pending},
    {D::Unknown, DE::Replay, D::Pending},
};
// Where a row may be born: the inbox's are sent at once, who said no is a row all the same.
constexpr D kDeliveryStarts[] = {D::Pending, D::Held, D::Sent, D::Suppressed};

constexpr Rule<N, NE> kNotificationRules[] = {
    {N::Draft, NE::Submit, N::AwaitingApproval},
    {N::Draft, NE::Schedule, N::Scheduled},
    {N::Draft, NE::StartExpanding, N::Expanding},
    // The only way on from here: an approved one waits for its time, or is due at once.
    {N::AwaitingApproval, NE::Approve, N::Scheduled},
    // Changed: what was asked for, or given, is void, and asked for again.
    {N::AwaitingApproval, NE::Submit, N::AwaitingApproval},
    {N::Scheduled, NE::Submit, N::AwaitingApproval},
    {N::AwaitingApproval, NE::Reject, N::Rejected},
    {N::AwaitingApproval, NE::ApprovalExpire, N::ApprovalExpired},
    {N::Scheduled, NE::Schedule, N::Scheduled},  // another time
    {N::Scheduled, NE::StartExpanding, N::Expanding},
    {N::Expanding, NE::ExpansionDone, N::Sending},
    {N::Expanding, NE::Pause, N::Paused},
    {N::Expanding, NE::AllFinal, N::Completed},  // there was nobody to reach
    {N::Sending, NE::Pause, N::Paused},
    {N::Paused, NE::Resume, N::Sending},
    {N::Paused, NE::StartExpanding, N::Expanding},  // resumed in the middle of it
    {N::Sending, NE::AllFinal, N::Completed},
    {N::Draft, NE::Cancel, N::Cancelled},
    {N::AwaitingApproval, NE::Cancel, N::Cancelled},
    {N::Scheduled, NE::Cancel, N::Cancelled},
    {N::Expanding, NE::Cancel, N::Cancelled},
    {N::Sending, NE::Cancel, N::Cancelled},
    {N::Paused, NE::Cancel, N::Cancelled},
    {N::Completed, NE::Replay, N::Sending},
    {N::Cancelled, NE::Replay, N::Sending},
    // One delivery is replayed while others are still on their way.
    {N::Expanding, NE::Replay, N::Expanding},
    {N::Sending, NE::Replay, N::Sending},
    {N::Paused, NE::Replay, N::Paused},
};
// A send is accepted as a draft, to be approved, with a time ahead, to be expanded, or routed inline;
// inline with nothing left to send it is complete at once.
constexpr N kNotificationStarts[] = {N::Draft,     N::AwaitingApproval, N::Scheduled,
                                     N::Expanding, N::Sending,          N::Completed};

constexpr std::uint8_t kNone = 0xFF;

// status × event → status, from the rules; a rule given twice does not compile.
template <class Status, class Event, std::size_t kStatuses, std::size_t kEvents, std::size_t kRules>
consteval auto make_table(const Rule<Status, Event> (&rules)[kRules]) {
  std::array<std::array<std::uint8_t, kEvents>, kStatuses> table{};
  for (auto& row : table) row.fill(kNone);
  for (const auto& rule : rules) {
    auto& cell = table[static_cast<std::size_t>(rule.from)][static_cast<std::size_t>(rule.event)];
    if (cell != kNone) throw "two rules for one status and event";
    cell = static_cast<std::uint8_t>(rule.to);
  }
  return table;
}
constexpr auto kDeliveryTable = make_table<D, DE, kDeliveryStatusCount, kDeliveryEventCount>(kDeliveryRules);
constexpr auto kNotificationTable =
    make_table<N, NE, kNotificationStatusCount, kNotificationEventCount>(kNotificationRules);

template <class Status, class Table, class Event>
std::optional<Status> look_up(const Table& table, Status status, Event event) noexcept {
  const auto row = static_cast<std::size_t>(status);
  const auto column = static_cast<std::size_t>(event);
  if (row >= table.size() || column >= table[row].size() || table[row][column] == kNone) return std::nullopt;
  return static_cast<Status>(table[row][column]);
}

// A number read from a store of a newer version may be outside the list: it has no name.
template <class Enum>
std::string_view name_in(std::span<const std::string_view> names, Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < names.size() ? names[index] : std::string_view{};
}

template <class Enum>
std::optional<Enum> parse_in(std::span<const std::string_view> names, std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// All events that lead from one status to another share one arrow.
template <class Status, class Event>
std::string draw(std::span<const Rule<Status, Event>> rules, std::span<const Status> starts,
                 std::span<const std::string_view> event_names, std::size_t status_count) {
  std::string out = "stateDiagram-v2\n";
  const auto arrow = [&out](std::string_view from, std::string_view to) {
    out.append("    ").append(from).append(" --> ").append(to);
  };
  for (const Status start : starts) {
    arrow("[*]", name(start));
    out += '\n';
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto same_arrow = [&rules, i](std::size_t j) {
      return rules[j].from == rules[i].from && rules[j].to == rules[i].to;
    };
    bool drawn = false;
    for (std::size_t j = 0; j < i; ++j) drawn = drawn || same_arrow(j);
    if (drawn) continue;
    arrow(name(rules[i].from), name(rules[i].to));
    std::string_view separator = ": ";
    for (std::size_t j = i; j < rules.size(); ++j) {
      if (!same_arrow(j)) continue;
      out.append(separator).append(event_names[static_cast<std::size_t>(rules[j].event)]);
      separator = ", ";
    }
    out += '\n';
  }
  for (std::size_t i = 0; i < status_count; ++i) {
    if (!is_final(static_cast<Status>(i))) continue;
    arrow(name(static_cast<Status>(i)), "[*]");
    out += '\n';
  }
  return out;
}

}  // namespace

std::string_view name(NotificationStatus status) noexcept { return name_in(kNotificationNames, status); }
std::string_view name(DeliveryStatus status) noexcept { return name_in(kDeliveryNames, status); }
std::string_view name(LogStatus status) noexcept { return name_in(kLogNames, status); }
std::string_view name(Reason reason) noexcept { return name_in(kReasonNames, reason); }

std::optional<NotificationStatus> parse_notification_status(std::string_view text) noexcept {
  return parse_in<NotificationStatus>(kNotificationNames, text);
}
std::optional<DeliveryStatus> parse_delivery_status(std::string_view text) noexcept {
  return parse_in<DeliveryStatus>(kDeliveryNames, text);
}
std::optional<LogStatus> parse_log_status(std::string_view text) noexcept {
  return parse_in<LogStatus>(kLogNames, text);
}
std::optional<Reason> parse_reason(std::string_view text) noexcept {
  return parse_in<Reason>(kReasonNames, text);
}

bool is_final(DeliveryStatus status) noexcept { return status >= DeliveryStatus::Sent; }
bool is_final(NotificationStatus status) noexcept { return status >= NotificationStatus::Completed; }

LogStatus log_status(DeliveryStatus status) noexcept {
  switch (status) {
    case DeliveryStatus::Pending:
    case DeliveryStatus::Held:
    case DeliveryStatus::Retrying: return LogStatus::Pending;
    case DeliveryStatus::Processing: return LogStatus::Processing;
    case DeliveryStatus::Sent:
    case DeliveryStatus::Delivered: return LogStatus::Success;
    case DeliveryStatus::Failed:
    case DeliveryStatus::Dead:
    case DeliveryStatus::Unknown: return LogStatus::Fail;
    case DeliveryStatus::Suppressed:
    case DeliveryStatus::Cancelled:
    case DeliveryStatus::Expired: return LogStatus::None;
  }
  return LogStatus::None;
}

std::optional<DeliveryStatus> next(DeliveryStatus status, DeliveryEvent event) noexcept {
  return look_up(kDeliveryTable, status, event);
}

std::optional<NotificationStatus> next(NotificationStatus status, NotificationEvent event) noexcept {
  return look_up(kNotificationTable, status, event);
}

std::string_view name(NotificationOutcome outcome) noexcept {
  switch (outcome) {
    case NotificationOutcome::None: return "none";
    case NotificationOutcome::Success: return "success";
    case NotificationOutcome::Partial: return "partial";
    case NotificationOutcome::Failed: return "failed";
  }
  return "none";
}

NotificationOutcome outcome_of(std::uint64_t good, std::uint64_t bad) noexcept {
  if (good == 0 && bad == 0) return NotificationOutcome::None;
  if (bad == 0) return NotificationOutcome::Success;
  return good == 0 ? NotificationOutcome::Failed : NotificationOutcome::Partial;
}

std::string delivery_diagram() {
  return draw<D, DE>(kDeliveryRules, kDeliveryStarts, kDeliveryEventNames, kDeliveryStatusCount);
}

std::string notification_diagram() {
  return draw<N, NE>(kNotificationRules, kNotificationStarts, kNotificationEventNames,
                     kNotificationStatusCount);
}

}  // namespace carillon::model
