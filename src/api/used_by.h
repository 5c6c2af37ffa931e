// What rules and schedules send: asked before something they name is taken away.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/call.h"

namespace carillon::api {

enum class Named : std::uint8_t { Template, Category, Group };

struct UsedBy {
  std::vector<std::string> rules, schedules;  // keys, disabled ones too
  [[nodiscard]] bool empty() const noexcept { return rules.empty() && schedules.empty(); }
};

// Those of the caller's project that name the path's template, category or group. Failures: those of the
// store.
Task<std::expected<UsedBy, Failure>> find_users(Call& call, Named what);
// Failures: 409 in_use, naming up to ten of them, unless the query says force=true · as above.
Task<std::expected<void, Failure>> refuse_used(Call& call, Named what);
void write_used_by(base::JsonWriter& out, const UsedBy& users);

}  // namespace carillon::api
