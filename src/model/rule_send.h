// What a rule sends: the body of a send with places that are filled from the event. Pure.
//
//   {"template":"order-shipped",
//    "to":[{"user_id":{"from":"data.user_id"}},
//          {"each":"data.watchers","user_id":{"from":"item.id"},"params":{"name":{"from":"item.name"}}}],
//    "params":{"item_name":{"from":"data.items.0.name"},"note":{"from":"data.note","default":"-"}}}
//
// {"from":path} stands for the value at that path; with "default" for that when it is not there, and a
// default of null leaves the member out. Places are possible in to, params, metadata, locale,
// collapse_key, send_at, title, body, subject, url and image. An entry of `to` with "each" becomes one
// recipient for every element of the array it names, which "item" stands for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/event.h"
#include "model/template.h"

namespace carillon::model {

struct SendMember;
// One JSON value of the pattern.
struct SendNode {
  enum class Kind : std::uint8_t { Raw, Object, Array, Place, Each };
  Kind kind = Kind::Raw;
  std::string json;                 // Raw: the value. Place: the default, or empty
  EventPath path;                   // Place, Each
  bool is_optional = false;         // Place: a default is given (json empty: leave the member out)
  std::vector<SendMember> members;  // Object
  std::vector<SendNode> items;      // Array; Each: the one entry
  std::string pointer;              // in the send: "/to/0/user_id"

  [[nodiscard]] bool has_place() const noexcept;
};
struct SendMember {
  std::string key;
  SendNode node;
};

class SendPattern {
 public:
  struct Filled {
    std::string body;  // JSON of a send, with its event_id
    std::size_t recipients = 0;
  };
  // The body for one event, at most kRequestMax bytes. Problems: missing_field (pointer into the event),
  // invalid_value (`each` of something that is no array), too_many_recipients, body_too_large. That the
  // body is a usable send is for read_send_request() to say.
  [[nodiscard]] std::expected<Filled, base::Problems> fill(const Event& event,
                                                           std::string_view event_id) const;
  // `to` alone for one event, as far as it can be filled: JSON, or empty. For who is named by what cannot be
  // sent.
  [[nodiscard]] std::string recipients(const Event& event) const;
  // A body with likely values in all places, to check everything else by. Parameters get values of their
  // declared types; `tmpl` may be null.
  [[nodiscard]] std::string sample(const Template* tmpl) const;

  [[nodiscard]] const SendNode& root() const noexcept { return root_; }

 private:
  friend SendPattern read_send_pattern(base::JsonElement body, const std::string& pointer,
                                       base::Problems& problems);
  SendNode root_;
};

// Reads `send`. Besides the places it checks all of read_send_request() on a sample; event_id is refused,
// because the rule makes it. The result is usable only when no problem was added. Pointers begin with
// `pointer`. Codes: invalid_event_path read_only required, and those of a send.
SendPattern read_send_pattern(base::JsonElement body, const std::string& pointer, base::Problems& problems);

}  // namespace carillon::model
