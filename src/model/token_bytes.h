// What the compact tokens of this folder are made of: numbers as bytes, most significant first, in base64url.
// Private to the token files of this folder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::model::detail {

inline void put_number(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// `from` has that many bytes, which are taken off it.
inline std::uint64_t take_number(std::string_view& from, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i)
    value = value << 8U | static_cast<unsigned char>(from[static_cast<std::size_t>(i)]);
  from.remove_prefix(static_cast<std::size_t>(bytes));
  return value;
}

[[nodiscard]] inline bool is_base64url(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace carillon::model::detail
