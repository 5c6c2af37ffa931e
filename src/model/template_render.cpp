// CompiledTemplate: parts tokenised once, rendered into a Message.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <span>
#include <utility>

#include "model/address.h"
#include "model/locale_choice.h"
#include "model/param_format.h"
#include "model/param_value.h"
#include "model/template.h"
#include "model/template_parts.h"

namespace carillon::model {
namespace {

using detail::BlockId;
using detail::Part;
using detail::PartKind;
using detail::Reference;
using detail::Target;
using detail::Token;

constexpr std::size_t kOutputMax = 256 * 1024;  // bytes of one rendered message
constexpr std::size_t kStepsMax = 200'000;      // tokens worked off for one message

struct Field {
  Target target = Target::Title;
  PartKind kind = PartKind::Text;
  bool has_tags = false;
  std::string header;
  Part part;
};

// One block of one locale.
struct Block {
  std::string locale;
  std::vector<Field> fields;
  std::optional<std::int64_t> badge;
  std::int64_t repeat = 1;
};

// A layout made ready.
struct Frame {
  Part html, text;
  bool has_text = false, has_preheader = false;
};

// A JSON text that is likely to come again: all deliveries of a notification share their params.
class Parsed {
 public:
  // The object, or nullptr when `text` is empty. Valid until the next call.
  Result<const base::JsonObject*> get(std::string_view text, std::string_view what) {
    if (text.empty()) return nullptr;
    if (is_valid_ && text == text_) return &object_;
    is_valid_ = false;
    const auto root = document_.parse(text);
    if (!root || root->get(object_) != simdjson::SUCCESS) {
      return fail(Errc::InvalidArgument, fmt::format("{} are not a JSON object", what));
    }
    text_ = text;
    is_valid_ = true;
    return &object_;
  }

 private:
  base::JsonDocument document_;
  base::JsonObject object_;
  std::string text_;
  bool is_valid_ = false;
};

struct Value {
  enum class Kind : std::uint8_t { Missing, Json, Text };
  Kind kind = Kind::Missing;
  bool is_hidden = false;
  ParamType type = ParamType::Object;
  base::JsonElement json;
  std::string_view text;
};

Value json_value(base::JsonElement json, ParamType type, bool is_hidden) {
  Value value;
  if (json.is_null()) return value;
  value.kind = Value::Kind::Json;
  value.json = json;
  value.type = type;
  value.is_hidden = is_hidden;
  return value;
}

// The member at `path`; nullopt when there is none or it is null.
std::optional<base::JsonElement> member_at(base::JsonElement json, std::span<const std::string> path) {
  for (const std::string& key : path) {
    if (!json.is_object() || json.get_object().value_unsafe().at_key(key).get(json) != simdjson::SUCCESS) {
      return std::nullopt;
    }
  }
  if (json.is_null()) return std::nullopt;
  return json;
}

std::optional<base::JsonElement> member_at(const base::JsonObject& object,
                                           std::span<const std::string> path) {
  base::JsonElement json;
  if (path.empty() || object.at_key(path.front()).get(json) != simdjson::SUCCESS) return std::nullopt;
  return member_at(json, path.subspan(1));
}

bool is_true(const Value& value) {
  if (value.kind == Value::Kind::Missing) return false;
  if (value.kind == Value::Kind::Text) return !value.text.empty();
  if (value.json.is_bool()) return value.json.get_bool().value_unsafe();
  if (value.json.is_array())
    return value.json.get_array().value_unsafe().begin() != value.json.get_array().value_unsafe().end();
  return !value.json.is_string() || !value.json.get_string().value_unsafe().empty();
}

void append_html(std::string& out, std::string_view text) {
  while (true) {
    const auto special = text.find_first_of("&<>\"'");
    out.append(text.substr(0, special));
    if (special == std::string_view::npos) return;
    switch (text[special]) {
      case '&': out.append("&amp;"); break;
      case '<': out.append("&lt;"); break;
      case '>': out.append("&gt;"); break;
      case '"': out.append("&quot;"); break;
      default: out.append("&#39;"); break;
    }
    text.remove_prefix(special + 1);
  }
}

void append_json(std::string& out, std::string_view text) {
  const std::size_t quote = out.size();
  base::append_json_string(out, text);
  out.pop_back();
  out.erase(quote, 1);
}

std::string& target_of(Message& m, Target target) {
  switch (target) {
    case Target::Title: return m.title;
    case Target::Body: return m.body;
    case Target::Url: return m.url;
    case Target::Image: return m.image;
    case Target::Sound: return m.sound;
    case Target::ActionLocKey: return m.action_loc_key;
    case Target::Data: return m.data;
    case Target::Apns: return m.apns;
    case Target::Fcm: return m.fcm;
    case Target::Actions: return m.actions;
    case Target::Subject: return m.subject;
    case Target::Preheader: return m.preheader;
    case Target::Html: return m.html;
    case Target::ReplyTo: return m.reply_to;
    case Target::Language: return m.language;
    case Target::Voice: return m.voice;
    case Target::Slack: return m.slack;
    case Target::Kakao: return m.kakao;
    case Target::Cc: return m.cc.emplace_back();
    case Target::Bcc: return m.bcc.emplace_back();
    case Target::Header: return m.headers.emplace_back().second;
  }
  return m.body;
}

std::optional<BlockId> block_of(Channel channel) noexcept {
  switch (channel) {
    case Channel::Push: return BlockId::Push;
    case Channel::Sms: return BlockId::Sms;
    case Channel::Email: return BlockId::Email;
    case Channel::Voice: return BlockId::Voice;
    case Channel::Chat: return BlockId::Chat;
    case Channel::Webhook: return BlockId::Webhook;
    case Channel::Inbox: return std::nullopt;
  }
  return std::nullopt;
}

// What a base field becomes on a channel; nullopt where the channel has no use for it.
std::optional<Target> base_target(Target target, Channel channel) noexcept {
  if (channel == Channel::Voice) return target == Target::Body ? std::optional(target) : std::nullopt;
  if (channel == Channel::Sms) {  // some providers take a picture along
    const bool is_used = target == Target::Body || target == Target::Image;
    return is_used ? std::optional(target) : std::nullopt;
  }
  if (channel == Channel::Email && target == Target::Title) return Target::Subject;
  return target;
}

void join_lines(std::string& text) {
  if (text.find_first_of("\r\n") == std::string::npos) return;
  std::string joined;
  for (const char c : text) {
    const bool is_break = c == '\r' || c == '\n';
    if (!is_break) joined.push_back(c);
    if (is_break && !joined.empty() && joined.back() != ' ') joined.push_back(' ');
  }
  while (joined.ends_with(' ')) joined.pop_back();
  text = std::move(joined);
}

}  // namespace

struct CompiledTemplate::Impl {
  std::shared_ptr<const Template> source;  // null: inline content
  std::array<std::vector<Block>, detail::kBlockCount> blocks;
  base::JsonDocument defaults_document;
  std::vector<std::optional<base::JsonElement>> defaults;  // by parameter
  std::vector<std::vector<std::string>> from_paths;        // by parameter; user attribute, or empty
  bool needs_attributes = false, needs_links = false;
  std::optional<Frame> frame;  // of e-mails
  // Scratch of render(): one CompiledTemplate belongs to one thread.
  Parsed params, overrides, attributes;
  std::vector<Value> values;

  void add_content(const std::string& locale, const Content& content, const detail::Names* names,
                   base::Problems& problems);
  void add_frame(const Layout& layout, base::Problems& problems);
  void note_tags(const Part& part);
  Result<void> prepare_params();
  // Sets `values`: overrides, params, the user's attributes, defaults, in that order.
  Result<void> resolve(const Input& input, const base::JsonObject* from_user);
  [[nodiscard]] const Block* choose(BlockId block, const Input& input) const;
  [[nodiscard]] const Block* of_default(BlockId block) const;
};

namespace {

// One render() call.
class Renderer {
 public:
  Renderer(const CompiledTemplate::Input& input, const std::vector<Value>& values,
           const base::JsonObject* attributes)
      : input_(input), values_(values), attributes_(attributes) {}

  // `only`: nothing else of it.
  Result<void> block(const Block& block, bool is_base, Message& out, std::span<const Target> only = {}) {
    std::bitset<detail::kTargetCount> mine;
    text_locale_ = block.locale;
    for (const Field& field : block.fields) {
      const auto target = is_base ? base_target(field.target, input_.channel) : std::optional(field.target);
      if (!target || filled_[static_cast<std::size_t>(*target)]) continue;
      if (!only.empty() && std::ranges::find(only, *target) == only.end()) continue;
      mine.set(static_cast<std::size_t>(*target));
      if (*target == Target::Header) out.headers.emplace_back(field.header, std::string());
      std::string& text = *target == Target::Header ? out.headers.back().second : target_of(out, *target);
      const PartKind kind = *target == Target::Subject ? PartKind::Header : field.kind;
      is_for_people_ = detail::is_for_people(*target);
      CARILLON_CHECK(this->part(field.part, kind, text));
      CARILLON_CHECK(finish(field, kind, text));
      total_ += text.size();
      if (total_ > kOutputMax) return too_long();
    }
    filled_ |= mine;
    return {};
  }

  [[nodiscard]] bool has_any(std::initializer_list<Target> targets) const {
    return std::ranges::any_of(targets, [&](Target t) { return filled_[static_cast<std::size_t>(t)]; });
  }

  // Puts the e-mail's HTML and text into their frames; a part that is not there stays out.
  Result<void> frame(const Frame& frame, Message& out) {
    framed_ = &out;
    is_for_people_ = true;
    text_locale_ = out.locale;
    CARILLON_CHECK(framed(frame.html, PartKind::Html, out.html));
    if (frame.has_text) CARILLON_CHECK(framed(frame.text, PartKind::Text, out.body));
    out.html_has_preheader = frame.has_preheader && !out.html.empty();
    return {};
  }

 private:
  Result<void> framed(const Part& part, PartKind kind, std::string& text) {
    if (text.empty()) return {};
    content_ = std::exchange(text, {});
    kind_ = kind;
    CARILLON_CHECK(range(part.tokens, 0, part.tokens.size(), text));
    total_ += text.size() - std::min(text.size(), content_.size());
    if (total_ > kOutputMax) return too_long();
    return {};
  }

  static std::unexpected<Error> too_long() {
    return fail(Errc::InvalidArgument,
                fmt::format("too_long: the message has more than {} bytes", kOutputMax));
  }

  Result<void> part(const Part& part, PartKind kind, std::string& out) {
    kind_ = kind;
    if (part.tokens.size() == 1 && part.tokens.front().kind == Token::Kind::Literal) {
      out = part.tokens.front().text;
      return {};
    }
    out.reserve(128);
    return range(part.tokens, 0, part.tokens.size(), out);
  }

  Result<void> range(const std::vector<Token>& tokens, std::size_t begin, std::size_t end, std::string& out) {
    for (std::size_t i = begin; i < end; ++i) {
      const Token& token = tokens[i];
      if (++steps_ > kStepsMax) return fail(Errc::InvalidArgument, "the template repeats too much");
      switch (token.kind) {
        case Token::Kind::Literal: out.append(token.text); break;
        case Token::Kind::Variable: CARILLON_CHECK(variable(token, out)); break;
        case Token::Kind::Section:
          CARILLON_CHECK(section(tokens, i, out));
          i = token.end;
          break;
        case Token::Kind::Inverted: {
          CARILLON_TRY(const Value value, look_up(token.reference));
          if (!is_true(value)) CARILLON_CHECK(range(tokens, i + 1, token.end, out));
          i = token.end;
          break;
        }
        case Token::Kind::Content: out.append(content_); break;
        case Token::Kind::End: break;
      }
      if (out.size() > kOutputMax) return too_long();
    }
    return {};
  }

  Result<void> section(const std::vector<Token>& tokens, std::size_t at, std::string& out) {
    const Token& token = tokens[at];
    CARILLON_TRY(const Value value, look_up(token.reference));
    if (!is_true(value)) return {};
    const bool is_list = value.kind == Value::Kind::Json && value.json.is_array();
    if (!is_list) {
      // A condition is not something to speak of: {{.}} stays the item around it.
      const bool is_condition = value.kind == Value::Kind::Json && value.json.is_bool();
      if (!is_condition) items_.push_back(value);
      CARILLON_CHECK(range(tokens, at + 1, token.end, out));
      if (!is_condition) items_.pop_back();
      return {};
    }
    for (const base::JsonElement item : value.json.get_array().value_unsafe()) {
      items_.push_back(json_value(item, ParamType::Object, value.is_hidden));
      CARILLON_CHECK(range(tokens, at + 1, token.end, out));
      items_.pop_back();
    }
    return {};
  }

  // Errors: a parameter whose path does not exist in it.
  Result<Value> look_up(const Reference& reference) const {
    if (reference.may_be_item) {
      if (const auto found = look_up_item(reference)) return *found;
    }
    switch (reference.root) {
      case Reference::Root::Item: return Value{};
      case Reference::Root::UserName: return text_value(input_.user_name);
      case Reference::Root::UserEmail: return text_value(input_.user_email);
      case Reference::Root::UserPhone: return text_value(input_.user_phone);
      case Reference::Root::Brand: {
        if (input_.brand == nullptr) return Value{};
        const auto found = input_.brand->find(reference.path.front());
        return found != input_.brand->end() ? text_value(found->second) : Value{};
      }
      case Reference::Root::Link: return link_value(reference.path.front());
      case Reference::Root::Subject: return text_value(framed_ ? std::string_view(framed_->subject) : "");
      case Reference::Root::Preheader: return text_value(framed_ ? std::string_view(framed_->preheader) : "");
      case Reference::Root::Locale: return text_value(text_locale_);
      case Reference::Root::UserAttribute: {
        if (attributes_ == nullptr) return Value{};
        if (reference.path.empty()) return Value{};
        const auto found = member_at(*attributes_, reference.path);
        return found ? json_value(*found, ParamType::Object, false) : Value{};
      }
      case Reference::Root::Param: break;
    }
    const Value& value = values_[reference.param];
    const bool is_whole = reference.path.empty() || reference.form != Reference::Form::Shown;
    if (is_whole || value.kind == Value::Kind::Missing) return value;
    if (value.is_hidden && input_.hide_sensitive) return value;  // what is stored has no members any more
    const auto found = member_at(value.json, reference.path);
    if (found) return json_value(*found, ParamType::Object, value.is_hidden);
    return Value{};
  }

  [[nodiscard]] std::optional<Value> look_up_item(const Reference& reference) const {
    if (reference.head.empty()) return items_.empty() ? std::nullopt : std::optional(items_.back());
    for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
      if (item->is_hidden && input_.hide_sensitive) return *item;
      base::JsonElement member;
      if (item->kind != Value::Kind::Json || !item->json.is_object()) continue;
      if (item->json.get_object().value_unsafe().at_key(reference.head).get(member) != simdjson::SUCCESS)
        continue;
      const auto found = member_at(member, reference.path);
      return found ? json_value(*found, ParamType::Object, item->is_hidden) : Value{};
    }
    return std::nullopt;
  }

  static Value text_value(std::string_view text) {
    Value value;
    if (text.empty()) return value;
    value.kind = Value::Kind::Text;
    value.text = text;
    return value;
  }

  // Who has the link acts for the recipient: it is hidden as what is sensitive is.
  [[nodiscard]] Value link_value(std::string_view which) const {
    Value value = text_value(input_.hide_sensitive    ? kHiddenValue
                             : which == "preferences" ? input_.preferences_link
                                                      : input_.unsubscribe_link);
    value.is_hidden = true;
    return value;
  }

  Result<void> variable(const Token& token, std::string& out) {
    const Reference& reference = token.reference;
    CARILLON_TRY(const Value value, look_up(reference));
    if (value.kind == Value::Kind::Missing) {
      // What was declared as an object and lacks the member named is a mistake, not an empty text.
      if (reference.root != Reference::Root::Param || reference.path.empty() || reference.may_be_item ||
          values_[reference.param].kind == Value::Kind::Missing) {
        return {};
      }
      return fail(Errc::InvalidArgument,
                  fmt::format("missing_parameter: \"{}\" is not there", reference.name));
    }
    if (value.is_hidden && input_.hide_sensitive) {
      out.append(kHiddenValue);
      return {};
    }
    const std::string_view text = text_of(value, token);
    if (token.is_link && !is_safe_link(text)) {
      return fail(
          Errc::InvalidArgument,
          fmt::format("invalid_url: \"{}\" begins a link with a scheme that is not allowed", reference.name));
    }
    append_escaped(text, out);
    return {};
  }

  // Valid until the next call.
  std::string_view text_of(const Value& value, const Token& token) {
    if (value.kind == Value::Kind::Text) return value.text;
    scratch_.clear();
    const Reference::Form form = token.reference.form;
    const bool is_formatted = is_for_people_ && !token.is_in_link && form != Reference::Form::Raw;
    if (is_formatted && detail::has_formats(value.type)) {
      const detail::Customs& customs = detail::customs_of(text_locale_, input_.own_locale);
      detail::append_formatted(scratch_, value.type, form, value.json, customs, input_.time_zone);
      return scratch_;
    }
    std::string_view text;
    if (value.json.get(text) == simdjson::SUCCESS) return text;
    detail::append_value_text(scratch_, value.type, value.json);
    return scratch_;
  }

  void append_escaped(std::string_view text, std::string& out) const {
    switch (kind_) {
      case PartKind::Html: append_html(out, text); return;
      case PartKind::Json: append_json(out, text); return;
      case PartKind::Text:
      case PartKind::Header:
      case PartKind::Url:
      case PartKind::Image:
      case PartKind::Email: out.append(text); return;
    }
  }

  [[nodiscard]] bool is_hidden_in(std::string_view text) const {
    return input_.hide_sensitive && text.find(kHiddenValue) != std::string_view::npos;
  }

  // What the whole rendered part must look like.
  Result<void> finish(const Field& field, PartKind kind, std::string& text) const {
    switch (kind) {
      case PartKind::Text:
      case PartKind::Html:
      case PartKind::Json: return {};
      case PartKind::Header: join_lines(text); return {};
      case PartKind::Url:
        if (is_safe_link(text)) return {};
        return fail(Errc::InvalidArgument,
                    "invalid_url: url begins with a scheme that is not allowed" + tags_of(field));
      case PartKind::Image:
        if (is_hidden_in(text)) return {};
        if (text.empty() || text.starts_with("https://") || text.starts_with("obj_")) return {};
        return fail(Errc::InvalidArgument,
                    "invalid_url: image is no https URL and no object" + tags_of(field));
      case PartKind::Email: {
        if (!field.has_tags || text.empty()) return {};
        if (is_hidden_in(text)) return {};
        auto email = normalize_email(text);
        if (!email) {
          return fail(Errc::InvalidArgument,
                      "invalid_email: an address of the e-mail is not valid" + tags_of(field));
        }
        text = std::move(*email);
        return {};
      }
    }
    return {};
  }

  // " (from \"link\")": so that an error names the parameters.
  [[nodiscard]] static std::string tags_of(const Field& field) {
    std::string names;
    for (const Token& token : field.part.tokens) {
      if (token.kind != Token::Kind::Variable) continue;
      names.append(names.empty() ? " (from \"" : ", \"").append(token.reference.name).append("\"");
    }
    return names.empty() ? names : names + ")";
  }

  const CompiledTemplate::Input& input_;
  const std::vector<Value>& values_;
  const base::JsonObject* attributes_;
  PartKind kind_ = PartKind::Text;
  bool is_for_people_ = true;
  std::string_view text_locale_;     // of the block, or of the e-mail in a frame
  const Message* framed_ = nullptr;  // while its frame is rendered
  std::string content_;              // what {{{content}}} is then
  std::size_t steps_ = 0, total_ = 0;
  std::vector<Value> items_;
  std::string scratch_;
  std::bitset<detail::kTargetCount> filled_;
};

// What a message on the channel cannot go without, and a language may have left out.
std::vector<Target> gaps_of(const Renderer& renderer, Channel channel) {
  std::vector<Target> gaps;
  const bool is_said = renderer.has_any({Target::Body, Target::Html});
  switch (channel) {
    case Channel::Email:
      if (!renderer.has_any({Target::Subject})) gaps.push_back(Target::Subject);
      if (!is_said) gaps.insert(gaps.end(), {Target::Body, Target::Html});
      break;
    case Channel::Sms:
    case Channel::Voice:
      if (!is_said) gaps.push_back(Target::Body);
      break;
    case Channel::Push:
    case Channel::Chat:
    case Channel::Webhook:
    case Channel::Inbox: break;
  }
  return gaps;
}

bool is_hidden(base::JsonElement value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS && text == kHiddenValue;
}

// Sets the values that `object` names and that are not set yet.
Result<void> take_values(const Template& t, const base::JsonObject& object, bool skip_hidden,
                         std::vector<Value>& values) {
  for (auto it = object.begin(); it != object.end(); ++it) {
    const auto found = std::ranges::find(t.params, it.key(), &ParamDeclaration::name);
    if (found == t.params.end()) {
      return fail(Errc::InvalidArgument, fmt::format("undeclared_parameter: \"{}\" is not declared",
                                                     it.key().substr(0, detail::kParamNameMax)));
    }
    if (skip_hidden && is_hidden(it.value())) continue;
    Value& value = values[static_cast<std::size_t>(found - t.params.begin())];
    if (value.kind == Value::Kind::Missing) value = json_value(it.value(), found->type, found->sensitive);
  }
  return {};
}

}  // namespace

void CompiledTemplate::Impl::add_content(const std::string& locale, const Content& content,
                                         const detail::Names* names, base::Problems& problems) {
  for (std::size_t i = 0; i < detail::kBlockCount; ++i) {
    if (!detail::has_block(content, static_cast<BlockId>(i))) continue;
    Block& block = blocks[i].emplace_back();
    block.locale = locale;
    if (static_cast<BlockId>(i) == BlockId::Push) block.badge = content.push->badge;
    if (static_cast<BlockId>(i) == BlockId::Voice) block.repeat = content.voice->repeat;
  }
  for (const detail::PartText& text : detail::parts_of(content)) {
    Field field;
    field.target = text.target;
    field.kind = text.kind;
    field.header = text.header;
    if (names == nullptr) {
      field.part = Part::literal(*text.text);
    } else {
      field.part = detail::compile_part(*text.text, text.kind, *names, text.pointer, problems);
    }
    field.has_tags = std::ranges::any_of(
        field.part.tokens, [](const Token& token) { return token.kind != Token::Kind::Literal; });
    note_tags(field.part);
    blocks[static_cast<std::size_t>(text.block)].back().fields.push_back(std::move(field));
  }
}

void CompiledTemplate::Impl::add_frame(const Layout& layout, base::Problems& problems) {
  const detail::Names names = detail::names_of_layout();
  Frame made;
  made.html = detail::compile_part(layout.html, PartKind::Html, names, "/html", problems);
  made.has_text = !layout.text.empty();
  if (made.has_text) made.text = detail::compile_part(layout.text, PartKind::Text, names, "/text", problems);
  made.has_preheader = std::ranges::any_of(made.html.tokens, [](const Token& token) {
    return token.kind == Token::Kind::Variable && token.reference.root == Reference::Root::Preheader;
  });
  note_tags(made.html);
  note_tags(made.text);
  frame = std::move(made);
}

void CompiledTemplate::Impl::note_tags(const Part& part) {
  needs_attributes = needs_attributes || std::ranges::any_of(part.tokens, [](const Token& token) {
                       return token.reference.root == Reference::Root::UserAttribute;
                     });
  needs_links = needs_links || std::ranges::any_of(part.tokens, [](const Token& token) {
                  return token.reference.root == Reference::Root::Link;
                });
}

Result<void> CompiledTemplate::Impl::prepare_params() {
  base::JsonWriter all;
  all.array();
  for (const ParamDeclaration& declared : source->params) {
    all.raw(declared.default_json.empty() ? std::string_view("null")
                                          : std::string_view(declared.default_json));
    std::vector<std::string>& path = from_paths.emplace_back();
    constexpr std::string_view kPrefix = "user.attributes.";
    if (!declared.from.starts_with(kPrefix)) continue;
    needs_attributes = true;
    std::string_view rest = std::string_view(declared.from).substr(kPrefix.size());
    for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      path.emplace_back(rest.substr(0, dot));
      rest.remove_prefix(dot + 1);
    }
    path.emplace_back(rest);
  }
  all.end_array();
  CARILLON_TRY(const base::JsonElement root, defaults_document.parse(all.str()));
  base::JsonArray array;
  if (root.get(array) != simdjson::SUCCESS) return fail(Errc::InvalidArgument, "the defaults are malformed");
  for (const base::JsonElement value : array) {
    defaults.push_back(value.is_null() ? std::nullopt : std::optional(value));
  }
  if (defaults.size() != source->params.size())
    return fail(Errc::InvalidArgument, "the defaults are malformed");
  return {};
}

const Block* CompiledTemplate::Impl::choose(BlockId block, const Input& input) const {
  const std::vector<Block>& candidates = blocks[static_cast<std::size_t>(block)];
  if (candidates.empty()) return nullptr;
  if (!source) return &candidates.front();
  const Block* chosen = nullptr;
  const auto is_there = [&](std::string_view tag) {
    const auto found = std::ranges::find_if(
        candidates, [&](const Block& candidate) { return detail::is_same_locale(candidate.locale, tag); });
    if (found != candidates.end()) chosen = &*found;
    return found != candidates.end();
  };
  if (!detail::look_up_locale(input.locales, is_there)) is_there(source->default_locale);
  return chosen;
}

const Block* CompiledTemplate::Impl::of_default(BlockId block) const {
  const std::vector<Block>& candidates = blocks[static_cast<std::size_t>(block)];
  const auto found = std::ranges::find(candidates, source->default_locale, &Block::locale);
  return found == candidates.end() ? nullptr : &*found;
}

CompiledTemplate::CompiledTemplate() : impl_(std::make_unique<Impl>()) {}
CompiledTemplate::~CompiledTemplate() = default;

Result<std::shared_ptr<CompiledTemplate>> CompiledTemplate::compile(std::shared_ptr<const Template> source,
                                                                    std::shared_ptr<const Layout> layout) {
  std::shared_ptr<CompiledTemplate> compiled(new CompiledTemplate());
  Impl& impl = *compiled->impl_;
  const detail::Names names = detail::names_of(*source);
  base::Problems problems;
  for (const auto& [locale, content] : source->content) impl.add_content(locale, content, &names, problems);
  if (!problems.empty()) {
    return fail(Errc::InvalidArgument, fmt::format("the template {} does not compile at {}: {}", source->key,
                                                   problems.front().pointer, problems.front().detail));
  }
  if (layout) impl.add_frame(*layout, problems);
  if (!problems.empty()) {
    return fail(Errc::InvalidArgument, fmt::format("the layout {} does not compile at {}: {}", layout->key,
                                                   problems.front().pointer, problems.front().detail));
  }
  impl.source = std::move(source);
  CARILLON_CHECK(impl.prepare_params());
  return compiled;
}

std::shared_ptr<CompiledTemplate> CompiledTemplate::literal(const Content& content) {
  std::shared_ptr<CompiledTemplate> compiled(new CompiledTemplate());
  base::Problems none;
  compiled->impl_->add_content({}, content, nullptr, none);
  return compiled;
}

Result<void> CompiledTemplate::Impl::resolve(const Input& input, const base::JsonObject* from_user) {
  const Template& t = *source;
  values.assign(t.params.size(), Value{});
  CARILLON_TRY(const base::JsonObject* wins, overrides.get(input.overrides, "the parameters"));
  CARILLON_TRY(const base::JsonObject* shared, params.get(input.params, "the parameters"));
  if (wins != nullptr) CARILLON_CHECK(take_values(t, *wins, false, values));
  if (shared != nullptr) CARILLON_CHECK(take_values(t, *shared, input.skip_hidden, values));
  for (std::size_t i = 0; i < t.params.size(); ++i) {
    const ParamDeclaration& declared = t.params[i];
    Value& value = values[i];
    if (value.kind == Value::Kind::Missing && from_user != nullptr && !from_paths[i].empty()) {
      const auto fed = member_at(*from_user, from_paths[i]);
      if (fed) value = json_value(*fed, declared.type, declared.sensitive);
    }
    if (value.kind == Value::Kind::Missing && defaults[i]) {
      value = json_value(*defaults[i], declared.type, declared.sensitive);
    }
    if (value.kind == Value::Kind::Missing) {
      if (!declared.required) continue;
      return fail(Errc::InvalidArgument, fmt::format("missing_parameter: \"{}\" is required", declared.name));
    }
    if (declared.sensitive && input.hide_sensitive) continue;  // nothing of it is shown, or there any more
    if (const auto problem = detail::check_value(declared, value.json)) {
      return fail(Errc::InvalidArgument,
                  fmt::format("{}: \"{}\": {}", problem->code, declared.name, problem->detail));
    }
  }
  return {};
}

Result<Message> CompiledTemplate::render(const Input& input) const {
  Impl& impl = *impl_;
  const base::JsonObject* attributes = nullptr;
  if (impl.source) {
    if (impl.needs_attributes) {
      CARILLON_TRY(attributes, impl.attributes.get(input.user_attributes, "the user's attributes"));
    }
    CARILLON_CHECK(impl.resolve(input, attributes));
  }
  Message message;
  Renderer renderer(input, impl.values, attributes);
  const auto block_id = block_of(input.channel);
  const Block* block = block_id ? impl.choose(*block_id, input) : nullptr;
  const Block* base = impl.choose(BlockId::Base, input);
  if (block != nullptr) {
    CARILLON_CHECK(renderer.block(*block, false, message));
    message.badge = block->badge;
    message.repeat = block->repeat;
  }
  if (base != nullptr) CARILLON_CHECK(renderer.block(*base, true, message));
  if (const auto gaps = gaps_of(renderer, input.channel); impl.source && !gaps.empty()) {
    const Block* const own = block_id ? impl.of_default(*block_id) : nullptr;
    if (own != nullptr) CARILLON_CHECK(renderer.block(*own, false, message, gaps));
    const Block* const shared = impl.of_default(BlockId::Base);
    if (shared != nullptr) CARILLON_CHECK(renderer.block(*shared, true, message, gaps));
  }
  if (block != nullptr || base != nullptr) message.locale = block != nullptr ? block->locale : base->locale;
  if (impl.frame && input.channel == Channel::Email) CARILLON_CHECK(renderer.frame(*impl.frame, message));
  return message;
}

bool CompiledTemplate::has_sensitive() const noexcept {
  return impl_->source && impl_->source->has_sensitive;
}

bool CompiledTemplate::needs_links() const noexcept { return impl_->needs_links; }

}  // namespace carillon::model
