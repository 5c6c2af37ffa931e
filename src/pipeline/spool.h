// Files that wait to be worked on, each written whole and safely on the disk before its job is. Blocking
// calls.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/error.h"

namespace carillon::pipeline {

// One folder of them. Any thread, as long as two do not write the same name.
class Spool {
 public:
  // Makes the folder (0700) when it is missing. Errors: Unavailable.
  static Result<Spool> open(std::string folder);

  // On the disk, with its name, when this returns. Errors: Unavailable (nothing is left behind).
  Result<void> write(const std::string& name, std::string_view content) const;
  // An empty file of that name (0600), to be written to. Errors: Unavailable.
  [[nodiscard]] Result<base::Descriptor> begin(const std::string& name) const;
  // To be read. Errors: NotFound · Unavailable.
  [[nodiscard]] Result<base::Descriptor> open_file(const std::string& name) const;
  // All of it. Errors: NotFound · Unavailable.
  [[nodiscard]] Result<std::string> read(const std::string& name) const;
  [[nodiscard]] bool has(const std::string& name) const noexcept;
  // Not finding it is no error.
  void remove(const std::string& name) const noexcept;
  // Removes all others: what a crash left between a file and its job.
  void keep_only(const std::set<std::string>& names) const noexcept;

 private:
  explicit Spool(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::string path_of(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_;
};

}  // namespace carillon::pipeline
