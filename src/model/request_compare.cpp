// Whether two request bodies are the same, and where they differ in what they mean.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "model/notification.h"
#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using simdjson::dom::element_type;

// Not a secret: the hash is compared with one of a request of the same app only, never looked up by.
// Changing it makes every repeated event id of the dedup window look like a different request.
constexpr std::string_view kFingerprintKey = "carillon.request";

enum class Tag : char {
  Null = 'n',
  False = 'f',
  True = 't',
  Integer = 'i',
  Big = 'u',
  Real = 'd',
  Text = 's',
  Array = '[',
  Object = '{'
};

// An integral double is the integer of the same value: 1.0 and 1 mean the same.
bool as_integer(double real, std::int64_t& out) noexcept {
  constexpr double kExact = 9'007'199'254'740'992.0;  // 2^53
  if (std::trunc(real) != real || std::abs(real) > kExact) return false;
  out = static_cast<std::int64_t>(real);
  return true;
}

// Writes a canonical form, only to be compared: each value begins with its tag, sizes come first, members are
// sorted.
class Canonical {
 public:
  explicit Canonical(std::string& out) : out_(out) {}

  void add(base::JsonElement value) {
    switch (value.type()) {
      case element_type::NULL_VALUE: return tag(Tag::Null);
      case element_type::BOOL: return tag(value.get_bool().value_unsafe() ? Tag::True : Tag::False);
      case element_type::INT64: return number(Tag::Integer, value.get_int64().value_unsafe());
      case element_type::UINT64: return number(Tag::Big, value.get_uint64().value_unsafe());
      case element_type::DOUBLE: {
        const double real = value.get_double().value_unsafe();
        std::int64_t whole = 0;
        return as_integer(real, whole) ? number(Tag::Integer, whole) : number(Tag::Real, real);
      }
      case element_type::STRING: return text(value.get_string().value_unsafe());
      case element_type::ARRAY: {
        tag(Tag::Array);
        for (const base::JsonElement item : value.get_array().value_unsafe()) add(item);
        return tag(Tag::Array);
      }
      case element_type::OBJECT: return object(value.get_object().value_unsafe());
    }
  }

 private:
  using Member = std::pair<std::string_view, base::JsonElement>;
  static constexpr std::size_t kFew = 16;  // members sorted without an allocation

  void tag(Tag t) { out_.push_back(static_cast<char>(t)); }
  template <class T>
  void number(Tag t, T value) {
    std::array<char, 1 + sizeof(T)> bytes{};
    bytes[0] = static_cast<char>(t);
    std::memcpy(bytes.data() + 1, &value, sizeof(T));
    out_.append(bytes.data(), bytes.size());
  }
  void text(std::string_view value) {
    number(Tag::Text, static_cast<std::uint32_t>(value.size()));
    out_.append(value);
  }

  template <class Iterator>
  void sorted(Iterator begin, Iterator end) {
    std::sort(begin, end, [](const Member& a, const Member& b) { return a.first < b.first; });
    tag(Tag::Object);
    for (; begin != end; ++begin) {
      text(begin->first);
      add(begin->second);
    }
    tag(Tag::Object);
  }

  void object(base::JsonObject value) {
    std::array<Member, kFew> few;
    std::size_t count = 0;
    auto it = value.begin();
    for (; it != value.end() && count < few.size(); ++it) few[count++] = {it.key(), it.value()};
    if (it == value.end()) return sorted(few.begin(), few.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<Member> many;
    for (it = value.begin(); it != value.end(); ++it) many.emplace_back(it.key(), it.value());
    sorted(many.begin(), many.end());
  }

  std::string& out_;
};

bool differ(base::JsonElement a, base::JsonElement b, std::string& pointer);

bool differ_in_arrays(base::JsonArray a, base::JsonArray b, std::string& pointer) {
  auto left = a.begin(), right = b.begin();
  const std::size_t length = pointer.size();
  for (std::size_t index = 0; left != a.end() || right != b.end(); ++index, ++left, ++right) {
    pointer.append("/").append(fmt::format_int(index).c_str());
    if (left == a.end() || right == b.end() || differ(*left, *right, pointer)) return true;
    pointer.resize(length);
  }
  return false;
}

bool differ_in_objects(base::JsonObject a, base::JsonObject b, std::string& pointer) {
  const std::size_t length = pointer.size();
  for (auto it = a.begin(); it != a.end(); ++it) {
    pointer = detail::join(pointer, it.key());
    base::JsonElement other;
    if (b.at_key(it.key()).get(other) != simdjson::SUCCESS || differ(it.value(), other, pointer)) return true;
    pointer.resize(length);
  }
  for (auto it = b.begin(); it != b.end(); ++it) {
    base::JsonElement other;
    if (a.at_key(it.key()).get(other) == simdjson::SUCCESS) continue;
    pointer = detail::join(pointer, it.key());
    return true;
  }
  return false;
}

// Leaves `pointer` at the first difference, in the order of `a`'s members.
bool differ(base::JsonElement a, base::JsonElement b, std::string& pointer) {
  if (a.is_object() && b.is_object()) {
    return differ_in_objects(a.get_object().value_unsafe(), b.get_object().value_unsafe(), pointer);
  }
  if (a.is_array() && b.is_array()) {
    return differ_in_arrays(a.get_array().value_unsafe(), b.get_array().value_unsafe(), pointer);
  }
  std::string left, right;
  Canonical(left).add(a);
  Canonical(right).add(b);
  return left != right;
}

}  // namespace

std::string first_difference(base::JsonElement a, base::JsonElement b) {
  std::string pointer;
  if (!differ(a, b, pointer)) return {};
  return pointer;
}

base::Hash128 fingerprint(std::string_view body) {
  static const base::KeyedHash hash(kFingerprintKey);
  return hash({body});
}

}  // namespace carillon::model
