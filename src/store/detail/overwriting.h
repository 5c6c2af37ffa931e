// Taking something out of the files so that nobody finds it there any more.
#pragma once

#include "store/detail/sqlite.h"

namespace carillon::store::detail {

// While one lives, what the writer frees in its files is overwritten with zeros, pages that are given up too.
// (Otherwise only what is freed inside of a page, which is written anyway.) Writer thread.
class Overwriting {
 public:
  explicit Overwriting(Db& db) : db_(db) {
    if (depth_++ == 0) static_cast<void>(db_.exec("PRAGMA secure_delete=ON"));  // a flag: it cannot fail
  }
  ~Overwriting() {
    if (--depth_ == 0) static_cast<void>(db_.exec("PRAGMA secure_delete=FAST"));
  }
  Overwriting(const Overwriting&) = delete;
  Overwriting& operator=(const Overwriting&) = delete;

 private:
  Db& db_;
  static inline thread_local int depth_ = 0;
};

}  // namespace carillon::store::detail
