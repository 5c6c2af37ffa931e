#include "pipeline/ingest_take.h"

#include <map>
#include <memory>
#include <utility>

#include "pipeline/refusal.h"
#include "pipeline/sensitive.h"

namespace carillon::pipeline {
namespace {

using Kind = RecordOutcome::Kind;

constexpr std::string_view kReused = "event_id_reused";

std::vector<store::Naming> users_of(const base::KeyRing& keys, std::int32_t project,
                                    const model::SendRequest& request) {
  std::vector<store::Naming> named;
  for (std::size_t i = 0; i < request.to.size(); ++i) {
    const model::Recipient& to = request.to[i];
    if (to.kind == model::RecipientKind::User && !to.id.empty())
      named.push_back({user_key(keys, project, to.id), static_cast<std::int32_t>(i)});
  }
  return named;
}

class TakingRecords {
 public:
  TakingRecords(EventDeps deps, Caller caller, std::vector<const model::KafkaRecord*> records,
                bool waits_for_users)
      : deps_(deps),
        caller_(std::move(caller)),
        records_(std::move(records)),
        waits_for_users_(waits_for_users),
        outcomes_(records_.size()) {}

  Task<std::vector<RecordOutcome>> run() {
    const Time now = deps_.clock.now();
    for (std::size_t i = 0; i < records_.size(); ++i) decode(i, now);
    co_await send();
    co_await send();  // those whose place had been another record's
    co_await take_events();
    co_return std::move(outcomes_);
  }

 private:
  void refuse(std::size_t index, Refusal refusal) {
    const bool waits = waits_for_users_ && refusal.code == kUnknownUser;
    outcomes_[index].kind = refusal.is_passing() ? Kind::Failed : waits ? Kind::Waits : Kind::Refused;
    outcomes_[index].refusal = std::move(refusal);
  }

  void decode(std::size_t index, Time now) {
    auto decoded = model::decode_record(*records_[index]);
    if (!decoded) {
      base::Problem& problem = decoded.error();
      refuse(index, make_refusal(422, std::move(problem.code), std::move(problem.detail)));
      return;
    }
    if (decoded->kind == model::DecodedRecord::Kind::Notification) {
      read_notification(index, std::move(*decoded), now);
    } else if (decoded->kind == model::DecodedRecord::Kind::Event) {
      read_event(index, decoded->body);
    }
  }

  void read_notification(std::size_t index, model::DecodedRecord decoded, Time now) {
    thread_local base::JsonDocument document;
    const auto root = document.parse(decoded.body);
    if (!root) return refuse(index, make_refusal(422, "not_json", root.error().message));
    base::Problems problems;
    auto request =
        std::make_shared<model::SendRequest>(model::read_send_request(*root, std::nullopt, "", problems));
    if (problems.empty()) model::check_send_time(*request, now, "", problems);
    outcomes_[index].named = users_of(deps_.keys, caller_.project, *request);
    if (!problems.empty()) return refuse(index, with_pointers(make_refusal(422, std::move(problems))));
    if (request->event_id.empty()) request->event_id = decoded.event_id;
    SendItem item;
    item.fingerprint = model::fingerprint(decoded.body);
    item.body = std::move(decoded.body);
    item.request = std::move(request);
    add(index, std::move(item), decoded.is_by_place);
  }

  // What is wrong is read by people who have no answer beside it.
  static Refusal with_pointers(Refusal refusal) {
    if (!refusal.problems.empty() && !refusal.problems.front().pointer.empty())
      refusal.detail = fmt::format("{}: {}", refusal.problems.front().pointer, refusal.detail);
    return refusal;
  }

  void add(std::size_t index, SendItem item, bool is_by_place) {
    if (is_by_place) spare_.emplace(index, item);
    items_.push_back(std::move(item));
    places_.push_back(index);
  }

  void read_event(std::size_t index, const std::string& body) {
    auto document = std::make_unique<base::JsonDocument>();
    const auto root = document->parse(body);
    if (!root) return refuse(index, make_refusal(422, "not_json", root.error().message));
    base::Problems problems;
    auto event = model::read_event(*root, "", problems);
    if (!problems.empty()) return refuse(index, with_pointers(make_refusal(422, std::move(problems))));
    outcomes_[index].kind = Kind::Event;
    events_.push_back(std::move(event));
    event_places_.push_back(index);
    documents_.push_back(std::move(document));
  }

  Task<void> send() {
    if (items_.empty()) co_return;
    const auto places = std::exchange(places_, {});
    auto results = co_await deps_.pipeline.send(caller_, std::exchange(items_, {}));
    for (std::size_t i = 0; i < places.size(); ++i) settle(places[i], std::move(results[i]));
  }

  void settle(std::size_t index, SendResult result) {
    RecordOutcome& outcome = outcomes_[index];
    if (result) {
      outcome.kind = result->is_duplicate ? Kind::Duplicate : Kind::Accepted;
      outcome.notification = result->id;
      return;
    }
    if (result.error().code != kReused) return refuse(index, with_pointers(std::move(result.error())));
    // Whoever wrote it twice under one id means one (CONTRACT §6). But a place is no id of anybody's: a topic
    // that was made anew counts from the beginning.
    if (auto spare = spare_.extract(index); !spare.empty()) {
      SendItem& item = spare.mapped();
      item.request->event_id += fmt::format("/{}", to_ms(records_[index]->at));
      items_.push_back(std::move(item));
      places_.push_back(index);
      return;
    }
    outcome.kind = Kind::Duplicate;
  }

  Task<void> take_events() {
    if (events_.empty()) co_return;
    auto taken = co_await pipeline::take_events(deps_, caller_, std::move(events_), waits_for_users_);
    for (std::size_t i = 0; i < event_places_.size(); ++i) {
      RecordOutcome& outcome = outcomes_[event_places_[i]];
      if (taken[i].failed) {
        refuse(event_places_[i], std::move(*taken[i].failed));
        continue;
      }
      for (RuleOutcome& rule : taken[i].matched) {
        if (rule.kind == RuleOutcome::Kind::Refused) outcome.refused_by.push_back(std::move(rule));
      }
    }
  }

  const EventDeps deps_;
  const Caller caller_;
  const std::vector<const model::KafkaRecord*> records_;
  const bool waits_for_users_;
  std::vector<RecordOutcome> outcomes_;
  std::vector<SendItem> items_;
  std::vector<std::size_t> places_;  // of items_
  std::map<std::size_t, SendItem> spare_;
  std::vector<std::unique_ptr<base::JsonDocument>> documents_;  // of events_
  std::vector<model::Event> events_;
  std::vector<std::size_t> event_places_;
};

}  // namespace

Task<std::vector<RecordOutcome>> take_records(EventDeps deps, Caller caller,
                                              std::vector<const model::KafkaRecord*> records,
                                              bool waits_for_users) {
  TakingRecords taking(deps, std::move(caller), std::move(records), waits_for_users);
  co_return co_await taking.run();
}

}  // namespace carillon::pipeline
