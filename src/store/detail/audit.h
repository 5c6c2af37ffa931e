// What an audit entry tells besides who, when and of what.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::store::detail {

// {"version":n,"changes":[…]} of a change from one JSON document to another, either of them empty for
// nothing; version 0: none. Without the changes when `with_changes` is false.
[[nodiscard]] std::string audit_detail(std::int64_t version, std::string_view before, std::string_view after,
                                       bool with_changes = true);

}  // namespace carillon::store::detail
