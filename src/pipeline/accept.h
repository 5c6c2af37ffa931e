// Accept: gathers sends, routes them in batches, commits them, and only then answers.
//
// One Acceptor per API thread; everything in it runs on that thread. While one batch commits, the next
// gathers: batching needs no timer.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/flight.h"
#include "pipeline/pipeline.h"
#include "pipeline/route.h"

namespace carillon::pipeline {

struct AcceptMetrics {
  base::Counter accepted[model::kChannelCount], repeats, refused, unavailable;
  base::Histogram bytes[model::kChannelCount][model::kPriorityCount];
  base::Histogram seconds;
  static AcceptMetrics make(base::Metrics& metrics);
};

class Acceptor {
 public:
  // Where committed deliveries go. All called on this acceptor's thread.
  struct Hooks {
    // Due, waiting for a claim.
    std::function<void(const std::vector<store::Hint>&)> publish;
    // A place in the workers' window for a delivery that is taken while it is stored; false: there is none.
    std::function<bool(model::Lane)> reserve;
    std::function<void(model::Lane)> unreserve;
    std::function<void(std::vector<Taken>)> taken;  // stored as taken, a place reserved for each
    // Deliveries were stored as held on a condition of a configuration that is no longer the present one.
    std::function<void()> held_by_the_past;
  };
  Acceptor(const Pipeline::Deps& deps, boost::asio::any_io_executor executor, const Options& options,
           AcceptMetrics metrics, Hooks hooks);
  ~Acceptor();

  // See Pipeline::send. Must be awaited on this acceptor's executor.
  Task<std::vector<SendResult>> send(Caller caller, std::vector<SendItem> items);
  // `not_asked`: accounts of the project that could not be asked at the moment.
  Task<std::expected<Explained, Refusal>> explain(Caller caller, SendItem item,
                                                  std::vector<Unavailable> not_asked);

  // Refuses new sends (503) from now on and lets those gathered finish.
  void close();
  // Blocks the calling thread (not this acceptor's) until nothing gathered is unanswered.
  void wait() { gate_.wait(base::Deadline::never()); }
  [[nodiscard]] boost::asio::any_io_executor executor() const { return executor_; }

 private:
  struct Call;
  class Batch;
  Task<void> run();
  Task<void> commit(std::vector<std::unique_ptr<Call>> batch);
  // Hands the results to those who wait.
  void answer(std::vector<std::unique_ptr<Call>>& calls);
  const Pipeline::Deps& deps_;
  boost::asio::any_io_executor executor_;
  const Options& options_;
  AcceptMetrics metrics_;
  Hooks hooks_;
  std::vector<std::unique_ptr<Call>> waiting_;
  std::size_t waiting_items_ = 0;
  std::size_t starting_ = 0;   // runs spawned that have not begun
  std::size_t under_way_ = 0;  // batches between gathering and commit
  bool is_closed_ = false;
  base::TaskGate gate_{"accept"};
};

}  // namespace carillon::pipeline
