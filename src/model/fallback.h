// Channels one after another (CONTRACT §6, `fallback`): what a step's result means for the next. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/notification.h"
#include "model/receipt.h"
#include "model/status.h"

namespace carillon::model {

enum class StepProgress : std::uint8_t {
  None,   // says nothing yet
  Begun,  // sent; the wait for more begins
  Met,    // as much as was asked for: later steps are not needed
  Ended,  // ended without a send: the next step starts at once
};

// What a delivery of a step has come to, by its status and, when one just came, a receipt.
[[nodiscard]] StepProgress step_progress(FallbackUntil until, DeliveryStatus status,
                                         std::optional<ReceiptKind> receipt) noexcept;

// The steps before a delivery that waits, in order, as its note keeps them:
// {"fallback":[{"channel":"push","until":"delivered","wait_ms":120000}]}.
std::string encode_fallback(const std::vector<FallbackStep>& earlier);
// Empty for a note without any. Errors: Corruption.
Result<std::vector<FallbackStep>> decode_fallback(std::string_view note);

}  // namespace carillon::model
