#include "pipeline/discard.h"

#include <utility>

#include "base/failpoint.h"
#include "base/json.h"
#include "model/record.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kPieceRows = 200;  // letters given up in one transaction
constexpr std::size_t kTextMax = 256;    // bytes of a word of the filter

}  // namespace

std::string encode(const DiscardSpec& spec) {
  const store::LetterFilter& f = spec.filter;
  base::JsonWriter out;
  out.object().field("reason", spec.reason).field_if("kind", f.kind).field_if("failure", f.reason);
  out.field_if("integration", f.integration).field_if("rule", f.rule).field_if("topic", f.topic);
  if (f.channel) out.field("channel", model::name(*f.channel));
  if (f.from) out.field("from", to_ms(*f.from));
  if (f.until) out.field("until", to_ms(*f.until));
  out.end_object();
  return out.str();
}

Result<DiscardSpec> decode_discard_spec(std::string_view json) {
  return model::decode_record<DiscardSpec>(
      json, "discard", [](base::ObjectReader& reader, DiscardSpec& spec, base::Problems& problems) {
        store::LetterFilter& f = spec.filter;
        reader.text("reason", spec.reason, kDiscardReasonMax);
        reader.text("kind", f.kind, kTextMax);
        reader.text("failure", f.reason, kTextMax);
        reader.text("integration", f.integration, kTextMax);
        reader.text("rule", f.rule, kTextMax);
        reader.text("topic", f.topic, kTextMax);
        if (std::string channel; reader.text("channel", channel, kTextMax)) {
          f.channel = model::parse_channel(channel);
          if (!f.channel) problems.push_back({"/channel", "invalid_channel", channel});
        }
        std::int64_t ms = 0;
        if (reader.integer("from", ms, INT64_MIN, INT64_MAX)) f.from = from_ms(ms);
        if (reader.integer("until", ms, INT64_MIN, INT64_MAX)) f.until = from_ms(ms);
      });
}

Task<Result<void>> run_discard(store::Store& store, const base::Clock& clock, store::StoredJob job,
                               const bool& is_stopping) {
  CARILLON_CO_TRY(DiscardSpec spec, decode_discard_spec(job.spec));
  spec.filter.project = job.project;
  spec.filter.app = job.app;
  spec.filter.is_closed = false;
  for (bool is_done = false; !is_done && !is_stopping;) {
    store::ListPage page;
    page.after = job.cursor;
    page.limit = kPieceRows;
    store::JobStep step;
    step.job = job.id;
    step.expected_cursor = job.cursor;
    if (job.total == 0) {
      const std::int64_t below = job.cursor == 0 ? INT64_MAX : job.cursor;
      CARILLON_CO_TRY(const std::int64_t left, co_await store.letters().count_open(spec.filter, below));
      step.total = job.done + job.failed + left;
    }
    CARILLON_CO_TRY(const auto found, co_await store.letters().list(spec.filter, page));
    for (const store::DeadLetter& letter : found.rows) step.letters.push_back(letter.id);
    step.done = static_cast<std::int64_t>(step.letters.size());
    is_done = found.next == 0;
    // Some may have been closed by others since they were counted.
    if (is_done) step.total = job.done + job.failed + step.done;
    step.cursor = is_done ? job.cursor : found.next;
    step.change.actor = job.actor;
    step.reason = spec.reason;
    step.is_last = is_done;
    CARILLON_CO_TRY(job, co_await store.jobs().step(std::move(step), clock.now()));
    CARILLON_FAILPOINT("discard.after_piece");
  }
  co_return Result<void>{};
}

}  // namespace carillon::pipeline
