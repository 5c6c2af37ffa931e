// The blocks `apns` and `fcm` of a push: what Apple and Google document must have the type they document.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace carillon::model {

// Adds a problem for every known field with a wrong type or value: wrong_type out_of_range invalid_choice
// invalid_value too_long too_many unknown_field. In a template a text may be a tag, so only types are
// checked.
//
// apns: {"aps":{…}, "headers":{…}, fields of aps, "apns-…" headers, the app's own keys}. Keys Apple does not
// document are the app's own or newer than this: they pass.
void check_apns_block(base::JsonElement block, const std::string& pointer, bool is_template,
                      base::Problems& problems);
// fcm: fields of FCM's Message besides the target, in either spelling. FCM refuses what it does not know, so
// unknown fields are problems here.
void check_fcm_block(base::JsonElement block, const std::string& pointer, bool is_template,
                     base::Problems& problems);

// Keys of a push's data that FCM keeps for itself.
[[nodiscard]] bool is_fcm_reserved_key(std::string_view key) noexcept;
// "collapseKey" → "collapse_key".
[[nodiscard]] std::string to_snake_case(std::string_view name);

}  // namespace carillon::model
