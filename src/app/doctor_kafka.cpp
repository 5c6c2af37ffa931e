// The checks of `carillon doctor` on Kafka: topics of hints, which may be lost and cost a second then, and
// topics of records, which hold what services have handed over.
#include <algorithm>
#include <set>
#include <string>

#include "app/client.h"
#include "app/doctor.h"

namespace carillon::app {
namespace {

constexpr const char* kFix = "see the message; docs/operating/shared-engines.md has every setting";
constexpr std::int64_t kReplicasWanted = 3, kInSyncWanted = 2;
constexpr std::int64_t kRetentionMin = 600'000, kMessageMin = 2'048;
constexpr std::int64_t kDay = 86'400'000;
constexpr std::int64_t kSegmentDefault = 7 * kDay;     // of a broker: log.roll.ms
constexpr std::int64_t kNotificationMax = 256 * 1024;  // bytes of a record, besides what Kafka adds
constexpr std::size_t kNamedMax = 3;

struct Listed {
  std::string text;
  std::size_t n = 0;
  void add(const std::string& name) {
    if (n++ < kNamedMax) text += (text.empty() ? "" : ", ") + name;
  }
  [[nodiscard]] std::string names() const {
    return n <= kNamedMax ? text : fmt::format("{} and {} more", text, n - kNamedMax);
  }
};

std::string days_text(std::int64_t ms) {
  return ms < 0 ? std::string("for ever") : to_duration_text(Millis(ms));
}

// What is wrong with one topic of records, setting by setting.
class RecordTopic {
 public:
  RecordTopic(const queue::KafkaFacts::Topic& topic, std::int64_t brokers, Findings& findings)
      : topic_(topic),
        has_choice_(brokers >= kReplicasWanted),
        loss_(has_choice_ ? Health::Fail : Health::Warn),
        findings_(findings) {}

  void judge_copies() {
    if (topic_.replicas < kReplicasWanted) {
      findings_.push_back(
          {name("replicas"), topic_.replicas < kInSyncWanted ? loss_ : Health::Warn,
           fmt::format("{} of 3: with a broker's disk goes what it alone has", topic_.replicas),
           has_choice_ ? "kafka-reassign-partitions" : "three brokers, and kafka-reassign-partitions"});
    }
    const std::int64_t in_sync = value("min.insync.replicas", kInSyncWanted);
    if (in_sync > topic_.replicas) {
      tell("min.insync.replicas", Health::Fail,
           fmt::format("{}, and there are {} replicas: nobody can write", in_sync, topic_.replicas), "2");
    } else if (in_sync < kInSyncWanted) {
      tell("min.insync.replicas", loss_,
           fmt::format("{}: what one broker alone has acknowledged may be lost with it", in_sync), "2");
    }
    if (text("unclean.leader.election.enable") == "true") {
      tell("unclean.leader.election.enable", Health::Fail,
           "true: a broker that lags may lead, and what it lacks is lost, acknowledged or not", "false");
    }
  }

  void judge_keeping() {
    const std::string policy = text("cleanup.policy");
    if (!policy.empty() && policy != "delete") {
      tell("cleanup.policy", Health::Fail,
           fmt::format("{}: of the records of one key only the last would be kept", policy), "delete");
    }
    const std::int64_t kept = value("retention.ms", kDay);
    if (kept >= 0 && kept < kDay) {
      tell("retention.ms", kept < kRetentionMin ? Health::Fail : Health::Warn,
           fmt::format("{}: what is not read within that time is lost", days_text(kept)), "518400000");
    }
    if (const std::int64_t bytes = value("retention.bytes", -1); bytes >= 0) {
      tell("retention.bytes", Health::Warn,
           fmt::format("{}: when more comes than is read, records go unread", bytes), "-1");
    }
  }

  // A topic is read again from its start when the group's offsets are lost.
  void judge_once(std::int64_t window) {
    const std::int64_t kept = value("retention.ms", 0);
    const std::int64_t longest = kept < 0 ? INT64_MAX : kept + value("segment.ms", kSegmentDefault);
    if (window <= 0 || text("retention.ms").empty() || longest <= window) return;
    // With segments of a day it would do, or not even so.
    const bool is_kept_too_long = kept < 0 || kept + kDay > window;
    tell(is_kept_too_long ? "retention.ms" : "segment.ms",
         kept < 0 || kept > window ? Health::Fail : Health::Warn,
         fmt::format("records are kept {} and as long as a segment is written, event ids {}: were the topic "
                     "read again from its start, what is older would be sent a second time",
                     days_text(kept), days_text(window)),
         is_kept_too_long ? fmt::format("{},segment.ms={}", std::max(kDay, window - kDay), kDay)
                          : std::to_string(kDay));
  }

  void judge_room(std::int64_t wanted, std::string_view what) {
    const std::int64_t bytes = value("max.message.bytes", wanted);
    if (bytes >= wanted) return;
    tell("max.message.bytes", Health::Warn, fmt::format("{}: {}", bytes, what), std::to_string(wanted));
  }

  void judge_sharing() {
    if (topic_.partitions > 1) return;
    findings_.push_back({name("partitions"), Health::Warn, "1: only one router at a time can read it",
                         fmt::format("kafka-topics --alter --topic {} --partitions 6", topic_.name)});
  }

  [[nodiscard]] std::int64_t value(std::string_view setting, std::int64_t otherwise) const {
    const std::string found = text(setting);
    return found.empty() ? otherwise : number_of(found);
  }

 private:
  [[nodiscard]] std::string name(std::string_view setting) const {
    return fmt::format("topic {} {}", topic_.name, setting);
  }
  [[nodiscard]] std::string text(std::string_view setting) const {
    return setting_of(topic_.settings, setting);
  }
  void tell(std::string_view setting, Health health, std::string detail, const std::string& better) {
    findings_.push_back(
        {name(setting), health, std::move(detail),
         fmt::format("kafka-configs --alter --entity-type topics --entity-name {} --add-config {}={}",
                     topic_.name, setting, better)});
  }

  const queue::KafkaFacts::Topic& topic_;
  const bool has_choice_;  // there are brokers enough to do better
  const Health loss_;
  Findings& findings_;
};

void judge_missing(const queue::KafkaFacts& facts, const RecordTopics& topics, Findings& findings) {
  for (const std::string& topic : topics.names()) {
    if (std::ranges::find(facts.missing, topic) == facts.missing.end()) continue;
    const bool is_in = std::ranges::find(topics.in, topic) != topics.in.end();
    findings.push_back(
        {fmt::format("topic {}", topic), topics.are_made ? Health::Warn : Health::Fail,
         fmt::format("it is not there: nothing is {} it", is_in ? "read from" : "written to"),
         topics.are_made
             ? "a process that starts makes it"
             : fmt::format("kafka-topics --create --topic {} --partitions 6 --replication-factor 3 --config "
                           "min.insync.replicas=2 --config retention.ms={}",
                           topic, 6 * kDay)});
  }
}

}  // namespace

std::vector<std::string> RecordTopics::names() const {
  std::vector<std::string> all = in;
  for (const std::string& one : {dead, told})
    if (!one.empty()) all.push_back(one);
  return all;
}

void judge_hints(const queue::KafkaFacts& facts, const std::string& prefix, Findings& findings) {
  const std::size_t before = findings.size();
  const auto tell = [&](const Listed& topics, Health health, std::string name, std::string detail,
                        std::string fix) {
    if (topics.n == 0) return;
    findings.push_back(
        {"kafka " + std::move(name), health, fmt::format("{}: {}", topics.names(), detail), std::move(fix)});
  };
  const std::string lanes = prefix + "delivery.";
  Listed missing, few, in_sync, unwritable, cleanup, retention, message, unclean;
  std::size_t looked_at = 0;
  for (const std::string& name : facts.missing)
    if (name.starts_with(lanes)) missing.add(name);
  for (const auto& topic : facts.topics) {
    if (!topic.name.starts_with(lanes)) continue;
    ++looked_at;
    const auto value = [&](std::string_view name) { return setting_of(topic.settings, name); };
    if (topic.replicas < kReplicasWanted) few.add(topic.name);
    const std::int64_t wanted = number_of(value("min.insync.replicas"));
    if (wanted > topic.replicas) unwritable.add(topic.name);
    if (wanted > 0 && wanted < kInSyncWanted) in_sync.add(topic.name);
    if (!value("cleanup.policy").empty() && value("cleanup.policy") != "delete") cleanup.add(topic.name);
    const std::string kept = value("retention.ms");
    if (!kept.empty() && number_of(kept) >= 0 && number_of(kept) < kRetentionMin) retention.add(topic.name);
    const std::string bytes = value("max.message.bytes");
    if (!bytes.empty() && number_of(bytes) < kMessageMin) message.add(topic.name);
    if (value("unclean.leader.election.enable") == "true") unclean.add(topic.name);
  }
  tell(missing, Health::Warn, "topics", "not there",
       "a process that starts makes them, unless queue.create_topics is off");
  tell(cleanup, Health::Fail, "cleanup.policy", "hints have no key, a compacted topic refuses them",
       "kafka-configs --alter --add-config cleanup.policy=delete");
  tell(unwritable, Health::Fail, "min.insync.replicas", "more than there are replicas: nobody can write",
       "kafka-configs --alter --add-config min.insync.replicas=2, with three replicas");
  tell(message, Health::Fail, "max.message.bytes", "too small for a message of hints",
       fmt::format("kafka-configs --alter --add-config max.message.bytes={}", kMessageMin));
  tell(retention, Health::Fail, "retention.ms", "hints of a short stop are dropped",
       fmt::format("kafka-configs --alter --add-config retention.ms={}", kRetentionMin));
  tell(few, Health::Warn, "replicas",
       "fewer than three: when a broker's disk is lost, hints are, and work comes a second later",
       "three brokers, and kafka-reassign-partitions");
  tell(in_sync, Health::Warn, "min.insync.replicas",
       "less than 2: what one broker alone has acknowledged may be lost with it; hints come again from the "
       "store",
       "kafka-configs --alter --add-config min.insync.replicas=2");
  tell(unclean, Health::Warn, "unclean.leader.election.enable",
       "a broker that lags may lead: hints are lost and repeated",
       "kafka-configs --alter --add-config unclean.leader.election.enable=false");
  if (findings.size() > before) return;
  findings.push_back({"queue", Health::Ok,
                      fmt::format("Kafka, {} brokers, {} topics, fit for hints", facts.brokers, looked_at),
                      ""});
}

void judge_records(const queue::KafkaFacts& facts, const RecordTopics& topics, Findings& findings) {
  const std::size_t before = findings.size();
  judge_missing(facts, topics, findings);
  const std::vector<std::string> names = topics.names();
  std::int64_t largest = kNotificationMax;  // of what comes in
  for (const auto& topic : facts.topics) {
    if (std::ranges::find(names, topic.name) == names.end()) continue;
    const bool is_in = std::ranges::find(topics.in, topic.name) != topics.in.end();
    RecordTopic judge(topic, facts.brokers, findings);
    judge.judge_copies();
    judge.judge_keeping();
    if (!is_in) continue;
    judge.judge_sharing();
    judge.judge_once(topics.dedup_window.count());
    judge.judge_room(kNotificationMax, "a notification may have 256 KiB");
    largest = std::max(largest, judge.value("max.message.bytes", largest));
  }
  for (const auto& topic : facts.topics) {
    if (topic.name != topics.dead) continue;
    RecordTopic(topic, facts.brokers, findings)
        .judge_room(largest, "a record that cannot be taken and is larger cannot be told of");
  }
  if (findings.size() > before || names.empty()) return;
  findings.push_back({"topics", Health::Ok, fmt::format("{} for records, fit for them", names.size()), ""});
}

void check_kafka(const AppOptions& options, Findings& findings) {
  const pipeline::IngestOptions& kafka = options.kafka;
  const auto plan = pipeline::read_plan(kafka);
  if (!plan) {
    findings.push_back(
        {"kafka.topics", Health::Fail, plan.error().message, "see docs/guides/kafka-events.md"});
    return;
  }
  RecordTopics topics;
  for (const auto& topic : plan->topics) topics.in.push_back(topic.name);
  if (!topics.in.empty()) topics.dead = kafka.dead_letter_topic;
  topics.told = kafka.events_topic;
  topics.are_made = options.queue.create_topics;
  topics.dedup_window = options.store.remembers_events();
  if (!queue::is_kafka(options.queue)) {
    if (topics.names().empty()) return;
    findings.push_back({topics.in.empty() ? "kafka.events_topic" : "kafka.topics", Health::Fail,
                        "topics are at the brokers of queue.url, which names none",
                        "queue.url = \"kafka://HOST:PORT\", for every process"});
    return;
  }
  const auto facts = queue::inspect_kafka(options.queue, topics.names());
  if (!facts) {
    findings.push_back({"queue", Health::Fail, facts.error().message, kFix});
    return;
  }
  judge_hints(*facts, options.queue.prefix, findings);
  judge_records(*facts, topics, findings);
}

void check_topic_apps(Transport& transport, const pipeline::IngestOptions& options,
                      const std::string& project, Findings& findings) {
  const auto plan = pipeline::read_plan(options);
  if (!plan ||
      std::ranges::find(plan->topics, project, &pipeline::IngestTopic::project) == plan->topics.end())
    return;
  std::map<std::string, bool, std::less<>> apps;  // whether they are disabled
  const auto asked = ask(transport, "GET", "/v1/apps", "kafka.topics", findings);
  if (!asked) return;
  base::JsonArray list;
  if (asked->root["data"].get(list) != simdjson::SUCCESS) return;
  for (const auto app : list) apps.emplace(cell_at(app, "name"), cell_at(app, "disabled") == "yes");
  for (const auto& topic : plan->topics) {
    if (topic.project != project) continue;
    const auto app = apps.find(topic.app);
    if (app != apps.end() && !app->second) continue;
    findings.push_back({fmt::format("topic {}", topic.name), Health::Fail,
                        fmt::format("the app '{}' it is taken as {}: nothing is read", topic.app,
                                    app == apps.end() ? "is not there" : "is disabled"),
                        app == apps.end() ? fmt::format("carillon app create {}", topic.app)
                                          : fmt::format("carillon app enable {}", topic.app)});
  }
}

}  // namespace carillon::app
