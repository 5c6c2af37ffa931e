#include "model/template_syntax.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/html_place.h"

namespace carillon::model::detail {
namespace {

constexpr std::size_t kShownMax = 40;  // bytes of a tag quoted in a complaint

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) noexcept {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Segments between dots; empty when malformed. The first is a name, later ones may hold '-' and begin
// with a digit, as attribute names do.
std::vector<std::string> split_path(std::string_view name) {
  std::vector<std::string> segments;
  while (true) {
    const auto dot = name.find('.');
    const std::string_view segment = name.substr(0, dot);
    const bool is_good = segments.empty() ? is_param_name(segment)
                                          : !segment.empty() && std::ranges::all_of(segment, [](char c) {
                                              return is_letter(c) || is_digit(c) || c == '-';
                                            });
    if (!is_good) return {};
    segments.emplace_back(segment);
    if (dot == std::string_view::npos) return segments;
    name.remove_prefix(dot + 1);
  }
}

class Compiler {
 public:
  Compiler(std::string_view text, PartKind kind, const Names& names, const std::string& pointer,
           base::Problems& problems)
      : text_(text), kind_(kind), names_(names), pointer_(pointer), problems_(problems) {}

  Part compile() {
    const std::string_view starts = names_.brackets ? "{[" : "{";
    while (at_ < text_.size() && !failed_) {
      const auto found = text_.find_first_of(starts, at_);
      take_literal(found == std::string_view::npos ? text_.size() : found);
      if (at_ == text_.size()) break;
      if (text_[at_] == '[') {
        bracket();
      } else if (text_.substr(at_).starts_with("{{")) {
        tag();
      } else {
        take_literal(at_ + 1);
      }
    }
    if (!failed_ && !open_.empty()) {
      fail("invalid_template", fmt::format("the section \"{}\" is not closed", open_.back().name));
    }
    flush();
    part_.ends_in_text = kind_ != PartKind::Html || html_.is_text();
    return std::move(part_);
  }

 private:
  struct Open {
    std::uint32_t token = 0;
    std::string name;
    bool has_items = false;
  };

  void fail(std::string code, std::string detail) {
    if (problems_.size() < base::kMaxProblems)
      problems_.push_back({pointer_, std::move(code), std::move(detail)});
    failed_ = true;
  }

  void take_literal(std::size_t until) {
    literal_.append(text_.substr(at_, until - at_));
    at_ = until;
  }

  void flush() {
    if (literal_.empty()) return;
    if (kind_ == PartKind::Html) html_.feed(literal_);
    Token token;
    token.text = std::move(literal_);
    part_.tokens.push_back(std::move(token));
    literal_.clear();
  }

  // `[name]`, exactly, where name is declared; anything else in brackets is text.
  void bracket() {
    const std::string_view window = text_.substr(at_ + 1, kParamNameMax + 1);
    const std::string_view name = window.substr(0, window.find(']'));
    if (name.size() == window.size() || !is_param_name(name) || names_.find(name) < 0)
      return take_literal(at_ + 1);
    at_ += name.size() + 2;
    variable(name, false);
  }

  void tag() {
    const std::size_t begin = at_;
    const bool is_triple = text_.substr(at_).starts_with("{{{");
    const std::string_view closing = is_triple ? "}}}" : "}}";
    const std::size_t inner = at_ + closing.size();
    const auto close = text_.find(closing, inner);
    const std::string_view shown = text_.substr(begin, std::min(kShownMax, text_.size() - begin));
    if (close == std::string_view::npos) {
      return fail("invalid_template", fmt::format("the tag at byte {} is not closed: {}", begin, shown));
    }
    const std::string_view content = trim(text_.substr(inner, close - inner));
    at_ = close + closing.size();
    const char sign = content.empty() ? '\0' : content.front();
    const std::string_view name = content.empty() ? content : trim(content.substr(1));
    if (names_.is_layout && (content == "content" || (sign == '&' && name == "content"))) {
      return place_content(is_triple || sign == '&');
    }
    if (is_triple) return variable(content, true);
    switch (sign) {
      case '\0': return fail("invalid_template", fmt::format("the tag at byte {} is empty", begin));
      case '=':
        return fail("invalid_template",
                    "delimiters cannot be changed; for [name] set \"syntax\":\"brackets\"");
      case '>': return fail("invalid_template", "partials are not available; use a layout");
      case '!': return standalone(begin);
      case '&': return variable(name, true);
      case '#': return section(begin, name, Token::Kind::Section);
      case '^': return section(begin, name, Token::Kind::Inverted);
      case '/': return end_section(begin, name);
      default: return variable(content, false);
    }
  }

  // A section tag or comment alone on its line takes the line with it (mustache specification).
  void standalone(std::size_t begin) {
    std::size_t line = begin;
    while (line > 0 && is_blank(text_[line - 1])) --line;
    if (line > 0 && text_[line - 1] != '\n') return;
    std::size_t after = at_;
    while (after < text_.size() && is_blank(text_[after])) ++after;
    if (after < text_.size() && text_[after] == '\r') ++after;
    if (after < text_.size() && text_[after] != '\n') return;
    literal_.resize(literal_.size() - std::min(literal_.size(), begin - line));
    at_ = std::min(after + 1, text_.size());
  }

  void section(std::size_t begin, std::string_view name, Token::Kind kind) {
    if (kind_ == PartKind::Json) return fail("invalid_template", "sections are not available in JSON parts");
    if (open_.size() == kSectionDepthMax) {
      return fail("invalid_template", fmt::format("sections are nested deeper than {}", kSectionDepthMax));
    }
    standalone(begin);
    flush();
    Token token;
    token.kind = kind;
    if (!resolve(name, token.reference)) return;
    const Reference& at = token.reference;
    const bool is_plain_param = at.root == Reference::Root::Param && at.path.empty() && !at.may_be_item;
    const bool may_be_json = at.root == Reference::Root::Param || at.root == Reference::Root::Item ||
                             at.root == Reference::Root::UserAttribute || at.may_be_item;
    const bool may_have_items = is_plain_param ? names_.has_items(at.param) : may_be_json;
    open_.push_back({static_cast<std::uint32_t>(part_.tokens.size()), std::string(name),
                     kind == Token::Kind::Section && may_have_items});
    push(std::move(token));
  }

  void end_section(std::size_t begin, std::string_view name) {
    if (open_.empty() || open_.back().name != name) {
      return fail("invalid_template", fmt::format("{{{{/{}}}}} closes a section that is not open here",
                                                  name.substr(0, kShownMax)));
    }
    standalone(begin);
    flush();
    part_.tokens[open_.back().token].end = static_cast<std::uint32_t>(part_.tokens.size());
    open_.pop_back();
    Token token;
    token.kind = Token::Kind::End;
    push(std::move(token));
  }

  // Where a layout has the e-mail it frames.
  void place_content(bool is_raw) {
    if (kind_ == PartKind::Html && !is_raw)
      return fail("invalid_template", "write {{{content}}}: it is HTML");
    if (!open_.empty()) return fail("invalid_template", "{{{content}}} stands outside of sections");
    flush();
    if (kind_ == PartKind::Html && !html_.is_text()) {
      return fail("invalid_template", "{{{content}}} stands between tags, not inside of one or of a script");
    }
    Token token;
    token.kind = Token::Kind::Content;
    push(std::move(token));
  }

  void variable(std::string_view name, bool is_raw) {
    if (is_raw && (kind_ == PartKind::Html || kind_ == PartKind::Json)) {
      return fail("invalid_template",
                  fmt::format("{} is escaped here; write {{{{{}}}}}",
                              kind_ == PartKind::Html ? "every value in HTML" : "a value in JSON",
                              name.substr(0, kShownMax)));
    }
    flush();
    Token token;
    token.kind = Token::Kind::Variable;
    token.is_raw = is_raw;
    if (!resolve(name, token.reference)) return;
    if (kind_ == PartKind::Html) {
      const HtmlPlace::Safety safety = html_.of_value();
      if (safety == HtmlPlace::Safety::Unsafe) {
        return fail(
            "invalid_template",
            fmt::format("\"{}\" stands where a value cannot be made safe: in a script, an on… attribute or "
                        "outside of quotes within a tag",
                        name.substr(0, kShownMax)));
      }
      token.is_link = safety == HtmlPlace::Safety::Link;
      token.is_in_link = html_.is_in_link();
    }
    push(std::move(token));
  }

  void push(Token token) {
    if (++tags_ > kTagsMax)
      return fail("invalid_template", fmt::format("more than {} tags in one part", kTagsMax));
    part_.tokens.push_back(std::move(token));
  }

  [[nodiscard]] bool is_in_items() const { return std::ranges::any_of(open_, &Open::has_items); }

  bool resolve(std::string_view name, Reference& out) {
    out.name = name;
    out.may_be_item = is_in_items();
    if (name == "." && out.may_be_item) return true;
    std::vector<std::string> path = split_path(name);
    if (path.empty()) {
      fail("invalid_template", fmt::format("\"{}\" is not a name", name.substr(0, kShownMax)));
      return false;
    }
    if (path.front() == "user" && path.size() > 1) return resolve_user(std::move(path), out);
    out.head = path.front();
    path.erase(path.begin());
    out.path = std::move(path);
    const int param = names_.find(out.head);
    if (param >= 0 && out.path.size() == 1) out.form = names_.form(param, out.path.front());
    if (param >= 0 && out.form != Reference::Form::Shown) {
      out.root = Reference::Root::Param;
      out.param = static_cast<std::uint16_t>(param);
      return true;
    }
    if (param >= 0 && (out.path.empty() || names_.has_members(param))) {
      out.root = Reference::Root::Param;
      out.param = static_cast<std::uint16_t>(param);
      return true;
    }
    if (param < 0 && resolve_surroundings(out)) return true;
    if (out.may_be_item) return true;
    fail("undeclared_name", fmt::format("\"{}\" is not a declared parameter", name.substr(0, kShownMax)));
    return false;
  }

  // brand.x, links.x; in a layout also what it frames.
  [[nodiscard]] bool resolve_surroundings(Reference& out) const {
    if (out.head == "brand" && out.path.size() == 1) {
      out.root = Reference::Root::Brand;
      return true;
    }
    const bool is_link = out.head == "links" && out.path.size() == 1 &&
                         (out.path.front() == "preferences" || out.path.front() == "unsubscribe");
    if (is_link) {
      out.root = Reference::Root::Link;
      return true;
    }
    if (!names_.is_layout || !out.path.empty()) return false;
    if (out.head == "subject") out.root = Reference::Root::Subject;
    if (out.head == "preheader") out.root = Reference::Root::Preheader;
    if (out.head == "locale") out.root = Reference::Root::Locale;
    return out.root != Reference::Root::Item;
  }

  // user.name, user.email, user.phone_number; user.attributes.x and, in short, user.x.
  static bool resolve_user(std::vector<std::string> path, Reference& out) {
    const std::string& field = path[1];
    out.may_be_item = false;  // "user" is no parameter's name and always the recipient
    if (path.size() == 2 && field == "name") {
      out.root = Reference::Root::UserName;
    } else if (path.size() == 2 && field == "email") {
      out.root = Reference::Root::UserEmail;
    } else if (path.size() == 2 && (field == "phone_number" || field == "phone")) {
      out.root = Reference::Root::UserPhone;
    } else {
      out.root = Reference::Root::UserAttribute;
      path.erase(path.begin(), path.begin() + (field == "attributes" ? 2 : 1));
      out.path = std::move(path);
    }
    return true;
  }

  std::string_view text_;
  PartKind kind_;
  const Names& names_;
  const std::string& pointer_;
  base::Problems& problems_;
  std::size_t at_ = 0, tags_ = 0;
  bool failed_ = false;
  std::string literal_;
  std::vector<Open> open_;
  HtmlPlace html_;
  Part part_;
};

}  // namespace

bool is_param_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kParamNameMax && is_letter(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

Part Part::literal(std::string_view text) {
  Part part;
  if (text.empty()) return part;
  part.tokens.emplace_back();
  part.tokens.back().text = text;
  return part;
}

Part compile_part(std::string_view text, PartKind kind, const Names& names, const std::string& pointer,
                  base::Problems& problems) {
  return Compiler(text, kind, names, pointer, problems).compile();
}

}  // namespace carillon::model::detail
