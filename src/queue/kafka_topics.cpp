#include "queue/kafka_topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <span>

#include "base/log.h"

namespace carillon::queue {
namespace {

constexpr int kReplicationWanted = 3;
constexpr std::int64_t kMessageBytesMin = 2048;        // a full message with its frame
constexpr std::int64_t kRetentionMinMs = 10 * 60'000;  // less would drop what a short stop left unread
// Settings of a topic that decide what it can lose or refuse.
constexpr std::array<std::string_view, 7> kShown{
    "cleanup.policy", "max.message.bytes", "min.insync.replicas",           "retention.bytes",
    "retention.ms",   "segment.ms",        "unclean.leader.election.enable"};
constexpr int kSettleMs = 50;
constexpr int kCallMs = 5000;
constexpr int kMakingMs = 15'000;  // a broker that has just started takes its time to make fifty topics

int milliseconds_until(base::Deadline deadline, int max) {
  const auto left = std::chrono::duration_cast<Millis>(deadline.at() - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<Millis::rep>(left.count(), 1, max));
}

struct Present {
  std::string name;
  int replicas = 0, partitions = 0;
};
struct Seen {
  std::vector<std::string> missing;
  std::vector<Present> present;
  int brokers = 0;
};

Result<Seen> look(rd_kafka_t* client, const TopicPlan& plan, base::Deadline deadline) {
  const struct rd_kafka_metadata* raw = nullptr;
  const auto code = rd_kafka_metadata(client, 0, nullptr, &raw, milliseconds_until(deadline, kCallMs));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(Errc::Unavailable, kafka_text(code));
  const MetadataPtr metadata(raw);
  Seen seen;
  seen.brokers = metadata->broker_cnt;
  for (const std::string& name : plan.names) {
    const std::span<const rd_kafka_metadata_topic> topics(metadata->topics,
                                                          static_cast<std::size_t>(metadata->topic_cnt));
    const auto found = std::ranges::find_if(topics, [&](const auto& topic) { return name == topic.topic; });
    if (found == topics.end() || found->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      seen.missing.push_back(name);
    } else if (found->err == RD_KAFKA_RESP_ERR_NO_ERROR && found->partition_cnt > 0) {
      seen.present.push_back({name, found->partitions[0].replica_cnt, found->partition_cnt});
    } else if (found->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      return fail(Errc::FailedPrecondition, fmt::format("topic {}: this user may not use it", name));
    }  // else: about to be there
  }
  return seen;
}

// Waits for the answer of an admin call. Null: none in time.
EventPtr answer_of(rd_kafka_queue_t* queue, base::Deadline deadline, int max_ms) {
  return EventPtr(rd_kafka_queue_poll(queue, milliseconds_until(deadline, max_ms)));
}

AdminOptionsPtr admin_options(rd_kafka_t* client, rd_kafka_admin_op_t operation, base::Deadline deadline,
                              int max_ms) {
  AdminOptionsPtr options(rd_kafka_AdminOptions_new(client, operation));
  std::array<char, 128> why{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), milliseconds_until(deadline, max_ms), why.data(),
                                            why.size());
  return options;
}

const char* retention_of(TopicUse use) noexcept {
  switch (use) {
    case TopicUse::Hints: return "86400000";    // a day: what is older, the Store's scan has found
    case TopicUse::Intake: return "518400000";  // six: with a segment's day, the week of dedup.window
    case TopicUse::Records: break;
  }
  return "604800000";  // a week: time for people to mend a reader
}

Result<NewTopicPtr> new_topic(const std::string& name, const TopicPlan& plan, int replication) {
  std::array<char, 256> why{};
  NewTopicPtr topic(
      rd_kafka_NewTopic_new(name.c_str(), plan.partitions, replication, why.data(), why.size()));
  if (!topic) return fail(Errc::InvalidArgument, fmt::format("topic {}: {}", name, printable(why.data())));
  const std::string in_sync = std::to_string(std::max(1, replication - 1));
  const bool is_hints = plan.use == TopicUse::Hints;
  const std::vector<std::pair<const char*, const char*>> settings{
      {"cleanup.policy", "delete"},
      {"retention.ms", retention_of(plan.use)},
      {"retention.bytes", is_hints ? "268435456" : "-1"},  // of a partition
      {"segment.bytes", "67108864"},
      // A record lives for as long as its segment is written, and retention.ms longer.
      {"segment.ms", "86400000"},
      {"max.message.bytes", is_hints ? "65536" : "2097152"},
      {"min.insync.replicas", in_sync.c_str()},
      {"unclean.leader.election.enable", "false"},
      {"compression.type", "producer"},
      {"message.timestamp.type", "CreateTime"},
  };
  for (const auto& [key, value] : settings) rd_kafka_NewTopic_set_config(topic.get(), key, value);
  return topic;
}

Result<void> create(rd_kafka_t* client, const TopicPlan& plan, const Seen& seen, base::Deadline deadline) {
  const int replication =
      plan.replication > 0 ? plan.replication : std::clamp(seen.brokers, 1, kReplicationWanted);
  std::vector<NewTopicPtr> topics;
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const std::string& name : seen.missing) {
    CARILLON_TRY(auto topic, new_topic(name, plan, replication));
    raw.push_back(topic.get());
    topics.push_back(std::move(topic));
  }
  const KafkaQueuePtr queue(rd_kafka_queue_new(client));
  const auto options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline, kMakingMs);
  rd_kafka_CreateTopics(client, raw.data(), raw.size(), options.get(), queue.get());
  const EventPtr event = answer_of(queue.get(), deadline, kMakingMs);
  const auto* const result = event ? rd_kafka_event_CreateTopics_result(event.get()) : nullptr;
  const auto code = event ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (result == nullptr || code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(Errc::Unavailable, fmt::format("topic {} is missing and cannot be made: {}",
                                               seen.missing.front(), kafka_text(code)));
  }
  std::size_t count = 0;
  const auto* const each = rd_kafka_CreateTopics_result_topics(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto error = rd_kafka_topic_result_error(each[i]);
    // Another process may make them at the same time.
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    return fail(Errc::FailedPrecondition,
                fmt::format("topic {} is missing and cannot be made: {}", rd_kafka_topic_result_name(each[i]),
                            kafka_text(error)));
  }
  base::log_info("queue: made {} topics with {} partitions and {} replicas", seen.missing.size(),
                 plan.partitions, replication);
  return {};
}

// What is wrong with a setting of a topic; empty: nothing.
std::string problem_of(TopicUse use, std::string_view setting, std::string_view value, int replicas) {
  std::int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_hints = use == TopicUse::Hints;
  if (setting == "cleanup.policy" && value != "delete") {
    return fmt::format("cleanup.policy is {}; {}: set it to delete", value,
                       is_hints ? "hints have no key" : "of one key only the last record would be kept");
  }
  if (is_hints && setting == "max.message.bytes" && number < kMessageBytesMin) {
    return fmt::format("max.message.bytes is {}; set it to {} or more", number, kMessageBytesMin);
  }
  if (setting == "retention.ms" && number >= 0 && number < kRetentionMinMs) {
    return fmt::format("retention.ms is {}; set it to {} or more", number, kRetentionMinMs);
  }
  if (setting == "min.insync.replicas" && number > replicas) {
    return fmt::format("min.insync.replicas is {} and there are {} replicas: nobody can write; lower it",
                       number, replicas);
  }
  return {};
}

using OnSetting =
    std::function<Result<void>(const std::string& topic, std::string_view setting, std::string value)>;
// Calls `each` with every setting of these topics until it gives an error, which is then the answer. A user
// who may not look at settings is not told about them.
Result<void> each_setting(rd_kafka_t* client, const std::vector<Present>& topics, base::Deadline deadline,
                          const OnSetting& each) {
  std::vector<ConfigResourcePtr> resources;
  std::vector<rd_kafka_ConfigResource_t*> raw;
  for (const Present& topic : topics) {
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.name.c_str()));
    raw.push_back(resources.back().get());
  }
  const KafkaQueuePtr queue(rd_kafka_queue_new(client));
  const auto options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline, kCallMs);
  rd_kafka_DescribeConfigs(client, raw.data(), raw.size(), options.get(), queue.get());
  const EventPtr event = answer_of(queue.get(), deadline, kCallMs);
  const auto* const result = event ? rd_kafka_event_DescribeConfigs_result(event.get()) : nullptr;
  if (result == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  std::size_t count = 0;
  const auto* const found = rd_kafka_DescribeConfigs_result_resources(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (rd_kafka_ConfigResource_error(found[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    std::size_t entries = 0;
    const auto* const entry = rd_kafka_ConfigResource_configs(found[i], &entries);
    for (std::size_t k = 0; k < entries; ++k) {
      CARILLON_CHECK(each(rd_kafka_ConfigResource_name(found[i]), rd_kafka_ConfigEntry_name(entry[k]),
                          printable(rd_kafka_ConfigEntry_value(entry[k]))));
    }
  }
  return {};
}

Result<void> check_settings(rd_kafka_t* client, TopicUse use, const std::vector<Present>& topics,
                            base::Deadline deadline) {
  return each_setting(
      client, topics, deadline,
      [&](const std::string& name, std::string_view setting, const std::string& value) -> Result<void> {
        const auto topic = std::ranges::find(topics, name, &Present::name);
        const int replicas = topic == topics.end() ? kReplicationWanted : topic->replicas;
        const auto problem = problem_of(use, setting, value, replicas);
        if (problem.empty()) return {};
        return fail(Errc::FailedPrecondition, fmt::format("topic {}: {}", name, problem));
      });
}

}  // namespace

Result<bool> ensure_topics(rd_kafka_t* client, const TopicPlan& plan, bool must_look,
                           base::Deadline deadline) {
  bool has_created = false, were_missing = false;
  while (true) {
    CARILLON_TRY(const Seen seen, look(client, plan, deadline));
    if (seen.present.size() == plan.names.size()) {
      if (must_look) CARILLON_CHECK(check_settings(client, plan.use, seen.present, deadline));
      return were_missing;
    }
    were_missing = true;
    if (!seen.missing.empty() && !plan.may_create) {
      return fail(
          Errc::FailedPrecondition,
          fmt::format("topic {} is missing; make it, or set queue.create_topics", seen.missing.front()));
    }
    if (deadline.passed()) return fail(Errc::Unavailable, "topics that were made do not appear");
    if (!seen.missing.empty() && !has_created) {
      CARILLON_CHECK(create(client, plan, seen, deadline));
      has_created = true;
    }
    rd_kafka_poll(client, kSettleMs);  // the broker is about to tell the others
  }
}

Result<KafkaFacts> look_at_topics(rd_kafka_t* client, const TopicPlan& plan, base::Deadline deadline) {
  KafkaFacts facts;
  CARILLON_TRY(Seen seen, look(client, plan, deadline));
  facts.brokers = seen.brokers;
  facts.missing = std::move(seen.missing);
  for (const Present& topic : seen.present)
    facts.topics.push_back({topic.name, topic.partitions, topic.replicas, {}});
  if (seen.present.empty()) return facts;
  CARILLON_CHECK(
      each_setting(client, seen.present, deadline,
                   [&](const std::string& name, std::string_view setting, std::string value) -> Result<void> {
                     const auto topic = std::ranges::find(facts.topics, name, &KafkaFacts::Topic::name);
                     if (topic != facts.topics.end() && std::ranges::find(kShown, setting) != kShown.end())
                       topic->settings.emplace(setting, std::move(value));
                     return {};
                   }));
  return facts;
}

}  // namespace carillon::queue
