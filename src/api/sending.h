// Sending, for those who check a body before it goes the way of all sends.
#pragma once

#include "api/call.h"
#include "base/task.h"

namespace carillon::api {

// Accepts the send that is the request's body. Failures: those of POST /v1/notifications.
Task<Answer> send_any(Call& call);

}  // namespace carillon::api
