#include "pipeline/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace carillon::pipeline {
namespace {

// An open file, closed when it goes.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  [[nodiscard]] bool write_all(std::string_view content) const {
    while (!content.empty()) {
      const ssize_t n = ::write(fd_, content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      content.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  const int fd_;
};

// Callers of the API read it: it names the file and not where this machine has it.
std::unexpected<Error> failed(const char* what, std::string_view name) {
  return fail(Errc::Unavailable, fmt::format("cannot {} jobs/{}: {}", what, name, std::strerror(errno)));
}

}  // namespace

Result<Spool> Spool::open(std::string folder) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("cannot make {}: {}", folder, ec.message()));
  if (::chmod(folder.c_str(), 0700) != 0) return failed("protect", "");
  return Spool(std::move(folder));
}

Result<void> Spool::write(const std::string& name, std::string_view content) const {
  const std::string path = path_of(name), part = path + ".part";
  {
    const File file(part, O_WRONLY | O_CREAT | O_TRUNC);
    const bool is_written = file.is_open() && file.write_all(content) && ::fsync(file.fd()) == 0;
    if (!is_written || ::rename(part.c_str(), path.c_str()) != 0) {
      auto error = failed("write", name);
      ::unlink(part.c_str());
      return error;
    }
  }
  // The name is safe when its folder is.
  const File folder(folder_, O_RDONLY | O_DIRECTORY);
  if (folder.is_open() && ::fsync(folder.fd()) == 0) return {};
  auto error = failed("write", "");
  remove(name);
  return error;
}

Result<std::string> Spool::read(const std::string& name) const {
  const std::string path = path_of(name);
  const File file(path, O_RDONLY);
  struct ::stat info{};
  if (!file.is_open() || ::fstat(file.fd(), &info) != 0) {
    if (errno == ENOENT)
      return fail(Errc::NotFound,
                  fmt::format("the file jobs/{} is not there any more; import it again", name));
    return failed("read", name);
  }
  std::string content(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t n = ::read(file.fd(), content.data() + at, content.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("read", name);
    at += static_cast<std::size_t>(n);
  }
  return content;
}

void Spool::remove(const std::string& name) const noexcept { ::unlink(path_of(name).c_str()); }

void Spool::keep_only(const std::set<std::string>& names) const noexcept {
  std::error_code ec;
  std::filesystem::directory_iterator entries(folder_, ec);
  for (; !ec && entries != std::filesystem::directory_iterator(); entries.increment(ec)) {
    std::error_code ignored;
    if (!names.contains(entries->path().filename().string())) {
      std::filesystem::remove(entries->path(), ignored);
    }
  }
}

}  // namespace carillon::pipeline
