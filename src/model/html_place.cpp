#include "model/html_place.h"

#include <algorithm>
#include <array>

namespace carillon::model::detail {
namespace {

constexpr std::size_t kNameMax = 32;  // bytes remembered of a tag's or attribute's name

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }

void append_lower(std::string& name, char c) {
  if (name.size() < kNameMax) name.push_back(lower(c));
}

bool is_link_attribute(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 9> kLinks{"href",   "src",  "action", "formaction", "background",
                                                   "poster", "cite", "srcset", "xlink:href"};
  return std::ranges::find(kLinks, name) != kLinks.end();
}

}  // namespace

void HtmlPlace::feed(std::string_view literal) {
  std::size_t i = 0;
  while (i < literal.size()) {
    if (state_ == State::Text) {  // most of a mail is text: jump to the next tag
      i = literal.find('<', i);
      if (i == std::string_view::npos) return;
    }
    step(literal[i++]);
  }
}

void HtmlPlace::close_tag() {
  const bool is_raw = tag_ == "script" || tag_ == "style";
  state_ = is_raw ? State::Raw : State::Text;
  raw_tail_.clear();
}

void HtmlPlace::step(char c) {
  switch (state_) {
    case State::Text:
      if (c == '<') state_ = State::Open;
      return;
    case State::Open:
      tag_.clear();
      if (is_letter(c) || c == '/' || c == '!' || c == '?') {
        append_lower(tag_, c);
        state_ = State::Name;
      } else if (c != '<') {
        state_ = State::Text;
      }
      return;
    case State::Name:
      if (c == '>') return close_tag();
      if (is_space(c) || (c == '/' && tag_ != "/")) {
        state_ = State::Attributes;
        attribute_.clear();
        is_name_done_ = false;
      } else {
        append_lower(tag_, c);
      }
      return;
    case State::Attributes:
      if (c == '>') return close_tag();
      if (c == '=') {
        state_ = State::BeforeValue;
      } else if (is_space(c) || c == '/') {
        is_name_done_ = true;
      } else {
        if (is_name_done_) attribute_.clear();
        is_name_done_ = false;
        append_lower(attribute_, c);
      }
      return;
    case State::BeforeValue:
      if (is_space(c)) return;
      if (c == '>') return close_tag();
      at_value_start_ = true;
      quote_ = c;
      state_ = c == '"' || c == '\'' ? State::Quoted : State::Unquoted;
      return;
    case State::Quoted:
      if (c == quote_) {
        state_ = State::Attributes;
        is_name_done_ = true;
      } else if (static_cast<unsigned char>(c) > 0x20) {
        at_value_start_ = false;
      }
      return;
    case State::Unquoted:
      if (c == '>') return close_tag();
      if (is_space(c)) {
        state_ = State::Attributes;
        is_name_done_ = true;
      }
      return;
    case State::Raw: {
      const std::string end = "</" + tag_;
      raw_tail_.push_back(lower(c));
      if (raw_tail_.size() > end.size()) raw_tail_.erase(0, 1);
      if (raw_tail_ == end) {
        tag_ = "/" + tag_;
        state_ = State::Name;
      }
      return;
    }
  }
}

bool HtmlPlace::is_in_link() const { return state_ == State::Quoted && is_link_attribute(attribute_); }

HtmlPlace::Safety HtmlPlace::of_value() const {
  switch (state_) {
    case State::Text: return Safety::Escaped;
    case State::Raw: return tag_ == "style" ? Safety::Escaped : Safety::Unsafe;
    case State::Quoted:
      if (attribute_.starts_with("on")) return Safety::Unsafe;
      return at_value_start_ && is_link_attribute(attribute_) ? Safety::Link : Safety::Escaped;
    case State::Open:
    case State::Name:
    case State::Attributes:
    case State::BeforeValue:
    case State::Unquoted:
      // "<!-- … -->" is read as a tag up to its first '>'; what is said in a comment is harmless.
      return tag_.starts_with("!--") && state_ != State::Open ? Safety::Escaped : Safety::Unsafe;
  }
  return Safety::Unsafe;
}

}  // namespace carillon::model::detail
