#include "base/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace carillon::base {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool sync_folder(const std::string& folder) noexcept {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened && ::fsync(opened.get()) == 0;
}

bool write_file(const std::string& path, std::string_view content) noexcept {
  return write_file(path, [content](int fd) { return write_all(fd, content); });
}

bool write_file(const std::string& path, const std::function<bool(int fd)>& fill) {
  const std::string part = path + ".part";
  {
    const Descriptor file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const bool is_written = file && fill(file.get()) && ::fsync(file.get()) == 0;
    if (!is_written || ::rename(part.c_str(), path.c_str()) != 0) {
      const int why = errno;
      ::unlink(part.c_str());
      errno = why;
      return false;
    }
  }
  const std::size_t slash = path.rfind('/');
  return sync_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace carillon::base
