// Templates: declared parameters, content per locale, immutable versions, rendering (CONTRACT §4).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "model/content.h"
#include "model/layout.h"

namespace carillon::model {

enum class ParamType : std::uint8_t {
  String, Integer, Number, Boolean, Date, DateTime, Money, Url, List, Object,
};
std::string_view name(ParamType type) noexcept;

// What stands where something sensitive was, in requests that are stored and in what is shown.
inline constexpr std::string_view kHiddenValue = "•••";

struct ParamDeclaration {
  std::string name;            // [A-Za-z_][A-Za-z0-9_]{0,63}
  ParamType type = ParamType::String;
  bool required = false;
  std::string default_json;    // JSON, or empty
  std::string sample_json;
  std::int64_t max_length = 4096;  // characters of a string
  bool sensitive = false;
  std::string from;            // "user.attributes.x", or empty
};

enum class Syntax : std::uint8_t { Mustache, Brackets };

struct Template {
  std::string key;
  int version = 0;              // 1, 2, …; 0: draft
  bool is_published = false;
  std::string category;         // or empty
  std::vector<Channel> channels;
  std::string default_locale = "en";
  std::string layout;
  Syntax syntax = Syntax::Mustache;
  std::vector<ParamDeclaration> params;
  bool has_sensitive = false;   // one of params is
  std::map<std::string, Content> content;  // locale → content
};

// Reads the API's body. Beyond shapes it compiles every part: a name that is not declared, a missing
// default locale, an unclosed tag are problems with their pointer.
Template read_template(base::JsonElement body, std::string_view key, base::Problems& problems);
void write_template(base::JsonWriter& out, const Template& t);
// Stored form = the API's form. Errors: Corruption.
Result<Template> decode_template(std::string_view json);

// Checks `params` (JSON object or empty) against the declarations: missing required, undeclared, wrong
// type, too long; every problem names the parameter, pointers begin with `pointer`.
void check_params(const Template& t, std::string_view params_json, std::string_view overrides_json,
                  const std::string& pointer, base::Problems& problems);

// A template version made ready for rendering: every part tokenised once. Brackets syntax also knows
// `[name]` where name is declared; every other bracket is literal. render() keeps the parsed parameters
// for the next call: one CompiledTemplate per thread.
// The project's brand.…, by name.
using BrandVariables = std::map<std::string, std::string, std::less<>>;

class CompiledTemplate {
 public:
  // Errors: InvalidArgument (does not compile; cannot happen for a stored version).
  // `layout` frames its e-mails; null: none does.
  static Result<std::shared_ptr<CompiledTemplate>> compile(std::shared_ptr<const Template> source,
                                                           std::shared_ptr<const Layout> layout = nullptr);
  // Inline content is a template without parameters: nothing in it is a tag.
  static std::shared_ptr<CompiledTemplate> literal(const Content& content);

  struct Input {
    Channel channel = Channel::Push;
    std::string_view params, overrides;   // JSON objects or empty; overrides win
    std::string_view user_attributes;     // JSON, or empty: usable as user.…
    std::string_view user_name, user_email, user_phone;
    // wanted first: request, device, user, project; each shortened by BCP 47, then the default
    std::vector<std::string_view> locales;
    // Numbers, money and times are shown by the customs of this locale (the recipient's own; empty: the
    // text's) and as the clock of this zone shows them (IANA; empty or unknown: UTC).
    std::string_view own_locale, time_zone;
    const BrandVariables* brand = nullptr;  // brand.…; outlives the call
    // links.…: where the recipient sets preferences, and says no to this kind of message. Empty: nowhere.
    std::string_view preferences_link, unsubscribe_link;
    bool hide_sensitive = false;          // history: ••• instead, and of links.… too
    bool skip_hidden = false;             // a parameter that is ••• is not there: what it was is wiped
  };
  // Escaping per part: HTML in HTML only; JSON in JSON parts; none in SMS, push, subject; URLs checked
  // (http, https, mailto, tel); subjects and header values lose CR and LF. A value is never read as a
  // template again. Optional parameters, user.… and items' members that are not there are empty text.
  // Block and base fields are each taken from the first wanted locale that has them.
  // In what people read, numbers, money, dates and datetimes are shown in the recipient's locale and zone;
  // elsewhere (JSON data, links, headers) and as {{name.raw}} they stay what they are.
  // An e-mail's HTML and text are put into the layout, where the same rules hold.
  // Errors: InvalidArgument; the message begins with a code of problem_codes.def where one parameter
  // is at fault and names it (missing, wrong type, URL scheme not allowed, output over 256 KB).
  [[nodiscard]] Result<Message> render(const Input& input) const;
  [[nodiscard]] bool has_sensitive() const noexcept;  // of the template
  // Whether it, or its layout, names one of links.…; who renders need not make them otherwise.
  [[nodiscard]] bool needs_links() const noexcept;

  ~CompiledTemplate();
  CompiledTemplate(const CompiledTemplate&) = delete;
  CompiledTemplate& operator=(const CompiledTemplate&) = delete;

 private:
  CompiledTemplate();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// [A-Za-z_][A-Za-z0-9_]{0,63}: what a parameter or a brand variable may be called.
[[nodiscard]] bool is_variable_name(std::string_view name) noexcept;

// The first of `wanted` (each shortened: "ko-KR" → "ko") that is in `available`, else `fallback`.
std::string_view choose_locale(const std::vector<std::string_view>& wanted,
                               const std::map<std::string, Content>& available, std::string_view fallback);

}  // namespace carillon::model
