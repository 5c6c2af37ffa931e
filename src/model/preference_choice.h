// What somebody ticked on a page of categories × channels, put into preferences. Pure.
//
// A page shows what holds for each pair; the preferences behind it may be broader (no texts at all). Making
// one pair a yes must then leave everything else as it was.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/category.h"
#include "model/profile.h"

namespace carillon::model {

struct Choice {
  std::string category;  // key
  Channel channel = Channel::Push;
  bool is_yes = true;
};

// The preferences with which each choice holds, and for every other pair what held before. A broad no that is
// in the way of a yes becomes one for each of the others it covered. What is chosen of a category that is
// mandatory, or is none of `categories` (all there are), changes nothing. Platforms of push are left alone.
// May have more than kPreferencesMax: the caller checks.
[[nodiscard]] std::vector<Preference> choose(std::vector<Preference> preferences,
                                             const std::vector<Choice>& choices,
                                             const std::vector<const Category*>& categories);

// The preferences with a no to a category ("*": to all) on every channel, and nothing else about it.
[[nodiscard]] std::vector<Preference> refuse_all(std::vector<Preference> preferences,
                                                 std::string_view category);

}  // namespace carillon::model
