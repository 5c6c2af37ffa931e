// What others write to topics (Kafka): taken as if it had been posted, batch by batch, each once.
//
// A batch is settled, which moves the topic's offsets, when all of it is stored: accepted, or kept as a dead
// letter, or as one that waits for a user. What cannot be stored now is tried again until it can: then
// nothing is read meanwhile.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/settings.h"
#include "base/task.h"
#include "pipeline/events.h"
#include "queue/records.h"

namespace carillon::pipeline {

struct RecordOutcome;  // ingest_take.h

// The settings of group `kafka`.
struct IngestOptions {
  std::vector<std::string> topics{};                   // "notification.events=default/shop"
  std::string dead_letter_topic = "notification.dlq";  // empty: none
  std::string group = "carillon.ingest";               // of consumers
  std::vector<std::string> retry{"1m", "5m", "15m", "1h"};
  std::string events_topic{};  // that is told what webhooks are told (event_stream.h); empty: none
};
void describe(base::SettingsGroup& group, IngestOptions& options);

struct IngestTopic {
  std::string name, project, app;
};
struct IngestPlan {
  std::vector<IngestTopic> topics;
  std::vector<Millis> retry;  // waits before the tries after the first
};
// Errors: InvalidArgument naming the setting.
Result<IngestPlan> read_plan(const IngestOptions& options);

class Ingest {
 public:
  struct Deps {
    EventDeps events;
    base::Metrics& metrics;
    std::vector<boost::asio::any_io_executor> executors;  // of the API; not empty
    std::unique_ptr<queue::RecordReader> reader;
    queue::RecordWriter* writer = nullptr;  // null: dead letters are told to no topic
  };
  Ingest(Deps deps, IngestPlan plan, std::string dead_letter_topic);
  ~Ingest();  // stops
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  void start();
  // Looks for what is due now instead of at the next tick. Any thread.
  void nudge();
  // What is being stored is finished, what is left is read again by the next who does. Blocks the calling
  // thread, which must not run the executors. Idempotent.
  void stop();
  // Why nothing is taken at this moment; empty: all is well. For people. Any thread.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Topic;
  Task<void> read(Topic& topic);
  Task<bool> store_all(Topic& topic, std::vector<model::KafkaRecord> records);
  Task<std::string> store_some(Topic& topic, std::vector<const model::KafkaRecord*>& left);
  Task<void> retry();
  Task<Result<bool>> retry_due();
  using Letters = std::vector<store::RecordLetter>;
  Task<std::vector<store::RecordTry>> try_again(Letters letters, bool is_last);
  [[nodiscard]] store::RecordTry try_of(const store::RecordLetter& letter,
                                        const RecordOutcome& outcome) const;
  Task<void> publish(std::vector<queue::OutRecord> records);
  // For the topic of dead letters: what is dead of a record. `letter` 0: it is none yet, or waits.
  void tell(std::vector<queue::OutRecord>& dead, const model::KafkaRecord& record,
            const RecordOutcome& outcome, std::int64_t letter) const;

  Deps deps_;
  const IngestPlan plan_;
  const std::string dead_letter_topic_;
  std::vector<std::unique_ptr<Topic>> topics_;
  base::Signal retry_wake_;
  std::atomic<bool> is_stopping_{false};
  base::Counter published_, unpublished_, retried_;
  base::TaskGate gate_{"ingest"};
};

// ---- by hand
// What is changed of a record before it is taken: nothing, or one of these.
struct RecordEdit {
  std::string patch;  // an RFC 7396 merge patch (JSON) of what the record stands for; empty: none
  std::string value;  // the whole value instead; empty: none
};
// Takes what a dead letter holds after all, as the app of its topic and under the same event id, and closes
// it, audited. Errors: NotFound (not there, of another project) · those of the store.
Task<Result<EventReplay>> replay_record(EventDeps deps, std::int32_t project, std::int64_t letter,
                                        RecordEdit edit, store::Actor actor);
// Writes it to its topic again, where whoever reads that takes it, and closes it, audited. Errors: likewise.
Task<Result<EventReplay>> republish_record(EventDeps deps, queue::RecordWriter& writer, std::int32_t project,
                                           std::int64_t letter, RecordEdit edit, store::Actor actor);

// The record of a dead letter; empty value and headers when it was taken in the end. Errors: Corruption,
// FailedPrecondition (Sealer::open()).
[[nodiscard]] Result<model::KafkaRecord> open_record(const base::KeyRing& keys,
                                                     const store::RecordLetter& letter);
// Whether it is a notification whose parameters are not to be shown.
[[nodiscard]] bool hides_record(const ProjectView& view, const model::KafkaRecord& record);

}  // namespace carillon::pipeline
