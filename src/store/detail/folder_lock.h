// A data folder is one process's at a time.
#pragma once

#include <string>

#include "base/error.h"

namespace carillon::store::detail {

class FolderLock {
 public:
  // Errors: FailedPrecondition (another process has it: names its pid) · Unavailable.
  static Result<FolderLock> take(const std::string& folder);
  FolderLock() = default;  // of nothing
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  int fd_ = -1;
};

}  // namespace carillon::store::detail
