// Reads one entry of `to`. Private to notification.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"
#include "model/notification.h"

namespace carillon::model::detail {

// Where complaints go: a pointer prefix that is put together only when something is wrong, because
// nearly every request is fine and a string per field would be most of the cost of reading it.
class Complaints {
 public:
  Complaints(const std::string& prefix, base::Problems& problems) : prefix_(prefix), problems_(problems) {}
  void add(std::string_view pointer, std::string code, std::string detail) {
    if (problems_.size() >= base::kMaxProblems) return;
    std::string where;
    where.reserve(prefix_.size() + pointer.size());
    where.append(prefix_).append(pointer);
    problems_.push_back({std::move(where), std::move(code), std::move(detail)});
  }
  void wrong_type(std::string_view pointer, std::string_view wanted);
  void unknown_field(std::string_view pointer, std::string_view key);

  [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }
  [[nodiscard]] base::Problems& problems() const noexcept { return problems_; }

 private:
  const std::string& prefix_;
  base::Problems& problems_;
};

// The caller's own key as it may be repeated in an answer: at most 128 bytes, whole characters.
std::string_view shown(std::string_view key) noexcept;
// "/to/3/email" by RFC 6901; a long key is cut like shown().
std::string join(std::string_view parent, std::string_view key);

// A string of at most `max_bytes` without NUL; `key` is looked for nowhere, it names the field.
// Returns false, with a problem, when it is something else.
bool read_text(base::JsonElement value, std::string_view parent, std::string_view key, std::size_t max_bytes,
               std::string& out, Complaints& complaints);
// The same, of at least one byte and without control characters (C0, DEL): ids, keys, names.
bool read_name(base::JsonElement value, std::string_view parent, std::string_view key, std::size_t max_bytes,
               std::string& out, Complaints& complaints);
bool read_email(base::JsonElement value, std::string_view parent, std::string_view key, std::string& out,
                Complaints& complaints);
// E.164 with '+'; spaces, hyphens, dots and round brackets between the digits pass.
bool read_phone(base::JsonElement value, std::string_view parent, std::string_view key, std::string& out,
                Complaints& complaints);
bool read_locale(base::JsonElement value, std::string_view parent, std::string_view key, std::string& out,
                 Complaints& complaints);
// An object, kept as compact JSON; an empty one leaves `out` empty.
bool read_params(base::JsonElement value, std::string_view parent, std::string& out, Complaints& complaints);

// Reads entry `index` into `out`. Returns false, with problems, when it is not usable.
bool read_recipient(base::JsonElement entry, std::size_t index, Recipient& out, Complaints& complaints);

}  // namespace carillon::model::detail
