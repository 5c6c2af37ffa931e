// Topics: made with settings of ours where they are missing, looked at where they are there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "queue/inspect.h"
#include "queue/kafka_handles.h"

namespace carillon::queue {

enum class TopicUse : std::uint8_t {
  Hints,    // may be lost: small, and soon of no use
  Intake,   // what others write and is taken once: gone before its event ids are forgotten
  Records,  // what is written for others to read
};
struct TopicPlan {
  std::vector<std::string> names;
  int partitions = 6;
  int replication = 0;  // 0: three, or as many as there are brokers
  bool may_create = true;
  TopicUse use = TopicUse::Hints;
};

// Whether every topic is there and its settings are fit for its use (`must_look`), or only whether they are
// there; those that are missing are made. True: some were missing at first. `client`, a producer whose events
// are served, knows the topics (rd_kafka_topic_new). Blocks until `deadline` at most. Errors, which name the
// topic: Unavailable (nobody answers) · FailedPrecondition (missing, not allowed, settings that lose or
// refuse what is written).
Result<bool> ensure_topics(rd_kafka_t* client, const TopicPlan& plan, bool must_look,
                           base::Deadline deadline);

// The topics of `plan` as they are, with their settings as far as the user may see them; makes none. Errors:
// Unavailable · FailedPrecondition (the user may not use a topic).
Result<KafkaFacts> look_at_topics(rd_kafka_t* client, const TopicPlan& plan, base::Deadline deadline);

}  // namespace carillon::queue
