#include "pipeline/event_stream.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/failpoint.h"
#include "base/ids.h"
#include "base/log.h"
#include "net/backoff.h"
#include "pipeline/ingest_letter.h"
#include "pipeline/webhooks.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kAtOnce = 500;  // events between two commits
constexpr Millis kLookEvery{250};

// Events of one notification are in one partition, in order.
std::string key_of(const store::WebhookEvent& event) {
  base::JsonDocument document;
  std::string_view id;
  const auto root = document.parse(event.data);
  if (root && root->at_pointer("/notification_id").get(id) == simdjson::SUCCESS) return std::string(id);
  return event.user_id.empty() ? std::string(model::name(event.type)) : event.user_id;
}

}  // namespace

EventStream::EventStream(Deps deps, std::string topic)
    : deps_(std::move(deps)), topic_(std::move(topic)), wake_(deps_.executor) {
  const auto counter = [&](const char* outcome) {
    return deps_.metrics.counter("carillon_stream_events_total", "Events written to the topic of events.",
                                 {{"outcome", outcome}});
  };
  written_ = counter("written");
  failed_ = counter("failed");
}

EventStream::~EventStream() { stop(); }

void EventStream::start() {
  gate_.spawn(deps_.executor, "loop", [this] { return loop(); });
}

void EventStream::stop() {
  is_stopping_ = true;
  if (gate_.enter()) {
    boost::asio::post(deps_.executor, [this] {
      wake_.set();
      gate_.leave();
    });
  }
  gate_.wait(base::Deadline::never());
}

Task<void> EventStream::loop() {
  net::Backoff backoff(kLookEvery, Millis(10'000));
  while (!is_stopping_) {
    Millis wait = kLookEvery;
    if (deps_.store.is_leader()) {
      const auto written = co_await write_some();
      if (!written) {
        if (!backoff.has_failed())
          base::log_warn("events wait to be written to {}: {}", topic_, written.error().message);
        wait = backoff.next();
      } else {
        backoff.reset();
        if (*written == kAtOnce) continue;
      }
    }
    co_await wake_.wait(base::Deadline::after(wait));
  }
}

Task<Result<std::size_t>> EventStream::write_some() {
  std::vector<store::WebhookDueQuery> queries(1);
  queries.front().webhook = store::kEventStream;
  queries.front().limit = kAtOnce;
  CARILLON_CO_TRY(const auto due, co_await deps_.store.webhooks().due(std::move(queries), deps_.clock.now()));
  if (due.empty()) co_return 0;
  const auto snapshot = deps_.directory.snapshot();
  const model::Webhook everybody;  // no addresses
  std::vector<queue::OutRecord> records;
  std::vector<std::int64_t> ids;
  records.reserve(due.size());
  ids.reserve(due.size());
  for (const auto& one : due) {
    ids.push_back(one.event.id);
    queue::OutRecord& record = records.emplace_back();
    record.topic = topic_;
    record.key = key_of(one.event);
    record.value = webhook_body(one.event, everybody, *snapshot);
    record.headers = {{"id", base::id_text(base::kEventPrefix, one.event.id)},
                      {"type", std::string(model::name(one.event.type))}};
  }
  const std::size_t n = records.size();
  const auto written = co_await write_records(deps_.writer, std::move(records));
  (written ? written_ : failed_).add(n);
  CARILLON_CO_CHECK(written);
  CARILLON_FAILPOINT("webhook_stream.before_settle");
  CARILLON_CO_CHECK(co_await deps_.store.webhooks().streamed(std::move(ids)));
  co_return n;
}

}  // namespace carillon::pipeline
