// Rows as COPY takes them: from a hundred on that costs the server about half of what the same rows cost as
// parameters of an INSERT, which keeps each column in a table of its own first.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "store/detail/postgres/connection.h"

namespace carillon::store::detail {

// A column of the rows, in the order of the COPY's list. All of one call have as many values.
struct PgColumn {
  PgArray* values = nullptr;  // null: a zero in every row
  int bytes = 8;              // of an integer in that column of the table: 2, 4 or 8
};

// For PgDb::copy_in() with "… FROM STDIN (FORMAT binary)". Errors: InvalidArgument (an integer that its
// column cannot hold).
Result<std::string> binary_rows(std::span<const PgColumn> columns);

}  // namespace carillon::store::detail
