// What a provider, a recipient or a browser reports about a delivery after it was sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carillon::model {

// The numbers are stored; never renumber.
enum class ReceiptKind : std::uint8_t {
  Sent = 0,          // the vendor did take it: evidence for one whose outcome nobody knew
  Delivered = 1,     // it reached device, mailbox or phone
  Undelivered = 2,   // it did not, for a reason that says nothing about the address
  Bounced = 3,       // the address is dead (hard bounce): suppressed, a device's token forgotten
  Complained = 4,    // the recipient called it spam: suppressed
  Unsubscribed = 5,  // STOP, or the vendor's unsubscribe link: suppressed
  Resubscribed = 6,  // START: that suppression ends
  Opened = 7,
  Clicked = 8,
  Converted = 9,
};
inline constexpr std::size_t kReceiptKindCount = 10;
std::string_view name(ReceiptKind kind) noexcept;  // "delivered"
std::optional<ReceiptKind> parse_receipt_kind(std::string_view text) noexcept;

// What the recipient did, kept beside the status.
[[nodiscard]] constexpr bool is_engagement(ReceiptKind kind) noexcept {
  return kind >= ReceiptKind::Complained && kind != ReceiptKind::Resubscribed;
}

struct Receipt {
  ReceiptKind kind = ReceiptKind::Delivered;
  std::int64_t delivery = 0;  // ours, as the vendor echoed it; 0: it is about an address only
  // Bounced, Complained, Unsubscribed, Resubscribed: whom the vendor names, which is suppressed or no longer
  // (of a push: the token); checked by whoever takes the receipt. Else empty.
  std::string address;
  std::string code;         // the vendor's own: "30003", "bounce"
  std::string detail;       // its wording, at most 300 bytes, no address, no secret
  std::string provider_id;  // the vendor's id of the message; empty: not named
  Time at{};                // when it happened, by the vendor; not later than now
};

}  // namespace carillon::model
