// An approval as those see it who ask for it, and those whose send waits for one.
#pragma once

#include "api/call.h"

namespace carillon::api {

// `notification`: that waits for it; null: it is gone.
void write_approval(base::JsonWriter& out, const Call& call, const store::Approval& approval,
                    const model::Notification* notification);

}  // namespace carillon::api
