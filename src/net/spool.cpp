#include "net/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace carillon::net {
namespace {

// O_TMPFILE is not known to every file system.
base::Descriptor open_nameless(const std::string& folder) {
  base::Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string path = folder + "/body-XXXXXX";
  file = base::Descriptor(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file;
}

}  // namespace

Result<std::shared_ptr<SpooledBody>> SpooledBody::open(const std::string& folder) {
  base::Descriptor file = open_nameless(folder);
  if (!file) {
    return fail(Errc::Unavailable, fmt::format("cannot make a file in {}: {}", folder, std::strerror(errno)));
  }
  return std::make_shared<SpooledBody>(std::move(file));
}

Result<void> SpooledBody::add(std::string_view bytes) {
  if (!base::write_all(file_->get(), bytes)) {
    return fail(Errc::Unavailable, fmt::format("cannot keep a large body: {}", std::strerror(errno)));
  }
  hash_.add(bytes);
  size_ += bytes.size();
  return {};
}

void SpooledBody::finish() { sha256_ = base::hex(hash_.finish()); }

Body SpooledBody::body() const {
  Body body;
  body.add_file(file_, size_);
  body.set_sha256(sha256_);
  return body;
}

}  // namespace carillon::net
