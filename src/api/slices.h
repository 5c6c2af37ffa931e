// The texts of a batch's items, so that each is stored as it was sent.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::api {

// The elements of the array that `json` is, or that its member "notifications" is, as slices of `json`.
// `json` must have been parsed without error: this only finds where things begin and end. Empty when
// there is no such array, and for a key written with escapes.
[[nodiscard]] std::vector<std::string_view> batch_slices(std::string_view json);

}  // namespace carillon::api
