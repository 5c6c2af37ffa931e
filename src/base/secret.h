// A string that must not be seen: no formatter, no stream operator, wiped when it goes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace carillon::base {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  // The value itself. Every call is a place to review: it must not reach a log, an error or a label.
  [[nodiscard]] std::string_view reveal() const noexcept { return value_; }
  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  // Compares in constant time.
  [[nodiscard]] bool matches(std::string_view other) const noexcept;

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace carillon::base
