#include "base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace carillon::base {
namespace {

// A parser grown beyond this is replaced when a document needs less than a quarter of it.
constexpr std::size_t kKeptCapacity = 1U << 20;
// simdjson asks for more than the documents need below this anyway.
constexpr std::size_t kFirstCapacity = 4096;
// Above this many keys an object's keys are sorted to find a repeated one.
constexpr std::size_t kPairwiseKeys = 12;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

std::unique_ptr<simdjson::dom::parser> make_parser() {
  auto parser = std::make_unique<simdjson::dom::parser>(kJsonMaxBytes);
  // The root value counts as one level in simdjson.
  if (parser->allocate(kFirstCapacity, kJsonMaxDepth + 1) != simdjson::SUCCESS) throw std::bad_alloc();
  return parser;
}

// The key that stands twice in `object`, or nullopt. An empty key is a key.
std::optional<std::string_view> repeated_key(const JsonObject& object) {
  std::array<std::string_view, kPairwiseKeys> few;
  std::size_t count = 0;
  for (auto it = object.begin(); it != object.end(); ++it) {
    const std::string_view key = it.key();
    if (count == few.size()) break;
    if (std::find(few.begin(), few.begin() + static_cast<std::ptrdiff_t>(count), key) !=
        few.begin() + static_cast<std::ptrdiff_t>(count)) {
      return key;
    }
    few[count++] = key;
  }
  if (count < few.size() || object.size() == count) return std::nullopt;
  std::vector<std::string_view> many;
  for (auto it = object.begin(); it != object.end(); ++it) many.push_back(it.key());
  std::sort(many.begin(), many.end());
  const auto twice = std::adjacent_find(many.begin(), many.end());
  return twice == many.end() ? std::nullopt : std::optional(*twice);
}

std::string_view reason(simdjson::error_code code) noexcept {
  switch (code) {
    case simdjson::EMPTY: return "the document is empty";
    case simdjson::CAPACITY: return "the document is too large";
    case simdjson::DEPTH_ERROR: return "arrays and objects are nested deeper than 32 levels";
    case simdjson::UTF8_ERROR: return "the text is not UTF-8";
    case simdjson::UNESCAPED_CHARS: return "a string holds a control character that is not escaped";
    case simdjson::UNCLOSED_STRING: return "a string is not closed";
    case simdjson::STRING_ERROR: return "a string holds an escape sequence that does not exist";
    case simdjson::NUMBER_ERROR: return "a number is malformed or does not fit into 64 bits";
    default: return "commas, colons, brackets or literals are not where JSON wants them";
  }
}

// What our own limits have against `element`, which stands inside `depth` arrays and objects.
std::optional<std::string> complaint(const JsonElement& element, std::size_t depth) {
  const bool is_object = element.is_object();
  if (!is_object && !element.is_array()) return std::nullopt;
  // simdjson does not count the innermost level when it is empty.
  if (depth == kJsonMaxDepth) return std::string(reason(simdjson::DEPTH_ERROR));
  if (!is_object) {
    for (const JsonElement item : element.get_array().value_unsafe()) {
      if (auto found = complaint(item, depth + 1)) return found;
    }
    return std::nullopt;
  }
  const JsonObject object = element.get_object().value_unsafe();
  if (const auto key = repeated_key(object)) {
    return fmt::format("the key \"{}\" stands twice in one object", to_valid_utf8(key->substr(0, 64)));
  }
  for (auto it = object.begin(); it != object.end(); ++it) {
    if (auto found = complaint(it.value(), depth + 1)) return found;
  }
  return std::nullopt;
}

// Bit 7 of a byte of the result is set when that byte needs an escape or is not ASCII. Exact as a
// question about all eight bytes together: zero means none.
std::uint64_t special_bytes(std::uint64_t block) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101U, kHigh = 0x8080808080808080U;
  const auto zero_byte = [](std::uint64_t v) { return (v - kOnes) & ~v; };
  const std::uint64_t below_space = (block - kOnes * 0x20) & ~block;
  return (below_space | zero_byte(block ^ (kOnes * '"')) | zero_byte(block ^ (kOnes * '\\')) | block) & kHigh;
}

bool is_plain(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return u >= 0x20 && u < 0x80 && u != '"' && u != '\\';
}

std::size_t plain_prefix(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t block = 0;
    std::memcpy(&block, text.data() + i, 8);
    if (special_bytes(block) != 0) break;
  }
  while (i < text.size() && is_plain(text[i])) ++i;
  return i;
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  const auto u = static_cast<unsigned char>(c);
  const char escaped[] = {'\\', 'u', '0', '0', kHex[u >> 4], kHex[u & 15]};
  out.append(escaped, sizeof escaped);
}

// Text known to be UTF-8, without quotes.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t n = 0;
    // Bytes above ASCII are copied like plain ones here.
    for (;;) {
      n += plain_prefix(text.substr(n));
      if (n == text.size() || (static_cast<unsigned char>(text[n]) & 0x80) == 0) break;
      ++n;
    }
    out.append(text.substr(0, n));
    if (n == text.size()) return;
    append_escape(out, text[n]);
    text.remove_prefix(n + 1);
  }
}

// Length of the well-formed UTF-8 sequence at the front (Unicode table 3-7); when there is none, 0 and
// `bad` is the length of the maximal part to replace.
std::size_t sequence_length(std::string_view text, std::size_t& bad) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  bad = 1;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (std::size_t i = 1; i < length; ++i) {
    bad = i;
    if (i == text.size()) return 0;
    if (byte(i) < (i == 1 ? low : 0x80U) || byte(i) > (i == 1 ? high : 0xbfU)) return 0;
  }
  return length;
}

void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out.append(text);
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_json(std::string& out, const JsonElement& element) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::OBJECT: {
      char separator = '{';
      const JsonObject object = element.get_object().value_unsafe();
      for (auto it = object.begin(); it != object.end(); ++it) {
        out += separator;
        append_json_string(out, it.key());
        out += ':';
        append_json(out, it.value());
        separator = ',';
      }
      out += separator == '{' ? "{}" : "}";
      return;
    }
    case element_type::ARRAY: {
      char separator = '[';
      for (const JsonElement item : element.get_array().value_unsafe()) {
        out += separator;
        append_json(out, item);
        separator = ',';
      }
      out += separator == '[' ? "[]" : "]";
      return;
    }
    case element_type::STRING: append_json_string(out, element.get_string().value_unsafe()); return;
    case element_type::INT64: out.append(fmt::format_int(element.get_int64().value_unsafe()).c_str()); return;
    case element_type::UINT64:
      out.append(fmt::format_int(element.get_uint64().value_unsafe()).c_str());
      return;
    case element_type::DOUBLE: append_double(out, element.get_double().value_unsafe()); return;
    case element_type::BOOL: out += element.get_bool().value_unsafe() ? "true" : "false"; return;
    case element_type::NULL_VALUE: out += "null"; return;
  }
}

}  // namespace

JsonDocument::JsonDocument() : parser_(make_parser()) {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

Result<JsonElement> JsonDocument::parse(std::string_view text) {
  if (!parser_ || (parser_->capacity() > kKeptCapacity && text.size() < parser_->capacity() / 4)) {
    parser_ = make_parser();
  }
  JsonElement root;
  const simdjson::error_code error = parser_->parse(text.data(), text.size()).get(root);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error != simdjson::SUCCESS)
    return fail(Errc::InvalidArgument, fmt::format("not JSON: {}", reason(error)));
  if (auto found = complaint(root, 0)) return fail(Errc::InvalidArgument, std::move(*found));
  return root;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  const std::size_t plain = plain_prefix(text);
  out.append(text.substr(0, plain));
  text.remove_prefix(plain);
  if (!text.empty()) {
    if (simdjson::validate_utf8(text.data(), text.size())) {
      append_escaped(out, text);
    } else {
      append_escaped(out, to_valid_utf8(text));
    }
  }
  out += '"';
}

std::string_view first_characters(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0U) == 0x80U) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string to_valid_utf8(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return std::string(text);
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    std::size_t bad = 0;
    const std::size_t length = sequence_length(text, bad);
    out.append(length != 0 ? text.substr(0, length) : kReplacement);
    text.remove_prefix(length != 0 ? length : bad);
  }
  return out;
}

std::string to_json(const JsonElement& element) {
  std::string out;
  append_json(out, element);
  return out;
}

void JsonWriter::separate() {
  if (need_comma_) out_ += ',';
  need_comma_ = true;
}

JsonWriter& JsonWriter::open(char c) {
  separate();
  out_ += c;
  ++depth_;
  need_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char c) {
  out_ += c;
  --depth_;
  need_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ':';
  need_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::value(std::int64_t number) {
  const fmt::format_int digits(number);
  return raw({digits.data(), digits.size()});
}

JsonWriter& JsonWriter::value(std::uint64_t number) {
  const fmt::format_int digits(number);
  return raw({digits.data(), digits.size()});
}

JsonWriter& JsonWriter::value(double number) {
  separate();
  append_double(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) { return raw(flag ? "true" : "false"); }

JsonWriter& JsonWriter::null() { return raw("null"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_.append(json);
  return *this;
}

JsonWriter& JsonWriter::element(const JsonElement& e) {
  separate();
  append_json(out_, e);
  return *this;
}

std::string JsonWriter::str() {
  CARILLON_ASSERT(depth_ == 0);
  need_comma_ = false;
  return std::exchange(out_, {});
}

}  // namespace carillon::base
