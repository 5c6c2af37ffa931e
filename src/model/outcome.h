// What one call to a provider ended with: the closed list of PIPELINE §4 and what follows from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carillon::model {

enum class OutcomeKind : std::uint8_t {
  Sent,              // the provider took it
  NotSent,           // it cannot have seen it
  Throttled,         // refused for now, with or without a time
  Temporary,         // refused for now by a failure on its side
  InvalidRecipient,  // this address is dead: forget or suppress it
  Permanent,         // this message is refused for good
  Misconfigured,     // our account or credential is wrong: pause the integration
  Ambiguous,         // fully written, no answer: nobody knows
};
inline constexpr std::size_t kOutcomeKindCount = 8;
std::string_view name(OutcomeKind kind) noexcept;  // "invalid_recipient"

struct Outcome {
  OutcomeKind kind = OutcomeKind::NotSent;
  int status = 0;           // HTTP status or SMTP reply code; 0 when there was none
  std::string code;         // the vendor's own code: "BadDeviceToken", "21211"
  std::string detail;       // vendor's wording, at most 300 bytes, no address, no secret
  std::string provider_id;  // the vendor's message id, when sent
  std::optional<Millis> retry_after;  // Throttled, Temporary: what the vendor asked for
  // InvalidRecipient: the address is dead only if it was registered at or before this (APNs 410).
  std::optional<Time> invalid_since;
  // InvalidRecipient that often means a mixed-up environment (BadDeviceToken): guarded against mass
  // invalidation.
  bool is_suspicious = false;
  // It says something about this address only, which may be somebody's own server: the account is neither
  // throttled by it nor held to be down.
  bool is_of_address = false;
  // InvalidRecipient because the recipient said no (STOP): saying yes again lifts it.
  bool is_opt_out = false;

  static Outcome sent(std::string provider_id, int status = 200);
  static Outcome not_sent(std::string detail);
  static Outcome ambiguous(std::string detail, int status = 0);
  static Outcome of(OutcomeKind kind, int status, std::string code, std::string detail);
};

// The columns of the table in PIPELINE §4.
[[nodiscard]] bool counts_as_attempt(OutcomeKind kind) noexcept;
// +1: proof of health; 0: says nothing; -1: a failure for the breaker. `status`: 5xx matters for Temporary.
[[nodiscard]] int breaker_vote(OutcomeKind kind, int status) noexcept;
// May the next integration be asked at once? Never for Ambiguous.
[[nodiscard]] bool may_fail_over(OutcomeKind kind) noexcept;

}  // namespace carillon::model
