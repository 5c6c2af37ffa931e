// An approval as those see it who ask for it, and those whose send waits for one.
#pragma once

#include "base/json.h"
#include "store/store_types.h"

namespace carillon::api {

void write_approval(base::JsonWriter& out, const store::Approval& approval);

}  // namespace carillon::api
