// What whoever sends is told: shared by the calls that do.
#pragma once

#include "api/failure.h"
#include "base/json.h"
#include "pipeline/pipeline.h"

namespace carillon::api {

// The answer to a send (CONTRACT §6), one object.
void write_answer(base::JsonWriter& out, const pipeline::SendAnswer& answer);
// 503: there is no pipeline, because the command line opened a stopped store.
[[nodiscard]] Failure not_running();

}  // namespace carillon::api
