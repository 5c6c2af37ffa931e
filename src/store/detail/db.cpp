#include "store/detail/db.h"

#include <algorithm>
#include <cstring>

namespace carillon::store::detail {

Result<std::vector<std::int64_t>> first_column(Statement& s) {
  std::vector<std::int64_t> ids;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return ids;
    ids.push_back(s.integer(0));
  }
}

base::Hash128 Statement::hash(int c) const noexcept {
  base::Hash128 out{};
  const std::string_view bytes = text(c);
  std::memcpy(out.data(), bytes.data(), std::min(bytes.size(), out.size()));
  return out;
}

Result<std::int64_t> Db::scalar(const char* sql) {
  Statement s = statement(sql);
  CARILLON_TRY(const bool has_row, s.next());
  return has_row ? s.integer(0) : 0;
}

}  // namespace carillon::store::detail
