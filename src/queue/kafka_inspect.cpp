#include <fmt/format.h>

#include <string>

#include "queue/hint.h"
#include "queue/inspect.h"
#include "queue/kafka_producer.h"

namespace carillon::queue {
namespace {

constexpr Millis kInspectMax{15'000};

class LastTrouble final : public ProducerEvents {
 public:
  void on_acknowledged(model::Lane, std::chrono::microseconds) override {}
  void on_lost(model::Lane, rd_kafka_resp_err_t) override {}
  void on_trouble(const std::string& what, bool, bool) override { said = what; }
  std::string said;
};

}  // namespace

Result<KafkaFacts> inspect_kafka(const Options& options, const std::vector<std::string>& records) {
  CARILLON_TRY(const KafkaConfig config, KafkaConfig::open(options));
  TopicPlan plan;
  for (const model::Lane lane : all_lanes()) plan.names.push_back(topic_of(options.prefix, lane));
  plan.names.insert(plan.names.end(), records.begin(), records.end());
  LastTrouble trouble;
  CARILLON_TRY(const auto producer, KafkaProducer::open(config, plan, trouble));
  auto facts = look_at_topics(producer->client(), plan, base::Deadline::after(kInspectMax));
  if (facts) return facts;
  producer->poll(Millis(0));  // what librdkafka has to say of it
  const std::string more = trouble.said.empty() ? "" : " (" + trouble.said + ")";
  return fail(facts.error().code,
              fmt::format("queue.url: Kafka at {}: {}{}", config.shown(), facts.error().message, more));
}

}  // namespace carillon::queue
