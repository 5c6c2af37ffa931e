// The conditions of a rule: comparisons over a business event, combined by all, any and not. Pure.
//
//   {"data.order.total":{"ge":50000},"data.country":{"in":["KR","JP"]},"data.status":"paid",
//    "any":[{"data.vip":true},{"not":{"data.coupon":{"exists":true}}}]}
//
// The members of an object must all hold. A value that is not there, null, or of a type the operator does
// not compare makes a comparison false; only `ne` holds for values of different types, and only
// `exists` speaks of absence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "model/event.h"

namespace carillon::model {

inline constexpr std::size_t kConditionsMax = 64;       // comparisons of a rule
inline constexpr std::size_t kConditionDepthMax = 8;    // all, any and not inside each other
inline constexpr std::size_t kConditionTextMax = 1024;  // bytes of a text compared with
inline constexpr std::size_t kConditionListMax = 100;   // values of `in`

enum class Operator : std::uint8_t {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  In,
  Contains,
  StartsWith,
  Exists,
  Before,
  After,
};
std::string_view name(Operator op) noexcept;

// A JSON scalar. Integers compare exactly, whatever their width, also with fractions.
using Scalar = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

struct Condition {
  enum class Kind : std::uint8_t { All, Any, Not, Compare };
  Kind kind = Kind::All;
  std::vector<Condition> inner;  // All, Any; Not: exactly one

  // Compare
  Operator op = Operator::Eq;
  EventPath path;
  std::vector<Scalar> wanted;  // one; In: any of them; Before, After: none
  bool is_relative = false;    // Before, After: `offset` from now, else `at`
  Millis offset{0};
  Time at{};
  std::string wanted_json;
  std::string pointer;  // of the comparison in its rule
};

// One comparison that was looked at.
struct ConditionCheck {
  std::string pointer;  // in the rule: "/when/conditions/data.order.total/ge"
  std::string path;
  Operator op = Operator::Eq;
  std::string wanted, value;  // JSON; value empty: not there, or too long to be shown
  bool holds = false;
  std::string why;  // beyond the comparison itself: not there, another type, what "now-15m" was
};

// Reads `conditions`. Pointers begin with `pointer`. The result is usable only when no problem was added.
// Codes: wrong_type unknown_operator invalid_event_path invalid_time required too_deep too_many too_long.
Condition read_conditions(base::JsonElement body, const std::string& pointer, base::Problems& problems);

// Whether they hold. With `checks`, every comparison is made and told, else as few as decide.
[[nodiscard]] bool holds(const Condition& condition, const Event& event, Time now,
                         std::vector<ConditionCheck>* checks = nullptr);

void write_check(base::JsonWriter& out, const ConditionCheck& check);

}  // namespace carillon::model
