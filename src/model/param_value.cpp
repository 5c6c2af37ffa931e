#include "model/param_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "model/content.h"

namespace carillon::model::detail {
namespace {

using simdjson::dom::element_type;

ValueProblem wrong(ParamType type, std::string_view wanted) {
  return {"invalid_parameter", fmt::format("its type is {}: give {}", name(type), wanted)};
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_date(std::string_view text) {
  return text.size() == 10 && parse_rfc3339(std::string(text) + "T00:00:00Z").has_value();
}

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto dot = text.find('.');
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.size() <= 20 &&
           std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return digits(text.substr(0, dot)) && (dot == std::string_view::npos || digits(text.substr(dot + 1)));
}

bool is_money(base::JsonElement value) {
  base::JsonElement amount;
  std::string_view currency, text;
  if (!value.is_object() || value["amount"].get(amount) != simdjson::SUCCESS ||
      value["currency"].get(currency) != simdjson::SUCCESS) {
    return false;
  }
  const bool is_code =
      currency.size() == 3 && std::ranges::all_of(currency, [](char c) { return c >= 'A' && c <= 'Z'; });
  return is_code && (amount.is_number() || (amount.get(text) == simdjson::SUCCESS && is_decimal(text)));
}

std::optional<ValueProblem> check_string(const ParamDeclaration& declared, base::JsonElement value) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return wrong(declared.type, "a JSON string");
  const auto max = static_cast<std::size_t>(declared.max_length);
  if (text.size() > max && characters(text) > max) {
    return ValueProblem{"too_long", fmt::format("at most {} characters are allowed", max)};
  }
  if (declared.type == ParamType::Date && !is_date(text))
    return wrong(declared.type, "a date such as 2026-12-01");
  if (declared.type == ParamType::DateTime && !parse_rfc3339(text)) {
    return wrong(declared.type, "RFC 3339, such as 2026-12-01T09:00:00+09:00");
  }
  if (declared.type == ParamType::Url && !is_safe_link(text)) {
    return ValueProblem{"invalid_url", "a link begins with http, https, mailto or tel"};
  }
  return std::nullopt;
}

void append_double(std::string& out, double number) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  if (error == std::errc()) out.append(buffer.data(), end);
}

}  // namespace

std::optional<ValueProblem> check_value(const ParamDeclaration& declared, base::JsonElement value) {
  switch (declared.type) {
    case ParamType::String:
    case ParamType::Date:
    case ParamType::DateTime:
    case ParamType::Url: return check_string(declared, value);
    case ParamType::Integer: {
      const bool is_whole = value.is_double() && std::trunc(value.get_double().value_unsafe()) ==
                                                     value.get_double().value_unsafe();
      if (value.is_int64() || value.is_uint64() || is_whole) return std::nullopt;
      return wrong(declared.type, "a whole number");
    }
    case ParamType::Number:
      if (value.is_number()) return std::nullopt;
      return wrong(declared.type, "a number");
    case ParamType::Boolean:
      if (value.is_bool()) return std::nullopt;
      return wrong(declared.type, "true or false");
    case ParamType::Money:
      if (is_money(value)) return std::nullopt;
      return wrong(declared.type, "{\"amount\",\"currency\"} with an ISO 4217 code");
    case ParamType::List:
      if (value.is_array()) return std::nullopt;
      return wrong(declared.type, "an array");
    case ParamType::Object:
      if (value.is_object()) return std::nullopt;
      return wrong(declared.type, "an object");
  }
  return std::nullopt;
}

void append_value_text(std::string& out, ParamType type, base::JsonElement value) {
  switch (value.type()) {
    case element_type::STRING: out.append(value.get_string().value_unsafe()); return;
    case element_type::INT64: out.append(fmt::format_int(value.get_int64().value_unsafe()).c_str()); return;
    case element_type::UINT64: out.append(fmt::format_int(value.get_uint64().value_unsafe()).c_str()); return;
    case element_type::DOUBLE: append_double(out, value.get_double().value_unsafe()); return;
    case element_type::BOOL: out.append(value.get_bool().value_unsafe() ? "true" : "false"); return;
    case element_type::NULL_VALUE: return;
    case element_type::ARRAY: {
      bool is_first = true;
      for (const base::JsonElement item : value.get_array().value_unsafe()) {
        if (!is_first) out.append(", ");
        is_first = false;
        append_value_text(out, ParamType::Object, item);
      }
      return;
    }
    case element_type::OBJECT:
      if (type == ParamType::Money && is_money(value)) {
        append_value_text(out, ParamType::Number, value["amount"].value_unsafe());
        out.push_back(' ');
        out.append(value["currency"].get_string().value_unsafe());
      } else {
        out.append(base::to_json(value));
      }
      return;
  }
}

}  // namespace carillon::model::detail
