#include "queue/kafka_consumer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace carillon::queue {
namespace {

constexpr std::chrono::seconds kLeaveMax{5};
constexpr int kLeaveTurnMs = 10;
constexpr std::uint64_t kOnce = 1;

void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
                  void* opaque) {
  (*static_cast<const Rebalance*>(opaque))(what, partitions);
}

}  // namespace

Result<Bell> Bell::open() {
  Bell bell;
  bell.event_ = base::Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell.event_) return fail(Errc::Unavailable, "cannot make an eventfd; raise the limit of open files");
  return bell;
}

void Bell::ring() const {
  if (event_) static_cast<void>(::write(event_.get(), &kOnce, sizeof kOnce));
}

void Bell::wait(Millis max) const {
  pollfd waiting{event_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(max.count())) <= 0) return;
  std::uint64_t rung = 0;
  static_cast<void>(::read(event_.get(), &rung, sizeof rung));
}

void Bell::listen(rd_kafka_queue_t* queue) const {
  rd_kafka_queue_io_event_enable(queue, event_.get(), &kOnce, sizeof kOnce);
}

void Bell::silence(rd_kafka_queue_t* queue) { rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0); }

Result<ClientPtr> make_consumer(const KafkaConfig& config, const std::string& group,
                                const Rebalance& rebalance) {
  ConfPtr conf = config.make({
      {"group.id", group},
      {"enable.auto.offset.store", "false"},
      {"enable.auto.commit", "true"},
      {"auto.commit.interval.ms", "1000"},
      {"auto.offset.reset", "earliest"},
      {"partition.assignment.strategy", "range"},
      {"session.timeout.ms", "10000"},
      {"heartbeat.interval.ms", "3000"},
      {"queued.min.messages", "1000"},
      {"queued.max.messages.kbytes", "1024"},
      {"fetch.message.max.bytes", "1048576"},
  });
  // librdkafka hands it back as it was given: without const.
  rd_kafka_conf_set_opaque(conf.get(), const_cast<Rebalance*>(&rebalance));
  rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
  std::array<char, 256> why{};
  ClientPtr client(rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why.data(), why.size()));
  if (!client) return fail(Errc::InvalidArgument, printable(why.data()));
  static_cast<void>(conf.release());  // the client's now
  rd_kafka_poll_set_consumer(client.get());
  return client;
}

rd_kafka_resp_err_t subscribe(rd_kafka_t* consumer, std::span<const std::string> topics) {
  const PartitionsPtr wanted(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics)
    rd_kafka_topic_partition_list_add(wanted.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  return rd_kafka_subscribe(consumer, wanted.get());
}

void leave_groups(std::span<const Leaving> all) {
  const auto deadline = base::Deadline::after(kLeaveMax);
  std::vector<KafkaQueuePtr> queues;
  for (const Leaving& one : all) {
    queues.emplace_back(rd_kafka_queue_new(one.consumer));
    const KafkaErrorPtr error(rd_kafka_consumer_close_queue(one.consumer, queues.back().get()));
  }
  for (std::size_t i = 0; i < all.size();) {
    if (rd_kafka_consumer_closed(all[i].consumer) != 0 || deadline.passed()) {
      ++i;
      continue;
    }
    // As events: messages come here too, which the call for call-backs cannot take (it asserts).
    const EventPtr event(rd_kafka_queue_poll(queues[i].get(), kLeaveTurnMs));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE)
      (*all[i].rebalance)(rd_kafka_event_error(event.get()),
                          rd_kafka_event_topic_partition_list(event.get()));
  }
}

}  // namespace carillon::queue
