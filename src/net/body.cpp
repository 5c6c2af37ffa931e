#include "net/body.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/crypto.h"
#include "base/sha256.h"

namespace carillon::net {

namespace {

constexpr std::size_t kHashPiece = 64 * 1024;  // bytes read at a time

constexpr std::size_t kLineBytes = 57;  // become the 76 characters of a line
constexpr std::size_t kLineCharacters = 76;
constexpr std::size_t kBlockLines = 256;  // put into base64 at a time
constexpr std::size_t kBlockBytes = kLineBytes * kBlockLines;

std::uint64_t base64_size(std::uint64_t bytes, Body::Lines lines) {
  const std::uint64_t characters = (bytes + 2) / 3 * 4;
  if (lines == Body::Lines::One) return characters;
  return characters + (characters + kLineCharacters - 1) / kLineCharacters * 2;
}

}  // namespace

class Body::Piece {
 public:
  virtual ~Piece() = default;
  // Fills `into`, which does not reach beyond the piece's end.
  [[nodiscard]] virtual Result<void> read(std::uint64_t offset, std::span<char> into) const = 0;
};

namespace {

class TextPiece final : public Body::Piece {
 public:
  explicit TextPiece(std::shared_ptr<const std::string> text) : text_(std::move(text)) {}
  Result<void> read(std::uint64_t offset, std::span<char> into) const override {
    std::memcpy(into.data(), text_->data() + offset, into.size());
    return {};
  }

 private:
  const std::shared_ptr<const std::string> text_;
};

class FilePiece final : public Body::Piece {
 public:
  explicit FilePiece(std::shared_ptr<const base::Descriptor> file) : file_(std::move(file)) {}
  Result<void> read(std::uint64_t offset, std::span<char> into) const override {
    while (!into.empty()) {
      const ssize_t n = ::pread(file_->get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return fail(Errc::Unavailable, "a file that is being sent cannot be read");
      into = into.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

 private:
  const std::shared_ptr<const base::Descriptor> file_;
};

class Base64Piece final : public Body::Piece {
 public:
  Base64Piece(Body source, Body::Lines lines) : source_(std::move(source)), lines_(lines) {}

  Result<void> read(std::uint64_t offset, std::span<char> into) const override {
    const std::uint64_t block_size = base64_size(kBlockBytes, lines_);
    while (!into.empty()) {
      CARILLON_TRY(const std::string block, encode(offset / block_size));
      const std::size_t from = static_cast<std::size_t>(offset % block_size);
      const std::size_t count = std::min(into.size(), block.size() - from);
      std::memcpy(into.data(), block.data() + from, count);
      into = into.subspan(count);
      offset += count;
    }
    return {};
  }

 private:
  [[nodiscard]] Result<std::string> encode(std::uint64_t block) const {
    std::string bytes(kBlockBytes, '\0');
    CARILLON_TRY(const std::size_t count, source_.read(block * kBlockBytes, bytes));
    bytes.resize(count);
    std::string characters = base::base64(bytes);
    if (lines_ == Body::Lines::One) return characters;
    std::string wrapped;
    wrapped.reserve(base64_size(count, lines_));
    for (std::size_t at = 0; at < characters.size(); at += kLineCharacters) {
      wrapped.append(characters, at, kLineCharacters).append("\r\n");
    }
    return wrapped;
  }

  const Body source_;
  const Body::Lines lines_;
};

}  // namespace

void Body::place(std::shared_ptr<const Piece> piece, std::uint64_t size) {
  if (size == 0) return;
  const std::uint64_t end = this->size() + size;
  pieces_.push_back({std::move(piece), end});
  sha256_.clear();
}

void Body::add(std::string text) { add(std::make_shared<const std::string>(std::move(text))); }

void Body::add(std::shared_ptr<const std::string> bytes) {
  const std::uint64_t size = bytes->size();
  place(std::make_shared<const TextPiece>(std::move(bytes)), size);
}

void Body::add(const Body& other) {
  std::uint64_t begin = 0;
  for (const Placed& placed : other.pieces_) {
    place(placed.piece, placed.end - begin);
    begin = placed.end;
  }
}

void Body::add_file(std::shared_ptr<const base::Descriptor> file, std::uint64_t size) {
  place(std::make_shared<const FilePiece>(std::move(file)), size);
}

void Body::add_base64(Body source, Lines lines) {
  const std::uint64_t size = base64_size(source.size(), lines);
  place(std::make_shared<const Base64Piece>(std::move(source), lines), size);
}

Result<std::size_t> Body::read(std::uint64_t offset, std::span<char> into) const {
  std::size_t done = 0;
  auto at = std::ranges::upper_bound(pieces_, offset, {}, &Placed::end);
  for (; at != pieces_.end() && done < into.size(); ++at) {
    const std::uint64_t begin = at == pieces_.begin() ? 0 : std::prev(at)->end;
    const std::size_t count =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size() - done, at->end - offset));
    CARILLON_CHECK(at->piece->read(offset - begin, into.subspan(done, count)));
    done += count;
    offset += count;
  }
  return done;
}

Result<std::string> Body::text() const {
  std::string all(static_cast<std::size_t>(size()), '\0');
  CARILLON_CHECK(read(0, all));
  return all;
}

Result<std::string> Body::sha256() const {
  if (!sha256_.empty()) return sha256_;
  base::Sha256 hash;
  std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kHashPiece, size())), '\0');
  for (std::uint64_t at = 0; at < size();) {
    CARILLON_TRY(const std::size_t count, read(at, piece));
    hash.add(std::string_view(piece).substr(0, count));
    at += count;
  }
  return base::hex(hash.finish());
}

}  // namespace carillon::net
