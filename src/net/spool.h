// A request's body in a file, for routes that take more than should be in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/sha256.h"
#include "net/body.h"

namespace carillon::net {

// The file has no name: it goes with this object, or with the process. One thread at a time.
class SpooledBody {
 public:
  // Makes the file in `folder`, which exists. Errors: Unavailable.
  static Result<std::shared_ptr<SpooledBody>> open(const std::string& folder);

  // Appends. Blocks for as long as the kernel takes to copy it. Errors: Unavailable (disk full).
  Result<void> add(std::string_view bytes);
  // After the last add(), once: nothing can be added any more.
  void finish();

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  // Hexadecimal; after finish().
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }
  // The whole; after finish(). Holds the file for as long as it lives.
  [[nodiscard]] Body body() const;

  explicit SpooledBody(base::Descriptor file)
      : file_(std::make_shared<const base::Descriptor>(std::move(file))) {}

 private:
  const std::shared_ptr<const base::Descriptor> file_;
  base::Sha256 hash_;
  std::string sha256_;
  std::uint64_t size_ = 0;
};

}  // namespace carillon::net
