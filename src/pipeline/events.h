// Business events: matched with the project's rules, what they cause sent through the one accept, and what
// cannot be sent kept as dead letters.
//
// Each event × rule is sent at most once within dedup.window: the send's event id is made of rule and event.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/rule.h"
#include "pipeline/directory.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace carillon::pipeline {

struct EventDeps {
  Pipeline& pipeline;
  const Directory& directory;
  store::Store& store;
  const base::Clock& clock;
  const base::KeyRing& keys;
};

// What became of one event under one rule that matched it.
struct RuleOutcome {
  enum class Kind : std::uint8_t {
    Accepted,
    Duplicate,  // this event was sent by this rule before
    Skipped,    // it names no recipient (an empty `each`): nothing to send
    Refused,    // a dead letter holds the event; nothing tries again by itself
  };
  std::string rule;
  Kind kind = Kind::Accepted;
  std::int64_t notification = 0;   // Accepted, Duplicate
  std::optional<Refusal> refusal;  // Refused
  std::int64_t dead_letter = 0;    // Refused
};
struct EventOutcome {
  std::vector<RuleOutcome> matched;  // in order of the rules
  // Set: not all it caused is stored (503, 429, or it waits for a user). Posted again, it does what is
  // missing.
  std::optional<Refusal> failed;
};

// Takes events that were read without problems, as the app that posted them; one outcome each, given only
// after the commit of all it caused. Await it on an executor of the API. The documents `events` point into
// must outlive the call. `waits_for_users`: what names an unknown user fails, and makes no dead letter.
Task<std::vector<EventOutcome>> take_events(EventDeps deps, Caller caller, std::vector<model::Event> events,
                                            bool waits_for_users = false);
inline constexpr std::string_view kUnknownUser = "unknown_user";  // a refusal's code

// What one rule makes of one event, ready to be accepted or explained. Pure.
struct PreparedSend {
  SendItem item;
  std::size_t recipients = 0;  // 0: there is nothing to send, and `item` is empty
};
[[nodiscard]] std::expected<PreparedSend, Refusal> prepare_send(const model::Rule& rule,
                                                                const model::Event& event, Time now);

// Sends what a dead letter holds after all, whatever the rule's conditions say now, and closes it, audited.
// `patch`: an RFC 7396 merge patch of the event (JSON, or empty), which may not change id and source.
// Errors: NotFound (not there, of another project) · those of the store.
struct EventReplay {
  bool is_done = false;
  std::string why;  // when it is not
  std::int64_t notification = 0;
};
Task<Result<EventReplay>> replay_event(EventDeps deps, std::int32_t project, std::int64_t letter,
                                       std::string patch, store::Actor actor);

}  // namespace carillon::pipeline
