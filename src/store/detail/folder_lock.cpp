#include "store/detail/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "base/log.h"

namespace carillon::store::detail {

Result<FolderLock> FolderLock::take(const std::string& folder) {
  const std::string path = folder + "/carillon.lock";
  FolderLock lock;
  lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.fd_ < 0)
    return fail(Errc::Unavailable,
                fmt::format("cannot open {}: {}", path, std::generic_category().message(errno)));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t n = ::pread(lock.fd_, holder, sizeof holder - 1, 0);
    const std::string_view pid(holder, n > 0 ? static_cast<std::size_t>(n) : 0);
    return fail(
        Errc::FailedPrecondition,
        fmt::format("{} is in use by process {}; stop that one, or give --data another folder", folder,
                    pid.empty() ? std::string_view("(unknown)") : pid.substr(0, pid.find('\n'))));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, pid.data(), pid.size(), 0) < 0) {
    base::log_warn("store: cannot write the process id into {}", path);  // the lock itself holds
  }
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace carillon::store::detail
