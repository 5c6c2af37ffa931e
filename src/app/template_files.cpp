#include "app/template_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "model/address.h"
#include "model/layout.h"
#include "model/template.h"

namespace carillon::app {
namespace {

constexpr std::size_t kProblemsShown = 10;

// Where the content of a locale has a text, and how its file ends: "<locale>.<suffix>".
struct TextPlace {
  std::string_view block, field, suffix;
  bool has_always_a_file = false;
};
constexpr std::array<TextPlace, 7> kPlaces{{{"email", "html", "email.html", true},
                                            {"email", "text", "email.txt", true},
                                            {"", "body", "body.txt"},
                                            {"push", "body", "push.txt"},
                                            {"sms", "body", "sms.txt"},
                                            {"voice", "text", "voice.txt"},
                                            {"chat", "text", "chat.txt"}}};

constexpr std::array<std::string_view, 6> kOfTheServer{"key",       "version",  "status",
                                                       "published", "archived", "used_by"};

using Path = std::vector<std::string>;

const TextPlace* place_at(const Path& path) {
  const bool is_content = path.size() >= 3 && path.size() <= 4 && path[0] == "content";
  if (!is_content) return nullptr;
  const std::string_view block = path.size() == 4 ? std::string_view(path[2]) : std::string_view{};
  const auto* const found = std::ranges::find_if(
      kPlaces, [&](const TextPlace& place) { return place.block == block && place.field == path.back(); });
  return found == kPlaces.end() ? nullptr : found;
}

bool may_have_file(Document kind, const Path& path) {
  if (kind == Document::Layout) return path.size() == 1 && (path[0] == "html" || path[0] == "text");
  return place_at(path) != nullptr;
}

// The file for the text at `path`; nullopt when it stays in the JSON file.
std::optional<std::string> file_for(Document kind, const Path& path, std::string_view text) {
  if (kind == Document::Layout) {
    if (path.size() != 1) return std::nullopt;
    if (path[0] == "html") return "layout.html";
    return path[0] == "text" ? std::optional<std::string>("layout.txt") : std::nullopt;
  }
  const TextPlace* const place = place_at(path);
  if (place == nullptr || (!place->has_always_a_file && text.find('\n') == std::string_view::npos)) {
    return std::nullopt;
  }
  return fmt::format("{}.{}", path[1], place->suffix);
}

// Indented JSON; long texts go into files of their own.
class FolderWriter {
 public:
  explicit FolderWriter(Document kind) : kind_(kind) {}

  Folder write(base::JsonElement document) {
    value(document);
    out_.push_back('\n');
    folder_.insert_or_assign(std::string(main_file(kind_)), std::move(out_));
    return std::move(folder_);
  }

 private:
  void line(std::size_t depth) { out_.append("\n").append(2 * depth, ' '); }

  void value(base::JsonElement element) {
    std::string_view text;
    base::JsonObject members;
    base::JsonArray items;
    if (element.get(text) == simdjson::SUCCESS) {
      if (auto file = file_for(kind_, path_, text)) {
        out_.append("{ \"file\": ");
        base::append_json_string(out_, *file);
        out_.append(" }");
        folder_.insert_or_assign(std::move(*file), std::string(text) + "\n");
        return;
      }
    } else if (element.get(members) == simdjson::SUCCESS) {
      return object(members);
    } else if (element.get(items) == simdjson::SUCCESS) {
      return array(items);
    }
    out_.append(base::to_json(element));
  }

  void object(base::JsonObject members) {
    bool is_first = true;
    out_.push_back('{');
    for (const auto member : members) {
      if (path_.empty() && std::ranges::find(kOfTheServer, member.key) != kOfTheServer.end()) continue;
      if (!is_first) out_.push_back(',');
      is_first = false;
      path_.emplace_back(member.key);
      line(path_.size());
      base::append_json_string(out_, member.key);
      out_.append(": ");
      value(member.value);
      path_.pop_back();
    }
    if (!is_first) line(path_.size());
    out_.push_back('}');
  }

  void array(base::JsonArray items) {
    bool is_first = true;
    out_.push_back('[');
    path_.emplace_back("-");
    for (const base::JsonElement item : items) {
      if (!is_first) out_.push_back(',');
      is_first = false;
      line(path_.size());
      value(item);
    }
    path_.pop_back();
    if (!is_first) line(path_.size());
    out_.push_back(']');
  }

  const Document kind_;
  Path path_;
  std::string out_;
  Folder folder_;
};

// Copies the JSON file, each {"file":…} in its place replaced by the text.
class FolderReader {
 public:
  FolderReader(Document kind, const Folder& folder) : kind_(kind), folder_(folder) {}

  Result<std::string> read() {
    const auto main = folder_.find(main_file(kind_));
    if (main == folder_.end())
      return fail(Errc::InvalidArgument, fmt::format("there is no {}", main_file(kind_)));
    base::JsonDocument document;
    const auto root = document.parse(main->second);
    if (!root) return fail(Errc::InvalidArgument, fmt::format("{}: {}", main->first, root.error().message));
    CARILLON_CHECK(value(*root));
    return out_.str();
  }

 private:
  Result<void> value(base::JsonElement element) {
    base::JsonObject members;
    if (element.get(members) != simdjson::SUCCESS) {
      out_.element(element);
      return {};
    }
    base::JsonElement named;
    if (may_have_file(kind_, path_) && members.size() == 1 &&
        members.at_key("file").get(named) == simdjson::SUCCESS) {
      return file(named);
    }
    out_.object();
    for (const auto member : members) {
      out_.key(member.key);
      path_.emplace_back(member.key);
      CARILLON_CHECK(value(member.value));
      path_.pop_back();
    }
    out_.end_object();
    return {};
  }

  Result<void> file(base::JsonElement named) {
    std::string_view name;
    if (named.get(name) != simdjson::SUCCESS) {
      return fail(Errc::InvalidArgument, "\"file\" is the name of a file in the same folder");
    }
    if (name.empty() || name.front() == '.' || name.find_first_of("/\\") != std::string_view::npos) {
      return fail(Errc::InvalidArgument,
                  fmt::format("\"{}\" is not the plain name of a file in the same folder", name));
    }
    const auto found = folder_.find(name);
    if (found == folder_.end())
      return fail(Errc::InvalidArgument, fmt::format("there is no file \"{}\"", name));
    std::string_view text = found->second;
    if (base::to_valid_utf8(text) != text)
      return fail(Errc::InvalidArgument, fmt::format("\"{}\" is not UTF-8", name));
    if (text.ends_with('\n')) text.remove_suffix(1);
    out_.value(text);
    return {};
  }

  const Document kind_;
  const Folder& folder_;
  Path path_;
  base::JsonWriter out_;
};

std::string shown(const base::Problems& problems) {
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), kProblemsShown); ++i) {
    text += fmt::format("{}{}: {}", i == 0 ? "" : "; ", problems[i].pointer, problems[i].detail);
  }
  if (problems.size() > kProblemsShown)
    text += fmt::format("; and {} more", problems.size() - kProblemsShown);
  return text;
}

}  // namespace

std::string_view main_file(Document kind) noexcept {
  return kind == Document::Template ? "template.json" : "layout.json";
}

bool is_text_file(Document kind, std::string_view name) {
  if (kind == Document::Layout) return name == "layout.html" || name == "layout.txt";
  return std::ranges::any_of(kPlaces, [&](const TextPlace& place) {
    const std::string tail = fmt::format(".{}", place.suffix);
    return name.ends_with(tail) && model::is_locale(name.substr(0, name.size() - tail.size()));
  });
}

Folder to_files(Document kind, base::JsonElement document) { return FolderWriter(kind).write(document); }

Result<std::string> from_files(Document kind, const Folder& folder) {
  return FolderReader(kind, folder).read();
}

Result<std::string> canonical(Document kind, std::string_view key, std::string_view json) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(json));
  base::Problems problems;
  base::JsonWriter out;
  if (kind == Document::Template) {
    model::Template t = model::read_template(root, key, problems);
    t.version = 0;
    t.is_published = false;
    model::write_template(out, t);
  } else {
    model::Layout layout = model::read_layout(root, key, problems);
    layout.version = 0;
    layout.is_published = false;
    model::write_layout(out, layout);
  }
  std::string text = out.str();
  if (!problems.empty()) return fail(Errc::InvalidArgument, shown(problems));
  return text;
}

}  // namespace carillon::app
