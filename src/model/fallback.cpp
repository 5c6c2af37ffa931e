#include "model/fallback.h"

#include <array>

#include "base/json.h"

namespace carillon::model {
namespace {

constexpr std::array<std::string_view, 3> kUntil = {"accepted", "delivered", "opened"};
constexpr Millis kWaitMax{7LL * 86'400'000};

bool is_met(FallbackUntil until, DeliveryStatus status, std::optional<ReceiptKind> receipt) noexcept {
  const bool was_opened =
      receipt == ReceiptKind::Opened || receipt == ReceiptKind::Clicked || receipt == ReceiptKind::Converted;
  switch (until) {
    case FallbackUntil::Accepted:
      return status == DeliveryStatus::Sent || status == DeliveryStatus::Delivered || was_opened;
    case FallbackUntil::Delivered:
      return status == DeliveryStatus::Delivered || receipt == ReceiptKind::Delivered || was_opened;
    case FallbackUntil::Opened: return was_opened;
  }
  return false;
}

}  // namespace

StepProgress step_progress(FallbackUntil until, DeliveryStatus status,
                           std::optional<ReceiptKind> receipt) noexcept {
  if (is_met(until, status, receipt)) return StepProgress::Met;
  switch (status) {
    case DeliveryStatus::Pending:
    case DeliveryStatus::Held:
    case DeliveryStatus::Processing:
    case DeliveryStatus::Retrying:
    case DeliveryStatus::Cancelled: return StepProgress::None;  // nobody wants the rest either
    case DeliveryStatus::Sent:
    case DeliveryStatus::Delivered: return StepProgress::Begun;
    case DeliveryStatus::Failed:
    case DeliveryStatus::Dead:
    case DeliveryStatus::Unknown:
    case DeliveryStatus::Suppressed:
    case DeliveryStatus::Expired: return StepProgress::Ended;
  }
  return StepProgress::None;
}

std::string encode_fallback(const std::vector<FallbackStep>& earlier) {
  base::JsonWriter out;
  out.object().key("fallback").array();
  for (const FallbackStep& step : earlier) {
    out.object().field("channel", name(step.channel));
    out.field("until", kUntil[static_cast<std::size_t>(step.until)]);
    out.field("wait_ms", static_cast<std::int64_t>(step.wait.count())).end_object();
  }
  out.end_array().end_object();
  return out.str();
}

Result<std::vector<FallbackStep>> decode_fallback(std::string_view note) {
  std::vector<FallbackStep> steps;
  if (!note.contains("\"fallback\"")) return steps;
  base::JsonDocument document;
  CARILLON_TRY(const base::JsonElement root, document.parse(note));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.array("fallback", kChannelCount, [&](base::JsonElement element, const std::string& pointer) {
    base::ObjectReader each(element, pointer, problems);
    FallbackStep step;
    std::string channel;
    std::size_t until = 0;
    std::int64_t wait = 0;
    each.text("channel", channel, 16);
    each.one_of("until", until, {kUntil[0], kUntil[1], kUntil[2]});
    each.integer("wait_ms", wait, 0, kWaitMax.count());
    const auto parsed = parse_channel(channel);
    if (!parsed) each.problem("channel", "invalid_choice", "no channel");
    step.channel = parsed.value_or(Channel::Push);
    step.until = static_cast<FallbackUntil>(until);
    step.wait = Millis(wait);
    steps.push_back(step);
  });
  if (!problems.empty()) return fail(Errc::Corruption, "a stored fallback does not read back");
  return steps;
}

}  // namespace carillon::model
