// POST /v1/events: business events go in, what the rules make of them comes out.
#include <utility>

#include "api/rate.h"
#include "api/router.h"
#include "pipeline/events.h"

namespace carillon::api {
namespace {

using pipeline::RuleOutcome;

constexpr std::string_view kKinds[] = {"accepted", "duplicate", "skipped", "refused"};  // RuleOutcome::Kind

Failure not_running() {
  Failure failure(503, "not_running", "the server is stopped: it can be administered, but nothing is sent");
  failure.retry_after = Millis(5000);
  return failure;
}

// The binary mode of CloudEvents has the attributes in headers, which would be lost.
std::optional<Failure> refuse_binary(const Call& call) {
  if (call.request.header("ce-specversion").empty()) return std::nullopt;
  return Failure(422, "unsupported",
                 "the binary mode of CloudEvents is not available; send the whole event as "
                 "application/cloudevents+json");
}

void write_matched(base::JsonWriter& out, const std::vector<RuleOutcome>& matched) {
  out.key("matched").array();
  for (const RuleOutcome& outcome : matched) {
    out.object().field("rule", outcome.rule).field("status", kKinds[static_cast<std::size_t>(outcome.kind)]);
    if (outcome.notification != 0) {
      write_id(out, "notification_id", base::kNotificationPrefix, outcome.notification);
    }
    if (outcome.refusal) {
      write_id(out, "dead_letter_id", base::kDeadLetterPrefix, outcome.dead_letter);
      out.key("error");
      write_problem(out, Failure(*outcome.refusal), {});
    }
    out.end_object();
  }
  out.end_array();
}

pipeline::EventDeps deps_of(const Call& call) {
  return {*call.deps.pipeline, call.deps.directory, call.deps.store, call.deps.clock, call.deps.keys};
}

Task<Answer> take_one(Call& call, base::JsonElement root) {
  if (call.request.body.size() > model::kEventMax) {
    co_return failed(413, "body_too_large", fmt::format("one event has at most {} bytes", model::kEventMax));
  }
  base::Problems problems;
  std::vector<model::Event> events;
  events.push_back(model::read_event(root, "", problems));
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  const std::string id = events.front().id;
  const auto deps = deps_of(call);
  auto outcomes = co_await pipeline::take_events(deps, call.caller(), std::move(events));
  auto& outcome = outcomes.front();
  if (outcome.failed) co_return std::unexpected(Failure(std::move(*outcome.failed)));
  base::JsonWriter out(256);
  out.object().field("id", id);
  write_matched(out, outcome.matched);
  out.end_object();
  co_return json_reply(out, 202);
}

// ---- batches
struct ReadEvent {
  std::string id;
  std::optional<Failure> failure;
};

std::vector<ReadEvent> read_batch(base::JsonArray array, std::vector<model::Event>& events) {
  std::vector<ReadEvent> read;
  for (const base::JsonElement element : array) {
    base::Problems problems;
    auto event = model::read_event(element, "", problems);
    ReadEvent& entry = read.emplace_back();
    entry.id = event.id;
    if (!problems.empty()) {
      entry.failure = Failure(std::move(problems));
    } else if (base::to_json(element).size() > model::kEventMax) {
      entry.failure =
          Failure(413, "body_too_large", fmt::format("one event has at most {} bytes", model::kEventMax));
    } else {
      events.push_back(std::move(event));
    }
  }
  return read;
}

bool is_all_repeated(const std::vector<RuleOutcome>& matched) {
  return !matched.empty() && std::ranges::all_of(matched, [](const RuleOutcome& outcome) {
    return outcome.kind == RuleOutcome::Kind::Duplicate;
  });
}

void write_failed(base::JsonWriter& out, const Failure& failure) {
  out.field("status", "refused").key("error");
  write_problem(out, failure, {});
}

Task<Answer> take_batch(Call& call, base::JsonArray array) {
  std::vector<model::Event> events;
  auto read = read_batch(array, events);
  const auto deps = deps_of(call);
  auto outcomes = co_await pipeline::take_events(deps, call.caller(), std::move(events));
  std::int64_t accepted = 0, duplicate = 0, refused = 0;
  base::JsonWriter list(128 * read.size());
  list.array();
  std::size_t next = 0;
  for (std::size_t i = 0; i < read.size(); ++i) {
    list.object().field("index", static_cast<std::int64_t>(i)).field_if("id", read[i].id);
    if (!read[i].failure && outcomes[next].failed) read[i].failure = Failure(*outcomes[next++].failed);
    if (read[i].failure) {
      ++refused;
      write_failed(list, *read[i].failure);
    } else {
      const auto& matched = outcomes[next++].matched;
      const bool is_repeated = is_all_repeated(matched);
      ++(is_repeated ? duplicate : accepted);
      list.field("status", is_repeated ? "duplicate" : "accepted");
      write_matched(list, matched);
    }
    list.end_object();
  }
  list.end_array();
  base::JsonWriter out(list.size() + 128);
  out.object().key("summary").object().field("accepted", accepted).field("duplicate", duplicate);
  out.field("refused", refused).end_object().key("results").raw(list.str()).end_object();
  co_return json_reply(out, 202);
}

Task<Answer> post_events(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  if (auto failure = refuse_binary(call)) co_return std::unexpected(std::move(*failure));
  // A document of its own: the events are used again after suspensions.
  base::JsonDocument document;
  const auto root = document.parse(call.request.body);
  if (!root) co_return failed_at("", "not_json", root.error().message);
  base::JsonArray array;
  const bool is_batch = root->get_array().get(array) == simdjson::SUCCESS;
  if (!is_batch && call.request.header("Content-Type").starts_with("application/cloudevents-batch+json")) {
    co_return failed_at("", "wrong_type", "application/cloudevents-batch+json is an array of events");
  }
  if (is_batch && array.size() == 0) co_return failed_at("", "required", "a batch has at least one event");
  if (is_batch && array.size() > model::kEventsMax) {
    co_return failed_at("", "too_many", fmt::format("a batch has at most {} events", model::kEventsMax));
  }
  if (rate_limit_of(call) > 0) {
    const std::int64_t cost = is_batch ? static_cast<std::int64_t>(array.size()) : 1;
    if (auto failure = co_await take_rate(call, cost)) co_return std::unexpected(std::move(*failure));
  }
  if (is_batch) co_return co_await take_batch(call, array);
  co_return co_await take_one(call, *root);
}

}  // namespace

std::span<const Route> event_routes() {
  static const Route kRoutes[] = {
      {.method = "POST",
       .pattern = "/v1/events",
       .access = allow(kScopeSend, "send"),
       .handler = post_events,
       .tag = "Events",
       .summary = "Post a business event (CloudEvents JSON), or up to 1,000; rules make notifications of it",
       .request = "EventOrBatch",
       .response = "EventAnswer",
       .status = 202,
       .body_max = model::kBatchBytesMax},
  };
  return kRoutes;
}

}  // namespace carillon::api
