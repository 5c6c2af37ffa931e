// Records among the dead letters: how they are kept and opened, and told to others.
#pragma once

#include <string>

#include "pipeline/ingest.h"
#include "pipeline/ingest_take.h"

namespace carillon::pipeline {

// Of a record that is refused or waits; with `due_at` it waits.
[[nodiscard]] store::RecordLetter make_letter(const base::KeyRing& keys, const Caller& caller,
                                              const model::KafkaRecord& record, const RecordOutcome& outcome,
                                              std::optional<Time> due_at);
// For the topic of dead letters: the record as it came, with what became of it in headers. `letter` 0: none.
[[nodiscard]] queue::OutRecord dead_record(const std::string& topic, const model::KafkaRecord& record,
                                           std::string_view reason, std::string_view words,
                                           std::int64_t letter);
// Writes them and waits for the brokers, on the caller's executor. Errors: Unavailable.
Task<Result<void>> write_records(queue::RecordWriter& writer, std::vector<queue::OutRecord> records);
// The caller as which a kept record is taken. The error says in words why there is none.
[[nodiscard]] std::expected<Caller, std::string> caller_of(const Snapshot& snapshot,
                                                           const store::RecordLetter& letter,
                                                           store::Actor actor);

}  // namespace carillon::pipeline
