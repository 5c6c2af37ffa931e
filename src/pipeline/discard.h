// Giving up all dead letters that a filter finds, as a job.
#pragma once

#include <string>
#include <string_view>

#include "base/task.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kJobDiscard = "discard";
inline constexpr std::size_t kDiscardReasonMax = 300;  // bytes

// What is kept in StoredJob::spec; the project and the app are the job's.
struct DiscardSpec {
  store::LetterFilter filter;  // `until` is never later than the job
  std::string reason;
};
std::string encode(const DiscardSpec& spec);
Result<DiscardSpec> decode_discard_spec(std::string_view json);  // Errors: Corruption

// Until the end, or until `is_stopping`, newest first; each piece and how far the job came are one
// transaction. Errors: FailedPrecondition (the job was ended meanwhile) · Corruption (spec) · those of the
// store.
Task<Result<void>> run_discard(store::Store& store, const base::Clock& clock, store::StoredJob job,
                               const bool& is_stopping);

}  // namespace carillon::pipeline
