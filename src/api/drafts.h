// Sends made from others.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "api/call.h"
#include "base/task.h"

namespace carillon::api {

// A body with `from_notification` becomes that notification's, changed by what else it says (RFC 7396); its
// event id, send_at and draft are not taken over. Any other body stays as it is. It may have become larger
// than one may be. Failures: 400 not_json · 422 invalid_value unknown_notification.
Task<std::expected<std::string, Failure>> taken_over(Call& call, std::string body);
// Whether that may be asked for: most bodies are told by this look at their text.
[[nodiscard]] bool may_take_over(std::string_view body) noexcept;

}  // namespace carillon::api
