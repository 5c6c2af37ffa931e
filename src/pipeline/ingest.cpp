#include "pipeline/ingest.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "net/backoff.h"
#include "pipeline/ingest_letter.h"
#include "pipeline/refusal.h"

namespace carillon::pipeline {
namespace {

using Kind = RecordOutcome::Kind;

constexpr auto kLookEvery = std::chrono::seconds(1);
constexpr std::size_t kDueAtOnce = 100;  // tried again between two looks at the store
constexpr Millis kDueLease{60'000};      // of those: then another process may
constexpr std::size_t kTopicsMax = 16;
constexpr std::size_t kTopicNameMax = 249;  // bytes, as in Kafka
constexpr std::size_t kRetriesMax = 20;
constexpr auto kSayAgainAfter = std::chrono::seconds(60);
constexpr std::string_view kOutcomes[] = {"nothing", "accepted", "duplicate", "event",
                                          "waiting", "refused",  "failed"};

std::unexpected<Error> bad(std::string_view setting, std::string why) {
  return fail(Errc::InvalidArgument, fmt::format("kafka.{}: {}", setting, why));
}

bool is_topic_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kTopicNameMax && name != "." && name != ".." &&
         std::ranges::all_of(name, fits);
}

Result<IngestTopic> read_topic(const std::string& text) {
  const auto equals = text.find('='), slash = text.find('/', equals == std::string::npos ? 0 : equals);
  if (equals == std::string::npos || slash == std::string::npos)
    return bad(
        "topics",
        fmt::format("'{}' names no app; write topic=project/app, as notification.events=default/shop", text));
  IngestTopic topic{text.substr(0, equals), text.substr(equals + 1, slash - equals - 1),
                    text.substr(slash + 1)};
  if (!is_topic_name(topic.name)) return bad("topics", fmt::format("'{}' is no name of a topic", topic.name));
  if (topic.project.empty() || topic.app.empty())
    return bad("topics", fmt::format("'{}' needs a project and an app", text));
  return topic;
}

}  // namespace

void describe(base::SettingsGroup& group, IngestOptions& options) {
  group.text_list("topics", options.topics)
      .help(
          "Topics whose records are taken, each as an app: notification.events=default/shop. Needs "
          "queue.url.");
  group.text("dead_letter_topic", options.dead_letter_topic)
      .help("The topic that is told of records that could not be taken; empty: none.");
  group.text("group", options.group).help("The consumer group by which processes share the topics.");
  group.text_list("retry", options.retry)
      .help("Waits before a record that names an unknown user is tried again; then it is a dead letter.");
  group.text("events_topic", options.events_topic)
      .help(
          "A topic, such as carillon.events, that is told of all events webhooks can be told of; the same "
          "for every "
          "process. Empty: none.");
}

Result<IngestPlan> read_plan(const IngestOptions& options) {
  IngestPlan plan;
  std::set<std::string> names;
  if (options.topics.size() > kTopicsMax)
    return bad("topics", fmt::format("give at most {} topics", kTopicsMax));
  for (const std::string& text : options.topics) {
    CARILLON_TRY(IngestTopic topic, read_topic(text));
    if (!names.insert(topic.name).second)
      return bad("topics", fmt::format("'{}' is there twice; a topic has one app", topic.name));
    plan.topics.push_back(std::move(topic));
  }
  if (options.retry.size() > kRetriesMax)
    return bad("retry", fmt::format("give at most {} waits", kRetriesMax));
  for (const std::string& text : options.retry) {
    const auto wait = parse_duration(text);
    if (!wait || *wait <= Millis(0))
      return bad("retry", fmt::format("'{}' is no duration, such as 5m", text));
    plan.retry.push_back(*wait);
  }
  if (!options.dead_letter_topic.empty() && !is_topic_name(options.dead_letter_topic))
    return bad("dead_letter_topic", "it is no name of a topic");
  if (!options.events_topic.empty() && !is_topic_name(options.events_topic))
    return bad("events_topic", "it is no name of a topic");
  if (names.contains(options.events_topic))
    return bad("events_topic", "it is among kafka.topics: what is told would come in again");
  if (names.contains(options.dead_letter_topic))
    return bad("dead_letter_topic",
               "it is among kafka.topics: what cannot be taken would come again for ever");
  if (options.group.empty()) return bad("group", "give a name");
  return plan;
}

namespace {

store::RecordTry dead_try(const store::RecordLetter& letter, std::string reason, std::string words) {
  store::RecordTry tried;
  tried.id = letter.id;
  tried.kind = store::RecordTry::Kind::Dead;
  tried.reason = std::move(reason);
  tried.error = std::move(words);
  return tried;
}

}  // namespace

// One topic on one executor, all of it.
struct Ingest::Topic {
  Topic(std::size_t at, IngestTopic topic, boost::asio::any_io_executor on)
      : number(at), plan(std::move(topic)), executor(std::move(on)), wake(executor) {}

  // The app and its project, which may be made after the start.
  [[nodiscard]] std::expected<Caller, std::string> caller(const Snapshot& snapshot) const {
    const auto project = snapshot.project_ids.find(plan.project);
    if (project == snapshot.project_ids.end())
      return std::unexpected(fmt::format("there is no project '{}'", plan.project));
    for (const auto& [id, app] : snapshot.apps) {
      if (app->project != project->second || app->name != plan.app) continue;
      if (app->is_disabled) return std::unexpected(fmt::format("the app '{}' is disabled", plan.app));
      Caller caller;
      caller.project = app->project;
      caller.app = app;
      caller.actor = "app:" + app->name;
      return caller;
    }
    return std::unexpected(fmt::format("there is no app '{}' in the project '{}'", plan.app, plan.project));
  }

  void say(std::string why) {
    const auto now = std::chrono::steady_clock::now();
    if (!why.empty() && (why != trouble || now >= say_again_at)) {
      base::log_warn("ingest: nothing is taken of {}: {}", plan.name, why);
      say_again_at = now + kSayAgainAfter;
    } else if (why.empty() && !trouble.empty()) {
      base::log_info("ingest: {} goes on", plan.name);
    }
    const std::lock_guard lock(mutex);
    trouble = std::move(why);
  }

  const std::size_t number;
  const IngestTopic plan;
  const boost::asio::any_io_executor executor;
  base::Signal wake;
  SteadyTime say_again_at{};
  std::array<base::Counter, std::size(kOutcomes)> outcomes;
  mutable std::mutex mutex;
  std::string trouble;  // written on `executor` alone, under mutex
};

Ingest::Ingest(Deps deps, IngestPlan plan, std::string dead_letter_topic)
    : deps_(std::move(deps)),
      plan_(std::move(plan)),
      dead_letter_topic_(std::move(dead_letter_topic)),
      retry_wake_(deps_.executors.front()) {
  for (std::size_t i = 0; i < plan_.topics.size(); ++i) {
    auto topic = std::make_unique<Topic>(i, plan_.topics[i], deps_.executors[i % deps_.executors.size()]);
    for (std::size_t k = 0; k < std::size(kOutcomes); ++k) {
      topic->outcomes[k] =
          deps_.metrics.counter("carillon_ingest_records_total", "Records of topics, by what became of them.",
                                {{"topic", topic->plan.name}, {"outcome", std::string(kOutcomes[k])}});
    }
    topics_.push_back(std::move(topic));
  }
  const auto told = [&](const char* outcome) {
    return deps_.metrics.counter("carillon_ingest_dead_records_total",
                                 "Records written to the topic of dead letters.", {{"outcome", outcome}});
  };
  published_ = told("written");
  unpublished_ = told("failed");
  retried_ = deps_.metrics.counter("carillon_ingest_retries_total",
                                   "Records tried again because they named an unknown user.");
}

Ingest::~Ingest() { stop(); }

void Ingest::start() {
  for (auto& topic : topics_)
    gate_.spawn(topic->executor, "read", [this, one = topic.get()] { return read(*one); });
  gate_.spawn(deps_.executors.front(), "retry", [this] { return retry(); });
  deps_.reader->on_ready([this](std::size_t number) {
    if (!gate_.enter()) return;
    Topic* const topic = topics_[number].get();
    boost::asio::post(topic->executor, [this, topic] {
      topic->wake.set();
      gate_.leave();
    });
  });
}

void Ingest::nudge() {
  if (!gate_.enter()) return;
  boost::asio::post(deps_.executors.front(), [this] {
    retry_wake_.set();
    gate_.leave();
  });
}

void Ingest::stop() {
  if (is_stopping_.exchange(true)) return;
  deps_.reader->on_ready({});
  for (auto& topic : topics_) {
    if (!gate_.enter()) continue;
    boost::asio::post(topic->executor, [this, one = topic.get()] {
      one->wake.set();
      gate_.leave();
    });
  }
  nudge();
  gate_.wait(base::Deadline::never());
  deps_.reader.reset();  // what is settled is told to the brokers
}

std::string Ingest::trouble() const {
  for (const auto& topic : topics_) {
    const std::lock_guard lock(topic->mutex);
    if (!topic->trouble.empty())
      return fmt::format("nothing is taken of {}: {}", topic->plan.name, topic->trouble);
  }
  return deps_.reader ? deps_.reader->trouble() : std::string();
}

Task<void> Ingest::read(Topic& topic) {
  while (!is_stopping_) {
    auto records = deps_.reader->take(topic.number);
    if (records.empty()) {
      co_await topic.wake.wait(base::Deadline::after(kLookEvery));
      continue;
    }
    const bool is_stored = co_await store_all(topic, std::move(records));
    if (!is_stored) break;
    CARILLON_FAILPOINT("ingest.before_settle");
    deps_.reader->settle(topic.number);
  }
}

// False: the process stops before all is stored.
Task<bool> Ingest::store_all(Topic& topic, std::vector<model::KafkaRecord> records) {
  std::vector<const model::KafkaRecord*> left;
  left.reserve(records.size());
  for (const auto& record : records) left.push_back(&record);
  net::Backoff backoff(Millis(250), Millis(5000));
  while (true) {
    std::string why = co_await store_some(topic, left);
    topic.say(std::move(why));
    if (left.empty()) co_return true;
    if (is_stopping_) co_return false;
    co_await topic.wake.wait(base::Deadline::after(backoff.next()));
    if (is_stopping_) co_return false;
  }
}

// Takes out of `left` what is stored; why the rest is not.
Task<std::string> Ingest::store_some(Topic& topic, std::vector<const model::KafkaRecord*>& left) {
  const auto snapshot = deps_.events.directory.snapshot();
  const auto caller = topic.caller(*snapshot);
  if (!caller) co_return caller.error();
  const auto outcomes = co_await take_records(deps_.events, *caller, left, !plan_.retry.empty());
  CARILLON_FAILPOINT("ingest.after_take");
  const Time now = deps_.events.clock.now();
  std::vector<store::RecordLetter> letters;
  std::vector<std::size_t> places;  // of letters
  for (std::size_t i = 0; i < left.size(); ++i) {
    const bool waits = outcomes[i].kind == Kind::Waits;
    if (!waits && outcomes[i].kind != Kind::Refused) continue;
    const auto due_at = waits ? std::optional(now + plan_.retry.front()) : std::nullopt;
    letters.push_back(make_letter(deps_.events.keys, *caller, *left[i], outcomes[i], due_at));
    places.push_back(i);
  }
  Result<std::vector<store::KeptLetter>> kept = std::vector<store::KeptLetter>{};
  if (!letters.empty()) kept = co_await deps_.events.store.ingest().keep(std::move(letters), now);
  std::string why = kept ? std::string() : kept.error().message;
  std::vector<const model::KafkaRecord*> still;
  std::vector<queue::OutRecord> dead;
  for (std::size_t i = 0, letter = 0; i < left.size(); ++i) {
    const RecordOutcome& outcome = outcomes[i];
    const bool has_letter = letter < places.size() && places[letter] == i;
    const std::size_t mine = letter;
    if (has_letter) ++letter;
    topic.outcomes[static_cast<std::size_t>(outcome.kind)].add();
    if (outcome.kind == Kind::Failed || (has_letter && !kept)) {
      if (why.empty()) why = outcome.refusal->detail;
      still.push_back(left[i]);
      continue;
    }
    const bool is_known = has_letter && (*kept)[mine].was_replayed;
    if (!is_known) tell(dead, *left[i], outcome, has_letter ? (*kept)[mine].id : 0);
  }
  co_await publish(std::move(dead));
  left = std::move(still);
  co_return why;
}

void Ingest::tell(std::vector<queue::OutRecord>& dead, const model::KafkaRecord& record,
                  const RecordOutcome& outcome, std::int64_t letter) const {
  if (outcome.kind == Kind::Refused) {
    dead.push_back(
        dead_record(dead_letter_topic_, record, outcome.refusal->code, words_of(*outcome.refusal), letter));
  }
  for (const RuleOutcome& rule : outcome.refused_by) {
    dead.push_back(dead_record(dead_letter_topic_, record, rule.refusal->code, words_of(*rule.refusal),
                               rule.dead_letter));
    dead.back().headers.emplace_back("carillon-rule", rule.rule);
  }
}

// For others to see; the store's dead letters are the truth.
Task<void> Ingest::publish(std::vector<queue::OutRecord> records) {
  if (records.empty() || deps_.writer == nullptr || dead_letter_topic_.empty()) co_return;
  const std::size_t n = records.size();
  const auto written = co_await write_records(*deps_.writer, std::move(records));
  (written ? published_ : unpublished_).add(n);
  if (!written)
    base::log_warn("ingest: {} dead letters were not written to {}: {}", n, dead_letter_topic_,
                   written.error().message);
}

// ---- those that wait for a user
Task<void> Ingest::retry() {
  while (!is_stopping_) {
    co_await retry_wake_.wait(base::Deadline::after(kLookEvery));
    bool has_more = true;
    while (has_more && !is_stopping_) {
      const auto done = co_await retry_due();
      has_more = done && *done;
      if (!done && done.error().code != Errc::Unavailable)
        base::log_warn("ingest: records that wait are not tried again now: {}", done.error().message);
    }
  }
}

// True when there may be more.
Task<Result<bool>> Ingest::retry_due() {
  CARILLON_CO_TRY(auto letters, co_await deps_.events.store.ingest().take_due(kDueAtOnce, kDueLease,
                                                                              deps_.events.clock.now()));
  const bool has_more = letters.size() == kDueAtOnce;
  std::map<std::pair<std::int64_t, bool>, Letters> groups;  // of one app, with tries left or at their last
  for (auto& letter : letters) {
    const bool is_last = static_cast<std::size_t>(letter.tries) >= plan_.retry.size();
    groups[{letter.app, is_last}].push_back(std::move(letter));
  }
  for (auto& [group, some] : groups) {
    if (is_stopping_) co_return false;
    auto tries = co_await try_again(std::move(some), group.second);
    CARILLON_CO_CHECK(
        co_await deps_.events.store.ingest().settle(std::move(tries), deps_.events.clock.now()));
  }
  co_return has_more;
}

// What became of those that could be tried; the others are due again by themselves.
Task<std::vector<store::RecordTry>> Ingest::try_again(Letters letters, bool is_last) {
  retried_.add(letters.size());
  std::vector<store::RecordTry> tries;
  const auto snapshot = deps_.events.directory.snapshot();
  auto caller = caller_of(*snapshot, letters.front(), "system");
  std::deque<model::KafkaRecord> opened;
  std::vector<const model::KafkaRecord*> records;
  Letters tried;  // those of records
  for (auto& letter : letters) {
    auto record = open_record(deps_.events.keys, letter);
    if (!caller || !record) {
      tries.push_back(dead_try(letter, caller ? "unreadable" : "unknown_app",
                               caller ? record.error().message : caller.error()));
      continue;
    }
    records.push_back(&opened.emplace_back(std::move(*record)));
    tried.push_back(std::move(letter));
  }
  if (records.empty()) co_return tries;
  const auto outcomes = co_await take_records(deps_.events, std::move(*caller), std::move(records), !is_last);
  std::vector<queue::OutRecord> dead;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].kind == Kind::Failed) continue;
    tries.push_back(try_of(tried[i], outcomes[i]));
    // Its number among the dead letters is not known before it is one.
    tell(dead, opened[i], outcomes[i], 0);
  }
  co_await publish(std::move(dead));
  co_return tries;
}

store::RecordTry Ingest::try_of(const store::RecordLetter& letter, const RecordOutcome& outcome) const {
  if (outcome.kind == Kind::Refused)
    return dead_try(letter, outcome.refusal->code, words_of(*outcome.refusal));
  store::RecordTry tried;
  tried.id = letter.id;
  if (outcome.kind != Kind::Waits) return tried;
  tried.kind = store::RecordTry::Kind::Again;
  tried.due_at = deps_.events.clock.now() + plan_.retry[static_cast<std::size_t>(letter.tries)];
  tried.reason = outcome.refusal->code;
  tried.error = words_of(*outcome.refusal);
  return tried;
}

}  // namespace carillon::pipeline
