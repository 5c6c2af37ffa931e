// Sending, for those who check a body before it goes the way of all sends.
#pragma once

#include "api/call.h"
#include "base/task.h"

namespace carillon::api {

// Accepts the send that is the request's body. Failures: those of POST /v1/notifications.
Task<Answer> send_any(Call& call);

// Reads one send out of a parsed body; `body` is its text, `event_id` the Idempotency-Key or empty.
std::expected<pipeline::SendItem, Failure> read_item(base::JsonElement element, std::string body,
                                                     std::optional<model::Channel> fixed_channel,
                                                     std::string_view event_id, Time now);

}  // namespace carillon::api
