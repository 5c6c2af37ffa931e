#include "model/rule_condition.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <compare>
#include <utility>

#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using base::JsonElement;
using detail::join;

constexpr std::size_t kShownValueMax = 1024;  // bytes of a value in a check

constexpr std::array<std::pair<std::string_view, Operator>, 12> kOperators{
    {{"eq", Operator::Eq},
     {"ne", Operator::Ne},
     {"lt", Operator::Lt},
     {"le", Operator::Le},
     {"gt", Operator::Gt},
     {"ge", Operator::Ge},
     {"in", Operator::In},
     {"contains", Operator::Contains},
     {"starts_with", Operator::StartsWith},
     {"exists", Operator::Exists},
     {"before", Operator::Before},
     {"after", Operator::After}}};

const Operator* find_operator(std::string_view text) noexcept {
  const auto* const it = std::ranges::find(kOperators, text, &std::pair<std::string_view, Operator>::first);
  return it == kOperators.end() ? nullptr : &it->second;
}

std::optional<Scalar> read_scalar(JsonElement value) {
  switch (value.type()) {
    case simdjson::dom::element_type::BOOL: return value.get_bool().value_unsafe();
    case simdjson::dom::element_type::INT64: return value.get_int64().value_unsafe();
    case simdjson::dom::element_type::UINT64: return value.get_uint64().value_unsafe();
    case simdjson::dom::element_type::DOUBLE: return value.get_double().value_unsafe();
    case simdjson::dom::element_type::STRING: return std::string(value.get_string().value_unsafe());
    default: return std::nullopt;
  }
}

// "now", "now-15m", "now+2h" → the offset.
std::optional<Millis> read_relative(std::string_view text) {
  if (!text.starts_with("now")) return std::nullopt;
  text.remove_prefix(3);
  if (text.empty()) return Millis(0);
  const bool is_past = text.front() == '-';
  if (!is_past && text.front() != '+') return std::nullopt;
  const auto duration = parse_duration(text.substr(1));
  if (!duration) return std::nullopt;
  return is_past ? -*duration : *duration;
}

class ConditionReader {
 public:
  explicit ConditionReader(base::Problems& problems) : problems_(problems) {}

  // An object: all of its members hold.
  Condition read_object(JsonElement value, const std::string& pointer, std::size_t depth) {
    Condition all;
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS) {
      add(pointer, "wrong_type", "must be an object such as {\"data.status\":{\"eq\":\"paid\"}}");
      return all;
    }
    if (depth > kConditionDepthMax) {
      add(pointer, "too_deep",
          fmt::format("all, any and not go at most {} deep; combine fewer", kConditionDepthMax));
      return all;
    }
    for (const auto member : object) {
      const std::string at = join(pointer, member.key);
      if (member.key == "all" || member.key == "any") {
        all.inner.push_back(read_list(member.value, at, depth, member.key == "all"));
      } else if (member.key == "not") {
        Condition inverse;
        inverse.kind = Condition::Kind::Not;
        inverse.inner.push_back(read_inner(member.value, at, depth + 1));
        all.inner.push_back(std::move(inverse));
      } else {
        read_comparisons(member.key, member.value, at, all.inner);
      }
    }
    if (all.inner.size() != 1) return all;
    Condition only = std::move(all.inner.front());
    return only;
  }

 private:
  void add(std::string pointer, std::string code, std::string detail) {
    if (problems_.size() >= base::kMaxProblems) return;
    problems_.push_back({std::move(pointer), std::move(code), std::move(detail)});
  }

  // An object that must say something: an empty one inside all, any or not is a mistake.
  Condition read_inner(JsonElement value, const std::string& pointer, std::size_t depth) {
    base::JsonObject object;
    if (value.get(object) == simdjson::SUCCESS && object.size() == 0) {
      add(pointer, "required", "name at least one condition");
    }
    return read_object(value, pointer, depth);
  }

  Condition read_list(JsonElement value, const std::string& pointer, std::size_t depth, bool is_all) {
    Condition list;
    list.kind = is_all ? Condition::Kind::All : Condition::Kind::Any;
    base::JsonArray items;
    if (value.get(items) != simdjson::SUCCESS) {
      add(pointer, "wrong_type", "must be an array of conditions");
      return list;
    }
    if (items.size() == 0) add(pointer, "required", "name at least one condition");
    std::size_t index = 0;
    for (const JsonElement item : items) {
      if (is_full_) break;
      list.inner.push_back(read_inner(item, fmt::format("{}/{}", pointer, index++), depth + 1));
    }
    return list;
  }

  // {"ge":10,"lt":20} at a path; a scalar stands for {"eq":scalar}.
  void read_comparisons(std::string_view text, JsonElement value, const std::string& pointer,
                        std::vector<Condition>& into) {
    auto path = EventPath::parse(text, false);
    if (!path) {
      add(pointer, "invalid_event_path", path.error());
      return;
    }
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS) {
      read_comparison(*path, Operator::Eq, value, pointer, into);
      return;
    }
    if (object.size() == 0) add(pointer, "required", "give an operator, such as {\"eq\":1}");
    for (const auto member : object) {
      const std::string at = join(pointer, member.key);
      if (const Operator* const op = find_operator(member.key)) {
        read_comparison(*path, *op, member.value, at, into);
      } else {
        add(at, "unknown_operator",
            "use one of: eq ne lt le gt ge in contains starts_with exists before after");
      }
    }
  }

  void read_comparison(const EventPath& path, Operator op, JsonElement value, const std::string& pointer,
                       std::vector<Condition>& into) {
    if (is_full_) return;
    if (++count_ > kConditionsMax) {
      is_full_ = true;
      add(pointer, "too_many", fmt::format("a rule makes at most {} comparisons", kConditionsMax));
      return;
    }
    Condition test;
    test.kind = Condition::Kind::Compare;
    test.op = op;
    test.path = path;
    test.pointer = pointer;
    test.wanted_json = base::to_json(value);
    read_wanted(test, value, pointer);
    into.push_back(std::move(test));
  }

  void read_wanted(Condition& test, JsonElement value, const std::string& pointer) {
    switch (test.op) {
      case Operator::In: return read_values(test, value, pointer);
      case Operator::Before:
      case Operator::After: return read_time(test, value, pointer);
      default: break;
    }
    auto scalar = read_scalar(value);
    if (!scalar) {
      add(pointer, "wrong_type",
          value.is_null() ? "null is as good as absent: use exists"
                          : "must be a text, a number, true or false");
      return;
    }
    const bool is_text = std::holds_alternative<std::string>(*scalar);
    const bool is_flag = std::holds_alternative<bool>(*scalar);
    if (test.op == Operator::Exists && !is_flag) return add(pointer, "wrong_type", "must be true or false");
    if (test.op == Operator::StartsWith && !is_text) return add(pointer, "wrong_type", "must be a text");
    const bool is_order = test.op == Operator::Lt || test.op == Operator::Le || test.op == Operator::Gt ||
                          test.op == Operator::Ge;
    if (is_order && is_flag) return add(pointer, "wrong_type", "must be a number or a text");
    keep(test, std::move(*scalar), pointer);
  }

  void keep(Condition& test, Scalar scalar, const std::string& pointer) {
    const auto* const text = std::get_if<std::string>(&scalar);
    if (text != nullptr && text->size() > kConditionTextMax) {
      return add(pointer, "too_long", fmt::format("must have at most {} bytes", kConditionTextMax));
    }
    test.wanted.push_back(std::move(scalar));
  }

  void read_values(Condition& test, JsonElement value, const std::string& pointer) {
    base::JsonArray items;
    if (value.get(items) != simdjson::SUCCESS) {
      return add(pointer, "wrong_type", "must be an array of texts, numbers, true or false");
    }
    if (items.size() == 0) return add(pointer, "required", "name at least one value");
    if (items.size() > kConditionListMax) {
      return add(pointer, "too_many", fmt::format("must have at most {} values", kConditionListMax));
    }
    std::size_t index = 0;
    for (const JsonElement item : items) {
      const std::string at = fmt::format("{}/{}", pointer, index++);
      if (auto scalar = read_scalar(item)) {
        keep(test, std::move(*scalar), at);
      } else {
        add(at, "wrong_type", "must be a text, a number, true or false");
      }
    }
  }

  void read_time(Condition& test, JsonElement value, const std::string& pointer) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return add(pointer, "wrong_type", "must be a time as text");
    if (const auto offset = read_relative(text)) {
      test.is_relative = true;
      test.offset = *offset;
    } else if (const auto at = parse_rfc3339(text)) {
      test.at = *at;
    } else {
      add(pointer, "invalid_time",
          "write RFC 3339 such as 2026-12-01T09:00:00Z, or a time from now such as now-15m, now+2h");
    }
  }

  base::Problems& problems_;
  std::size_t count_ = 0;
  bool is_full_ = false;
};

// ---- comparing
static_assert(LDBL_MANT_DIG >= 64, "a long double holds every 64-bit integer");

std::optional<long double> as_number(const Scalar& scalar) noexcept {
  if (const auto* n = std::get_if<std::int64_t>(&scalar)) return static_cast<long double>(*n);
  if (const auto* n = std::get_if<std::uint64_t>(&scalar)) return static_cast<long double>(*n);
  if (const auto* n = std::get_if<double>(&scalar)) return static_cast<long double>(*n);
  return std::nullopt;
}

std::optional<long double> as_number(JsonElement value) noexcept {
  switch (value.type()) {
    case simdjson::dom::element_type::INT64:
      return static_cast<long double>(value.get_int64().value_unsafe());
    case simdjson::dom::element_type::UINT64:
      return static_cast<long double>(value.get_uint64().value_unsafe());
    case simdjson::dom::element_type::DOUBLE:
      return static_cast<long double>(value.get_double().value_unsafe());
    default: return std::nullopt;
  }
}

// How the value stands to what is wanted; unordered when their types differ.
std::partial_ordering compare(JsonElement value, const Scalar& wanted) noexcept {
  if (const auto* text = std::get_if<std::string>(&wanted)) {
    std::string_view given;
    if (value.get(given) != simdjson::SUCCESS) return std::partial_ordering::unordered;
    return given <=> std::string_view(*text);
  }
  if (const auto* flag = std::get_if<bool>(&wanted)) {
    bool given = false;
    if (value.get(given) != simdjson::SUCCESS) return std::partial_ordering::unordered;
    return given <=> *flag;
  }
  const auto a = as_number(value), b = as_number(wanted);
  return a && b ? *a <=> *b : std::partial_ordering::unordered;
}

bool contains(JsonElement value, const Scalar& wanted) noexcept {
  base::JsonArray items;
  if (value.get(items) == simdjson::SUCCESS) {
    return std::ranges::any_of(items.begin(), items.end(),
                               [&](JsonElement item) { return std::is_eq(compare(item, wanted)); });
  }
  std::string_view given;
  const auto* const text = std::get_if<std::string>(&wanted);
  return text != nullptr && value.get(given) == simdjson::SUCCESS &&
         given.find(*text) != std::string_view::npos;
}

bool compare_time(const Condition& test, JsonElement value, Time now) noexcept {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return false;
  const auto given = parse_rfc3339(text);
  if (!given) return false;
  const Time bound = test.is_relative ? now + test.offset : test.at;
  return test.op == Operator::Before ? *given < bound : *given > bound;
}

bool is_met(const Condition& test, const std::optional<JsonElement>& value, Time now) {
  if (test.op == Operator::Exists) return value.has_value() == std::get<bool>(test.wanted.front());
  if (!value) return false;
  switch (test.op) {
    case Operator::Eq: return std::is_eq(compare(*value, test.wanted.front()));
    case Operator::Ne: return !std::is_eq(compare(*value, test.wanted.front()));
    case Operator::Lt: return std::is_lt(compare(*value, test.wanted.front()));
    case Operator::Le: return std::is_lteq(compare(*value, test.wanted.front()));
    case Operator::Gt: return std::is_gt(compare(*value, test.wanted.front()));
    case Operator::Ge: return std::is_gteq(compare(*value, test.wanted.front()));
    case Operator::In:
      return std::ranges::any_of(test.wanted,
                                 [&](const Scalar& wanted) { return std::is_eq(compare(*value, wanted)); });
    case Operator::Contains: return contains(*value, test.wanted.front());
    case Operator::StartsWith: {
      std::string_view given;
      return value->get(given) == simdjson::SUCCESS &&
             given.starts_with(std::get<std::string>(test.wanted.front()));
    }
    case Operator::Before:
    case Operator::After: return compare_time(test, *value, now);
    case Operator::Exists: break;
  }
  return false;
}

std::string explain_miss(const Condition& test, const std::optional<JsonElement>& value) {
  if (test.op == Operator::Exists) return {};
  if (!value) return fmt::format("the event has no {}", test.path.text());
  switch (test.op) {
    case Operator::Lt:
    case Operator::Le:
    case Operator::Gt:
    case Operator::Ge:
      if (compare(*value, test.wanted.front()) == std::partial_ordering::unordered) {
        return "numbers are compared with numbers, texts with texts";
      }
      return {};
    case Operator::Contains:
      return value->is_string() || value->is_array() ? "" : "this is neither a text nor a list";
    case Operator::StartsWith: return value->is_string() ? "" : "this is no text";
    case Operator::Before:
    case Operator::After: {
      std::string_view text;
      const bool is_time = value->get(text) == simdjson::SUCCESS && parse_rfc3339(text).has_value();
      return is_time ? "" : "this is no RFC 3339 time";
    }
    default: return {};
  }
}

ConditionCheck make_check(const Condition& test, const std::optional<JsonElement>& value, bool is_held,
                          Time now) {
  ConditionCheck check{test.pointer, test.path.text(), test.op, test.wanted_json, {}, is_held, {}};
  if (value) {
    check.value = base::to_json(*value);
    if (check.value.size() > kShownValueMax) check.value.clear();
  }
  if (!is_held) check.why = explain_miss(test, value);
  if (test.is_relative && check.why.empty()) {
    check.why = fmt::format("{} is {}", test.wanted_json, to_rfc3339(now + test.offset));
  }
  return check;
}

}  // namespace

std::string_view name(Operator op) noexcept { return kOperators[static_cast<std::size_t>(op)].first; }

Condition read_conditions(JsonElement body, const std::string& pointer, base::Problems& problems) {
  return ConditionReader(problems).read_object(body, pointer, 1);
}

bool holds(const Condition& condition, const Event& event, Time now, std::vector<ConditionCheck>* checks) {
  switch (condition.kind) {
    case Condition::Kind::Compare: {
      const auto value = condition.path.find(event);
      const bool is_held = is_met(condition, value, now);
      if (checks != nullptr) checks->push_back(make_check(condition, value, is_held, now));
      return is_held;
    }
    case Condition::Kind::Not: return !holds(condition.inner.front(), event, now, checks);
    case Condition::Kind::All:
    case Condition::Kind::Any: break;
  }
  const bool is_all = condition.kind == Condition::Kind::All;
  bool result = is_all;
  for (const Condition& inner : condition.inner) {
    const bool is_held = holds(inner, event, now, checks);
    result = is_all ? result && is_held : result || is_held;
    if (result != is_all && checks == nullptr) break;
  }
  return result;
}

void write_check(base::JsonWriter& out, const ConditionCheck& check) {
  out.object().field("pointer", check.pointer).field("path", check.path).field("operator", name(check.op));
  out.key("wanted").raw(check.wanted).key("value");
  if (check.value.empty()) {
    out.null();
  } else {
    out.raw(check.value);
  }
  out.field("holds", check.holds).field_if("why", check.why).end_object();
}

}  // namespace carillon::model
