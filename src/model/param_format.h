// How numbers, money and times look to a person of some language and place. Private to the template files
// of this folder.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "model/template.h"
#include "model/template_syntax.h"

namespace carillon::model::detail {

// How a text speaks to somebody. An English text to "de": numbers "de-u-nu-latn" ("12,50 €", in the text's
// digits), times "en-DE" ("1 December 2026": the text's words, the region's order). Where both are of one
// language, the recipient's tag is both.
struct Customs {
  std::string numbers, times;  // BCP 47
};
// Either may be empty or unknown. Valid until the thread's next call.
const Customs& customs_of(std::string_view text_locale, std::string_view recipient_locale);

// Appends a number, money, date or datetime by those customs, a datetime as the clock of `time_zone` (IANA;
// unknown: UTC) shows it. Date and Time are the halves of a datetime. Spaces are plain ones: a text message
// with another kind would cost twice. `value` has been checked against `type`; what ICU cannot format is
// appended as append_value_text() does. Any thread; formatters are kept per thread.
void append_formatted(std::string& out, ParamType type, Reference::Form form, base::JsonElement value,
                      const Customs& customs, std::string_view time_zone);

// Whether append_formatted() has a form for the type.
[[nodiscard]] bool has_formats(ParamType type) noexcept;

}  // namespace carillon::model::detail
