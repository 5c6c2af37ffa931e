#include "pipeline/verdict.h"

#include <algorithm>

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;
using model::OutcomeKind;
using model::Reason;

constexpr Millis kHoldMin{30'000};
constexpr Millis kHoldMax{600'000};
constexpr Millis kThrottleDefault{5'000};
constexpr Millis kThrottleMax{900'000};

// Age of a delivery that never gets an answer worth an attempt: throttled or held again and again.
bool is_too_old(const VerdictInput& in) {
  if (in.delivery.expires_at) return false;  // the ttl decides, when it is claimed
  return in.now - in.began_at > model::age_limit(in.category.kind);
}

Verdict later(const VerdictInput& in, Reason reason, Millis vendor_wait) {
  Verdict v;
  v.counts = true;
  const int attempts = in.delivery.attempts + 1;
  // The first failures, one per other integration, go to the next one at once; the schedule follows.
  const int failovers = static_cast<int>(in.others_available);
  if (model::may_fail_over(in.outcome.kind) && attempts <= failovers) {
    v.to = DeliveryStatus::Retrying;
    v.reason = reason;
    v.due_at = in.now;
    return v;
  }
  const int round = model::may_fail_over(in.outcome.kind) ? attempts - failovers : attempts;
  const auto delay = model::retry_delay(in.category.retry, round, in.random01, vendor_wait);
  if (!delay) {
    v.to = DeliveryStatus::Dead;
    v.reason = Reason::RetriesExhausted;
    v.is_dead_letter = true;
    return v;
  }
  v.to = DeliveryStatus::Retrying;
  v.reason = reason;
  v.due_at = in.now + *delay;
  return v;
}

Verdict throttled(const VerdictInput& in) {
  Verdict v;
  if (is_too_old(in)) {
    v.to = DeliveryStatus::Dead;
    v.reason = Reason::ProviderDown;
    v.is_dead_letter = true;
    return v;
  }
  v.to = DeliveryStatus::Retrying;
  v.reason = Reason::Throttled;
  const Millis wait =
      std::clamp(in.outcome.retry_after.value_or(kThrottleDefault), Millis(100), kThrottleMax);
  // An account that is throttled rests, and the next one is asked. One of whose addresses only this is
  // throttled does not: where the others have said the same, asking on at once would go in circles.
  const bool is_again = in.outcome.is_of_address && in.delivery.reason == Reason::Throttled;
  v.due_at = in.others_available > 0 && !is_again ? in.now : in.now + wait;
  return v;
}

Verdict invalid(const VerdictInput& in) {
  Verdict v;
  v.forget_address = true;
  if (in.has_next_endpoint) {
    v.to = DeliveryStatus::Retrying;
    v.reason = Reason::InvalidRecipient;
    v.due_at = in.now;
    return v;
  }
  v.to = DeliveryStatus::Failed;
  v.reason = Reason::InvalidRecipient;
  v.counts = true;
  return v;
}

// The account may not reach this destination, and all others it may: nobody else waits for that to be mended.
Verdict unreachable(const VerdictInput& in) {
  Verdict v;
  v.reason = Reason::NoRoute;
  const bool is_again = in.delivery.reason == Reason::NoRoute;  // the others have said the same
  const bool goes_on = in.others_available > 0 && !is_again;
  v.to = goes_on ? DeliveryStatus::Retrying : DeliveryStatus::Held;
  v.due_at = goes_on ? std::optional(in.now) : in.delivery.expires_at;
  return v;
}

Verdict misconfigured(const VerdictInput& in) {
  if (in.outcome.is_of_address) return unreachable(in);
  Verdict v;
  v.pause_integration = true;
  v.reason = Reason::IntegrationPaused;
  if (in.others_available > 0) {
    v.to = DeliveryStatus::Retrying;
    v.due_at = in.now;
  } else {
    v.to = DeliveryStatus::Held;
    v.due_at = in.delivery.expires_at;
  }
  return v;
}

Verdict ambiguous(const VerdictInput& in) {
  const auto policy = in.category.on_unknown.value_or(model::default_unknown_policy(in.delivery.channel()));
  Verdict v;
  if (policy == model::UnknownPolicy::Resend) {
    v = later(in, Reason::UnknownOutcome, Millis(0));
    v.is_resend = v.to == DeliveryStatus::Retrying;
    if (v.is_resend) return v;
  }
  v.counts = true;
  v.to = DeliveryStatus::Unknown;
  v.reason = Reason::UnknownOutcome;
  v.is_dead_letter = true;
  v.due_at.reset();
  return v;
}

}  // namespace

Verdict verdict(const VerdictInput& in) {
  Verdict v;
  switch (in.outcome.kind) {
    case OutcomeKind::Sent:
      // A webhook's answer is the recipient's own: there is nothing to wait for.
      v.to =
          in.delivery.channel() == model::Channel::Webhook ? DeliveryStatus::Delivered : DeliveryStatus::Sent;
      v.counts = true;
      return v;
    case OutcomeKind::NotSent: return later(in, Reason::NotSent, Millis(0));
    case OutcomeKind::Temporary:
      return later(in, Reason::Temporary, std::min(in.outcome.retry_after.value_or(Millis(0)), kThrottleMax));
    case OutcomeKind::Throttled: return throttled(in);
    case OutcomeKind::InvalidRecipient: return invalid(in);
    case OutcomeKind::Permanent:
      v.to = DeliveryStatus::Failed;
      v.reason = Reason::Rejected;
      v.counts = true;
      return v;
    case OutcomeKind::Misconfigured: return misconfigured(in);
    case OutcomeKind::Ambiguous: return ambiguous(in);
  }
  return v;
}

Verdict provider_down(const model::Delivery& delivery, const model::Category& category, Time began_at,
                      Time now) {
  Verdict v;
  const Millis age = now - began_at;
  if (!delivery.expires_at && age > model::age_limit(category.kind)) {
    v.to = DeliveryStatus::Dead;
    v.reason = Reason::ProviderDown;
    v.is_dead_letter = true;
    return v;
  }
  v.to = DeliveryStatus::Held;
  v.reason = Reason::ProviderDown;
  v.due_at = now + std::clamp(age / 2, kHoldMin, kHoldMax);
  if (delivery.expires_at) v.due_at = std::min(*v.due_at, *delivery.expires_at);
  return v;
}

}  // namespace carillon::pipeline
