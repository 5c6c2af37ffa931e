// What the answers about dead letters and about deliveries share.
#pragma once

#include "base/json.h"
#include "store/store_views.h"

namespace carillon::api {

// "closed", "ended" and "discarded": whether it is closed, how that came, and why nobody needs it.
void write_letter_end(base::JsonWriter& out, const store::DeadLetter& letter);

}  // namespace carillon::api
