// Records of topics that others write and read, whatever they say: in for the pipeline to take, out for
// others to see. Kafka only; the brokers are those of Options.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "model/kafka_record.h"
#include "queue/queue.h"

namespace carillon::queue {

// What comes, topic by topic. One batch of a topic is out at a time, and where it ends is told to the brokers
// only when it is settled: whoever dies before that reads it again. Bounded: a topic whose batch is out keeps
// one more, of kBatchRecords and kBatchBytes at most, besides what the client has fetched ahead (1 MiB of a
// partition). Safe from any thread.
class RecordReader {
 public:
  static constexpr std::size_t kBatchRecords = 1000;
  static constexpr std::size_t kBatchBytes = 8U << 20;

  virtual ~RecordReader() = default;  // leaves the group
  // What came of the topic with that number, in order within each partition, without waiting. Empty: nothing,
  // or the batch before is not settled.
  virtual std::vector<model::KafkaRecord> take(std::size_t topic) = 0;
  // All of the batch is stored, or never has to be.
  virtual void settle(std::size_t topic) = 0;
  // `wake` is called when take() has something to give, on a thread of the reader; it must only post. An
  // empty one ends the calls: none is under way on return.
  virtual void on_ready(std::function<void(std::size_t)> wake) = 0;
  // Why nothing comes, for people; empty: all is well. A topic that is missing, rights.
  [[nodiscard]] virtual std::string trouble() const = 0;
};

struct ReaderOptions {
  std::vector<std::string> topics;  // by number; not empty
  std::string group;                // of consumers: processes share the partitions
};
// Joins the group; topics that are missing are made where Options say so. Blocks for a moment. Errors: those
// of queue::open().
Result<std::unique_ptr<RecordReader>> open_reader(const Options& options, ReaderOptions reader,
                                                  base::Metrics& metrics);

struct OutRecord {
  std::string topic, key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::string>> headers;
};
class RecordWriter {
 public:
  virtual ~RecordWriter() = default;  // tells those who wait that it has not been done
  // Writes them; `done` is called once, on any thread, when all brokers that have to have them do (acks=all),
  // or with Unavailable when some may not be there: then all are to be written again. Never blocks. An empty
  // list is done at once.
  virtual void write(std::vector<OutRecord> records, std::move_only_function<void(Result<void>)> done) = 0;
};
// Makes the topics that are missing where Options say so. Errors: as above.
Result<std::unique_ptr<RecordWriter>> open_writer(const Options& options, std::vector<std::string> topics,
                                                  base::Metrics& metrics);

}  // namespace carillon::queue
