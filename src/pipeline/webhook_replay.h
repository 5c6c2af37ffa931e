// Telling a webhook of a stretch of events again, as a job.
#pragma once

#include <string>
#include <string_view>

#include "base/task.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kJobWebhookReplay = "webhook_replay";

// What is kept in StoredJob::spec.
struct WebhookReplaySpec {
  std::string key;                   // of the webhook
  bool is_failed_only = true;        // else all events that are kept and that the webhook wants
  std::int64_t from = 0, until = 0;  // event ids; until: before
};
std::string encode(const WebhookReplaySpec& spec);
Result<WebhookReplaySpec> decode_webhook_replay(std::string_view json);  // Errors: Corruption

// Which events that are, as the webhook is now.
[[nodiscard]] store::WebhookReplay replay_of(const store::StoredWebhook& webhook,
                                             const WebhookReplaySpec& spec);

// Until the end, or until `is_stopping`. A piece that was done and not counted is done again. Errors:
// NotFound (the webhook is gone) · FailedPrecondition (the job was ended meanwhile) · Corruption (spec) ·
// those of the store.
Task<Result<void>> run_webhook_replay(store::Store& store, const base::Clock& clock, store::StoredJob job,
                                      const bool& is_stopping);

}  // namespace carillon::pipeline
