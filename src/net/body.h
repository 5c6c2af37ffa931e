// What a request carries when that is large: pieces of text, files, and bytes that are put into base64 only
// as they leave, so that neither a second nor a longer copy of them is ever made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"

namespace carillon::net {

// Pieces in a row. Cheap to copy: pieces are shared and never change. One object may be read from several
// threads once it is complete.
class Body {
 public:
  enum class Lines : std::uint8_t {
    One,     // base64 without a line end, as JSON holds it
    Wrapped  // lines of 76 characters, each ended by CRLF, as MIME has it (RFC 2045 §6.8)
  };

  Body() = default;
  explicit Body(std::string text) { add(std::move(text)); }

  void add(std::string text);
  void add(std::shared_ptr<const std::string> bytes);
  void add(const Body& other);
  // The first `size` bytes of a file that nobody changes.
  void add_file(std::shared_ptr<const base::Descriptor> file, std::uint64_t size);
  // All of `source` in base64 (RFC 4648 §4, padded).
  void add_base64(Body source, Lines lines);

  [[nodiscard]] std::uint64_t size() const noexcept { return pieces_.empty() ? 0 : pieces_.back().end; }
  // Copies what stands from `offset` on into `into`: all of it is filled unless the body ends before.
  // Returns how many bytes that was; 0: the end. Blocks on files. Errors: Unavailable (a file cannot be
  // read).
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const;
  // All of it in one text: for what is small. Errors: as read().
  [[nodiscard]] Result<std::string> text() const;
  // SHA-256 of all of it, hexadecimal, read piece by piece unless it is known. Errors: as read().
  [[nodiscard]] Result<std::string> sha256() const;
  // Of what it holds at this moment, from whoever has hashed that already.
  void set_sha256(std::string hex) { sha256_ = std::move(hex); }

  class Piece;

 private:
  struct Placed {
    std::shared_ptr<const Piece> piece;
    std::uint64_t end = 0;  // where it ends in the body
  };
  void place(std::shared_ptr<const Piece> piece, std::uint64_t size);
  std::vector<Placed> pieces_;
  std::string sha256_;  // empty: not known
};

}  // namespace carillon::net
