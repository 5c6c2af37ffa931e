// From records to what they stand for: notifications through the one accept, business events through the
// rules, as if they had been posted by the topic's app.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/kafka_record.h"
#include "pipeline/events.h"

namespace carillon::pipeline {

struct RecordOutcome {
  enum class Kind : std::uint8_t {
    Nothing,    // it says nothing
    Accepted,   // a notification
    Duplicate,  // one that was accepted before, or another with its event id
    Event,      // the rules have had it; what they could not send is among the dead letters
    Waits,      // for a user who may be registered yet: `refusal`
    Refused,    // for good: `refusal`
    Failed,     // nothing is wrong with it; the same again later: `refusal`
  };
  Kind kind = Kind::Nothing;
  std::int64_t notification = 0;  // Accepted, Duplicate
  std::optional<Refusal> refusal;
  std::vector<RuleOutcome> refused_by{};  // Event
  std::vector<store::Naming> named{};     // whom a notification that is refused or waits names by user_id
};

// One outcome each, in order, given only after the commit of all that was accepted. `waits_for_users`: see
// take_events(). Await it on an executor of the API. The records must outlive the call.
Task<std::vector<RecordOutcome>> take_records(EventDeps deps, Caller caller,
                                              std::vector<const model::KafkaRecord*> records,
                                              bool waits_for_users);

}  // namespace carillon::pipeline
