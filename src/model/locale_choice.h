// RFC 4647 §3.4 lookup over a few locales. Private to the template files of this folder.
#pragma once

#include <string_view>

namespace carillon::model::detail {

// "zh-Hant-TW" → "zh-Hant" → "zh" → "": the tag without its last subtag, and without a single letter
// (an extension's mark) that would then stand last.
std::string_view shorten_locale(std::string_view tag) noexcept;
// Without regard to case; "_" is "-", as operating systems write it.
bool is_same_locale(std::string_view a, std::string_view b) noexcept;

// Calls `is_there(tag)` with each of `wanted`, from whole to short, until it returns true.
template <class Wanted, class IsThere>
bool look_up_locale(const Wanted& wanted, IsThere&& is_there) {
  for (std::string_view tag : wanted) {
    for (; !tag.empty(); tag = shorten_locale(tag)) {
      if (is_there(tag)) return true;
    }
  }
  return false;
}

}  // namespace carillon::model::detail
