#include "model/outcome.h"

#include <array>
#include <utility>

#include "base/json.h"

namespace carillon::model {
namespace {

constexpr std::size_t kDetailMax = 300;  // bytes

// PIPELINE §4, one row per outcome, in the order of the enum.
enum class Vote : std::int8_t { Ok = 1, None = 0, Fail = -1, FailIf5xx = -2 };
struct Row {
  std::string_view name;
  bool counts = false;
  Vote vote = Vote::None;
  bool fail_over = false;
};
constexpr std::array<Row, kOutcomeKindCount> kTable{{
    {"sent", false, Vote::Ok, false},
    {"not_sent", true, Vote::Fail, true},
    {"throttled", false, Vote::None, true},  // pauses the integration: no failure of its health
    {"temporary", true, Vote::FailIf5xx, true},
    {"invalid_recipient", false, Vote::Ok, false},  // the next endpoint of the device is another matter
    {"permanent", false, Vote::Ok, false},
    {"misconfigured", false, Vote::None, true},
    {"ambiguous", true, Vote::Fail, false},  // another integration could send it a second time
}};

const Row& row(OutcomeKind kind) noexcept { return kTable[static_cast<std::size_t>(kind)]; }

// Half a UTF-8 sequence would make the stored JSON invalid.
std::string shortened(std::string text) {
  text.resize(base::first_characters(text, kDetailMax).size());
  return text;
}

}  // namespace

std::string_view name(OutcomeKind kind) noexcept { return row(kind).name; }

Outcome Outcome::of(OutcomeKind kind, int status, std::string code, std::string detail) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.status = status;
  outcome.code = shortened(std::move(code));
  outcome.detail = shortened(std::move(detail));
  return outcome;
}

Outcome Outcome::sent(std::string provider_id, int status) {
  Outcome outcome = of(OutcomeKind::Sent, status, {}, {});
  outcome.provider_id = std::move(provider_id);
  return outcome;
}

Outcome Outcome::not_sent(std::string detail) { return of(OutcomeKind::NotSent, 0, {}, std::move(detail)); }

Outcome Outcome::ambiguous(std::string detail, int status) {
  return of(OutcomeKind::Ambiguous, status, {}, std::move(detail));
}

bool counts_as_attempt(OutcomeKind kind) noexcept { return row(kind).counts; }

int breaker_vote(OutcomeKind kind, int status) noexcept {
  switch (row(kind).vote) {
    case Vote::Ok: return 1;
    case Vote::None: return 0;
    case Vote::Fail: return -1;
    case Vote::FailIf5xx: return status >= 500 ? -1 : 0;
  }
  return 0;
}

bool may_fail_over(OutcomeKind kind) noexcept { return row(kind).fail_over; }

}  // namespace carillon::model
