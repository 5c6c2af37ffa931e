#include "api/recipient_form.h"

#include <algorithm>
#include <optional>
#include <set>

#include "model/address.h"
#include "net/http.h"

namespace carillon::api {
namespace {

constexpr std::size_t kBoxesMax = 1000;  // of one form
constexpr std::size_t kTimeMax = 16;     // bytes of a time as typed

// "news/email/1"
std::optional<Box> read_box(std::string_view text) {
  const std::size_t first = text.find('/');
  const std::size_t second = text.find('/', std::min(first, text.size() - 1) + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const std::string_view state = text.substr(second + 1);
  const auto channel = model::parse_channel(text.substr(first + 1, second - first - 1));
  if (!channel || (state != "0" && state != "1") || !model::is_key(text.substr(0, first)))
    return std::nullopt;
  return Box{std::string(text.substr(0, first)), *channel, state == "1"};
}

std::vector<Box> read_boxes(std::string_view text) {
  std::vector<Box> boxes;
  while (!text.empty() && boxes.size() < kBoxesMax) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end != 0) {
      if (auto box = read_box(text.substr(0, end))) boxes.push_back(std::move(*box));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return boxes;
}

// Browsers give 22:00; some let people type.
std::string typed_time(std::string_view text) {
  std::string typed(text.substr(0, kTimeMax));
  std::erase_if(typed, [](char c) { return c <= ' ' || c > '~'; });
  return typed;
}

}  // namespace

std::string box_name(std::string_view category, model::Channel channel) {
  return std::string(category).append("/").append(model::name(channel));
}

std::string write_boxes(const std::vector<Box>& boxes) {
  std::string out;
  for (const Box& box : boxes) {
    if (!out.empty()) out.push_back(' ');
    out.append(box_name(box.category, box.channel)).append(box.is_yes ? "/1" : "/0");
  }
  return out;
}

Result<PreferenceForm> read_preference_form(std::string_view body) {
  CARILLON_TRY(const auto fields, net::form_decode(body));
  PreferenceForm form;
  std::vector<Box> shown;
  std::set<std::string_view> ticked;
  for (const auto& [name, value] : fields) {
    if (name == "boxes") shown = read_boxes(value);
    if (name == "on") ticked.insert(value);
    if (name == "quiet_from") form.quiet_from = typed_time(value);
    if (name == "quiet_to") form.quiet_to = typed_time(value);
  }
  for (Box& box : shown) {
    const bool is_ticked = ticked.contains(box_name(box.category, box.channel));
    if (is_ticked == box.is_yes) continue;
    box.is_yes = is_ticked;
    form.changed.push_back(std::move(box));
  }
  return form;
}

Result<std::string> read_stop_form(std::string_view body) {
  CARILLON_TRY(const auto fields, net::form_decode(body));
  for (const auto& [name, value] : fields) {
    if (name == "category" && (value == "*" || model::is_key(value))) return value;
  }
  return std::string();
}

}  // namespace carillon::api
