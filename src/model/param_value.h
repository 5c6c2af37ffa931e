// Values of template parameters: what each type accepts and how it is shown. Private to the template
// files of this folder.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "model/template.h"

namespace carillon::model::detail {

struct ValueProblem {
  std::string code;    // invalid_parameter, too_long, invalid_url
  std::string detail;  // does not hold the value
};

// Whether `value` (never null) is what `declared` wants:
//   string, date ("2026-12-01"), datetime (RFC 3339), url (http, https, mailto, tel): JSON strings;
//   integer, number, boolean; money: {"amount": number or decimal text, "currency": ISO 4217 code};
//   list: array; object: object.
std::optional<ValueProblem> check_value(const ParamDeclaration& declared, base::JsonElement value);

// Appends the value as plain text: strings as they are, numbers in their shortest form, money as
// "12.50 EUR", the items of a list joined by ", ", other objects as JSON. Null: nothing. `type` only
// decides what an object is.
void append_value_text(std::string& out, ParamType type, base::JsonElement value);

}  // namespace carillon::model::detail
