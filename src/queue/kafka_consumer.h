// What every consumer of ours has in common: how it is set up within the limits of librdkafka 2.0.2
// (RELIABILITY §1.2), how its thread is woken, how it leaves its group.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/descriptor.h"
#include "queue/kafka_handles.h"

namespace carillon::queue {

// Rings a thread that waits: an eventfd, by librdkafka when something comes, and by us.
class Bell {
 public:
  // Errors: Unavailable (no file descriptor is left).
  static Result<Bell> open();
  void ring() const;
  // Until it rang, no longer than `max`. One thread.
  void wait(Millis max) const;
  // From now on it is rung for that queue, which has to be told to be silent before it goes.
  void listen(rd_kafka_queue_t* queue) const;
  static void silence(rd_kafka_queue_t* queue);

 private:
  base::Descriptor event_;
};

// Called from inside of a poll, with what is given or taken.
using Rebalance = std::function<void(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*)>;

// A member of `group` that has not joined yet: the range assignor, from the earliest record on, and only what
// is stored by hand is committed, every second. It fetches little ahead. `rebalance` outlives it. Errors:
// InvalidArgument (TLS files).
Result<ClientPtr> make_consumer(const KafkaConfig& config, const std::string& group,
                                const Rebalance& rebalance);
// Joins, or joins once more.
rd_kafka_resp_err_t subscribe(rd_kafka_t* consumer, std::span<const std::string> topics);
// Ends the membership. All at the same time, and no longer than a few seconds in all: a group finds out by
// itself who is gone. What comes meanwhile goes to the call-backs of make_consumer().
struct Leaving {
  rd_kafka_t* consumer = nullptr;
  const Rebalance* rebalance = nullptr;
};
void leave_groups(std::span<const Leaving> all);

}  // namespace carillon::queue
