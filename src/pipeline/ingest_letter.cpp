#include "pipeline/ingest_letter.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/ids.h"
#include "pipeline/refusal.h"

namespace carillon::pipeline {
namespace {

std::string_view bytes_of(const base::Hash128& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}
std::string record_context(const base::Hash128& letter) { return "record/" + base::hex(bytes_of(letter)); }

}  // namespace

store::RecordLetter make_letter(const base::KeyRing& keys, const Caller& caller,
                                const model::KafkaRecord& record, const RecordOutcome& outcome,
                                std::optional<Time> due_at) {
  store::RecordLetter letter;
  letter.project = caller.project;
  letter.app = caller.app->id;
  letter.topic = record.topic;
  letter.partition = record.partition;
  letter.offset = record.offset;
  letter.reason = outcome.refusal->code;
  letter.error = words_of(*outcome.refusal);
  letter.named = outcome.named;
  letter.due_at = due_at;
  const std::string whole = model::encode_record(record);
  letter.hash = keys.event_hash({"record_letter", record.place(), whole});
  // It may hold anything: codes, addresses.
  letter.record = keys.sensitive_sealer.seal(whole, record_context(letter.hash));
  return letter;
}

Result<model::KafkaRecord> open_record(const base::KeyRing& keys, const store::RecordLetter& letter) {
  if (letter.record.empty()) {
    model::KafkaRecord wiped;
    wiped.topic = letter.topic;
    wiped.partition = letter.partition;
    wiped.offset = letter.offset;
    return wiped;
  }
  CARILLON_TRY(const base::Secret plain,
               keys.sensitive_sealer.open(letter.record, record_context(letter.hash)));
  return model::read_record(plain.reveal());
}

queue::OutRecord dead_record(const std::string& topic, const model::KafkaRecord& record,
                             std::string_view reason, std::string_view words, std::int64_t letter) {
  queue::OutRecord out;
  out.topic = topic;
  out.key = record.key;
  out.value = record.value;
  // As much as is kept: brokers refuse what is larger than they allow.
  if (out.value && out.value->size() > model::kRecordValueMax) out.value->resize(model::kRecordValueMax);
  out.headers = record.headers;
  const auto add = [&out](const char* name, std::string value) {
    out.headers.emplace_back(name, std::move(value));
  };
  add("carillon-reason", std::string(reason));
  add("carillon-detail", std::string(words));
  add("carillon-topic", record.topic);
  add("carillon-partition", std::to_string(record.partition));
  add("carillon-offset", std::to_string(record.offset));
  if (letter != 0) add("carillon-dead-letter", base::id_text(base::kDeadLetterPrefix, letter));
  return out;
}

Task<Result<void>> write_records(queue::RecordWriter& writer, std::vector<queue::OutRecord> records) {
  Result<void> result;
  const auto executor = co_await boost::asio::this_coro::executor;
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [&](auto handler) {
        writer.write(
            std::move(records), [executor, &result, h = std::move(handler)](Result<void> done) mutable {
              boost::asio::post(executor, [&result, done = std::move(done), h = std::move(h)]() mutable {
                result = std::move(done);
                std::move(h)();
              });
            });
      },
      boost::asio::use_awaitable);
  co_return result;
}

std::expected<Caller, std::string> caller_of(const Snapshot& snapshot, const store::RecordLetter& letter,
                                             store::Actor actor) {
  Caller caller;
  caller.project = letter.project;
  caller.actor = std::move(actor);
  auto app = snapshot.usable_app(letter.app);
  if (!app) return std::unexpected(fmt::format("the app of its topic is {}", app.error()));
  caller.app = std::move(*app);
  return caller;
}

bool hides_record(const ProjectView& view, const model::KafkaRecord& record) {
  const auto decoded = model::decode_record(record);
  if (!decoded || decoded->kind != model::DecodedRecord::Kind::Notification) return false;
  base::JsonDocument document;
  const auto root = document.parse(decoded->body);
  if (!root) return false;
  base::Problems problems;
  const auto request = model::read_send_request(*root, std::nullopt, "", problems);
  std::string category = request.category_given ? request.category : std::string();
  if (const auto tmpl = view.templates.find(request.template_key); tmpl != view.templates.end()) {
    if (tmpl->second->has_sensitive) return true;
    if (category.empty()) category = tmpl->second->category;
  }
  const auto found = view.categories.find(category.empty() ? request.category : category);
  return found != view.categories.end() && found->second->sensitive;
}

}  // namespace carillon::pipeline
