// The two state machines (CONTRACT §5) as pure functions. Nothing else may decide that a status
// follows another; the stored compare-and-set is in the Store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::model {

// The numbers are stored; never renumber.
enum class NotificationStatus : std::uint8_t {
  Draft = 0, AwaitingApproval = 1, Scheduled = 2, Expanding = 3, Sending = 4, Paused = 5,
  Completed = 6, Cancelled = 7, Rejected = 8, ApprovalExpired = 9,
};
inline constexpr std::size_t kNotificationStatusCount = 10;

enum class DeliveryStatus : std::uint8_t {
  Pending = 0, Held = 1, Processing = 2, Retrying = 3,                          // open
  Sent = 4, Delivered = 5, Failed = 6, Dead = 7, Unknown = 8, Suppressed = 9,   // final
  Cancelled = 10, Expired = 11,
};
inline constexpr std::size_t kDeliveryStatusCount = 12;

// The four words of the notification log (R14); None for suppressed, cancelled, expired.
enum class LogStatus : std::uint8_t { None, Pending, Processing, Success, Fail };

// Why a delivery is where it is: one closed list (CONTRACT §5). The numbers are stored.
enum class Reason : std::uint8_t {
  None = 0, OptedOut = 1, Unsubscribed = 2, AddressSuppressed = 3, NoAddress = 4, DeviceBlocked = 5,
  DeviceMoved = 6, DuplicateRecipient = 7, FrequencyCap = 8, QuietHours = 9, IntegrationPaused = 10,
  ProviderDown = 11, NoRoute = 12, Paused = 13, FallbackWait = 14, FallbackNotNeeded = 15,
  UnknownUser = 16, UserDeleted = 17, Bounced = 18, Undelivered = 19, UnknownOutcome = 20,
  InvalidRecipient = 21, Rejected = 22, RetriesExhausted = 23, Poison = 24, TtlPassed = 25,
  CancelledByCaller = 26, PayloadTooLarge = 27, RenderFailed = 28, Throttled = 29, Temporary = 30,
  NotSent = 31, NotExpandable = 32, LeftGroup = 33, LocalTime = 34,
  NotificationPaused = 35,
};
inline constexpr std::size_t kReasonCount = 36;

std::string_view name(NotificationStatus status) noexcept;  // "awaiting_approval"
std::string_view name(DeliveryStatus status) noexcept;      // "retrying"
std::string_view name(LogStatus status) noexcept;           // "PENDING"; None: ""
std::string_view name(Reason reason) noexcept;              // "opted_out"; None: ""
std::optional<NotificationStatus> parse_notification_status(std::string_view text) noexcept;
std::optional<DeliveryStatus> parse_delivery_status(std::string_view text) noexcept;
std::optional<LogStatus> parse_log_status(std::string_view text) noexcept;
std::optional<Reason> parse_reason(std::string_view text) noexcept;

[[nodiscard]] bool is_final(DeliveryStatus status) noexcept;
[[nodiscard]] bool is_final(NotificationStatus status) noexcept;
[[nodiscard]] LogStatus log_status(DeliveryStatus status) noexcept;

// What makes a delivery change its status.
enum class DeliveryEvent : std::uint8_t {
  Claim,        // a worker takes it
  Release,      // a worker gives it back unsent: pending again, no attempt counted
  Hold,         // a condition or a time stands in the way
  Unhold,       // the condition cleared
  Sent, Retry, Fail, Exhaust, OutcomeUnknown,  // what an attempt ended with
  Suppress, Cancel, Expire,
  ReceiptDelivered, ReceiptFailed,              // what a provider reports later
  EvidenceSent,                                 // late proof that an unknown one was sent
  Replay,                                       // audited, generation + 1
  Answered,                                     // a webhook's recipient took it itself: delivered
};
inline constexpr std::size_t kDeliveryEventCount = 17;

// The status that follows, or nullopt when `event` cannot happen in `status`.
[[nodiscard]] std::optional<DeliveryStatus> next(DeliveryStatus status, DeliveryEvent event) noexcept;

enum class NotificationEvent : std::uint8_t {
  Submit, Approve, Reject, ApprovalExpire, Schedule, StartExpanding, ExpansionDone, Pause, Resume,
  Cancel, AllFinal, Replay,
};
inline constexpr std::size_t kNotificationEventCount = 12;
// The status that follows, or nullopt when `event` cannot happen in `status`.
//
// Approve leads to scheduled: due at once when there is no later time. Resume leads to sending, also when
// the expansion is unfinished: the caller goes on with it and reports ExpansionDone then. AllFinal is the
// caller's to report only when the expansion is done. Replay changes nothing while others are still sent.
[[nodiscard]] std::optional<NotificationStatus> next(NotificationStatus status,
                                                     NotificationEvent event) noexcept;

// Of a completed notification, from the counts of its deliveries' final states.
enum class NotificationOutcome : std::uint8_t { None, Success, Partial, Failed };
std::string_view name(NotificationOutcome outcome) noexcept;  // None: "none"
// `good`: sent + delivered; `bad`: failed + dead + unknown + expired. Suppressed and cancelled do not count.
[[nodiscard]] NotificationOutcome outcome_of(std::uint64_t good, std::uint64_t bad) noexcept;

// Both machines as Mermaid state diagrams, for docs/concepts (generated and compared by a test).
std::string delivery_diagram();
std::string notification_diagram();

}  // namespace carillon::model
