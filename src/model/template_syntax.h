// From template text to tokens: `{{name}}`, sections, and `[name]` where the name is declared.
// Private to the template files of this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace carillon::model::detail {

inline constexpr std::size_t kTagsMax = 2000;       // tags in one part
inline constexpr std::size_t kParamNameMax = 64;    // bytes
inline constexpr std::size_t kSectionDepthMax = 4;  // sections inside each other

// What a part becomes, which decides how values are escaped and what tags may stand in it.
enum class PartKind : std::uint8_t {
  Text,    // nothing is escaped
  Header,  // a subject or header value: line breaks become spaces
  Html,    // & < > " ' become entities; links are checked
  Url,     // http, https, mailto, tel
  Image,   // https or obj_…
  Email,   // one address
  Json,    // compact JSON whose strings may hold tags: values are escaped as JSON strings are
};

// Where a tag's value comes from.
struct Reference {
  enum class Root : std::uint8_t {
    Param, UserName, UserEmail, UserPhone, UserAttribute, Brand, Link, Item,
    Subject, Preheader, Locale,  // of the e-mail around which a layout stands
  };
  // A value of some types is shown in the recipient's language, or in one of its other forms.
  enum class Form : std::uint8_t { Shown, Raw, Date, Time };
  Root root = Root::Item;
  Form form = Form::Shown;        // Root::Param; `path` is then the form's name
  bool may_be_item = false;       // inside a list or object: looked for there first
  std::uint16_t param = 0;        // Root::Param: its index
  std::string name;               // as written, for errors
  std::string head;               // the first name; empty for "." and for user.…
  std::vector<std::string> path;  // what follows: "order.total" → {"total"}; of brand.…, links.… which
};

struct Token {
  enum class Kind : std::uint8_t { Literal, Variable, Section, Inverted, End, Content };
  Kind kind = Kind::Literal;
  bool is_raw = false;    // {{{name}}} or {{&name}}: never in Html and Json
  bool is_link = false;   // Html: the value begins a link
  bool is_in_link = false;  // Html: it stands in one, which machines read
  std::uint32_t end = 0;  // Section, Inverted: index of the End
  std::string text;       // Literal
  Reference reference;    // the others
};

struct Part {
  std::vector<Token> tokens;
  bool ends_in_text = true;  // Html: no tag, no attribute and no script is open at the end
  // A part without tags.
  static Part literal(std::string_view text);
};

// What the tokeniser has to know of the declarations.
struct Names {
  // The parameter's index, or -1.
  std::function<int(std::string_view)> find;
  // True for lists and objects: inside their sections, names of their items may be used.
  std::function<bool(int)> has_items;
  // True for objects and money: a dot may follow.
  std::function<bool(int)> has_members;
  // The form of that name which its type has, or Shown.
  std::function<Reference::Form(int, std::string_view)> form;
  bool brackets = false;
  // A layout has no parameters, but {{{content}}}, {{subject}}, {{preheader}} and {{locale}}.
  bool is_layout = false;
};

// Tokenises `text`; what does not compile is added to `problems` under `pointer` (invalid_template,
// undeclared_name), and the result is then not to be used. Refused with the reason: partials,
// delimiter changes, unescaped tags in Html and Json, sections in Json, Html tags where no escaping
// helps (in <script>, outside of quotes within a tag, in on… attributes), {{{content}}} in a section or in
// a tag. Whether a layout has it is for the caller to check.
Part compile_part(std::string_view text, PartKind kind, const Names& names, const std::string& pointer,
                  base::Problems& problems);

// [A-Za-z_][A-Za-z0-9_]{0,63}
[[nodiscard]] bool is_param_name(std::string_view name) noexcept;

}  // namespace carillon::model::detail
