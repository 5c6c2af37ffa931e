// The `after` of a list: where the next page begins, signed so that it cannot be made up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace carillon::api {

struct Cursor {
  std::int64_t id = 0;  // the last row seen
  std::string key;      // the same, for lists ordered by key
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// `scope` names the list and who looks ("notifications/1/7"): a cursor is good for that list only.
[[nodiscard]] std::string write_cursor(const Cursor& cursor, std::string_view scope, const base::Secret& key);
// nullopt: not one of ours, of another list, or changed.
[[nodiscard]] std::optional<Cursor> read_cursor(std::string_view text, std::string_view scope,
                                                const base::Secret& key);

}  // namespace carillon::api
