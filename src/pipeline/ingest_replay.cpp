// Dead letters of kind "record" by hand: taken after all, or written to their topic again.
#include <utility>

#include "pipeline/ingest_letter.h"
#include "pipeline/refusal.h"

namespace carillon::pipeline {
namespace {

using Kind = RecordOutcome::Kind;

EventReplay not_done(std::string why) { return EventReplay{false, std::move(why), 0}; }

struct Opened {
  store::RecordLetter letter;
  model::KafkaRecord record;  // changed
};

// What the record stands for, changed: that alone is its value from then on.
std::expected<std::string, std::string> patched(const model::KafkaRecord& record, const std::string& patch) {
  const auto decoded = model::decode_record(record);
  if (!decoded)
    return std::unexpected(fmt::format("{}: there is nothing that a patch could change; give the whole value",
                                       decoded.error().detail));
  base::JsonDocument document, change;
  const auto old = document.parse(decoded->body);
  const auto wanted = change.parse(patch);
  if (!old || !wanted) return std::unexpected("the change is not JSON");
  return model::merge_patch(*old, *wanted);
}

std::expected<void, std::string> edit_record(model::KafkaRecord& record, RecordEdit edit) {
  if (!edit.value.empty()) {
    record.value = std::move(edit.value);
  } else if (!edit.patch.empty()) {
    CARILLON_TRY(record.value, patched(record, edit.patch));
  } else if (record.value && record.value->size() >= model::kRecordValueMax) {
    return std::unexpected("only its beginning was kept; give the whole value");
  }
  if (record.value && record.value->size() > model::kRecordValueMax)
    return std::unexpected(fmt::format("a record has at most {} bytes", model::kRecordValueMax));
  return {};
}

// Errors: NotFound · those of the store. The inner error: why it cannot be done, in words.
Task<Result<std::expected<Opened, std::string>>> open_letter(EventDeps deps, std::int32_t project,
                                                             std::int64_t id, RecordEdit edit) {
  using Answer = std::expected<Opened, std::string>;
  CARILLON_CO_TRY(store::RecordLetter letter, co_await deps.store.ingest().get(id));
  if (letter.project != project) co_return fail(Errc::NotFound, "no such record among the dead letters");
  if (letter.is_closed)
    co_return Answer(std::unexpected(fmt::format("it is closed: it was {}", letter.ended)));
  CARILLON_CO_TRY(model::KafkaRecord record, open_record(deps.keys, letter));
  if (auto edited = edit_record(record, std::move(edit)); !edited)
    co_return Answer(std::unexpected(std::move(edited.error())));
  co_return Answer(Opened{std::move(letter), std::move(record)});
}

Task<Result<EventReplay>> close(store::Store& store, Time now, std::int64_t id, std::string ended,
                                std::int64_t notification, store::Actor actor) {
  store::RecordEnd end;
  end.id = id;
  end.is_wiped = true;
  end.ended = std::move(ended);
  end.notification = notification;
  CARILLON_CO_CHECK(co_await store.ingest().close(std::move(end), std::move(actor), now));
  co_return EventReplay{true, {}, notification};
}

}  // namespace

Task<Result<EventReplay>> replay_record(EventDeps deps, std::int32_t project, std::int64_t letter,
                                        RecordEdit edit, store::Actor actor) {
  CARILLON_CO_TRY(auto opened, co_await open_letter(deps, project, letter, std::move(edit)));
  if (!opened) co_return not_done(std::move(opened.error()));
  const auto snapshot = deps.directory.snapshot();
  auto caller = caller_of(*snapshot, opened->letter, actor);
  if (!caller) co_return not_done(std::move(caller.error()));
  std::vector<const model::KafkaRecord*> one{&opened->record};
  const auto outcomes = co_await take_records(deps, std::move(*caller), std::move(one), false);
  const RecordOutcome& outcome = outcomes.front();
  if (outcome.refusal)
    co_return not_done(fmt::format("{}: {}", outcome.refusal->code, words_of(*outcome.refusal)));
  co_return co_await close(deps.store, deps.clock.now(), letter, "replayed", outcome.notification,
                           std::move(actor));
}

Task<Result<EventReplay>> republish_record(EventDeps deps, queue::RecordWriter& writer, std::int32_t project,
                                           std::int64_t letter, RecordEdit edit, store::Actor actor) {
  CARILLON_CO_TRY(auto opened, co_await open_letter(deps, project, letter, std::move(edit)));
  if (!opened) co_return not_done(std::move(opened.error()));
  queue::OutRecord out;
  out.topic = opened->record.topic;
  out.key = std::move(opened->record.key);
  out.value = std::move(opened->record.value);
  out.headers = std::move(opened->record.headers);
  std::vector<queue::OutRecord> records;
  records.push_back(std::move(out));
  const auto written = co_await write_records(writer, std::move(records));
  if (!written) co_return not_done(fmt::format("the brokers do not have it: {}", written.error().message));
  co_return co_await close(deps.store, deps.clock.now(), letter, "republished", 0, std::move(actor));
}

}  // namespace carillon::pipeline
