// Layouts: the frame around the e-mails of templates, in immutable versions (CONTRACT §4).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace carillon::model {

struct Layout {
  std::string key;
  int version = 0;  // 1, 2, …
  bool is_published = false;
  // Each has {{{content}}} once and may name brand.…, user.…, links.…, subject, preheader and locale.
  std::string html;
  std::string text;  // of the plain text part; empty: it is not framed
};

// Reads the API's body and compiles it: no {{{content}}} or two of them, a name that is not known, an
// unclosed tag are problems with their pointer. Codes: as of read_template().
Layout read_layout(base::JsonElement body, std::string_view key, base::Problems& problems);
void write_layout(base::JsonWriter& out, const Layout& layout);
// Stored form = the API's form. Errors: Corruption.
Result<Layout> decode_layout(std::string_view json);

}  // namespace carillon::model
