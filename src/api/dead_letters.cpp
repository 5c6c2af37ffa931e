// What was given up on, and sending it again: deliveries, and events that a rule could not turn into one.
#include <algorithm>

#include "api/jobs.h"
#include "api/router.h"
#include "pipeline/events.h"
#include "pipeline/sensitive.h"

namespace carillon::api {
namespace {

constexpr std::size_t kIdsMax = 1000;       // named in one replay
constexpr std::size_t kReplayMax = 10'000;  // found by a filter in one replay
constexpr std::size_t kChunk = 500;         // replayed in one transaction
constexpr std::string_view kEventKind = "event";

// The row with the delivery it is about, where that is still there.
Task<Result<std::optional<model::Delivery>>> delivery_of(Call& call, std::int64_t id) {
  auto detail = co_await call.deps.store.delivery(id);
  if (detail) co_return std::optional(std::move(detail->delivery));
  if (detail.error().code == Errc::NotFound) co_return std::optional<model::Delivery>();
  co_return std::unexpected(detail.error());
}

void write_delivery_letter(base::JsonWriter& out, const store::DeadLetter& letter,
                           const std::optional<model::Delivery>& delivery) {
  out.object();
  write_id(out, "id", base::kDeadLetterPrefix, letter.id);
  out.field("kind", letter.kind);
  write_id(out, "delivery_id", base::kDeliveryPrefix, letter.delivery);
  write_id(out, "notification_id", base::kNotificationPrefix, letter.notification);
  out.field("channel", model::name(model::channel_of(letter.queue)))
      .field("queue", model::name(letter.queue));
  out.field("reason", letter.reason);
  out.field_or_null("detail", letter.error);
  if (delivery) {
    out.field_or_null("user_id", delivery->user_id);
    out.field("status", model::name(delivery->status))
        .field("attempts", static_cast<int>(delivery->attempts));
    out.field_or_null("integration", delivery->integration);
  }
  out.field("closed", letter.is_closed).field("at", to_rfc3339(letter.at)).end_object();
}

// The attributes that say which event it is; "data" when there is something to stand for it.
void write_event_summary(base::JsonWriter& out, const std::string& json, std::string_view data) {
  base::JsonDocument document;
  base::Problems problems;
  out.object();
  if (const auto root = document.parse(json)) {
    const auto event = model::read_event(*root, "", problems);
    out.field("id", event.id).field("source", event.source).field("type", event.type);
  }
  if (!data.empty()) out.field("data", data);
  out.end_object();
}

enum class Detail : std::uint8_t { Summary, Whole };

void write_event_letter(base::JsonWriter& out, const Call& call, const store::EventLetter& letter,
                        Detail detail) {
  out.object();
  write_id(out, "id", base::kDeadLetterPrefix, letter.id);
  out.field("kind", kEventKind);
  if (letter.notification != 0) {
    write_id(out, "notification_id", base::kNotificationPrefix, letter.notification);
  } else {
    out.key("notification_id").null();
  }
  for (const char* none : {"delivery_id", "channel", "queue", "user_id"}) out.key(none).null();
  out.field("rule", letter.rule);
  write_app_name(out, call, letter.app);
  out.field("reason", letter.reason);
  out.field_or_null("detail", letter.error);
  out.key("event");
  const bool is_whole = detail == Detail::Whole;
  if (pipeline::is_sealed(letter.event)) {
    const auto event = pipeline::open_event(call.deps.keys, letter);
    write_event_summary(out, event ? *event : "{}", is_whole ? model::kHiddenValue : std::string_view());
  } else if (is_whole) {
    out.raw(letter.event);
  } else {
    write_event_summary(out, letter.event, {});
  }
  out.field("closed", letter.is_closed).field("at", to_rfc3339(letter.at)).end_object();
}

Task<Result<void>> write_dead_letter(Call& call, base::JsonWriter& out, const store::DeadLetter& letter,
                                     Detail detail) {
  if (letter.kind == kEventKind) {
    CARILLON_CO_TRY(const auto event, co_await call.deps.store.event_letter(letter.id));
    write_event_letter(out, call, event, detail);
  } else {
    CARILLON_CO_TRY(const auto delivery, co_await delivery_of(call, letter.delivery));
    write_delivery_letter(out, letter, delivery);
  }
  co_return Result<void>{};
}

Task<Answer> list(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.list_dead_letters(call.who.project, page));
  base::JsonWriter out(384 * found.rows.size() + 64);
  out.object().key("data").array();
  for (const auto& letter : found.rows) {
    CARILLON_CO_CHECK(co_await write_dead_letter(call, out, letter, Detail::Summary));
  }
  out.end_array();
  write_page(out, call, paging, found.next);
  co_return json_reply(out);
}

// The list is ordered by id, so the one row below id + 1 is it.
Task<Result<std::optional<store::DeadLetter>>> find_letter(Call& call, std::int64_t id) {
  store::ListPage page;
  page.after = id + 1;
  page.limit = 1;
  CARILLON_CO_TRY(auto found, co_await call.deps.store.list_dead_letters(call.who.project, page));
  if (found.rows.empty() || found.rows.front().id != id) co_return std::optional<store::DeadLetter>();
  co_return std::optional(std::move(found.rows.front()));
}

Task<Answer> get(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kDeadLetterPrefix));
  CARILLON_CO_TRY(const auto letter, co_await find_letter(call, id));
  if (!letter) co_return std::unexpected(not_found("dead letter " + call.args[0]));
  base::JsonWriter out;
  CARILLON_CO_CHECK(co_await write_dead_letter(call, out, *letter, Detail::Whole));
  co_return json_reply(out);
}

// ---- replay
struct ReplayRequest {
  std::vector<std::string> ids;
  bool has_filter = false;
  std::optional<model::Channel> channel;
  std::string reason, integration, kind, rule;  // of the filter
  std::optional<Time> from, until;
  store::ReplayItem changes;  // delivery is filled in for each
  std::string event_changes;  // a merge patch of events, or empty

  [[nodiscard]] bool changes_deliveries() const noexcept {
    return !changes.params.empty() || !changes.address.empty() || !changes.integration.empty();
  }
};

void read_filter(base::JsonElement element, ReplayRequest& wanted, base::Problems& problems) {
  base::ObjectReader reader(element, "/filter", problems);
  std::string channel;
  if (reader.text("channel", channel, 16)) {
    wanted.channel = model::parse_channel(channel);
    if (!wanted.channel)
      reader.problem("channel", "invalid_channel", "use push, sms, email, voice, chat or webhook");
  }
  reader.text("reason", wanted.reason, 64);
  reader.text("integration", wanted.integration, 64);
  reader.text("rule", wanted.rule, 64);
  std::size_t kind = 0;
  if (reader.one_of("kind", kind, {"delivery", kEventKind}))
    wanted.kind = kind == 0 ? "delivery" : kEventKind;
  Time time{};
  if (reader.time("from", time)) wanted.from = time;
  if (reader.time("until", time)) wanted.until = time;
  reader.done();
}

std::expected<ReplayRequest, Failure> read_replay(const Call& call) {
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  ReplayRequest wanted;
  reader.texts("ids", wanted.ids, kIdsMax, 64);
  if (const auto filter = reader.element("filter")) {
    wanted.has_filter = true;
    read_filter(*filter, wanted, problems);
  }
  if (const auto changes = reader.element("changes")) {
    base::ObjectReader inner(*changes, "/changes", problems);
    inner.json_object("params", wanted.changes.params, model::kRequestMax);
    inner.text("address", wanted.changes.address, 4096);
    inner.text("integration", wanted.changes.integration, 64);
    inner.json_object("event", wanted.event_changes, model::kEventMax);
    inner.done();
    const std::string& key = wanted.changes.integration;
    if (!key.empty() && key != "sandbox" && call.view().find_integration(key) == nullptr) {
      inner.problem("integration", "unknown_integration", fmt::format("there is no integration '{}'", key));
    }
  }
  bool republish = false;
  reader.boolean("republish", republish);
  if (republish)
    reader.problem("republish", "unsupported", "nothing is published in this mode; leave it out");
  if (wanted.ids.empty() && !wanted.has_filter)
    reader.problem("ids", "required", "give ids, or a filter ({}: all)");
  if (!wanted.ids.empty() && wanted.has_filter) {
    reader.problem("filter", "conflicting_fields", "give ids or a filter, not both");
  }
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

struct JobError {
  std::string id, detail;
};
struct Job {
  std::vector<std::int64_t> deliveries;
  std::vector<std::int64_t> events;  // dead letters of that kind
  std::vector<JobError> errors;
  std::size_t total = 0, done = 0;
};

Task<Result<void>> resolve_ids(Call& call, const ReplayRequest& wanted, Job& job) {
  for (const std::string& text : wanted.ids) {
    std::optional<std::int64_t> delivery = base::parse_id(base::kDeliveryPrefix, text);
    if (const auto letter_id = base::parse_id(base::kDeadLetterPrefix, text)) {
      CARILLON_CO_TRY(const auto letter, co_await find_letter(call, *letter_id));
      if (letter && letter->kind == kEventKind) {
        ++job.total;
        job.events.push_back(letter->id);
        continue;
      }
      if (letter) delivery = letter->delivery;
    }
    std::optional<model::Delivery> row;
    if (delivery) { CARILLON_CO_TRY(row, co_await delivery_of(call, *delivery)); }
    ++job.total;
    if (row && row->project == call.who.project) {
      job.deliveries.push_back(row->id);
    } else {
      job.errors.push_back({text, "there is no such delivery or dead letter"});
    }
  }
  co_return Result<void>{};
}

// Changes of one kind select that kind.
bool fits_kind(const ReplayRequest& wanted, bool is_event) {
  if (!wanted.kind.empty() && (wanted.kind == kEventKind) != is_event) return false;
  if (is_event) return !wanted.channel && wanted.integration.empty() && !wanted.changes_deliveries();
  return wanted.rule.empty() && wanted.event_changes.empty();
}

bool fits(const ReplayRequest& wanted, const store::DeadLetter& letter) {
  return !letter.is_closed && fits_kind(wanted, letter.kind == kEventKind) &&
         (!wanted.channel || model::channel_of(letter.queue) == *wanted.channel) &&
         (wanted.reason.empty() || wanted.reason == letter.reason) &&
         (!wanted.from || letter.at >= *wanted.from) && (!wanted.until || letter.at < *wanted.until);
}

Task<Result<void>> resolve_filter(Call& call, const ReplayRequest& wanted, Job& job) {
  store::ListPage page;
  page.limit = kPageMax;
  while (job.deliveries.size() + job.events.size() < kReplayMax) {
    CARILLON_CO_TRY(const auto found, co_await call.deps.store.list_dead_letters(call.who.project, page));
    for (const auto& letter : found.rows) {
      if (!fits(wanted, letter)) continue;
      if (letter.kind == kEventKind) {
        CARILLON_CO_TRY(const auto event, co_await call.deps.store.event_letter(letter.id));
        if (wanted.rule.empty() || wanted.rule == event.rule) job.events.push_back(letter.id);
        continue;
      }
      if (!wanted.integration.empty()) {
        CARILLON_CO_TRY(const auto delivery, co_await delivery_of(call, letter.delivery));
        if (!delivery || delivery->integration != wanted.integration) continue;
      }
      job.deliveries.push_back(letter.delivery);
    }
    if (found.next == 0) break;
    page.after = found.next;
  }
  job.total = job.deliveries.size() + job.events.size();
  co_return Result<void>{};
}

// One after the other: each is a send of its own, and few are more than a person looked at.
Task<Result<void>> run_events(Call& call, const ReplayRequest& wanted, Job& job) {
  for (const std::int64_t id : job.events) {
    pipeline::EventReplay replayed;
    if (wanted.changes_deliveries()) {
      replayed.why = "params, address and integration change deliveries; give changes.event";
    } else if (call.deps.pipeline == nullptr) {
      replayed.why = "the server is stopped: nothing is sent";
    } else {
      const pipeline::EventDeps deps{*call.deps.pipeline, call.deps.directory, call.deps.store,
                                     call.deps.clock, call.deps.keys};
      CARILLON_CO_TRY(replayed, co_await pipeline::replay_event(deps, call.who.project, id,
                                                                wanted.event_changes, call.actor()));
    }
    if (replayed.is_done) {
      ++job.done;
    } else {
      job.errors.push_back({base::id_text(base::kDeadLetterPrefix, id), replayed.why});
    }
  }
  co_return Result<void>{};
}

Task<Result<void>> run(Call& call, const ReplayRequest& wanted, Job& job) {
  if (!wanted.event_changes.empty()) {
    for (const std::int64_t id : std::exchange(job.deliveries, {})) {
      job.errors.push_back({base::id_text(base::kDeliveryPrefix, id),
                            "changes.event changes events; give params, address or integration"});
    }
  }
  for (std::size_t at = 0; at < job.deliveries.size(); at += kChunk) {
    std::vector<store::ReplayItem> items;
    for (std::size_t i = at; i < std::min(at + kChunk, job.deliveries.size()); ++i) {
      store::ReplayItem item = wanted.changes;
      item.delivery = job.deliveries[i];
      items.push_back(std::move(item));
    }
    std::vector<store::ReplayResult> results;
    if (call.deps.pipeline != nullptr) {
      CARILLON_CO_TRY(results, co_await call.deps.pipeline->replay(std::move(items), call.actor()));
    } else {
      CARILLON_CO_TRY(results,
                      co_await pipeline::replay_sealed(call.deps.store, call.deps.directory, call.deps.keys,
                                                       std::move(items), call.actor(), call.now));
    }
    for (const auto& result : results) {
      if (result.replayed) {
        ++job.done;
      } else {
        job.errors.push_back({base::id_text(base::kDeliveryPrefix, result.delivery), result.why});
      }
    }
  }
  co_return Result<void>{};
}

Task<Answer> replay(Call& call) {
  CARILLON_CO_TRY(const ReplayRequest wanted, read_replay(call));
  Job job;
  if (wanted.has_filter) {
    CARILLON_CO_CHECK(co_await resolve_filter(call, wanted, job));
  } else {
    CARILLON_CO_CHECK(co_await resolve_ids(call, wanted, job));
  }
  CARILLON_CO_CHECK(co_await run(call, wanted, job));
  CARILLON_CO_CHECK(co_await run_events(call, wanted, job));
  // It is done by now: the job is kept for who asks later.
  store::StoredJob kept;
  kept.id = call.deps.ids.take();
  kept.project = call.who.project;
  kept.app = call.who.app_id();
  kept.kind = "replay";
  kept.actor = call.actor();
  kept.spec = "{}";
  kept.state = store::JobState::Completed;
  kept.done = static_cast<std::int64_t>(job.done);
  kept.total = static_cast<std::int64_t>(job.total);
  kept.failed = static_cast<std::int64_t>(job.errors.size());
  kept.created_at = call.now;
  kept.started_at = kept.finished_at = call.now;
  std::vector<store::JobError> errors;
  for (auto& error : job.errors) {
    store::JobError& e = errors.emplace_back();
    e.item = std::move(error.id);
    e.detail = std::move(error.detail);
  }
  store::AuditEntry none;  // each replay has its own
  CARILLON_CO_CHECK(co_await call.deps.store.jobs().put(kept, errors, std::move(none)));
  errors.resize(std::min(errors.size(), kJobErrorsShown));
  co_return job_reply(kept, errors);
}

}  // namespace

std::span<const Route> dead_letter_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/dead-letters",
       .access = manage("dead_letters"),
       .handler = list,
       .tag = "Dead letters",
       .summary = "List what was given up on, newest first",
       .response = "DeadLetterList",
       .query = "limit after"},
      {.method = "POST",
       .pattern = "/v1/dead-letters/replay",
       .access = manage("dead_letters"),
       .handler = replay,
       .tag = "Dead letters",
       .summary = "Send again, also what failed or is unknown, and events that no rule could send",
       .request = "ReplayRequest",
       .response = "Job",
       .status = 202,
       .kind = RouteKind::Creates},
      {.method = "GET",
       .pattern = "/v1/dead-letters/{id}",
       .access = manage("dead_letters"),
       .handler = get,
       .tag = "Dead letters",
       .summary = "One dead letter",
       .response = "DeadLetter"},
  };
  return kRoutes;
}

}  // namespace carillon::api
