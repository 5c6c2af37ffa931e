// A business event: something that happened in a caller's world, as one CloudEvents 1.0 document. And paths
// into it, by which rules look at it.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace carillon::model {

inline constexpr std::size_t kEventMax = 256 * 1024;  // bytes of one event
inline constexpr std::size_t kEventsMax = 1000;       // events of a batch
inline constexpr std::size_t kEventTypeMax = 256;     // bytes
inline constexpr std::size_t kEventSourceMax = 512;   // bytes
inline constexpr std::size_t kEventIdTextMax = 256;   // bytes of an event's own id
inline constexpr std::size_t kEventPathMax = 256;     // bytes
inline constexpr std::size_t kEventPathSteps = 16;

// `root` points into the document it was read from, which must outlive this.
struct Event {
  std::string id, source, type;  // never empty in an event without problems
  base::JsonElement root;        // all of it: attributes and data
};

// Reads a structured CloudEvent: specversion "1.0", id, source and type are required; subject, time,
// datacontenttype, dataschema, data and extension attributes (a-z and 0-9, scalar) may be there. data is
// any JSON; data_base64 is refused, because rules cannot look into it. The result is usable only when no
// problem was added. Pointers begin with `pointer`.
Event read_event(base::JsonElement body, const std::string& pointer, base::Problems& problems);

// Where a value stands: "type", "data.order.total", "data.items.0.name". Steps are separated by points; a
// backslash takes the next character as it is ("data.a\\.b"). A number is an index in an array and a name in
// an object. "item" is the element at hand inside `each`.
class EventPath {
 public:
  enum class Root : bool { Event, Item };

  EventPath() = default;
  // The error says in words what is wrong. `has_item`: whether "item" means something here.
  static std::expected<EventPath, std::string> parse(std::string_view text, bool has_item);

  // nullopt when it is not there or null. `item` is used by paths that begin with "item".
  [[nodiscard]] std::optional<base::JsonElement> find(base::JsonElement event, base::JsonElement item) const;
  [[nodiscard]] std::optional<base::JsonElement> find(const Event& event) const {
    return find(event.root, event.root);
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] Root root() const noexcept { return root_; }
  // The same as RFC 6901: "/data/items/0/name".
  [[nodiscard]] std::string pointer() const;

 private:
  struct Step {
    std::string name;
    std::optional<std::size_t> index;
  };
  std::string text_;
  Root root_ = Root::Event;
  std::vector<Step> steps_;  // without "item"
};

// `target` changed by an RFC 7396 merge patch, as compact JSON: objects are merged, null removes a member,
// everything else replaces.
[[nodiscard]] std::string merge_patch(base::JsonElement target, base::JsonElement patch);

}  // namespace carillon::model
