// File descriptors that close themselves, and writing all of something to one.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::base {

class Descriptor {
 public:
  Descriptor() = default;
  // Takes what ::open() gave; negative: none.
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Blocks until all of it is written, where the descriptor stands. False: errno says why, and a part may be.
[[nodiscard]] bool write_all(int fd, std::string_view bytes) noexcept;

// Makes the names in a folder safe. False: errno says why.
[[nodiscard]] bool sync_folder(const std::string& folder) noexcept;

// Writes a file (mode 0600) that is there whole or not at all: under the name with ".part" first, which then
// becomes its name, on the disk with its folder when this returns. False: errno says why; what was there
// before is there, or (the folder could not be synced) the new one.
[[nodiscard]] bool write_file(const std::string& path, std::string_view content) noexcept;
// The same with what `fill` writes to the descriptor it is given; false: it could not write all.
[[nodiscard]] bool write_file(const std::string& path, const std::function<bool(int fd)>& fill);

}  // namespace carillon::base
