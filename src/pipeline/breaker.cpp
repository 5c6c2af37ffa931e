#include "pipeline/breaker.h"

#include <algorithm>

namespace carillon::pipeline {
namespace {

constexpr std::int64_t kWindowSeconds = 10;
constexpr int kCallsMin = 20;
constexpr Millis kOpenMin{30'000};
constexpr Millis kOpenMax{600'000};
constexpr Millis kProbeLost{150'000};  // longer than the longest timeout an integration may have
constexpr double kCriticalShare = 0.2;
constexpr std::int64_t kGuardWindowMs = 300'000;
constexpr std::int64_t kSuspectMin = 20;  // suspicious answers

std::int64_t second_of(Time t) { return to_ms(t) / 1000; }

// Times beyond what can have been set here were set before the clock stepped back.
bool is_ahead(Time until, Time now, Millis longest) { return now < until && until - now <= longest; }

constexpr std::string_view kStates[] = {"closed", "half_open", "open"};

}  // namespace

std::string_view name(BreakerState state) noexcept { return kStates[static_cast<std::size_t>(state)]; }

std::optional<BreakerState> parse_breaker_state(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(kStates, text);
  if (found == std::end(kStates)) return std::nullopt;
  return static_cast<BreakerState>(found - std::begin(kStates));
}

void Breaker::record(int vote, Time now) {
  if (is_off_) return;
  if (open_until_) {
    if (is_ahead(*open_until_, now, kOpenMax)) return;
    probing_since_.reset();
    if (vote > 0) reset(now);
    if (vote < 0) open(now);
    return;
  }
  if (vote == 0) return;
  const std::int64_t second = second_of(now);
  while (!window_.empty() && window_.front().second <= second - kWindowSeconds) window_.pop_front();
  if (!window_.empty() && window_.back().second > second) window_.clear();  // the clock stepped back
  if (window_.empty() || window_.back().second != second) window_.push_back({second, 0, 0});
  ++window_.back().calls;
  if (vote < 0) ++window_.back().failures;
  int calls = 0, failures = 0;
  for (const Second& s : window_) {
    calls += s.calls;
    failures += s.failures;
  }
  if (vote < 0 && calls >= kCallsMin && failures * 2 >= calls) open(now);
}

void Breaker::open(Time now) {
  open_until_ = now + next_open_;
  changed_at_ = now;
  next_open_ = std::min(next_open_ * 2, kOpenMax);
  window_.clear();
  show(true);
}

void Breaker::reset(std::optional<Time> now) {
  if (open_until_) changed_at_ = now;
  open_until_.reset();
  probing_since_.reset();
  next_open_ = kOpenMin;
  window_.clear();
  show(false);
}

void Breaker::show(bool is_open) const {
  if (flag_) flag_->store(is_open, std::memory_order_relaxed);
}

bool Breaker::is_open(Time now) const {
  if (!open_until_) return false;
  if (is_ahead(*open_until_, now, kOpenMax)) return true;
  return probing_since_ && now - *probing_since_ < kProbeLost && now >= *probing_since_;
}

BreakerState Breaker::state(Time now) const {
  if (!open_until_) return BreakerState::Closed;
  return is_ahead(*open_until_, now, kOpenMax) ? BreakerState::Open : BreakerState::HalfOpen;
}

std::optional<Time> Breaker::since(Time now) const {
  return state(now) == BreakerState::HalfOpen ? open_until_ : changed_at_;
}

bool Breaker::allows(Time now) {
  if (is_open(now)) return false;
  if (open_until_) probing_since_ = now;
  return true;
}

void CallTally::add(bool has_failed, Time now) {
  const std::int64_t number = to_ms(now) / (kWindow.count() / kSlots);
  Slot& slot = slots_[static_cast<std::size_t>(number % kSlots)];
  if (slot.number != number) slot = {number, {}};
  ++slot.totals.calls;
  if (has_failed) ++slot.totals.errors;
}

CallTally::Totals CallTally::within(Time now) const {
  const std::int64_t number = to_ms(now) / (kWindow.count() / kSlots);
  Totals sum;
  for (const Slot& slot : slots_) {
    if (slot.number <= number - kSlots || slot.number > number) continue;
    sum.calls += slot.totals.calls;
    sum.errors += slot.totals.errors;
  }
  return sum;
}

double RateBucket::tokens_at(Time now) const {
  const double burst = std::max(1.0, rate_);
  if (!last_) return burst;
  // A clock that stepped back refills nothing for that moment.
  const double seconds = now > *last_ ? std::chrono::duration<double>(now - *last_).count() : 0;
  return std::min(burst, tokens_ + seconds * rate_);
}

std::size_t RateBucket::allows(std::size_t wanted, bool is_critical, Time now) const {
  if (!(rate_ > 0)) return wanted;
  const double burst = std::max(1.0, rate_);
  const double reserve =
      is_critical ? 0 : static_cast<double>(static_cast<std::int64_t>(burst * kCriticalShare));
  // Sums of fractions come out a hair below the whole token they are.
  constexpr double kRounding = 1e-9;
  const double free = std::max(0.0, tokens_at(now) - reserve + kRounding);
  return free >= static_cast<double>(wanted) ? wanted : static_cast<std::size_t>(free);
}

std::size_t RateBucket::take(std::size_t wanted, bool is_critical, Time now) {
  if (!(rate_ > 0)) return wanted;
  const std::size_t taken = allows(wanted, is_critical, now);
  tokens_ = std::max(0.0, tokens_at(now) - static_cast<double>(taken));
  last_ = now;
  return taken;
}

void InvalidationGuard::roll(Time now) {
  const std::int64_t ms = to_ms(now);
  const std::int64_t age = ms - window_start_ms_;
  if (age >= 0 && age < kGuardWindowMs) return;
  const bool is_next = age >= kGuardWindowMs && age < 2 * kGuardWindowMs;
  good_before_ = is_next ? good_ : 0;
  bad_before_ = is_next ? bad_ : 0;
  good_ = bad_ = 0;
  window_start_ms_ = ms - ms % kGuardWindowMs;
}

void InvalidationGuard::good(Time now) {
  roll(now);
  ++good_;
}

InvalidationGuard::Verdict InvalidationGuard::suspicious(Time now) {
  roll(now);
  ++bad_;
  const std::int64_t good = good_ + good_before_;
  const std::int64_t bad = bad_ + bad_before_;
  if (good > bad) return Verdict::Forget;
  if (bad < kSuspectMin) return Verdict::Keep;
  good_ = bad_ = good_before_ = bad_before_ = 0;
  return Verdict::Suspect;
}

}  // namespace carillon::pipeline
