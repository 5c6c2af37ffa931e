// The stream of events: what webhooks are told, written to a topic (Kafka) for whoever reads there.
//
// From the store's outbox, at least once and in the order in which it happened as far as one notification
// goes; an event leaves the outbox when the brokers have it. One process of all does it, the leader.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <atomic>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/task.h"
#include "pipeline/directory.h"
#include "queue/records.h"
#include "store/store.h"

namespace carillon::pipeline {

class EventStream {
 public:
  struct Deps {
    store::Store& store;
    const Directory& directory;
    const base::Clock& clock;
    base::Metrics& metrics;
    boost::asio::any_io_executor executor;
    queue::RecordWriter& writer;
  };
  EventStream(Deps deps, std::string topic);
  ~EventStream();  // stops
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  void start();
  // What is not written yet is written after the next start. Blocks the calling thread, which must not run
  // the executor. Idempotent.
  void stop();

 private:
  Task<void> loop();
  // How many were written. Errors: the store's; Unavailable (the brokers do not have them).
  Task<Result<std::size_t>> write_some();

  const Deps deps_;
  const std::string topic_;
  base::Signal wake_;
  std::atomic<bool> is_stopping_{false};
  base::Counter written_, failed_;
  base::TaskGate gate_{"event_stream"};
};

}  // namespace carillon::pipeline
