#include "model/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/content.h"
#include "model/template_parts.h"

namespace carillon::model {
namespace {

constexpr std::size_t kKeyMax = 64;  // bytes
constexpr std::int64_t kVersionMax = 1'000'000'000;

void read_text(base::ObjectReader& reader, std::string_view key, std::string& out, std::size_t max) {
  if (reader.text(key, out, max) && out.find('\0') != std::string::npos) {
    reader.problem(key, "invalid_text", "remove the NUL character");
  }
}

Layout read_shape(base::JsonElement body, std::string_view key, base::Problems& problems) {
  Layout layout;
  layout.key = key;
  base::ObjectReader reader(body, "", problems);
  std::string given_key;
  std::int64_t version = 0;
  std::size_t status = 0;
  bool is_in_use = false;
  if (reader.text("key", given_key, kKeyMax) && given_key != key) {
    reader.problem("key", "key_mismatch", "leave key out, or give the one in the address");
  }
  // What an answer shows may be sent back.
  if (reader.integer("version", version, 0, kVersionMax)) layout.version = static_cast<int>(version);
  if (reader.one_of("status", status, {"draft", "published"})) layout.is_published = status == 1;
  reader.boolean("published", is_in_use);
  if (body.is_object()) reader.require("html");
  read_text(reader, "html", layout.html, kHtmlMax);
  read_text(reader, "text", layout.text, kTextMax);
  reader.done();
  return layout;
}

void check_frame(const std::string& text, detail::PartKind kind, const std::string& pointer,
                 base::Problems& problems) {
  const std::size_t before = problems.size();
  const detail::Part part = detail::compile_part(text, kind, detail::names_of_layout(), pointer, problems);
  if (problems.size() != before) return;
  const auto places = std::ranges::count(part.tokens, detail::Token::Kind::Content, &detail::Token::kind);
  if (places == 1) return;
  problems.push_back({pointer, "invalid_template",
                      places == 0 ? "put {{{content}}} where the e-mail's own text belongs"
                                  : "{{{content}}} stands there more than once"});
}

}  // namespace

Layout read_layout(base::JsonElement body, std::string_view key, base::Problems& problems) {
  const std::size_t before = problems.size();
  Layout layout = read_shape(body, key, problems);
  if (problems.size() != before) return layout;
  check_frame(layout.html, detail::PartKind::Html, "/html", problems);
  if (!layout.text.empty()) check_frame(layout.text, detail::PartKind::Text, "/text", problems);
  return layout;
}

void write_layout(base::JsonWriter& out, const Layout& layout) {
  out.object().field("key", layout.key).field("version", layout.version);
  out.field("status", layout.is_published ? "published" : "draft").field("html", layout.html);
  out.field_if("text", layout.text).end_object();
}

Result<Layout> decode_layout(std::string_view json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  if (!root) return fail(Errc::Corruption, "a stored layout is not JSON: " + root.error().message);
  std::string_view key;
  if (!root->is_object() || (*root)["key"].get(key) != simdjson::SUCCESS) {
    return fail(Errc::Corruption, "a stored layout has no key");
  }
  base::Problems problems;
  Layout layout = read_shape(*root, key, problems);
  if (problems.empty()) return layout;
  return fail(Errc::Corruption, fmt::format("the stored layout {} is malformed at {}: {}", key,
                                            problems.front().pointer, problems.front().code));
}

}  // namespace carillon::model
