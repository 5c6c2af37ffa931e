#include <algorithm>
#include <cmath>

#include "base/json.h"

namespace carillon::base {
namespace {

// Longer keys are cut in pointers: the caller knows what it sent, the answer stays small.
constexpr std::size_t kMaxPointerKeyBytes = 128;

// RFC 6901 §3: "~" is written "~0", "/" is written "~1".
void append_pointer(std::string& pointer, std::string_view key) {
  std::size_t length = std::min(key.size(), kMaxPointerKeyBytes);
  while (length < key.size() && length > 0 && (static_cast<unsigned char>(key[length]) & 0xc0) == 0x80)
    --length;
  pointer += '/';
  for (const char c : key.substr(0, length)) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

void add_problem(Problems& problems, std::string pointer, std::string code, std::string detail) {
  if (problems.size() < kMaxProblems) {
    problems.push_back({std::move(pointer), std::move(code), std::move(detail)});
  }
}

std::string join(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

}  // namespace

ObjectReader::ObjectReader(JsonElement element, std::string pointer, Problems& problems)
    : pointer_(std::move(pointer)), problems_(problems) {
  valid_ = element.get_object().get(object_) == simdjson::SUCCESS;
  if (!valid_) add_problem(problems_, pointer_, "wrong_type", "must be an object");
}

std::optional<JsonElement> ObjectReader::find(std::string_view key) {
  known_.push_back(key);
  JsonElement found;
  if (!valid_ || object_.at_key(key).get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
  return found;
}

std::string ObjectReader::pointer(std::string_view key) const {
  std::string out = pointer_;
  append_pointer(out, key);
  return out;
}

void ObjectReader::problem(std::string_view key, std::string code, std::string detail) {
  add_problem(problems_, pointer(key), std::move(code), std::move(detail));
}

bool ObjectReader::add_if_long(std::string_view key, std::size_t bytes, std::size_t max_bytes) {
  if (bytes <= max_bytes) return false;
  problem(key, "too_long", fmt::format("must have at most {} bytes, has {}", max_bytes, bytes));
  return true;
}

std::optional<std::string_view> ObjectReader::find_text(std::string_view key, std::string_view wanted) {
  const auto found = find(key);
  if (!found) return std::nullopt;
  std::string_view value;
  if (found->get_string().get(value) == simdjson::SUCCESS) return value;
  problem(key, "wrong_type", fmt::format("must be {}", wanted));
  return std::nullopt;
}

bool ObjectReader::text(std::string_view key, std::string& out, std::size_t max_bytes) {
  const auto value = find_text(key, "a string");
  if (!value || add_if_long(key, value->size(), max_bytes)) return false;
  out.assign(*value);
  return true;
}

bool ObjectReader::id_text(std::string_view key, std::string& out, std::size_t max_bytes) {
  const auto found = find(key);
  if (!found) return false;
  std::string value;
  if (found->is_string()) {
    const std::string_view given = found->get_string().value_unsafe();
    if (add_if_long(key, given.size(), max_bytes)) return false;
    value.assign(given);
  } else if (found->type() == simdjson::dom::element_type::INT64) {
    value = std::to_string(found->get_int64().value_unsafe());
  } else if (found->type() == simdjson::dom::element_type::UINT64) {
    value = std::to_string(found->get_uint64().value_unsafe());
  } else {
    problem(key, "wrong_type", "must be a string or an integer");
    return false;
  }
  if (add_if_long(key, value.size(), max_bytes)) return false;
  out = std::move(value);
  return true;
}

bool ObjectReader::integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max) {
  constexpr double kExactDouble = 9'007'199'254'740'992.0;  // 2^53: beyond it a double is not a count
  const auto found = find(key);
  if (!found) return false;
  std::int64_t value = 0;
  const double real = found->is_double() ? found->get_double().value_unsafe() : 0.0;
  bool is_in_range = true;
  if (found->is_int64()) {
    value = found->get_int64().value_unsafe();
  } else if (found->is_uint64()) {
    is_in_range = false;
  } else if (found->is_double() && std::trunc(real) == real) {  // 1.0 and 1e3 are integers (JSON Schema)
    is_in_range = std::abs(real) <= kExactDouble;
    value = is_in_range ? static_cast<std::int64_t>(real) : 0;
  } else {
    problem(key, "wrong_type", "must be an integer");
    return false;
  }
  if (!is_in_range || value < min || value > max) {
    problem(key, "out_of_range", fmt::format("must be from {} to {}", min, max));
    return false;
  }
  out = value;
  return true;
}

bool ObjectReader::number(std::string_view key, double& out, double min, double max) {
  const auto found = find(key);
  if (!found) return false;
  double value = 0;
  if (!found->is_number() || found->get_double().get(value) != simdjson::SUCCESS) {
    problem(key, "wrong_type", "must be a number");
    return false;
  }
  if (value < min || value > max) {
    problem(key, "out_of_range", fmt::format("must be from {} to {}", min, max));
    return false;
  }
  out = value;
  return true;
}

bool ObjectReader::boolean(std::string_view key, bool& out) {
  const auto found = find(key);
  if (!found) return false;
  if (found->get_bool().get(out) == simdjson::SUCCESS) return true;
  problem(key, "wrong_type", "must be true or false");
  return false;
}

bool ObjectReader::duration(std::string_view key, Millis& out, Millis min, Millis max) {
  const auto given = find_text(key, "a duration such as \"30s\", \"5m\" or \"24h\"");
  if (!given) return false;
  const auto value = parse_duration(*given);
  if (!value) {
    problem(key, "invalid_duration",
            "must be a number and a unit (ms, s, m, h or d), such as \"30s\" or \"24h\"");
    return false;
  }
  if (*value < min || *value > max) {
    problem(key, "out_of_range",
            fmt::format("must be from {} to {}", to_duration_text(min), to_duration_text(max)));
    return false;
  }
  out = *value;
  return true;
}

bool ObjectReader::time(std::string_view key, Time& out) {
  const auto given = find_text(key, "a time such as \"2026-11-20T16:49:03Z\"");
  if (!given) return false;
  const auto value = parse_rfc3339(*given);
  if (!value) {
    problem(key, "invalid_time", "must be an RFC 3339 time with an offset, such as \"2026-11-20T16:49:03Z\"");
    return false;
  }
  out = *value;
  return true;
}

bool ObjectReader::texts(std::string_view key, std::vector<std::string>& out, std::size_t max_count,
                         std::size_t max_bytes_each) {
  std::vector<std::string> values;
  bool is_good = true;
  const auto each = [&](JsonElement item, const std::string& at) {
    std::string_view value;
    if (item.get_string().get(value) != simdjson::SUCCESS) {
      add_problem(problems_, at, "wrong_type", "must be a string");
    } else if (value.size() > max_bytes_each) {
      add_problem(problems_, at, "too_long",
                  fmt::format("must have at most {} bytes, has {}", max_bytes_each, value.size()));
    } else {
      values.emplace_back(value);
      return;
    }
    is_good = false;
  };
  if (!array(key, max_count, each) || !is_good) return false;
  out = std::move(values);
  return true;
}

bool ObjectReader::one_of(std::string_view key, std::size_t& index,
                          std::initializer_list<std::string_view> names) {
  const auto given = find_text(key, "a string");
  if (!given) return false;
  const auto* const at = std::find(names.begin(), names.end(), *given);
  if (at == names.end()) {
    problem(key, "invalid_choice", fmt::format("must be one of: {}", join(names)));
    return false;
  }
  index = static_cast<std::size_t>(at - names.begin());
  return true;
}

std::optional<JsonElement> ObjectReader::element(std::string_view key) { return find(key); }

bool ObjectReader::json_object(std::string_view key, std::string& out, std::size_t max_bytes) {
  const auto found = find(key);
  if (!found) return false;
  if (!found->is_object()) {
    problem(key, "wrong_type", "must be an object");
    return false;
  }
  std::string value = to_json(*found);
  if (add_if_long(key, value.size(), max_bytes)) return false;
  out = std::move(value);
  return true;
}

bool ObjectReader::array(std::string_view key, std::size_t max_count,
                         const std::function<void(JsonElement, const std::string&)>& each) {
  const auto found = find(key);
  if (!found) return false;
  JsonArray items;
  if (found->get_array().get(items) != simdjson::SUCCESS) {
    problem(key, "wrong_type", "must be an array");
    return false;
  }
  if (items.size() > max_count) {
    problem(key, "too_many", fmt::format("must have at most {} items, has {}", max_count, items.size()));
    return false;
  }
  const std::string prefix = pointer(key) + "/";
  std::size_t index = 0;
  for (const JsonElement item : items) each(item, prefix + std::to_string(index++));
  return true;
}

bool ObjectReader::has(std::string_view key) { return find(key).has_value(); }

void ObjectReader::require(std::string_view key) {
  if (valid_ && !find(key)) problem(key, "required", "is required");
}

void ObjectReader::done() {
  if (!valid_) return;
  for (auto it = object_.begin(); it != object_.end() && problems_.size() < kMaxProblems; ++it) {
    const std::string_view key = it.key();
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      problem(key, "unknown_field", "is not a field of this object; remove it or check its spelling");
    }
  }
}

}  // namespace carillon::base
