// Objects as files of a folder.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <type_traits>

#include "base/crypto.h"
#include "base/descriptor.h"
#include "objects/objects.h"

namespace carillon::objects {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kCopyPiece = 256 * 1024;  // bytes
constexpr std::string_view kAside = ".part";    // base::write_file(): of a file that is being written

std::unexpected<Error> failed(const char* what, std::string_view name) {
  return fail(Errc::Unavailable, fmt::format("cannot {} object {}: {}", what, name, std::strerror(errno)));
}

// The work of one call, on the backend's thread.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}

  Result<void> put(const std::string& name, const net::Body& content) const {
    const std::string folder = folder_of(name);
    if (::mkdir(folder.c_str(), 0700) == 0) {
      if (!base::sync_folder(path_)) return failed("keep", name);
    } else if (errno != EEXIST) {
      return failed("keep", name);
    }
    Result<void> copied;
    const auto fill = [&](int fd) {
      copied = copy(content, fd, name);
      return copied.has_value();
    };
    if (base::write_file(folder + "/" + name, fill)) return {};
    return copied ? Result<void>(failed("keep", name)) : copied;
  }

  Result<std::string> read(const std::string& name, std::uint64_t offset, std::size_t count) const {
    const base::Descriptor file(::open((folder_of(name) + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) return fail(Errc::NotFound, fmt::format("there is no object {}", name));
    if (!file) return failed("read", name);
    std::string piece(count, '\0');
    std::size_t done = 0;
    while (done < count) {
      const ssize_t n =
          ::pread(file.get(), piece.data() + done, count - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("read", name);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    piece.resize(done);
    return piece;
  }

  Result<void> remove(const std::string& name) const {
    const std::string path = folder_of(name) + "/" + name;
    ::unlink((path + std::string(kAside)).c_str());
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return failed("remove", name);
  }

  Result<void> check() const {
    if (::access(path_.c_str(), R_OK | W_OK | X_OK) == 0) return {};
    return fail(Errc::Unavailable, fmt::format("cannot write to {}: {}", path_, std::strerror(errno)));
  }

 private:
  static Result<void> copy(const net::Body& content, int fd, const std::string& name) {
    std::string piece(kCopyPiece, '\0');
    for (std::uint64_t at = 0; at < content.size();) {
      CARILLON_TRY(const std::size_t count, content.read(at, piece));
      if (!base::write_all(fd, std::string_view(piece).substr(0, count))) return failed("keep", name);
      at += count;
    }
    return {};
  }

  // Names ascend with time: a hash spreads them.
  [[nodiscard]] std::string folder_of(const std::string& name) const {
    return path_ + "/" + base::hex(base::sha256(name)).substr(0, 2);
  }

  const std::string path_;
};

class FolderObjects final : public Objects {
 public:
  FolderObjects(std::string path, asio::any_io_executor executor)
      : folder_(std::move(path)), executor_(std::move(executor)) {}

  Task<Result<void>> put(std::string name, std::shared_ptr<const net::Body> content,
                         base::Deadline) override {
    CARILLON_CO_CHECK(check_name(name));
    co_return co_await on_thread([this, name, content] { return folder_.put(name, *content); });
  }

  Task<Result<std::string>> read(std::string name, std::uint64_t offset, std::size_t count,
                                 base::Deadline) override {
    CARILLON_ASSERT(count > 0 && count <= kPieceMax);
    CARILLON_CO_CHECK(check_name(name));
    co_return co_await on_thread([this, name, offset, count] { return folder_.read(name, offset, count); });
  }

  Task<Result<void>> remove(std::string name, base::Deadline) override {
    CARILLON_CO_CHECK(check_name(name));
    co_return co_await on_thread([this, name] { return folder_.remove(name); });
  }

  Task<Result<void>> check(base::Deadline) override {
    co_return co_await on_thread([this] { return folder_.check(); });
  }

  [[nodiscard]] std::optional<std::string> presign(std::string_view, const ShownAs&,
                                                   std::chrono::seconds) const override {
    return std::nullopt;
  }
  Task<void> close() override { co_return; }

 private:
  // Works on the backend's thread.
  template <class Work>
  Task<std::invoke_result_t<Work>> on_thread(Work work) {
    auto task = [work = std::move(work)]() -> Task<std::invoke_result_t<Work>> { co_return work(); };
    co_return co_await asio::co_spawn(executor_, std::move(task), asio::use_awaitable);
  }

  const Folder folder_;
  const asio::any_io_executor executor_;
};

}  // namespace

Result<std::unique_ptr<Objects>> open_folder(std::string folder, asio::any_io_executor executor) {
  std::error_code ec;
  const bool is_new = std::filesystem::create_directories(folder, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("cannot make the folder {}: {}", folder, ec.message()));
  // What is in it may be somebody's invoice; a folder somebody made keeps the mode they gave it.
  if (is_new) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return std::make_unique<FolderObjects>(std::move(folder), std::move(executor));
}

}  // namespace carillon::objects
