#include "model/sensitive.h"

#include <algorithm>
#include <array>

namespace carillon::model {
namespace {

using base::JsonElement;

// Members of a request that say something.
constexpr std::array<std::string_view, 13> kSaid{"title",   "body",    "url",   "image", "subject",
                                                 "content", "push",    "email", "sms",   "voice",
                                                 "chat",    "webhook", "inbox"};

class Hider {
 public:
  Hider(const Template* tmpl, bool is_all) : tmpl_(tmpl), is_all_(is_all) {}

  std::string hide(JsonElement root) {
    base::JsonObject request;
    if (root.get(request) != simdjson::SUCCESS) return {};
    bool says_something = false;
    out_.object();
    for (const auto [key, value] : request) {
      if (is_all_ && std::ranges::find(kSaid, key) != kSaid.end()) {
        says_something = says_something || !value.is_null();
        continue;
      }
      out_.key(key);
      if (key == "params") {
        write_params(value);
      } else if (key == "to") {
        write_recipients(value);
      } else if (key == "attachments" && is_all_) {
        write_attachments(value);
      } else {
        out_.element(value);
      }
    }
    if (says_something) out_.field("title", kHiddenValue).field("body", kHiddenValue);
    out_.end_object();
    std::string hidden = out_.str();
    return has_hidden_ || says_something ? hidden : std::string();
  }

 private:
  [[nodiscard]] bool is_sensitive(std::string_view name) const {
    if (is_all_) return true;
    const auto found = std::ranges::find(tmpl_->params, name, &ParamDeclaration::name);
    return found != tmpl_->params.end() && found->sensitive;
  }

  void write_params(JsonElement value) {
    base::JsonObject params;
    if (value.get(params) != simdjson::SUCCESS) {
      out_.element(value);
      return;
    }
    out_.object();
    for (const auto [name, param] : params) {
      out_.key(name);
      if (param.is_null() || !is_sensitive(name)) {
        out_.element(param);
      } else {
        out_.value(kHiddenValue);
        has_hidden_ = true;
      }
    }
    out_.end_object();
  }

  // Which objects they are says nothing, and what is sent again needs them.
  void write_attachments(JsonElement value) {
    has_hidden_ = true;
    out_.array();
    base::JsonArray attachments;
    if (value.get(attachments) == simdjson::SUCCESS) {
      for (const JsonElement attachment : attachments) {
        std::string_view object;
        if (attachment["object_id"].get(object) == simdjson::SUCCESS)
          out_.object().field("object_id", object).end_object();
      }
    }
    out_.end_array();
  }

  void write_recipients(JsonElement value) {
    base::JsonArray entries;
    if (value.get(entries) != simdjson::SUCCESS) {
      out_.element(value);
      return;
    }
    out_.array();
    for (const JsonElement entry : entries) {
      base::JsonObject members;
      if (entry.get(members) != simdjson::SUCCESS) {
        out_.element(entry);
        continue;
      }
      out_.object();
      for (const auto [key, member] : members) {
        out_.key(key);
        if (key == "params") {
          write_params(member);
        } else {
          out_.element(member);
        }
      }
      out_.end_object();
    }
    out_.end_array();
  }

  const Template* const tmpl_;
  const bool is_all_;
  bool has_hidden_ = false;
  base::JsonWriter out_{1024};
};

}  // namespace

std::string without_sensitive(std::string_view body, const Template* tmpl, bool is_all) {
  if (!is_all && (tmpl == nullptr || !tmpl->has_sensitive)) return {};
  base::JsonDocument document;
  const auto root = document.parse(body);
  return root ? Hider(tmpl, is_all).hide(*root) : std::string();
}

}  // namespace carillon::model
