// What was given up on, and sending it again: deliveries, events that a rule could not turn into one, and
// records of topics that could not be taken.
#include "api/dead_letters.h"

#include <algorithm>

#include "api/jobs.h"
#include "api/router.h"
#include "pipeline/events.h"
#include "pipeline/ingest.h"
#include "pipeline/jobs.h"
#include "pipeline/sensitive.h"

namespace carillon::api {
namespace {

constexpr std::size_t kIdsMax = 1000;       // named in one replay
constexpr std::size_t kReplayMax = 10'000;  // found by a filter in one replay, or discarded with no server
constexpr std::size_t kChunk = 500;         // replayed in one transaction
constexpr std::string_view kDeliveryKind = "delivery", kEventKind = "event", kRecordKind = "record";

// The row with the delivery it is about, where that is still there.
Task<Result<std::optional<model::Delivery>>> delivery_of(Call& call, std::int64_t id) {
  auto detail = co_await call.deps.store.delivery(id);
  if (detail) co_return std::optional(std::move(detail->delivery));
  if (detail.error().code == Errc::NotFound) co_return std::optional<model::Delivery>();
  co_return std::unexpected(detail.error());
}

// Whether it is closed, and how that came; with the closing brace.
void write_end(base::JsonWriter& out, const store::DeadLetter& letter) {
  write_letter_end(out, letter);
  out.field("at", to_rfc3339(letter.at)).end_object();
}

void write_delivery_letter(base::JsonWriter& out, const Call& call, const store::DeadLetter& letter,
                           const model::Delivery* delivery) {
  out.object();
  write_id(out, "id", base::kDeadLetterPrefix, letter.id);
  out.field("kind", letter.kind);
  write_id(out, "delivery_id", base::kDeliveryPrefix, letter.delivery);
  write_id(out, "notification_id", base::kNotificationPrefix, letter.notification);
  out.field("channel", model::name(model::channel_of(letter.queue)))
      .field("queue", model::name(letter.queue));
  write_app_name(out, call, letter.app);
  out.field("reason", letter.reason);
  out.field_or_null("detail", letter.error);
  if (delivery) {
    out.field_or_null("user_id", delivery->user_id);
    out.field("status", model::name(delivery->status))
        .field("attempts", static_cast<int>(delivery->attempts));
    out.field_or_null("integration", delivery->integration);
  }
  write_end(out, letter);
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

void write_event_letter(base::JsonWriter& out, const Call& call, const store::DeadLetter& head,
                        const store::EventLetter& letter, Detail detail) {
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
  write_end(out, head);
}

void write_bytes(base::JsonWriter& out, std::string_view name, const std::string& bytes) {
  if (base::to_valid_utf8(bytes) == bytes) {
    out.field(name, bytes);
  } else {
    out.field(fmt::format("{}_base64", name), base::base64(bytes));
  }
}

void write_record_content(base::JsonWriter& out, const Call& call, const store::RecordLetter& letter) {
  const auto record = pipeline::open_record(call.deps.keys, letter);
  if (!record || letter.record.empty()) return;
  out.field("written_at", to_rfc3339(record->at));
  if (pipeline::hides_record(call.view(), *record)) {
    out.field("value", model::kHiddenValue);
    return;
  }
  write_bytes(out, "key", record->key);
  out.key("headers").array();
  for (const auto& [name, value] : record->headers) {
    out.object();
    write_bytes(out, "name", name);
    write_bytes(out, "value", value);
    out.end_object();
  }
  out.end_array();
  if (!record->value) {
    out.key("value").null();
    return;
  }
  write_bytes(out, "value", *record->value);
  if (record->value->size() >= model::kRecordValueMax) out.field("cut", true);
}

void write_record_letter(base::JsonWriter& out, const Call& call, const store::DeadLetter& head,
                         const store::RecordLetter& letter, Detail detail) {
  out.object();
  write_id(out, "id", base::kDeadLetterPrefix, letter.id);
  out.field("kind", kRecordKind);
  if (letter.notification != 0) {
    write_id(out, "notification_id", base::kNotificationPrefix, letter.notification);
  } else {
    out.key("notification_id").null();
  }
  for (const char* none : {"delivery_id", "channel", "queue", "user_id"}) out.key(none).null();
  write_app_name(out, call, letter.app);
  out.field("reason", letter.reason);
  out.field_or_null("detail", letter.error);
  out.field("attempts", letter.tries).field_or_null("retry_at", letter.due_at);
  out.key("record").object().field("topic", letter.topic);
  out.field("partition", static_cast<std::int64_t>(letter.partition)).field("offset", letter.offset);
  if (detail == Detail::Whole) write_record_content(out, call, letter);
  out.end_object();
  write_end(out, head);
}

// Nothing is written of an event or a record that is gone: records that wait are when they are taken, which
// may be now.
void write_dead_letter(const Call& call, base::JsonWriter& out, const store::DeadLetter& letter,
                       const store::LetterSubject& subject, Detail detail) {
  if (const auto* const event = std::get_if<store::EventLetter>(&subject)) {
    write_event_letter(out, call, letter, *event, detail);
  } else if (const auto* const record = std::get_if<store::RecordLetter>(&subject)) {
    write_record_letter(out, call, letter, *record, detail);
  } else if (letter.kind == kDeliveryKind) {
    write_delivery_letter(out, call, letter, std::get_if<model::Delivery>(&subject));
  }
}

// The kinds, as filters name them.
std::expected<std::string_view, Failure> kind_param(const Call& call) {
  const std::string_view kind = call.param("kind");
  if (!call.has_param("kind") || kind == kDeliveryKind || kind == kEventKind || kind == kRecordKind)
    return kind;
  return failed_at("?kind", "invalid_choice", "use delivery, event or record");
}

constexpr std::string_view kListQuery =
    "limit after kind reason rule topic channel integration from until closed";

std::expected<store::LetterFilter, Failure> list_filter(const Call& call) {
  store::LetterFilter filter;
  filter.project = call.who.project;
  filter.app = call.who.app_id();
  CARILLON_TRY(filter.kind, kind_param(call));
  filter.reason = call.param("reason");
  filter.rule = call.param("rule");
  filter.topic = call.param("topic");
  filter.integration = call.param("integration");
  CARILLON_TRY(filter.channel, channel_param(call, "channel"));
  CARILLON_TRY(filter.from, time_param(call, "from"));
  CARILLON_TRY(filter.until, time_param(call, "until"));
  if (call.has_param("closed")) { CARILLON_TRY(filter.is_closed, flag_param(call, "closed", false)); }
  return filter;
}

Task<Answer> list(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(store::LetterFilter filter, list_filter(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.letters().list(std::move(filter), page));
  base::JsonWriter out(384 * found.rows.size() + 64);
  out.object().key("data").array();
  CARILLON_CO_TRY(const auto subjects, co_await call.deps.store.letters().subjects(found.rows));
  for (std::size_t i = 0; i < found.rows.size(); ++i)
    write_dead_letter(call, out, found.rows[i], subjects[i], Detail::Summary);
  out.end_array();
  write_page(out, call, paging, found.next);
  co_return json_reply(out);
}

// nullopt: there is none for this caller.
Task<Result<std::optional<store::DeadLetter>>> find_letter(Call& call, std::int64_t id) {
  auto found = co_await call.deps.store.letters().find(call.who.project, id);
  if (!found && found.error().code != Errc::NotFound) co_return std::unexpected(found.error());
  if (!found || (call.who.app && found->app != call.who.app->id))
    co_return std::optional<store::DeadLetter>();
  co_return std::optional(std::move(*found));
}

Task<Answer> get(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kDeadLetterPrefix));
  CARILLON_CO_TRY(const auto letter, co_await find_letter(call, id));
  if (!letter) co_return std::unexpected(not_found("dead letter " + call.args[0]));
  base::JsonWriter out;
  CARILLON_CO_TRY(const auto subjects, co_await call.deps.store.letters().subjects({*letter}));
  write_dead_letter(call, out, *letter, subjects.front(), Detail::Whole);
  if (out.size() == 0) co_return std::unexpected(not_found("dead letter " + call.args[0]));
  co_return json_reply(out);
}

// ---- replay and discard
struct ReplayRequest {
  std::vector<std::string> ids;
  bool has_filter = false;
  store::LetterFilter filter;
  std::string reason;         // Discard: why
  store::ReplayItem changes;  // delivery is filled in for each
  std::string event_changes;  // a merge patch of events and of what records stand for, or empty
  std::string record;         // the value of one record instead, or empty
  bool republish = false;     // records: to their topic

  [[nodiscard]] bool changes_deliveries() const noexcept {
    return !changes.params.empty() || !changes.address.empty() || !changes.integration.empty();
  }
};

void read_filter(base::JsonElement element, const Call& call, store::LetterFilter& filter,
                 base::Problems& problems) {
  base::ObjectReader reader(element, "/filter", problems);
  filter.project = call.who.project;
  filter.app = call.who.app_id();
  filter.is_closed = false;
  std::string channel;
  if (reader.text("channel", channel, 16)) {
    filter.channel = model::parse_channel(channel);
    if (!filter.channel)
      reader.problem("channel", "invalid_channel", "use push, sms, email, voice, chat or webhook");
  }
  reader.text("reason", filter.reason, 64);
  reader.text("integration", filter.integration, 64);
  reader.text("rule", filter.rule, 64);
  reader.text("topic", filter.topic, 249);
  std::size_t kind = 0;
  if (reader.one_of("kind", kind, {kDeliveryKind, kEventKind, kRecordKind}))
    filter.kind = kind == 0 ? kDeliveryKind : kind == 1 ? kEventKind : kRecordKind;
  Time time{};
  if (reader.time("from", time)) filter.from = time;
  if (reader.time("until", time)) filter.until = time;
  reader.done();
}

// One line, for whoever asks later.
void read_reason(base::ObjectReader& reader, std::string& reason) {
  reader.require("reason");
  if (!reader.text("reason", reason, pipeline::kDiscardReasonMax)) return;
  const bool is_blank = std::ranges::all_of(reason, [](char c) { return c == ' '; });
  const bool has_control =
      std::ranges::any_of(reason, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (is_blank) reader.problem("reason", "required", "say why nobody needs them, for whoever asks later");
  if (has_control) reader.problem("reason", "invalid_value", "one line of text, without control characters");
}

void read_changes(base::JsonElement element, const Call& call, ReplayRequest& wanted,
                  base::Problems& problems) {
  base::ObjectReader reader(element, "/changes", problems);
  reader.json_object("params", wanted.changes.params, model::kRequestMax);
  reader.text("address", wanted.changes.address, 4096);
  reader.text("integration", wanted.changes.integration, 64);
  reader.json_object("event", wanted.event_changes, model::kEventMax);
  if (const auto record = reader.element("record")) {
    std::string_view text;  // bytes that are no JSON, or are to stay as they are written
    wanted.record = record->get(text) == simdjson::SUCCESS ? std::string(text) : base::to_json(*record);
    if (wanted.record.empty() || wanted.record.size() > model::kRecordValueMax)
      reader.problem("record", "out_of_range",
                     fmt::format("a record has 1 to {} bytes", model::kRecordValueMax));
    if (wanted.ids.size() != 1)
      reader.problem("record", "conflicting_fields", "it is the value of one record: give one id");
    if (!wanted.event_changes.empty())
      reader.problem("record", "conflicting_fields",
                     "give event, which changes it, or record, which replaces it");
  }
  reader.done();
  const std::string& key = wanted.changes.integration;
  if (!key.empty() && key != "sandbox" && call.view().find_integration(key) == nullptr) {
    reader.problem("integration", "unknown_integration", fmt::format("there is no integration '{}'", key));
  }
}

enum class Wanted : std::uint8_t { Replay, Discard };

std::expected<ReplayRequest, Failure> read_request(const Call& call, Wanted what) {
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  ReplayRequest wanted;
  reader.texts("ids", wanted.ids, kIdsMax, 64);
  if (const auto filter = reader.element("filter")) {
    wanted.has_filter = true;
    read_filter(*filter, call, wanted.filter, problems);
  }
  if (what == Wanted::Replay) {
    if (const auto changes = reader.element("changes")) read_changes(*changes, call, wanted, problems);
    reader.boolean("republish", wanted.republish);
    if (wanted.republish && call.deps.records == nullptr) {
      reader.problem("republish", "unsupported",
                     "this server writes to no topics: kafka.topics is not set; leave it out");
    }
  }
  if (what == Wanted::Discard) read_reason(reader, wanted.reason);
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
  std::vector<std::int64_t> events, records;  // dead letters of that kind
  std::vector<JobError> errors;
  std::size_t total = 0, done = 0;
};

// Whether a delivery is the caller's to see.
Task<Result<bool>> is_mine(Call& call, const model::Delivery& delivery) {
  if (delivery.project != call.who.project) co_return false;
  if (!call.who.app) co_return true;
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.notifications({delivery.notification}));
  co_return found.front() != nullptr&& found.front()->app == call.who.app->id;
}

// Empty: it may be sent again.
std::string why_not_again(const store::DeadLetter& letter) {
  if (letter.end.how != "discarded") return {};
  return fmt::format("it was discarded: {}; to send it after all, name the delivery itself",
                     letter.end.reason);
}

void add_letter(Job& job, const store::DeadLetter& letter) {
  auto& where = letter.kind == kEventKind    ? job.events
                : letter.kind == kRecordKind ? job.records
                                             : job.deliveries;
  where.push_back(letter.kind == kDeliveryKind ? letter.delivery : letter.id);
}

// Adds what an id names; false: nothing of the caller's.
Task<Result<bool>> resolve_id(Call& call, std::string text, Job& job) {
  if (const auto letter_id = base::parse_id(base::kDeadLetterPrefix, text)) {
    CARILLON_CO_TRY(const auto letter, co_await find_letter(call, *letter_id));
    if (!letter) co_return false;
    if (std::string why = why_not_again(*letter); !why.empty()) {
      job.errors.push_back({text, std::move(why)});
    } else {
      add_letter(job, *letter);
    }
    co_return true;
  }
  const auto id = base::parse_id(base::kDeliveryPrefix, text);
  if (!id) co_return false;
  CARILLON_CO_TRY(const auto row, co_await delivery_of(call, *id));
  if (!row) co_return false;
  CARILLON_CO_TRY(const bool is_found, co_await is_mine(call, *row));
  if (is_found) job.deliveries.push_back(row->id);
  co_return is_found;
}

Task<Result<void>> resolve_ids(Call& call, const ReplayRequest& wanted, Job& job) {
  for (const std::string& text : wanted.ids) {
    ++job.total;
    CARILLON_CO_TRY(const bool is_found, co_await resolve_id(call, text, job));
    if (!is_found) job.errors.push_back({text, "there is no such delivery or dead letter"});
  }
  co_return Result<void>{};
}

// Changes of one kind select that kind.
bool fits_kind(const ReplayRequest& wanted, std::string_view kind) {
  if (wanted.republish && kind != kRecordKind) return false;
  if (kind == kDeliveryKind) return wanted.event_changes.empty();
  return !wanted.changes_deliveries();
}

Task<Result<void>> resolve_filter(Call& call, const ReplayRequest& wanted, Job& job) {
  store::ListPage page;
  page.limit = kPageMax;
  while (job.total < kReplayMax) {
    CARILLON_CO_TRY(const auto found, co_await call.deps.store.letters().list(wanted.filter, page));
    for (const auto& letter : found.rows) {
      if (!fits_kind(wanted, letter.kind)) continue;
      add_letter(job, letter);
      ++job.total;
    }
    if (found.next == 0) break;
    page.after = found.next;
  }
  co_return Result<void>{};
}

pipeline::EventDeps deps_of(const Call& call) {
  return {*call.deps.pipeline, call.deps.directory, call.deps.store, call.deps.clock, call.deps.keys};
}

// Why nothing of it can be done here; empty: it can.
std::string_view why_not(const Call& call, const ReplayRequest& wanted) {
  if (wanted.changes_deliveries())
    return "params, address and integration change deliveries; give changes.event";
  return call.deps.pipeline == nullptr ? "the server is stopped: nothing is sent" : std::string_view();
}

void note(Job& job, std::int64_t id, const pipeline::EventReplay& replayed) {
  if (replayed.is_done) {
    ++job.done;
  } else {
    job.errors.push_back({base::id_text(base::kDeadLetterPrefix, id), replayed.why});
  }
}

// One after the other: each is a send of its own, and few are more than a person looked at.
Task<Result<void>> run_events(Call& call, const ReplayRequest& wanted, Job& job) {
  for (const std::int64_t id : job.events) {
    pipeline::EventReplay replayed;
    replayed.why = why_not(call, wanted);
    if (replayed.why.empty() && (wanted.republish || !wanted.record.empty()))
      replayed.why = "only a record can be written to its topic, or replaced; give changes.event";
    if (replayed.why.empty()) {
      CARILLON_CO_TRY(replayed, co_await pipeline::replay_event(deps_of(call), call.who.project, id,
                                                                wanted.event_changes, call.actor()));
    }
    note(job, id, replayed);
  }
  co_return Result<void>{};
}

Task<Result<pipeline::EventReplay>> run_record(Call& call, const ReplayRequest& wanted, std::int64_t id) {
  pipeline::RecordEdit edit{wanted.event_changes, wanted.record};
  const std::int32_t project = call.who.project;
  if (wanted.republish) {
    co_return co_await pipeline::republish_record(deps_of(call), *call.deps.records, project, id,
                                                  std::move(edit), call.actor());
  }
  co_return co_await pipeline::replay_record(deps_of(call), project, id, std::move(edit), call.actor());
}

// One that waited and is taken by now is nobody's any more.
Result<void> note_result(Job& job, std::int64_t id, const Result<pipeline::EventReplay>& done) {
  if (!done && done.error().code != Errc::NotFound) return std::unexpected(done.error());
  note(job, id, done ? *done : pipeline::EventReplay{false, "it is not there any more: it was taken", 0});
  return {};
}

Task<Result<void>> run_records(Call& call, const ReplayRequest& wanted, Job& job) {
  const std::string why(why_not(call, wanted));
  for (const std::int64_t id : job.records) {
    if (!why.empty()) {
      note(job, id, pipeline::EventReplay{false, why, 0});
      continue;
    }
    const auto done = co_await run_record(call, wanted, id);
    CARILLON_CO_CHECK(note_result(job, id, done));
  }
  co_return Result<void>{};
}

Task<Result<void>> run(Call& call, const ReplayRequest& wanted, Job& job) {
  if (!wanted.event_changes.empty() || !wanted.record.empty() || wanted.republish) {
    for (const std::int64_t id : std::exchange(job.deliveries, {})) {
      job.errors.push_back(
          {base::id_text(base::kDeliveryPrefix, id),
           "changes.event, changes.record and republish are not for deliveries; give params, "
           "address or integration"});
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

// It is done by now: the job is kept for who asks later.
Task<Answer> keep_job(Call& call, std::string kind, Job job) {
  store::StoredJob kept;
  kept.id = call.deps.ids.take();
  kept.project = call.who.project;
  kept.app = call.who.app_id();
  kept.kind = std::move(kind);
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
  store::AuditEntry none;  // each letter has its own
  CARILLON_CO_CHECK(co_await call.deps.store.jobs().put(kept, errors, std::move(none)));
  errors.resize(std::min(errors.size(), kJobErrorsShown));
  co_return job_reply(kept, errors);
}

Task<Answer> replay(Call& call) {
  CARILLON_CO_TRY(const ReplayRequest wanted, read_request(call, Wanted::Replay));
  Job job;
  if (wanted.has_filter) {
    CARILLON_CO_CHECK(co_await resolve_filter(call, wanted, job));
  } else {
    CARILLON_CO_CHECK(co_await resolve_ids(call, wanted, job));
  }
  CARILLON_CO_CHECK(co_await run(call, wanted, job));
  CARILLON_CO_CHECK(co_await run_events(call, wanted, job));
  CARILLON_CO_CHECK(co_await run_records(call, wanted, job));
  co_return co_await keep_job(call, "replay", std::move(job));
}

// The letters that ids name: their own, or the one of a delivery.
Task<Result<std::vector<std::int64_t>>> named_letters(Call& call, const ReplayRequest& wanted, Job& job) {
  std::vector<std::int64_t> letters;
  for (const std::string& text : wanted.ids) {
    ++job.total;
    auto letter_id = base::parse_id(base::kDeadLetterPrefix, text);
    if (const auto id = base::parse_id(base::kDeliveryPrefix, text)) {
      const auto detail = co_await call.deps.store.delivery(*id);
      if (!detail && detail.error().code != Errc::NotFound) co_return std::unexpected(detail.error());
      if (detail && detail->letter) letter_id = detail->letter->id;
    }
    if (letter_id) {
      letters.push_back(*letter_id);
    } else {
      job.errors.push_back({text, "there is no such dead letter"});
    }
  }
  co_return letters;
}

Task<Result<void>> give_up(Call& call, const ReplayRequest& wanted, std::vector<std::int64_t> letters,
                           Job& job) {
  store::Discard what{.project = call.who.project,
                      .app = call.who.app_id(),
                      .letters = std::move(letters),
                      .reason = wanted.reason,
                      .actor = call.actor()};
  CARILLON_CO_TRY(const auto results, co_await call.deps.store.letters().discard(std::move(what), call.now));
  for (const store::Discarded& one : results)
    note(job, one.letter, pipeline::EventReplay{one.is_done, one.why, 0});
  co_return Result<void>{};
}

// With nobody there to do it in the background.
Task<Result<void>> give_up_all(Call& call, const ReplayRequest& wanted, Job& job) {
  store::ListPage page;
  page.limit = kPageMax;
  do {
    CARILLON_CO_TRY(const auto found, co_await call.deps.store.letters().list(wanted.filter, page));
    std::vector<std::int64_t> letters;
    for (const auto& letter : found.rows) letters.push_back(letter.id);
    job.total += letters.size();
    CARILLON_CO_CHECK(co_await give_up(call, wanted, std::move(letters), job));
    page.after = found.next;
  } while (page.after != 0 && job.total < kReplayMax);
  co_return Result<void>{};
}

Task<Answer> discard(Call& call) {
  CARILLON_CO_TRY(ReplayRequest wanted, read_request(call, Wanted::Discard));
  Job job;
  if (wanted.has_filter && call.deps.jobs != nullptr) {
    pipeline::JobOwner owner{call.who.project, call.who.app_id(), call.actor()};
    pipeline::DiscardSpec spec{std::move(wanted.filter), std::move(wanted.reason)};
    CARILLON_CO_TRY(const auto stored,
                    co_await call.deps.jobs->add_discard(std::move(owner), std::move(spec)));
    const std::vector<store::JobError> none;
    co_return job_reply(stored, none);
  }
  if (wanted.has_filter) {
    CARILLON_CO_CHECK(co_await give_up_all(call, wanted, job));
  } else {
    CARILLON_CO_TRY(auto letters, co_await named_letters(call, wanted, job));
    CARILLON_CO_CHECK(co_await give_up(call, wanted, std::move(letters), job));
  }
  co_return co_await keep_job(call, std::string(pipeline::kJobDiscard), std::move(job));
}

}  // namespace

void write_letter_end(base::JsonWriter& out, const store::DeadLetter& letter) {
  const store::LetterEnd& end = letter.end;
  out.field("closed", letter.is_closed).field_or_null("ended", end.how).key("discarded");
  if (end.how != "discarded") {
    out.null();
    return;
  }
  out.object()
      .field("reason", end.reason)
      .field_or_null("by", end.by)
      .field_or_null("at", end.at)
      .end_object();
}

std::span<const Route> dead_letter_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/dead-letters",
       .access = manage("dead_letters"),
       .handler = list,
       .tag = "Dead letters",
       .summary = "List what was given up on, newest first",
       .response = "DeadLetterList",
       .query = kListQuery},
      {.method = "POST",
       .pattern = "/v1/dead-letters/replay",
       .access = manage("dead_letters"),
       .handler = replay,
       .tag = "Dead letters",
       .summary =
           "Send again, also what failed or is unknown, events that no rule could send, and records of "
           "topics that could not be taken",
       .request = "ReplayRequest",
       .response = "Job",
       .status = 202,
       .kind = RouteKind::Creates},
      {.method = "POST",
       .pattern = "/v1/dead-letters/discard",
       .access = manage("dead_letters"),
       .handler = discard,
       .tag = "Dead letters",
       .summary = "Give up what nobody needs any more, with the reason; a filter makes a job",
       .request = "DiscardRequest",
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
