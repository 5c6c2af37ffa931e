// What a user may see and say of the own data: /v1/me answers it as JSON, /p as pages. call.who is the user.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.h"
#include "model/category.h"

namespace carillon::api {

// Those that users are told of, by key. Valid while call.snapshot is held.
[[nodiscard]] std::vector<const model::Category*> visible_categories(const Call& call);

struct OwnEntry {
  model::Delivery delivery;
  std::string category;  // key; empty: past its retention
  // Without sensitive parameters; nullopt: past its retention, or nothing is shown of its category.
  std::optional<model::Message> said;
};
struct OwnHistory {
  std::vector<OwnEntry> entries;  // newest first
  std::int64_t next = 0;          // of write_page(); 0: the end
};
// At most 50 at once, as each is rendered anew.
Task<std::expected<OwnHistory, Failure>> own_history(Call& call, const Paging& paging,
                                                     std::optional<model::Channel> channel);
// An e-mail's subject, else the title. Empty: it has none.
[[nodiscard]] std::string_view title_of(const model::Message& said) noexcept;

}  // namespace carillon::api
