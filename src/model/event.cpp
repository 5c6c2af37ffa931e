#include "model/event.h"

#include <algorithm>
#include <charconv>

#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using detail::Complaints;
using detail::join;

constexpr std::size_t kAttributesMax = 64;       // members of an event
constexpr std::size_t kAttributeNameMax = 64;    // bytes; CloudEvents asks for 20 at most
constexpr std::size_t kAttributeMax = 4 * 1024;  // bytes of an attribute's text
constexpr std::string_view kItem = "item";
constexpr std::string_view kData = "data";

bool is_attribute_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kAttributeNameMax &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

class EventReader {
 public:
  EventReader(const std::string& pointer, base::Problems& problems) : complaints_(pointer, problems) {}

  Event read(base::JsonElement body) {
    out_.root = body;
    base::JsonObject object;
    if (body.get(object) != simdjson::SUCCESS) {
      complaints_.wrong_type("", "an object");
      return std::move(out_);
    }
    std::size_t count = 0;
    for (const auto member : object) {
      if (++count > kAttributesMax) {
        complaints_.add("", "too_many", fmt::format("an event has at most {} members", kAttributesMax));
        break;
      }
      if (!member.value.is_null()) read_member(member.key, member.value);
    }
    for (const auto& [name, is_there] : {std::pair<std::string_view, bool>{"specversion", has_version_},
                                         {"id", has_id_},
                                         {"source", has_source_},
                                         {"type", has_type_}}) {
      if (!is_there)
        complaints_.add(join({}, name), "required", "a CloudEvent has specversion, id, source, type");
    }
    return std::move(out_);
  }

 private:
  void read_member(std::string_view name, base::JsonElement value) {
    if (name == kData) return;
    if (name == "id") {
      has_id_ = true;
      detail::read_name(value, {}, "id", kEventIdTextMax, out_.id, complaints_);
    } else if (name == "source") {
      has_source_ = true;
      detail::read_name(value, {}, "source", kEventSourceMax, out_.source, complaints_);
    } else if (name == "type") {
      has_type_ = true;
      detail::read_name(value, {}, "type", kEventTypeMax, out_.type, complaints_);
    } else if (name == "specversion") {
      has_version_ = true;
      read_version(value);
    } else if (name == "data_base64") {
      complaints_.add("/data_base64", "unsupported", "rules cannot look into it; give data as JSON");
    } else {
      read_attribute(name, value);
    }
  }

  void read_version(base::JsonElement value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return complaints_.wrong_type("/specversion", "a string");
    if (text != "1.0") complaints_.add("/specversion", "invalid_choice", "use \"1.0\"");
  }

  // subject, time, datacontenttype, dataschema and whatever extensions there are: scalars.
  void read_attribute(std::string_view name, base::JsonElement value) {
    if (!is_attribute_name(name)) return complaints_.unknown_field(join({}, name), name);
    if (value.is_object() || value.is_array() || value.type() == simdjson::dom::element_type::DOUBLE) {
      return complaints_.wrong_type(join({}, name),
                                    "a string, an integer, true or false; data takes any JSON");
    }
    std::string text;
    if (!value.is_string()) {
      if (name == "subject" || name == "time" || name == "datacontenttype" || name == "dataschema") {
        complaints_.wrong_type(join({}, name), "a string");
      }
      return;
    }
    if (!detail::read_text(value, {}, name, kAttributeMax, text, complaints_)) return;
    if (name == "time" && !parse_rfc3339(text)) {
      complaints_.add("/time", "invalid_time", "write RFC 3339, such as 2026-12-01T09:00:00Z");
    }
  }

  Complaints complaints_;
  Event out_;
  bool has_version_ = false, has_id_ = false, has_source_ = false, has_type_ = false;
};

// "a.b\.c" → {"a", "b.c"}. nullopt: an empty step, or a backslash at the end.
std::optional<std::vector<std::string>> split_steps(std::string_view text) {
  std::vector<std::string> steps(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (steps.back().empty()) return std::nullopt;
      steps.emplace_back();
    } else if (text[i] != '\\') {
      steps.back() += text[i];
    } else if (++i < text.size()) {
      steps.back() += text[i];
    } else {
      return std::nullopt;
    }
  }
  if (steps.back().empty()) return std::nullopt;
  return steps;
}

std::optional<std::size_t> index_of(std::string_view step) noexcept {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
  return index;
}

void write_patched(base::JsonWriter& out, const base::JsonElement* target, base::JsonElement patch) {
  base::JsonObject changes, members;
  if (patch.get(changes) != simdjson::SUCCESS) {
    out.element(patch);
    return;
  }
  const bool has_target = target != nullptr && target->get(members) == simdjson::SUCCESS;
  out.object();
  if (has_target) {
    for (const auto member : members) {
      base::JsonElement change;
      if (changes.at_key(member.key).get(change) != simdjson::SUCCESS) {
        out.key(member.key).element(member.value);
      } else if (!change.is_null()) {
        out.key(member.key);
        write_patched(out, &member.value, change);
      }
    }
  }
  for (const auto change : changes) {
    base::JsonElement old;
    if (change.value.is_null()) continue;
    if (has_target && members.at_key(change.key).get(old) == simdjson::SUCCESS) continue;
    out.key(change.key);
    write_patched(out, nullptr, change.value);
  }
  out.end_object();
}

}  // namespace

Event read_event(base::JsonElement body, const std::string& pointer, base::Problems& problems) {
  return EventReader(pointer, problems).read(body);
}

std::expected<EventPath, std::string> EventPath::parse(std::string_view text, bool has_item) {
  if (text.empty() || text.size() > kEventPathMax) {
    return std::unexpected(fmt::format("a path has 1 to {} bytes", kEventPathMax));
  }
  auto steps = split_steps(text);
  if (!steps) return std::unexpected("a path is names separated by points, such as data.order.total");
  if (steps->size() > kEventPathSteps) {
    return std::unexpected(fmt::format("a path has at most {} steps", kEventPathSteps));
  }
  EventPath path;
  path.text_ = text;
  const std::string& first = steps->front();
  if (first == kItem) {
    if (!has_item) return std::unexpected("item is known only beside \"each\"");
    path.root_ = Root::Item;
    steps->erase(steps->begin());
  } else if (first != kData && steps->size() > 1) {
    return std::unexpected("a path begins with data; the event's own attributes have nothing inside");
  } else if (first != kData && !is_attribute_name(first)) {
    return std::unexpected("a path begins with data, or is an attribute of the event such as subject");
  }
  for (std::string& step : *steps) {
    const auto index = index_of(step);
    path.steps_.push_back(Step{std::move(step), index});
  }
  return path;
}

std::optional<base::JsonElement> EventPath::find(base::JsonElement event, base::JsonElement item) const {
  base::JsonElement at = root_ == Root::Item ? item : event;
  for (const Step& step : steps_) {
    base::JsonObject object;
    base::JsonArray array;
    base::JsonElement next;
    if (at.get(object) == simdjson::SUCCESS) {
      if (object.at_key(step.name).get(next) != simdjson::SUCCESS) return std::nullopt;
    } else if (step.index && at.get(array) == simdjson::SUCCESS) {
      if (array.at(*step.index).get(next) != simdjson::SUCCESS) return std::nullopt;
    } else {
      return std::nullopt;
    }
    at = next;
  }
  if (at.is_null()) return std::nullopt;
  return at;
}

std::string EventPath::pointer() const {
  std::string out = root_ == Root::Item ? "/item" : "";
  for (const Step& step : steps_) out = join(out, step.name);
  return out;
}

std::string merge_patch(base::JsonElement target, base::JsonElement patch) {
  base::JsonWriter out;
  write_patched(out, &target, patch);
  return out.str();
}

}  // namespace carillon::model
