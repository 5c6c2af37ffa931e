#include "pipeline/webhook_replay.h"

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/json.h"

namespace carillon::pipeline {

std::string encode(const WebhookReplaySpec& spec) {
  base::JsonWriter out;
  out.object().field("webhook", spec.key).field("failed", spec.is_failed_only);
  out.field("from", spec.from).field("until", spec.until).end_object();
  return out.str();
}

Result<WebhookReplaySpec> decode_webhook_replay(std::string_view json) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(json));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  WebhookReplaySpec spec;
  reader.text("webhook", spec.key, 64);
  reader.boolean("failed", spec.is_failed_only);
  reader.integer("from", spec.from, 0, INT64_MAX);
  reader.integer("until", spec.until, 0, INT64_MAX);
  reader.done();
  if (!problems.empty()) return fail(Errc::Corruption, "the job is damaged: " + problems.front().detail);
  return spec;
}

store::WebhookReplay replay_of(const store::StoredWebhook& stored, const WebhookReplaySpec& spec) {
  return store::WebhookReplay{.webhook = stored.id,
                              .project = stored.project,
                              .events = stored.webhook.events,
                              .has_sandbox = stored.webhook.has_sandbox,
                              .is_failed_only = spec.is_failed_only,
                              .from = spec.from,
                              .until = spec.until};
}

Task<Result<void>> run_webhook_replay(store::Store& store, const base::Clock& clock, store::StoredJob job,
                                      const bool& is_stopping) {
  CARILLON_CO_TRY(const WebhookReplaySpec spec, decode_webhook_replay(job.spec));
  CARILLON_CO_TRY(const auto stored, co_await store.webhooks().get(job.project, spec.key));
  store::WebhookReplay which = replay_of(stored, spec);
  for (bool is_done = false; !is_done && !is_stopping;) {
    which.from = std::max(spec.from, job.cursor);
    CARILLON_CO_TRY(const auto piece, co_await store.webhooks().replay_piece(which, clock.now()));
    CARILLON_FAILPOINT("webhook_replay.after_piece");
    is_done = piece.next == 0;
    store::JobStep step;
    step.job = job.id;
    step.expected_cursor = job.cursor;
    step.cursor = is_done ? job.cursor : piece.next;
    step.done = piece.replayed;
    step.total = job.done + piece.replayed;
    step.is_last = is_done;
    CARILLON_CO_TRY(job, co_await store.jobs().step(std::move(step), clock.now()));
  }
  co_return Result<void>{};
}

}  // namespace carillon::pipeline
