// JSON: a reader that remembers where it is, so that every complaint carries a pointer, and a writer.
//
// Reading uses simdjson's DOM (whole document validated, UTF-8 included, before anything is used);
// one parser per thread is reused. Depth is limited to 32; duplicate keys are refused (RELIABILITY
// §5). Numbers stay what they were: an id given as an integer is turned into its decimal text.
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace carillon::base {

// One thing wrong with a document. `pointer` is RFC 6901, e.g. "/to/0/phone".
struct Problem {
  std::string pointer;
  std::string code;    // from the error registry, e.g. "invalid_phone"
  std::string detail;  // what to change, in a sentence
};
using Problems = std::vector<Problem>;

inline constexpr std::size_t kJsonMaxDepth = 32;         // arrays and objects inside each other
inline constexpr std::size_t kJsonMaxBytes = 64U << 20;  // one document; callers set tighter limits
inline constexpr std::size_t kMaxProblems = 100;         // an ObjectReader reports no more than these

using JsonElement = simdjson::dom::element;
using JsonObject = simdjson::dom::object;
using JsonArray = simdjson::dom::array;

// A parsed document and its parser, which is kept from one parse() to the next: keep one per thread.
// The elements point into it and are gone with the next parse(). Movable; one thread at a time. What a
// large document made it allocate is given back by the next small one.
class JsonDocument {
 public:
  JsonDocument();
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;

  // Errors: InvalidArgument with the reason (not JSON, not UTF-8, deeper than kJsonMaxDepth, larger
  // than kJsonMaxBytes, a number beyond 64 bits, a key twice). `text` is copied, the argument need not
  // outlive the call.
  Result<JsonElement> parse(std::string_view text);

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
};

// Writes compact JSON into a string. Keys and values are escaped (RFC 8259 §7), bytes that are not
// UTF-8 become U+FFFD. The caller keeps the nesting balanced; CARILLON_ASSERT checks it in str().
class JsonWriter {
 public:
  JsonWriter() = default;
  explicit JsonWriter(std::size_t reserve) { out_.reserve(reserve); }

  JsonWriter& object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(std::uint64_t number);
  JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }
  JsonWriter& value(unsigned number) { return value(static_cast<std::uint64_t>(number)); }
  JsonWriter& value(double number);  // shortest form that reads back; not finite: null
  JsonWriter& value(bool flag);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);     // already JSON; not checked
  JsonWriter& element(const JsonElement& e);  // copies a parsed element

  template <class T>
  JsonWriter& field(std::string_view name, T&& v) {
    return key(name).value(std::forward<T>(v));
  }
  // Writes the field only when there is a value.
  template <class T>
  JsonWriter& field_if(std::string_view name, const std::optional<T>& v) {
    return v ? key(name).value(*v) : *this;
  }
  JsonWriter& field_if(std::string_view name, const std::string& v) {
    return v.empty() ? *this : key(name).value(v);
  }

  // Writes the field always: null when there is no value.
  template <class T>
  JsonWriter& field_or_null(std::string_view name, const std::optional<T>& v) {
    key(name);
    return v ? value(*v) : null();
  }
  JsonWriter& field_or_null(std::string_view name, const std::optional<Time>& v) {
    key(name);
    return v ? value(to_rfc3339(*v)) : null();
  }
  JsonWriter& field_or_null(std::string_view name, std::string_view v) {
    key(name);
    return v.empty() ? null() : value(v);
  }

  // The finished document; this writer is empty afterwards.
  [[nodiscard]] std::string str();
  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  void separate();
  std::string out_;
  int depth_ = 0;
  bool need_comma_ = false;
};

// Appends `text` as a JSON string, with quotes.
void append_json_string(std::string& out, std::string_view text);
// `text` with every maximal part that is not UTF-8 replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);
// The first characters of a text, at most `bytes_max` bytes, none of them in half.
[[nodiscard]] std::string_view first_characters(std::string_view text, std::size_t bytes_max) noexcept;
// An element as compact JSON. Integers stay integers, other numbers keep a point or an exponent.
std::string to_json(const JsonElement& element);

// Walks one JSON object and collects every problem instead of stopping at the first.
//
//   ObjectReader r(element, "/to/0", problems);
//   r.text("email", entry.email, 320);
//   r.done();                       // complains of every key nobody asked for ("unknown_field")
//
// Each reader leaves its target untouched when the key is absent or null, and adds a problem when the
// type or the size is wrong. Returns true when the target was set. Codes: wrong_type, too_long,
// out_of_range, unknown_field, required, too_many, invalid_choice, invalid_duration, invalid_time.
// Keys given to it must outlive it (they are literals); `problems` too. Limits are in bytes of UTF-8.
class ObjectReader {
 public:
  // When `element` is no object, adds "wrong_type" and every read finds nothing.
  ObjectReader(JsonElement element, std::string pointer, Problems& problems);

  bool text(std::string_view key, std::string& out, std::size_t max_bytes);
  // A string, or an integer taken as its decimal text (CONTRACT §1, user_id).
  bool id_text(std::string_view key, std::string& out, std::size_t max_bytes);
  bool integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max);
  bool number(std::string_view key, double& out, double min, double max);
  bool boolean(std::string_view key, bool& out);
  bool duration(std::string_view key, Millis& out, Millis min, Millis max);
  bool time(std::string_view key, Time& out);
  bool texts(std::string_view key, std::vector<std::string>& out, std::size_t max_count,
             std::size_t max_bytes_each);
  // One of `names`; sets `index` to its position.
  bool one_of(std::string_view key, std::size_t& index, std::initializer_list<std::string_view> names);
  // The raw element of that key (marks it as known); nullopt when absent or null.
  std::optional<JsonElement> element(std::string_view key);
  // An object kept as compact JSON text.
  bool json_object(std::string_view key, std::string& out, std::size_t max_bytes);
  // Calls `each(element, pointer)` for every item of an array; wrong_type when it is none,
  // too_many when longer than `max_count`.
  bool array(std::string_view key, std::size_t max_count,
             const std::function<void(JsonElement, const std::string&)>& each);

  // Present and not null (marks the key as known).
  [[nodiscard]] bool has(std::string_view key);
  [[nodiscard]] std::string pointer(std::string_view key) const;
  // Where this reader puts its problems: for readers of the objects inside.
  [[nodiscard]] Problems& problems() const noexcept { return problems_; }
  void problem(std::string_view key, std::string code, std::string detail);
  // Adds "required" when the key is absent or null.
  void require(std::string_view key);
  // Adds "unknown_field" for every key that was not asked for.
  void done();

 private:
  std::optional<JsonElement> find(std::string_view key);
  std::optional<std::string_view> find_text(std::string_view key, std::string_view wanted);
  bool add_if_long(std::string_view key, std::size_t bytes, std::size_t max_bytes);
  JsonObject object_;
  bool valid_ = false;
  std::string pointer_;
  Problems& problems_;
  std::vector<std::string_view> known_;
};

}  // namespace carillon::base
