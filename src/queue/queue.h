// Hints to workers: ids of deliveries that may be due. A doorbell, not a store.
//
// A queue may forget anything: the Store is the truth and refill finds what was lost. Publishing an
// id twice is harmless. Safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "base/settings.h"
#include "model/channel.h"

namespace carillon::queue {

struct Batch {
  std::vector<std::int64_t> ids;
  std::uint64_t token = 0;  // to commit() once the claim is durable
  bool overflowed = false;  // hints of this lane were dropped since the last poll: scan the Store
};

class Queue {
 public:
  virtual ~Queue() = default;
  // Hands ids of one lane over. A full lane drops what does not fit and remembers that it did. Never blocks.
  // Ids of Queue::None and PushAny are ignored: their rows are final.
  // Errors: Unavailable (the backend is away; the Store scan covers it).
  virtual Result<void> publish(model::Lane lane, std::span<const std::int64_t> ids) = 0;
  // Takes up to `limit` ids of a lane, oldest first (of each partition, where the backend has several),
  // without waiting. With a `limit` of 0 nothing is taken, also not the word of an overflow.
  virtual Batch poll(model::Lane lane, std::size_t limit) = 0;
  // The ids of that batch, and of those polled from this lane before it, are claimed, or known not to be
  // claimable, or a scan of the Store will find them. The 0 of an empty batch says nothing.
  virtual void commit(model::Lane lane, std::uint64_t token) = 0;
  // `wake` is called (from the publishing thread or one of the queue's own, must only post) when an empty
  // lane got its first id, or word of an overflow that no drop of its own caused. It replaces the one before,
  // of which no call is under way any more on return; an empty one ends the calls. A lane that is full
  // already woke somebody: a drop wakes nobody.
  virtual void on_ready(std::function<void(model::Lane)> wake) = 0;
  [[nodiscard]] virtual std::size_t size(model::Lane lane) const = 0;
  // Why hints do not go from process to process at this moment; empty: they do. For people: names the
  // servers, never a password.
  [[nodiscard]] virtual std::string trouble() const = 0;
};

struct Options {
  std::string url = "embedded:";           // or kafka[s]://[user[:password]@]host[:port][,host[:port]]…
  base::Secret password;                   // instead of the one in the URL
  std::string sasl = "SCRAM-SHA-512";      // how user and password are shown: PLAIN, SCRAM-SHA-256 or -512
  std::string ca_file;                     // kafkas://: PEM roots; empty: the system's
  std::string certificate_file, key_file;  // kafkas://: ours, for a broker that wants one
  std::string prefix = "carillon.";        // of topics and consumer groups
  bool create_topics = true;
  std::int64_t partitions = 6;   // of a topic that is made
  std::int64_t replication = 0;  // 0: three, or as many as there are brokers
  std::int64_t lane_max = 8192;  // ids of a lane kept in memory
};
void describe(base::SettingsGroup& group, Options& options);
[[nodiscard]] inline bool is_kafka(const Options& options) noexcept {
  return options.url.starts_with("kafka://") || options.url.starts_with("kafkas://");
}

// Opens what `options.url` names, taking work of `queues`; brokers are asked and topics made before this
// returns. Blocks. `metrics` outlives it. Errors, each naming the setting: InvalidArgument (what is written)
// · Unavailable (nobody answers there, or refuses the credentials) · FailedPrecondition (topics missing or
// unfit, rights).
Result<std::unique_ptr<Queue>> open(const Options& options, std::span<const model::Queue> queues,
                                    base::Metrics& metrics);

// ---- backends
struct EmbeddedOptions {
  std::size_t lane_max = 8192;  // ids per lane
};
std::unique_ptr<Queue> make_embedded(EmbeddedOptions options = {});

// A topic per lane, a consumer group per queue (docs/internals/decisions/0020). Threads of its own;
// publishing goes through librdkafka's buffer, so that Ok means "on its way". While no broker answers
// publish() is refused at once, and every lane says every second that it overflowed. Errors: those of open().
Result<std::unique_ptr<Queue>> open_kafka(const Options& options, std::span<const model::Queue> queues,
                                          base::Metrics& metrics);

}  // namespace carillon::queue
