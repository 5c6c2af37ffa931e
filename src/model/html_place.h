// Where in an HTML text a tag stands: what escaping is enough there. Private to template_syntax.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::model::detail {

// Follows the literal parts of an HTML template. Not a parser: conditional comments are read as their
// content, because that is what the mail programs they are for do.
class HtmlPlace {
 public:
  enum class Safety : std::uint8_t {
    Escaped,  // entities are enough
    Link,     // entities, and the scheme is to be checked
    Unsafe,   // no escaping helps
  };
  void feed(std::string_view literal);
  [[nodiscard]] Safety of_value() const;
  [[nodiscard]] bool is_text() const noexcept { return state_ == State::Text; }
  // Within the quotes of an attribute that holds a URL.
  [[nodiscard]] bool is_in_link() const;

 private:
  enum class State : std::uint8_t { Text, Open, Name, Attributes, BeforeValue, Quoted, Unquoted, Raw };
  void step(char c);
  void close_tag();
  State state_ = State::Text;
  char quote_ = 0;
  bool at_value_start_ = false;
  bool is_name_done_ = false;  // of an attribute: the next letter begins another
  std::string tag_, attribute_, raw_tail_;
};

}  // namespace carillon::model::detail
