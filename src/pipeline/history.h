// Looking back at one delivery: why it went where it went, and what was said in it.
#pragma once

#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// The explain object of a stored delivery: its recorded decision, with the checks as the present
// configuration answers them. Errors: NotFound.
Task<Result<model::Explain>> explain_stored(const Pipeline::Deps& deps, std::int64_t delivery);
// What was or would be said, sensitive parameters hidden. Errors: NotFound (also when the template
// version or the notification's body is gone, and when its category hides what is said).
Task<Result<model::Message>> render_stored(const Pipeline::Deps& deps, std::int64_t delivery);

}  // namespace carillon::pipeline
