// Bytes of an object as they leave, piece by piece.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "net/http.h"
#include "objects/objects.h"

namespace carillon::api {

class ObjectStream final : public net::HttpStream {
 public:
  // `size` bytes from `offset` on; `objects` outlives it.
  ObjectStream(objects::Objects& objects, std::string name, std::uint64_t size, std::uint64_t offset = 0)
      : objects_(objects), name_(std::move(name)), size_(size), at_(offset), end_(offset + size) {}
  [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }
  Task<Result<std::string>> next() override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end_ - at_));
    CARILLON_CO_TRY(std::string piece,
                    co_await objects_.read(name_, at_, count, base::Deadline::after(kReadTimeout)));
    at_ += piece.size();
    co_return piece;
  }

 private:
  static constexpr std::size_t kPiece = 256 * 1024;
  static constexpr auto kReadTimeout = std::chrono::seconds(30);
  objects::Objects& objects_;
  const std::string name_;
  const std::uint64_t size_;
  std::uint64_t at_ = 0;
  const std::uint64_t end_;
};

}  // namespace carillon::api
