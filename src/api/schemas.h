// The shapes of bodies and answers, for OpenAPI and /docs.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace carillon::api {

struct Schema {
  std::string_view name;
  std::string_view json;     // JSON Schema 2020-12; "$ref" as in OpenAPI
  std::string_view example;  // JSON; empty: none
};

// Shapes that are no list. A name that ends with "List" and is not here is {"data":[…],"page":{"next"}}.
std::span<const Schema> schemas();
std::span<const Schema> member_schemas();  // of them, those in a file of their own
std::span<const Schema> job_schemas();     // likewise
std::span<const Schema> operating_schemas();
// nullptr when there is none of that name here.
const Schema* find_schema(std::string_view name) noexcept;
// The schema of a list, or of one of schemas(); empty: unknown.
[[nodiscard]] std::string schema_json(std::string_view name);

}  // namespace carillon::api
