// Taking something out of the files so that nobody finds it there any more.
#pragma once

#include "store/detail/db.h"

namespace carillon::store::detail {

// While one lives, what the writer frees in its files is overwritten with zeros, pages that are given up too.
// (Otherwise only what is freed inside of a page, which is written anyway.) Writer thread.
class Overwriting {
 public:
  explicit Overwriting(Db& db) : db_(db) { db_.overwrite_deleted(true); }
  ~Overwriting() { db_.overwrite_deleted(false); }
  Overwriting(const Overwriting&) = delete;
  Overwriting& operator=(const Overwriting&) = delete;

 private:
  Db& db_;
};

}  // namespace carillon::store::detail
