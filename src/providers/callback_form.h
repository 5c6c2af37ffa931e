// Fields of a callback: of a form, a query or a flat JSON object.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::providers {

using CallbackForm = std::vector<std::pair<std::string, std::string>>;

// The value of that name; empty when there is none.
[[nodiscard]] inline std::string_view form_value(const CallbackForm& form, std::string_view name) noexcept {
  const auto found = std::ranges::find(form, name, &CallbackForm::value_type::first);
  return found == form.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace carillon::providers
