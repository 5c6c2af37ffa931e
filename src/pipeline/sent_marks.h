// Marks of what a provider has taken, in the cache that processes share.
//
// The Store is the arbiter; a mark closes the gap it leaves: a process that is lost after the provider's
// answer and before its record. Who claims such a delivery again finds the mark and does not send it twice.
// Without a shared cache, and while it is away, nothing is marked and nothing found: the delivery's policy
// decides then.
#pragma once

#include <memory>
#include <vector>

#include "pipeline/flight.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// Marks those of `items` that were sent; to be awaited before they are recorded. Never fails: the cache
// counts what it does not answer.
Task<void> mark_sent(const Pipeline::Deps& deps, std::shared_ptr<const std::vector<store::RecordItem>> items);

// Whether each was sent already; `flights` stays as it is until this is done. Only what was claimed before is
// asked about, all in one call.
Task<std::vector<bool>> were_sent(const Pipeline::Deps& deps, std::vector<FlightPtr>& flights);

}  // namespace carillon::pipeline
