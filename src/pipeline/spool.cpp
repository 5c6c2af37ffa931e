#include "pipeline/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/descriptor.h"

namespace carillon::pipeline {
namespace {

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
  if (base::write_file(path_of(name), content)) return {};
  auto error = failed("write", name);
  remove(name);
  return error;
}

Result<base::Descriptor> Spool::begin(const std::string& name) const {
  base::Descriptor file(::open(path_of(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return failed("write", name);
  return file;
}

Result<base::Descriptor> Spool::open_file(const std::string& name) const {
  base::Descriptor file(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) {
    return fail(Errc::NotFound,
                fmt::format("the file jobs/{} is not there any more; ask for it again", name));
  }
  if (!file) return failed("read", name);
  return file;
}

Result<std::string> Spool::read(const std::string& name) const {
  CARILLON_TRY(const base::Descriptor file, open_file(name));
  struct ::stat info{};
  if (::fstat(file.get(), &info) != 0) return failed("read", name);
  std::string content(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t n = ::read(file.get(), content.data() + at, content.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("read", name);
    at += static_cast<std::size_t>(n);
  }
  return content;
}

bool Spool::has(const std::string& name) const noexcept { return ::access(path_of(name).c_str(), F_OK) == 0; }

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
