// What of a request is sensitive: declared parameters of its template, or, under a category that is
// sensitive, all it says.
#pragma once

#include <string>
#include <string_view>

#include "model/template.h"

namespace carillon::model {

// The request with kHiddenValue in the place of what is sensitive; empty: nothing in it is. `tmpl` may be
// null; `is_all`: whatever it says. What comes out is a request that reads as one whose recipients, channels
// and names are the same; under `is_all` inline content becomes a title and a body. `body` is one that was
// read.
[[nodiscard]] std::string without_sensitive(std::string_view body, const Template* tmpl, bool is_all);

}  // namespace carillon::model
