// What the audit trail tells of a change, without secrets and without the addresses of recipients.
#pragma once

#include <string_view>

#include "base/json.h"

namespace carillon::model {

inline constexpr std::size_t kAuditChangesMax = 50;       // of one entry
inline constexpr std::size_t kAuditTextMax = 200;         // bytes of one text
inline constexpr std::size_t kAuditBytesMax = 16 * 1024;  // about, of one entry

// Adds "changes":[{"pointer","before","after"}…] to the open object `out`, and "more":n when there were more
// than are told. `before` and `after` are JSON documents, empty for what was or is not there; of one that is
// no JSON, nothing is added. Objects are compared by key, lists of objects by position, other lists as a
// whole. A secret, a sealed value and whom a stored send goes to are told as {"set":true}; long texts are
// cut and end with "…".
void write_audit_changes(base::JsonWriter& out, std::string_view before, std::string_view after);

}  // namespace carillon::model
