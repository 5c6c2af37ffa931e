#include "pipeline/fallback.h"

#include <algorithm>

#include "model/fallback.h"
#include "providers/catalog.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::DeliveryStatus;
using model::FallbackStep;
using model::FallbackUntil;
using model::Reason;

// Whether anybody would tell that a message of that channel was delivered or opened.
bool is_told(const FallbackStep& step, model::Platform platform, const RouteInput& input) {
  if (step.until == FallbackUntil::Accepted) return true;
  if (step.until == FallbackUntil::Opened) {
    return step.channel == Channel::Push || step.channel == Channel::Inbox ||
           (step.channel == Channel::Email && input.plan.category->track_opens);
  }
  if (step.channel == Channel::Inbox || step.channel == Channel::Webhook) return true;
  const RouteChoice choice = choose_route(input.plan, step.channel, platform, {}, {});
  if (choice.chain.empty()) return true;  // it waits for an integration first
  const auto* const integration = input.plan.view->find_integration(choice.chain.front());
  const auto* const type = integration ? providers::find_provider(integration->provider) : nullptr;
  return type != nullptr && type->has_receipts;
}

void warn(Routed& routed, Channel channel) {
  const auto is_it = [&](const Warning& w) { return w.code == "no_receipts" && w.channel == channel; };
  if (std::ranges::any_of(routed.warnings, is_it)) return;
  routed.warnings.push_back(
      {"no_receipts",
       fmt::format("nobody reports what becomes of {}: that its provider takes it is enough",
                   model::name(channel)),
       channel});
}

bool is_alive(const model::Delivery& d) { return d.status != DeliveryStatus::Suppressed; }

// A row of a later step: it waits, or is not needed because an earlier one is met already.
void make_wait(model::Delivery& d, const std::vector<FallbackStep>& earlier, bool is_met, Time now) {
  d.note = model::encode_fallback(earlier);
  d.reason = is_met ? Reason::FallbackNotNeeded : Reason::FallbackWait;
  d.status = is_met ? DeliveryStatus::Suppressed : DeliveryStatus::Held;
  d.due_at = is_met ? std::nullopt : d.expires_at;
  d.finished_at = is_met ? std::optional(now) : std::nullopt;
}

void explain_wait(model::Explain& explain, const model::Delivery& d, Channel after) {
  explain.decision.kind =
      d.status == DeliveryStatus::Held ? model::DecisionKind::Hold : model::DecisionKind::Suppress;
  explain.decision.reason = d.reason;
  explain.decision.due_at = d.due_at;
  explain.decision.checks.push_back(model::Check{
      "fallback", "stop", {}, fmt::format("after {}", model::name(after)), "request", std::nullopt});
}

}  // namespace

void arrange_fallback(Routed& routed, std::size_t first, const RouteInput& input) {
  std::vector<FallbackStep> earlier;  // those that reach this recipient
  bool is_met = false;
  for (FallbackStep step : input.request.fallback) {
    const auto is_of_step = [&](const model::Delivery& d) {
      return d.channel() == step.channel && is_alive(d);
    };
    const auto begin = routed.deliveries.begin() + static_cast<std::ptrdiff_t>(first);
    const auto of_step = std::find_if(begin, routed.deliveries.end(), is_of_step);
    if (of_step == routed.deliveries.end()) continue;
    const model::Platform platform = model::platform_of(of_step->queue);
    for (std::size_t i = first; i < routed.deliveries.size(); ++i) {
      model::Delivery& d = routed.deliveries[i];
      if (!is_of_step(d)) continue;
      d.is_fallback = true;
      if (earlier.empty()) continue;
      make_wait(d, earlier, is_met, input.now);
      std::erase_if(routed.caps, [i](const store::CapCharge& cap) { return cap.delivery == i; });
      if (input.wants_explain) explain_wait(routed.explains[i], d, earlier.back().channel);
    }
    if (!is_told(step, platform, input)) {
      warn(routed, step.channel);
      step.until = FallbackUntil::Accepted;
    }
    // An inbox has what it is given.
    is_met = is_met || (step.channel == Channel::Inbox && step.until != FallbackUntil::Opened);
    earlier.push_back(step);
  }
}

}  // namespace carillon::pipeline
