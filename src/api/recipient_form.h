// What the form of /p/{token} posts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/preference_choice.h"

namespace carillon::api {

// One box of the page: as it was shown, it is what holds.
using Box = model::Choice;

struct PreferenceForm {
  std::vector<model::Choice> changed;  // boxes that were left otherwise than they were shown
  std::string quiet_from, quiet_to;    // as typed, visible ASCII
};

// The value of the hidden field that tells which boxes were shown, and how: a box that is not ticked is not
// posted. Keys have no space and no slash in them.
[[nodiscard]] std::string write_boxes(const std::vector<Box>& boxes);
// The value of one box: "news/email".
[[nodiscard]] std::string box_name(std::string_view category, model::Channel channel);

// Reads application/x-www-form-urlencoded. Boxes that cannot be read, and ticks in boxes that were not shown,
// are left out. Errors: InvalidArgument (malformed escape, more than 1000 fields).
[[nodiscard]] Result<PreferenceForm> read_preference_form(std::string_view body);

// The category that is to stop: a key, or "*". Empty: none.
[[nodiscard]] Result<std::string> read_stop_form(std::string_view body);

}  // namespace carillon::api
