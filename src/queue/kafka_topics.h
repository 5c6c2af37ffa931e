// The topics of all lanes: made with settings of ours where they are missing, looked at where they are there.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "queue/kafka_handles.h"

namespace carillon::queue {

struct TopicPlan {
  std::vector<std::string> names;
  int partitions = 6;
  int replication = 0;  // 0: three, or as many as there are brokers
  bool may_create = true;
};

// Whether every topic is there and its settings are fit for hints (`must_look`), or only whether they are
// there; those that are missing are made. True: some were missing at first. `client`, a producer whose events
// are served, knows the topics (rd_kafka_topic_new). Blocks until `deadline` at most. Errors, which name the
// topic: Unavailable (nobody answers) · FailedPrecondition (missing, not allowed, settings that lose or
// refuse hints).
Result<bool> ensure_topics(rd_kafka_t* client, const TopicPlan& plan, bool must_look,
                           base::Deadline deadline);

}  // namespace carillon::queue
