#include "model/rule_send.h"

#include <algorithm>
#include <utility>

#include "model/notification.h"
#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using base::JsonElement;
using detail::join;
using Kind = SendNode::Kind;

// Members of a send that may hold places.
constexpr std::string_view kOpen[] = {"to",    "params", "metadata", "locale", "collapse_key", "send_at",
                                      "title", "body",   "subject",  "url",    "image"};

class PatternReader {
 public:
  PatternReader(const std::string& prefix, base::Problems& problems) : prefix_(prefix), problems_(problems) {}

  SendNode read_root(JsonElement body) {
    SendNode root;
    root.kind = Kind::Object;
    base::JsonObject object;
    if (body.get(object) != simdjson::SUCCESS) {
      add("", "wrong_type", "must be an object: a send");
      return root;
    }
    for (const auto member : object) {
      const std::string at = join({}, member.key);
      if (member.key == "event_id") {
        add(at, "read_only",
            "the rule makes the event id; to make it from the event, use event_id of the rule");
      } else if (member.key == "to") {
        root.members.push_back({std::string(member.key), read_to(member.value, at)});
      } else if (std::ranges::find(kOpen, member.key) != std::end(kOpen)) {
        root.members.push_back({std::string(member.key), read(member.value, at, false)});
      } else {
        root.members.push_back({std::string(member.key), raw(member.value, at)});
      }
    }
    return root;
  }

 private:
  void add(std::string_view pointer, std::string code, std::string detail) {
    if (problems_.size() >= base::kMaxProblems) return;
    problems_.push_back({prefix_ + std::string(pointer), std::move(code), std::move(detail)});
  }

  static SendNode raw(JsonElement value, std::string pointer) {
    SendNode node;
    node.json = base::to_json(value);
    node.pointer = std::move(pointer);
    return node;
  }

  SendNode read_to(JsonElement value, const std::string& pointer) {
    base::JsonArray entries;
    if (value.get(entries) != simdjson::SUCCESS) return read(value, pointer, false);
    SendNode list;
    list.kind = Kind::Array;
    list.pointer = pointer;
    for (const JsonElement entry : entries) {
      if (list.items.size() == kRecipientsMax) {
        add(pointer, "too_many_recipients", fmt::format("at most {} entries are allowed", kRecipientsMax));
        break;
      }
      list.items.push_back(read_entry(entry, fmt::format("{}/{}", pointer, list.items.size())));
    }
    return list;
  }

  SendNode read_entry(JsonElement entry, const std::string& pointer) {
    base::JsonObject object;
    JsonElement each;
    const bool is_each =
        entry.get(object) == simdjson::SUCCESS && object.at_key("each").get(each) == simdjson::SUCCESS;
    if (!is_each) return read(entry, pointer, false);
    SendNode node;
    node.kind = Kind::Each;
    node.pointer = pointer;
    read_path(each, join(pointer, "each"), false, node.path);
    SendNode inner;
    inner.kind = Kind::Object;
    inner.pointer = pointer;
    for (const auto member : object) {
      if (member.key == "each") continue;
      inner.members.push_back({std::string(member.key), read(member.value, join(pointer, member.key), true)});
    }
    node.items.push_back(std::move(inner));
    return node;
  }

  void read_path(JsonElement value, const std::string& pointer, bool has_item, EventPath& out) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) {
      return add(pointer, "wrong_type", "must be a path into the event, such as \"data.user_id\"");
    }
    auto path = EventPath::parse(text, has_item);
    if (path) {
      out = std::move(*path);
    } else {
      add(pointer, "invalid_event_path", path.error());
    }
  }

  // {"from"} or {"from","default"}, and nothing else.
  static bool is_place(base::JsonObject object) {
    bool has_from = false;
    for (const auto member : object) {
      if (member.key == "from") {
        has_from = true;
      } else if (member.key != "default") {
        return false;
      }
    }
    return has_from;
  }

  SendNode read_place(base::JsonObject object, const std::string& pointer, bool has_item) {
    SendNode node;
    node.kind = Kind::Place;
    node.pointer = pointer;
    for (const auto member : object) {
      if (member.key == "from") {
        read_path(member.value, join(pointer, "from"), has_item, node.path);
      } else {
        node.is_optional = true;
        if (!member.value.is_null()) node.json = base::to_json(member.value);
      }
    }
    return node;
  }

  SendNode read(JsonElement value, const std::string& pointer, bool has_item) {
    base::JsonObject object;
    base::JsonArray array;
    SendNode node;
    node.pointer = pointer;
    if (value.get(object) == simdjson::SUCCESS) {
      if (is_place(object)) return read_place(object, pointer, has_item);
      node.kind = Kind::Object;
      for (const auto member : object) {
        node.members.push_back(
            {std::string(member.key), read(member.value, join(pointer, member.key), has_item)});
      }
    } else if (value.get(array) == simdjson::SUCCESS) {
      node.kind = Kind::Array;
      for (const JsonElement item : array) {
        node.items.push_back(read(item, fmt::format("{}/{}", pointer, node.items.size()), has_item));
      }
    }
    return node.has_place() ? node : raw(value, pointer);
  }

  const std::string& prefix_;
  base::Problems& problems_;
};

// Writes a pattern with the values of one event.
class Filler {
 public:
  explicit Filler(const Event& event) : event_(event) {}

  std::expected<SendPattern::Filled, base::Problems> fill(const SendNode& root, std::string_view event_id) {
    out_.object().field("event_id", event_id);
    for (const auto& [key, node] : root.members) {
      if (key == "to") {
        out_.key(key);
        write_to(node);
      } else {
        write_member(key, node, event_.root);
      }
    }
    out_.end_object();
    SendPattern::Filled filled{out_.str(), recipients_};
    if (recipients_ > kRecipientsMax) {
      add("/to", "too_many_recipients", fmt::format("at most {} recipients are allowed", kRecipientsMax));
    } else if (filled.body.size() > kRequestMax) {
      add("", "body_too_large",
          fmt::format("the send it makes has {} bytes, at most {} are allowed", filled.body.size(),
                      kRequestMax));
    }
    if (!problems_.empty()) return std::unexpected(std::move(problems_));
    return filled;
  }

  std::string recipients(const SendNode& root) {
    const auto to = std::ranges::find(root.members, "to", &SendMember::key);
    if (to == root.members.end()) return {};
    write_to(to->node);
    return out_.str();
  }

 private:
  void add(std::string pointer, std::string code, std::string detail) {
    if (problems_.size() >= base::kMaxProblems) return;
    problems_.push_back({std::move(pointer), std::move(code), std::move(detail)});
  }

  void write_to(const SendNode& node) {
    if (node.kind != Kind::Array) {
      // All of it is a place, or it holds none. What is no list is for the reader of sends to refuse.
      const auto value = node.kind == Kind::Place ? node.path.find(event_) : std::nullopt;
      base::JsonArray entries;
      const bool is_list = value && value->get(entries) == simdjson::SUCCESS;
      recipients_ = is_list ? entries.size() : leaves_out(node, event_.root) ? 0 : 1;
      return write(node, event_.root);
    }
    out_.array();
    for (const SendNode& entry : node.items) {
      if (entry.kind == Kind::Each) {
        write_each(entry);
      } else if (write_item(entry)) {
        ++recipients_;
      }
    }
    out_.end_array();
  }

  void write_each(const SendNode& node) {
    const auto value = node.path.find(event_);
    base::JsonArray elements;
    if (!value) return add_missing(node);
    if (value->get(elements) != simdjson::SUCCESS) {
      return add(node.path.pointer(), "invalid_value", fmt::format("{} is no list", node.path.text()));
    }
    for (const JsonElement element : elements) {
      if (++recipients_ > kRecipientsMax) return;
      write(node.items.front(), element);
    }
  }

  bool write_item(const SendNode& node) {
    if (leaves_out(node, event_.root)) return false;
    write(node, event_.root);
    return true;
  }

  [[nodiscard]] bool leaves_out(const SendNode& node, JsonElement item) const {
    return node.kind == Kind::Place && node.is_optional && node.json.empty() &&
           !node.path.find(event_.root, item);
  }

  void write_member(const std::string& key, const SendNode& node, JsonElement item) {
    if (leaves_out(node, item)) return;
    out_.key(key);
    write(node, item);
  }

  void write(const SendNode& node, JsonElement item) {
    switch (node.kind) {
      case Kind::Raw: out_.raw(node.json); return;
      case Kind::Each: out_.null(); return;  // is an entry of `to` only
      case Kind::Object:
        out_.object();
        for (const auto& [key, inner] : node.members) write_member(key, inner, item);
        out_.end_object();
        return;
      case Kind::Array:
        out_.array();
        for (const SendNode& inner : node.items) {
          if (!leaves_out(inner, item)) write(inner, item);
        }
        out_.end_array();
        return;
      case Kind::Place: return write_place(node, item);
    }
  }

  void write_place(const SendNode& node, JsonElement item) {
    if (const auto value = node.path.find(event_.root, item)) {
      out_.element(*value);
    } else if (node.is_optional) {
      out_.raw(node.json.empty() ? "null" : node.json);
    } else {
      out_.null();
      add_missing(node);
    }
  }

  void add_missing(const SendNode& node) {
    add(node.path.pointer(), "missing_field",
        fmt::format("the rule takes {} from {}, which is not there", node.pointer, node.path.text()));
  }

  const Event& event_;
  base::JsonWriter out_{512};
  base::Problems problems_;
  std::size_t recipients_ = 0;
};

// Writes a pattern with values that are likely.
class Sampler {
 public:
  explicit Sampler(const Template* tmpl) : tmpl_(tmpl) {}

  std::string sample(const SendNode& root) {
    out_.object();
    for (const auto& [key, node] : root.members) {
      if (leaves_out(node) && key != "to") continue;
      out_.key(key);
      if (key == "to") {
        write_to(node);
      } else if (key == "params") {
        write_params(node);
      } else {
        write(node, key);
      }
    }
    out_.end_object();
    return out_.str();
  }

 private:
  static bool leaves_out(const SendNode& node) {
    return node.kind == Kind::Place && node.is_optional && node.json.empty();
  }

  void write_to(const SendNode& node) {
    if (node.kind == Kind::Raw) {
      out_.raw(node.json);
      return;
    }
    out_.array();
    if (node.kind == Kind::Array) {
      for (const SendNode& entry : node.items)
        write_entry(entry.kind == Kind::Each ? entry.items.front() : entry);
    } else {
      write_somebody();
    }
    out_.end_array();
  }

  void write_somebody() { out_.object().field("user_id", "sample").end_object(); }

  void write_entry(const SendNode& entry) {
    if (entry.kind == Kind::Raw) {
      out_.raw(entry.json);
      return;
    }
    if (entry.kind != Kind::Object) return write_somebody();
    out_.object();
    bool has_user = std::ranges::any_of(entry.members, [](const auto& m) { return m.key == "user_id"; });
    for (const auto& [key, node] : entry.members) {
      if (leaves_out(node)) continue;
      // Whether there is such a group or address can only be known of the real one.
      const bool is_unknowable = !has_user && (key == "group" || key == "address") && node.has_place();
      has_user = has_user || is_unknowable;
      out_.key(is_unknowable ? "user_id" : key);
      if (is_unknowable) {
        out_.value("sample");
      } else if (key == "params") {
        write_params(node);
      } else {
        write(node, key);
      }
    }
    out_.end_object();
  }

  void write_params(const SendNode& node) {
    if (node.kind == Kind::Raw) {
      out_.raw(node.json);
      return;
    }
    out_.object();
    if (node.kind == Kind::Object) {
      for (const auto& [key, inner] : node.members) {
        if (leaves_out(inner)) continue;
        out_.key(key);
        if (inner.kind == Kind::Place && inner.json.empty()) {
          write_param(key);
        } else {
          write(inner, key);
        }
      }
    } else if (tmpl_ != nullptr) {
      for (const auto& declared : tmpl_->params) {
        out_.key(declared.name);
        write_param(declared.name);
      }
    }
    out_.end_object();
  }

  void write_param(std::string_view name) {
    const ParamDeclaration* found = nullptr;
    if (tmpl_ != nullptr) {
      const auto it = std::ranges::find(tmpl_->params, name, &ParamDeclaration::name);
      if (it != tmpl_->params.end()) found = &*it;
    }
    switch (found == nullptr ? ParamType::String : found->type) {
      case ParamType::String: out_.value("x"); return;
      case ParamType::Integer:
      case ParamType::Number: out_.value(1); return;
      case ParamType::Boolean: out_.value(true); return;
      case ParamType::Date: out_.value("2026-01-01"); return;
      case ParamType::DateTime: out_.value("2026-01-01T00:00:00Z"); return;
      case ParamType::Money: out_.object().field("amount", 1).field("currency", "USD").end_object(); return;
      case ParamType::Url: out_.value("https://example.com/"); return;
      case ParamType::List: out_.array().end_array(); return;
      case ParamType::Object: out_.object().end_object(); return;
    }
  }

  // `field`: the nearest name, which says what fits.
  void write(const SendNode& node, std::string_view field) {
    switch (node.kind) {
      case Kind::Raw: out_.raw(node.json); return;
      case Kind::Each: out_.null(); return;
      case Kind::Object:
        out_.object();
        for (const auto& [key, inner] : node.members) {
          if (leaves_out(inner)) continue;
          out_.key(key);
          write(inner, key);
        }
        out_.end_object();
        return;
      case Kind::Array:
        out_.array();
        for (const SendNode& inner : node.items) write(inner, field);
        out_.end_array();
        return;
      case Kind::Place:
        if (!node.json.empty()) {
          out_.raw(node.json);
        } else if (node.pointer == "/metadata") {
          out_.object().end_object();
        } else {
          out_.value(likely(field));
        }
        return;
    }
  }

  static std::string_view likely(std::string_view field) {
    constexpr std::pair<std::string_view, std::string_view> kLikely[] = {
        {"email", "ok@sandbox.carillon.test"},
        {"phone", "+999000000001"},
        {"platform", "android"},
        {"locale", "en"},
        {"url", "https://example.com/"},
        {"image", "https://example.com/"},
        {"send_at", "2026-01-01T00:00:00Z"}};
    for (const auto& [name, value] : kLikely) {
      if (name == field) return value;
    }
    return "sample";
  }

  const Template* tmpl_;
  base::JsonWriter out_{512};
};

}  // namespace

bool SendNode::has_place() const noexcept {
  if (kind == Kind::Place || kind == Kind::Each) return true;
  return std::ranges::any_of(items, [](const SendNode& item) { return item.has_place(); }) ||
         std::ranges::any_of(members, [](const SendMember& member) { return member.node.has_place(); });
}

std::expected<SendPattern::Filled, base::Problems> SendPattern::fill(const Event& event,
                                                                     std::string_view event_id) const {
  return Filler(event).fill(root_, event_id);
}

std::string SendPattern::recipients(const Event& event) const { return Filler(event).recipients(root_); }

std::string SendPattern::sample(const Template* tmpl) const { return Sampler(tmpl).sample(root_); }

SendPattern read_send_pattern(JsonElement body, const std::string& pointer, base::Problems& problems) {
  const std::size_t before = problems.size();
  SendPattern pattern;
  pattern.root_ = PatternReader(pointer, problems).read_root(body);
  if (problems.size() != before) return pattern;
  // Parsed by a document of its own: `body` may live in the thread's usual one.
  base::JsonDocument document;
  const std::string sample = pattern.sample(nullptr);
  if (const auto root = document.parse(sample)) {
    static_cast<void>(read_send_request(*root, std::nullopt, pointer, problems));
  } else {
    problems.push_back({pointer, "not_json", root.error().message});
  }
  return pattern;
}

}  // namespace carillon::model
