#include "store/detail/sqlite_store.h"

namespace carillon::store {

Result<std::unique_ptr<Store>> open_sqlite(SqliteOptions options) {
  return detail::SqliteStore::open(std::move(options));
}

}  // namespace carillon::store
