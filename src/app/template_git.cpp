#include "app/template_git.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "app/template_files.h"
#include "model/address.h"
#include "model/changes.h"

namespace carillon::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileMax = 1024 * 1024;  // bytes of one file
constexpr std::size_t kFilesMax = 1000;        // in one folder

struct GitOptions {
  std::string folder;
  bool is_dry_run = false, publish = false;
};

// What the server has of one document.
struct Known {
  std::int64_t latest = 0, published = 0;
};
using KnownAll = std::map<std::string, Known>;

std::string_view plural(Document kind) { return kind == Document::Template ? "templates" : "layouts"; }
std::string_view singular(Document kind) { return kind == Document::Template ? "template" : "layout"; }
std::string api_path(Document kind) { return fmt::format("/v1/{}/", plural(kind)); }
fs::path folder_of(const GitOptions& o, Document kind, std::string_view key) {
  return fs::path(o.folder) / plural(kind) / key;
}

// One line of what was, or would be, done.
struct Row {
  Document kind = Document::Template;
  std::string key, change;
  std::int64_t version = 0;
  std::vector<model::Change> changes;
};

std::string change_text(const model::Change& change) {
  std::string text = fmt::format("    {}", printable(change.pointer));
  if (change.diff.empty()) {
    return text + fmt::format(": {} → {}\n", change.before.empty() ? "nothing" : printable(change.before),
                              change.after.empty() ? "nothing" : printable(change.after));
  }
  text += ":\n";
  std::string_view rest = change.diff;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    text += fmt::format("      {}\n", printable(rest.substr(0, end)));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return text;
}

void print_rows(const Client& client, const std::vector<Row>& rows, std::string_view empty) {
  if (client.is_json()) {
    base::JsonWriter out;
    out.object().key("data").array();
    for (const Row& row : rows) {
      out.object().field("kind", singular(row.kind)).field("key", row.key).field("change", row.change);
      if (row.version > 0) out.field("version", row.version);
      out.key("changes").array();
      for (const auto& change : row.changes) {
        out.object().field("pointer", change.pointer);
        change.before.empty() ? out.key("before").null() : out.key("before").raw(change.before);
        change.after.empty() ? out.key("after").null() : out.key("after").raw(change.after);
        out.field_if("diff", change.diff).end_object();
      }
      out.end_array().end_object();
    }
    out.end_array().end_object();
    return print(out.str() + "\n");
  }
  if (rows.empty()) return print(std::string(empty) + "\n");
  for (const Row& row : rows) {
    print(fmt::format("{:<9} {:<32} {}{}\n", singular(row.kind), printable(row.key), row.change,
                      row.version > 0 ? fmt::format(" (version {})", row.version) : std::string{}));
    for (const auto& change : row.changes) print(change_text(change));
  }
}

// Everything the server has of a kind.
std::expected<KnownAll, int> list_known(Client& client, Document kind) {
  KnownAll known;
  std::string after;
  while (true) {
    const auto answer = client.ask(
        "GET", with_query(fmt::format("/v1/{}", plural(kind)), {{"limit", "200"}, {"after", after}}));
    if (!answer) return std::unexpected(answer.error());
    base::JsonDocument document;
    base::JsonArray data;
    const auto root = document.parse(answer->body);
    if (!root || (*root)["data"].get(data) != simdjson::SUCCESS) {
      return std::unexpected(report(Error{Errc::Internal, "the answer cannot be read"}));
    }
    for (const base::JsonElement row : data) {
      known[cell_at(row, "key")] = {integer_at(row, "version"), integer_at(row, "published")};
    }
    after = cell_at(*root, "page.next");
    if (after == "-") return known;
  }
}

std::expected<std::string, int> newest(Client& client, Document kind, const std::string& key,
                                       std::int64_t version) {
  auto answer = client.ask("GET", path_of(api_path(kind), key, fmt::format("/versions/{}", version)));
  if (!answer) return std::unexpected(answer.error());
  return std::move(answer->body);
}

// ---- files
Result<Folder> read_folder(const fs::path& path) {
  Folder folder;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(path, ec)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(ec) || name.starts_with('.')) continue;
    const auto size = entry.file_size(ec);
    if (ec || size > kFileMax) {
      return fail(Errc::InvalidArgument,
                  fmt::format("{} is larger than {} bytes", entry.path().string(), kFileMax));
    }
    if (folder.size() == kFilesMax)
      return fail(Errc::InvalidArgument, fmt::format("{} has too many files", path.string()));
    CARILLON_TRY(folder[name], read_input(entry.path().string()));
  }
  if (ec) return fail(Errc::NotFound, fmt::format("{} cannot be read: {}", path.string(), ec.message()));
  return folder;
}

Result<void> write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return fail(Errc::Unavailable, fmt::format("{} cannot be written", path.string()));
}

// Makes the folder hold these files, and none that stood for a text before. Whether anything changed.
Result<bool> write_folder(Document kind, const fs::path& path, const Folder& folder) {
  std::error_code ec;
  fs::create_directories(path, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("{} cannot be made: {}", path.string(), ec.message()));
  CARILLON_TRY(const Folder before, read_folder(path));
  bool is_changed = false;
  for (const auto& [name, text] : folder) {
    const auto old = before.find(name);
    if (old != before.end() && old->second == text) continue;
    CARILLON_CHECK(write_file(path / name, text));
    is_changed = true;
  }
  for (const auto& [name, text] : before) {
    if (folder.contains(name) || !is_text_file(kind, name)) continue;
    fs::remove(path / name, ec);
    is_changed = true;
  }
  return is_changed;
}

// The keys that have a folder here.
std::vector<std::string> local_keys(const GitOptions& o, Document kind) {
  std::vector<std::string> keys;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(fs::path(o.folder) / plural(kind), ec)) {
    if (entry.is_directory(ec) && fs::exists(entry.path() / main_file(kind), ec))
      keys.push_back(entry.path().filename().string());
  }
  std::ranges::sort(keys);
  return keys;
}

// ---- pull
std::expected<void, int> pull_kind(Client& client, const GitOptions& o, Document kind,
                                   std::vector<Row>& rows) {
  const auto known = list_known(client, kind);
  if (!known) return std::unexpected(known.error());
  for (const auto& [key, versions] : *known) {
    const auto json = newest(client, kind, key, versions.latest);
    if (!json) return std::unexpected(json.error());
    const auto comparable = canonical(kind, key, *json);
    if (!comparable) return std::unexpected(report(comparable.error()));
    base::JsonDocument document;
    const auto root = document.parse(*comparable);
    if (!root) return std::unexpected(report(root.error()));
    const auto is_changed = write_folder(kind, folder_of(o, kind, key), to_files(kind, *root));
    if (!is_changed) return std::unexpected(report(is_changed.error()));
    rows.push_back({kind, key, *is_changed ? "written" : "same", versions.latest, {}});
  }
  for (std::string& key : local_keys(o, kind)) {
    if (!known->contains(key)) rows.push_back({kind, std::move(key), "only here", 0, {}});
  }
  return {};
}

int pull(Client& client, const GitOptions& o) {
  std::vector<Row> rows;
  for (const Document kind : {Document::Layout, Document::Template}) {
    const auto done = pull_kind(client, o, kind, rows);
    if (!done) return done.error();
  }
  print_rows(client, rows, "There is no template yet: carillon template put FILE");
  return kExitOk;
}

// ---- push
struct Local {
  Document kind = Document::Template;
  std::string key, json;  // canonical
};

// Reads and checks everything before anything is uploaded. Complaints are printed.
std::expected<std::vector<Local>, int> read_all(const GitOptions& o) {
  std::error_code ec;
  if (!fs::is_directory(o.folder, ec)) {
    return std::unexpected(report(Error{
        Errc::NotFound, fmt::format("there is no folder {}; carillon template pull makes it", o.folder)}));
  }
  std::vector<Local> all;
  int status = kExitOk;
  for (const Document kind : {Document::Layout, Document::Template}) {
    for (const std::string& key : local_keys(o, kind)) {
      const auto read = [&]() -> Result<std::string> {
        if (!model::is_key(key)) return fail(Errc::InvalidArgument, "this folder's name cannot be a key");
        CARILLON_TRY(const Folder folder, read_folder(folder_of(o, kind, key)));
        CARILLON_TRY(const std::string json, from_files(kind, folder));
        return canonical(kind, key, json);
      };
      auto json = read();
      if (json) {
        all.push_back({kind, key, std::move(*json)});
      } else {
        status = report(
            Error{json.error().code, fmt::format("{}/{}: {}", plural(kind), key, json.error().message)});
      }
    }
  }
  if (status != kExitOk) return std::unexpected(status);
  return all;
}

// What differs from the newest version there; an Error's status when it cannot be asked.
std::expected<std::vector<model::Change>, int> compare(Client& client, const Local& local,
                                                       const Known& known) {
  const auto json = newest(client, local.kind, local.key, known.latest);
  if (!json) return std::unexpected(json.error());
  const auto theirs = canonical(local.kind, local.key, *json);
  if (!theirs) return std::unexpected(report(theirs.error()));
  base::JsonDocument before, after;
  const auto old_root = before.parse(*theirs), new_root = after.parse(local.json);
  if (!old_root) return std::unexpected(report(old_root.error()));
  if (!new_root) return std::unexpected(report(new_root.error()));
  return model::changes_between(*old_root, *new_root);
}

std::expected<Row, int> push_one(Client& client, const GitOptions& o, const Local& local,
                                 const KnownAll& known) {
  Row row{local.kind, local.key, "new", 0, {}};
  const auto there = known.find(local.key);
  if (there != known.end()) {
    auto changes = compare(client, local, there->second);
    if (!changes) return std::unexpected(changes.error());
    row.version = there->second.latest;
    row.change = "changed";
    if (changes->empty())
      row.change = o.publish && there->second.published != row.version ? "published" : "same";
    if (o.is_dry_run) row.changes = std::move(*changes);
  }
  if (o.is_dry_run || row.change == "same") return row;
  const std::string path = path_of(api_path(local.kind), local.key);
  const auto answer = row.change == "published"
                          ? client.ask("POST", fmt::format("{}/versions/{}/publish", path, row.version))
                          : client.ask("PUT", fmt::format("{}?publish={}", path, o.publish), local.json);
  if (!answer) {
    print_error(fmt::format("carillon: {}/{} is not pushed\n", plural(local.kind), local.key));
    return std::unexpected(answer.error());
  }
  base::JsonDocument document;
  if (const auto root = document.parse(answer->body)) row.version = integer_at(*root, "version");
  return row;
}

int push(Client& client, const GitOptions& o) {
  const auto all = read_all(o);
  if (!all) return all.error();
  std::map<Document, KnownAll> known;
  for (const Document kind : {Document::Layout, Document::Template}) {
    auto found = list_known(client, kind);
    if (!found) return found.error();
    known[kind] = std::move(*found);
  }
  std::vector<Row> rows;
  int status = kExitOk;
  // Layouts come first: templates name them.
  for (const Local& local : *all) {
    auto row = push_one(client, o, local, known[local.kind]);
    if (!row) {
      status = row.error();
      break;
    }
    rows.push_back(std::move(*row));
  }
  if (status == kExitOk || !rows.empty()) print_rows(client, rows, "There is nothing to push.");
  return status;
}

}  // namespace

void add_template_git(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<GitOptions>();
  auto& pull_verb =
      add_verb(noun, shell, "pull", "Write the newest versions of all templates and layouts into a folder",
               "carillon template pull ./templates", [o](Client& client) { return pull(client, *o); });
  pull_verb.add_option("DIR", o->folder, "The folder; it is made where there is none")->required();
  auto& push_verb = add_verb(noun, shell, "push", "Store what a folder has and the server has not",
                             "carillon template push ./templates --publish",
                             [o](Client& client) { return push(client, *o); });
  push_verb.add_option("DIR", o->folder, "The folder")->required();
  push_verb.add_flag("--dry-run", o->is_dry_run, "Only show what would change");
  push_verb.add_flag("--publish", o->publish, "Use the new versions from now on; else they are drafts");
}

}  // namespace carillon::app
