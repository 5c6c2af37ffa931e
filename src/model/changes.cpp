#include "model/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "model/send_recipient.h"

namespace carillon::model {
namespace {

constexpr std::size_t kLongText = 80;    // bytes from which a text has a diff
constexpr std::size_t kEditsMax = 2000;  // lines added and removed that are looked for
constexpr std::size_t kContext = 3;      // lines shown around a change

using Lines = std::vector<std::string_view>;

Lines split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) lines.emplace_back();  // so that a last line break is a difference
  }
  return lines;
}

struct Edit {
  char sign = ' ';
  std::string_view line;
};

// The edit script from the furthest points reached with each number of edits (Myers 1986).
std::vector<Edit> retrace(const Lines& a, const Lines& b,
                          const std::vector<std::vector<std::int32_t>>& trace) {
  std::vector<Edit> edits;
  auto x = static_cast<std::int32_t>(a.size()), y = static_cast<std::int32_t>(b.size());
  for (auto d = static_cast<std::int32_t>(trace.size()) - 1; d >= 0; --d) {
    const auto& reached = trace[static_cast<std::size_t>(d)];  // of d - 1 edits, diagonals -d to d
    const std::int32_t k = x - y;
    const auto at = [&](std::int32_t diagonal) {
      return reached[static_cast<std::size_t>(diagonal + d + 1)];
    };
    const bool is_down = d > 0 && (k == -d || (k != d && at(k - 1) < at(k + 1)));
    const std::int32_t from_x = d == 0 ? 0 : is_down ? at(k + 1) : at(k - 1);
    const std::int32_t from_y = d == 0 ? 0 : from_x - (is_down ? k + 1 : k - 1);
    while (x > from_x && y > from_y) {
      edits.push_back({' ', a[static_cast<std::size_t>(--x)]});
      --y;
    }
    if (d == 0) break;
    if (is_down) {
      edits.push_back({'+', b[static_cast<std::size_t>(--y)]});
    } else {
      edits.push_back({'-', a[static_cast<std::size_t>(--x)]});
    }
  }
  std::ranges::reverse(edits);
  return edits;
}

std::vector<Edit> replaced(const Lines& a, const Lines& b) {
  std::vector<Edit> edits;
  for (const auto line : a) edits.push_back({'-', line});
  for (const auto line : b) edits.push_back({'+', line});
  return edits;
}

std::vector<Edit> edits_between(const Lines& a, const Lines& b) {
  const auto n = static_cast<std::int32_t>(a.size()), m = static_cast<std::int32_t>(b.size());
  const std::int32_t most = std::min(n + m, static_cast<std::int32_t>(kEditsMax));
  std::vector<std::vector<std::int32_t>> trace;
  std::vector<std::int32_t> reached(3, 0);  // diagonals -1 to 1
  for (std::int32_t d = 0; d <= most; ++d) {
    trace.push_back(reached);
    std::vector<std::int32_t> next(static_cast<std::size_t>(2 * d + 5), 0);  // diagonals -d-2 to d+2
    for (std::int32_t k = -d; k <= d; k += 2) {
      const auto at = [&](std::int32_t diagonal) {
        return reached[static_cast<std::size_t>(diagonal + d + 1)];
      };
      std::int32_t x = 0;
      if (d > 0) x = k == -d || (k != d && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
      std::int32_t y = x - k;
      while (x < n && y < m && a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(y)]) ++x, ++y;
      next[static_cast<std::size_t>(k + d + 2)] = x;
      if (x >= n && y >= m) return retrace(a, b, trace);
    }
    reached = std::move(next);
  }
  return replaced(a, b);
}

// The script over both whole texts; what they share at both ends is not searched.
std::vector<Edit> script_of(const Lines& a, const Lines& b) {
  const auto [first_a, first_b] = std::ranges::mismatch(a, b);
  const auto head = static_cast<std::size_t>(first_a - a.begin());
  std::size_t tail = 0;
  while (tail < std::min(a.size(), b.size()) - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
    ++tail;
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < head; ++i) edits.push_back({' ', a[i]});
  const Lines middle_a(first_a, a.end() - static_cast<std::ptrdiff_t>(tail));
  const Lines middle_b(first_b, b.end() - static_cast<std::ptrdiff_t>(tail));
  std::ranges::copy(edits_between(middle_a, middle_b), std::back_inserter(edits));
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) edits.push_back({' ', a[i]});
  return edits;
}

void append_hunk(std::string& out, const std::vector<Edit>& edits, std::size_t begin, std::size_t end,
                 std::size_t line_a, std::size_t line_b) {
  std::size_t count_a = 0, count_b = 0;
  for (std::size_t i = begin; i < end; ++i) {
    count_a += edits[i].sign != '+' ? 1U : 0U;
    count_b += edits[i].sign != '-' ? 1U : 0U;
  }
  out += fmt::format("@@ -{},{} +{},{} @@\n", count_a == 0 ? line_a - 1 : line_a, count_a,
                     count_b == 0 ? line_b - 1 : line_b, count_b);
  for (std::size_t i = begin; i < end; ++i) {
    out.push_back(edits[i].sign);
    out.append(edits[i].line).push_back('\n');
  }
}

std::string json_of(base::JsonElement element) { return base::to_json(element); }

class Comparison {
 public:
  void compare(base::JsonElement before, base::JsonElement after, const std::string& pointer) {
    if (changes.size() >= kChangesMax) return;
    base::JsonObject object_before, object_after;
    base::JsonArray array_before, array_after;
    if (before.get(object_before) == simdjson::SUCCESS && after.get(object_after) == simdjson::SUCCESS) {
      return objects(object_before, object_after, pointer);
    }
    if (before.get(array_before) == simdjson::SUCCESS && after.get(array_after) == simdjson::SUCCESS) {
      return arrays(array_before, array_after, pointer);
    }
    Change change{pointer, json_of(before), json_of(after), {}};
    if (change.before == change.after) return;
    std::string_view a, b;
    const auto is_long = [](std::string_view text) {
      return text.size() > kLongText || text.find('\n') != std::string_view::npos;
    };
    if (before.get(a) == simdjson::SUCCESS && after.get(b) == simdjson::SUCCESS &&
        (is_long(a) || is_long(b))) {
      change.diff = unified_diff(a, b);
    }
    changes.push_back(std::move(change));
  }

  std::vector<Change> changes;

 private:
  void add(std::string pointer, std::string before, std::string after) {
    if (changes.size() < kChangesMax)
      changes.push_back({std::move(pointer), std::move(before), std::move(after), {}});
  }

  void objects(base::JsonObject before, base::JsonObject after, const std::string& pointer) {
    for (const auto member : after) {
      base::JsonElement old;
      const std::string at = detail::join(pointer, member.key);
      if (before.at_key(member.key).get(old) == simdjson::SUCCESS) {
        compare(old, member.value, at);
      } else {
        add(at, {}, json_of(member.value));
      }
    }
    for (const auto member : before) {
      base::JsonElement now;
      if (after.at_key(member.key).get(now) == simdjson::SUCCESS) continue;
      add(detail::join(pointer, member.key), json_of(member.value), {});
    }
  }

  void arrays(base::JsonArray before, base::JsonArray after, const std::string& pointer) {
    std::size_t index = 0;
    auto old = before.begin();
    for (const base::JsonElement item : after) {
      const std::string at = fmt::format("{}/{}", pointer, index++);
      if (old != before.end()) {
        compare(*old, item, at);
        ++old;
      } else {
        add(at, {}, json_of(item));
      }
    }
    for (; old != before.end(); ++old) add(fmt::format("{}/{}", pointer, index++), json_of(*old), {});
  }
};

}  // namespace

std::vector<Change> changes_between(base::JsonElement before, base::JsonElement after) {
  Comparison comparison;
  comparison.compare(before, after, {});
  return std::move(comparison.changes);
}

std::string unified_diff(std::string_view before, std::string_view after) {
  std::string out;
  if (before == after) return out;
  const std::vector<Edit> edits = script_of(split(before), split(after));
  std::size_t line_a = 1, line_b = 1, at = 0;
  while (at < edits.size()) {
    const auto changed = std::find_if(edits.begin() + static_cast<std::ptrdiff_t>(at), edits.end(),
                                      [](const Edit& edit) { return edit.sign != ' '; });
    if (changed == edits.end()) break;
    const auto first = static_cast<std::size_t>(changed - edits.begin());
    const std::size_t begin = std::max(at, first - std::min(first, kContext));
    line_a += begin - at;
    line_b += begin - at;
    std::size_t end = first, same = 0;  // a hunk ends where enough lines are the same
    while (end < edits.size() && same <= 2 * kContext) same = edits[end++].sign == ' ' ? same + 1 : 0;
    end -= same > kContext ? same - kContext : 0;
    append_hunk(out, edits, begin, end, line_a, line_b);
    for (std::size_t i = begin; i < end; ++i) {
      line_a += edits[i].sign != '+' ? 1U : 0U;
      line_b += edits[i].sign != '-' ? 1U : 0U;
    }
    at = end;
  }
  return out;
}

}  // namespace carillon::model
