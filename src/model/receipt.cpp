#include "model/receipt.h"

#include <algorithm>
#include <array>

namespace carillon::model {
namespace {

constexpr std::array<std::string_view, kReceiptKindCount> kNames = {
    "sent",         "delivered",    "undelivered", "bounced", "complained",
    "unsubscribed", "resubscribed", "opened",      "clicked", "converted"};

}  // namespace

std::string_view name(ReceiptKind kind) noexcept { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<ReceiptKind> parse_receipt_kind(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(kNames, text);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<ReceiptKind>(found - kNames.begin());
}

}  // namespace carillon::model
