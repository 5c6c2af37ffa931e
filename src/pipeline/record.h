// Record: outcomes and decisions of claimed deliveries, written in fenced batches.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/urgency.h"
#include "pipeline/flight.h"
#include "pipeline/journal.h"
#include "pipeline/latency_tally.h"
#include "pipeline/pipeline.h"
#include "pipeline/verdict.h"

namespace carillon::pipeline {

// The record of an answer: the delivery's new values, the attempt and what follows for the address. Takes the
// delivery out of the flight and the provider's id out of the outcome. `key`: of the integration asked.
[[nodiscard]] store::RecordItem outcome_record(Flight& flight, model::Outcome& outcome, const Verdict& v,
                                               std::string key, Time now);

// Delivery thread only.
class Recorder {
 public:
  struct Hooks {
    std::function<void(model::Lane)> freed;  // a place in that window is free
    std::function<void(std::int32_t, std::string, std::string)> misconfigured;  // project, integration, why
    std::function<void()> held_by_the_past;                                     // see Acceptor::Hooks
    std::function<void(const store::RecordItem&)> troubled{};  // it was recorded, and is not simply sent
    LatencyTally* latencies = nullptr;                         // outlives the recorder; null: nobody counts
  };
  Recorder(const Pipeline::Deps& deps, Journal& journal, Windows& windows, const base::Urgency& urgency,
           Hooks hooks);
  ~Recorder();

  // A provider's answer. Journals it, judges it, and queues the record.
  void finished(FlightPtr flight, model::Outcome outcome);
  // A decision before anything was sent: Hold, Suppress, Cancel, Expire, Release, Dead, Failed.
  void decided(FlightPtr flight, model::DeliveryStatus to, model::Reason reason, std::optional<Time> due,
               std::string note = {}, std::string dead_letter = {});
  // Gives a claim back unsent: pending, due now, nothing counted.
  void release(FlightPtr flight);

  [[nodiscard]] bool is_empty() const noexcept { return queue_.items.empty() && critical_.items.empty(); }
  // Resumes when everything queued so far is committed, or `deadline` passed (false).
  Task<bool> settled(base::Deadline deadline);
  // Ends once the queue is empty; then wait() from another thread returns.
  void close();
  void wait() { gate_.wait(base::Deadline::never()); }

 private:
  // What is known of an item besides.
  struct Note {
    model::Lane lane;
    std::uint32_t epoch = 0;
    Time accepted_at{};
    Time began_at{};                  // accepted, or when it was to be sent; 0: nothing was sent
    std::uint64_t configuration = 0;  // generation of the snapshot that was decided by
    bool was_journaled = false;
  };
  struct Batch {
    std::vector<store::RecordItem> items;
    std::vector<Note> notes;  // of each item
  };
  static Note note_of(const Flight& flight);
  void push(store::RecordItem item, const Note& note);
  static Batch take_from(Batch& queue, std::size_t limit);
  Task<void> run();
  Task<void> write(Batch batch);
  void note_written(const std::vector<store::RecordItem>& items, const std::vector<Note>& notes,
                    const std::vector<bool>& applied);
  // What becomes of the address an answer was about. Suspect: it stays, as it is the account that is wrong.
  enum class Fate : std::uint8_t { Forget, Keep, Suspect };
  Fate fate_of(const Flight& flight, const model::Outcome& outcome);
  void forget(const Flight& flight, store::RecordItem& item, const model::Outcome& outcome);

  const Pipeline::Deps& deps_;
  Journal& journal_;
  Windows& windows_;
  const base::Urgency& urgency_;
  Hooks hooks_;
  base::Signal wake_, idle_;
  Batch critical_, queue_;
  std::size_t writing_ = 0;
  bool is_closed_ = false;
  base::Counter by_status_[model::kChannelCount][model::kDeliveryStatusCount];
  base::Counter stale_;
  base::Histogram latency_[model::kPriorityCount];
  base::TaskGate gate_{"record"};
};

}  // namespace carillon::pipeline
