// Reading back what was stored.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace carillon::model {

// `read(ObjectReader&, T&, Problems&)` fills a T. Stored records are our own writing: whatever does not read
// back is damage, not input. Errors: Corruption, with the field.
template <class T, class Read>
Result<T> decode_record(std::string_view json, std::string_view what, Read read) {
  base::JsonDocument document;
  CARILLON_TRY(const base::JsonElement root, document.parse(json));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  T value;
  read(reader, value, problems);
  if (!problems.empty()) {
    return fail(Errc::Corruption, fmt::format("a stored {} does not read back: {} {}", what,
                                              problems[0].pointer, problems[0].detail));
  }
  return value;
}

}  // namespace carillon::model
