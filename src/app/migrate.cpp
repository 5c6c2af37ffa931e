// carillon migrate: what is in files goes into PostgreSQL, for good.
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "app/client.h"
#include "app/keys.h"
#include "app/node.h"
#include "store/move.h"

extern char** environ;

namespace carillon::app {
namespace {

constexpr std::string_view kFromScheme = "sqlite:";
constexpr std::string_view kHelp =
    "Stop the server first. The key and the journal are taken from the data folder (--data, else the folder "
    "of --from).\n"
    "Interrupted, by whatever, the same command goes on where it was; until it is done neither side can be "
    "started.\n"
    "Then the server runs with the new store.url on the same data folder, and the files are refused.\n"
    "--to may hold a password, which others on this machine could see: leave it out and set "
    "CARILLON_STORE_URL.\n"
    "Example: carillon migrate --from sqlite:./carillon-data --to "
    "postgres://carillon@db.example.com/carillon";

struct MigrateOptions {
  std::string from, to;
  bool is_dry_run = false, is_undo = false;
};

struct Sides {
  AppOptions source;  // of the stopped server
  std::string folder;
  base::Secret target;
};

Result<Sides> read_sides(const Shell& shell, const MigrateOptions& o) {
  Sides sides;
  if (!o.from.starts_with(kFromScheme) || o.from.size() == kFromScheme.size()) {
    return fail(Errc::InvalidArgument,
                fmt::format("--from: '{}' is no store in files; give sqlite:DIR, the data folder "
                            "of the server that is to move",
                            o.from));
  }
  AppOptions of_files;
  of_files.store.url = base::Secret(o.from);
  CARILLON_TRY(sides.folder, store_folder(of_files));
  CommandLine line = shell.line;
  if (line.data.empty() && std::getenv("CARILLON_DATA") == nullptr) line.data = sides.folder;
  CARILLON_TRY(sides.source, load_options(line, environ));
  sides.target = o.to.empty() ? sides.source.store.url : base::Secret(o.to);
  // One process, whatever shall be beside the new store.
  sides.source.store.url = base::Secret(o.from);
  sides.source.queue = {};
  sides.source.cache = {};
  StoreOptions target;
  target.url = sides.target;
  if (o.is_undo || target.is_postgres()) return sides;
  return fail(
      Errc::InvalidArgument,
      "--to: give postgres://user@host/database, or set CARILLON_STORE_URL to it when it holds a password");
}

// The key of the files. None is made, and one that is there and another than the settings' is not passed
// over.
Result<std::unique_ptr<base::KeyRing>> key_of(const AppOptions& source) {
  const auto found = find_key(source);
  if (!found) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("{}; give --data DIR, where the server keeps its secret.key, or CARILLON_SECRETS_KEY",
                    found.error().message));
  }
  CARILLON_TRY(auto keys, read_key(found->text.reveal(), found->where));
  const std::string path = source.data + "/secret.key";
  std::error_code ec;
  if (!found->is_setting || !std::filesystem::exists(path, ec)) return keys;
  CARILLON_TRY(const std::string text, read_file(path));
  CARILLON_TRY(const auto in_folder, read_key(text, path));
  if (in_folder->sealer.key_id() == keys->sealer.key_id()) return keys;
  return fail(Errc::FailedPrecondition,
              fmt::format("{} is another key than {} has; give the one the server there runs with",
                          found->where, path));
}

// What a killed server had in its hands is decided by its journal, which does not move.
Result<void> settle(const AppOptions& source) {
  CARILLON_TRY(const auto node, Node::open(source, Role::Administer));
  CARILLON_CHECK(node->recover());
  node->stop();
  return {};
}

std::string tables_text(const std::vector<store::MovedTable>& tables, bool has_target) {
  Table table(has_target ? std::vector<std::string>{"TABLE", "IN THE FILES", "IN POSTGRESQL"}
                         : std::vector<std::string>{"TABLE", "IN THE FILES"});
  for (const auto& t : tables) {
    if (t.source == 0 && t.target == 0) continue;
    std::vector<std::string> cells{t.name, fmt::format("{}", t.source)};
    if (has_target) cells.push_back(fmt::format("{}", t.target));
    table.add(std::move(cells));
  }
  return table.text();
}

std::int64_t rows_in(const std::vector<store::MovedTable>& tables) {
  std::int64_t rows = 0;
  for (const auto& t : tables) rows += t.source;
  return rows;
}

std::string tables_json(const std::vector<store::MovedTable>& tables, std::string_view state,
                        bool has_target) {
  base::JsonWriter out;
  out.object().field("state", state).field("rows", rows_in(tables)).key("tables").array();
  for (const auto& t : tables) {
    out.object().field("table", t.name).field("source", t.source);
    if (has_target) out.field("target", t.target);
    out.end_object();
  }
  out.end_array().end_object();
  return out.str() + "\n";
}

int show_outlook(const Shell& shell, const Sides& sides, const store::MoveOutlook& outlook) {
  const bool is_begun = outlook.state == store::MoveState::Begun,
             is_done = outlook.state == store::MoveState::Done;
  if (shell.json) {
    print(tables_json(outlook.tables, is_done ? "done" : is_begun ? "begun" : "not_begun", false));
    return kExitOk;
  }
  std::string text = tables_text(outlook.tables, false);
  text += fmt::format("{} rows in {} (schema {}). ", rows_in(outlook.tables), sides.folder,
                      outlook.schema.everything);
  text += is_done    ? "They are in the database already.\n"
          : is_begun ? "A move of them into the database has begun; without --dry-run it goes on.\n"
                     : "The database answers and is empty. Nothing was changed.\n";
  print(text);
  return kExitOk;
}

int show_done(const Shell& shell, const Sides& sides, const std::vector<store::MovedTable>& tables) {
  if (shell.json) {
    print(tables_json(tables, "done", true));
    return kExitOk;
  }
  std::string text = tables.empty() ? std::string() : tables_text(tables, true);
  text += tables.empty() ? "Everything was moved already.\n"
                         : fmt::format("{} rows moved; each table has the same number on both sides.\n",
                                       rows_in(tables));
  text += fmt::format(
      "Set store.url (CARILLON_STORE_URL) to the database, then: carillon serve --data {}\n"
      "It sends what is due as soon as it runs. {}/carillon.db and people.db are refused from now on: keep "
      "them until\n"
      "the new store has a backup, then remove them.\n",
      sides.source.data, sides.folder);
  print(text);
  return kExitOk;
}

int undo(const Shell& shell, const Sides& sides) {
  const auto undone = store::undo_move(sides.folder);
  if (!undone) return report(undone.error());
  if (shell.json) {
    print(base::JsonWriter().object().field("undone", *undone).end_object().str() + "\n");
  } else if (*undone) {
    print(fmt::format("{} can be started again as it was. Drop the database: what is there is half a move.\n",
                      sides.folder));
  } else {
    print(fmt::format("No move of {} has begun.\n", sides.folder));
  }
  return kExitOk;
}

int migrate(const Shell& shell, const MigrateOptions& o) {
  base::log_setup(base::LogLevel::Warn, base::LogFormat::Auto);
  const auto sides = read_sides(shell, o);
  if (!sides) return report(sides.error());
  if (o.is_undo) return undo(shell, *sides);
  const auto keys = key_of(sides->source);
  if (!keys) return report(keys.error());
  const store::MoveOptions options{sides->folder, sides->target, keys->get(), key_note(**keys)};
  const auto outlook = store::look_before_move(options);
  if (!outlook) return report(outlook.error());
  if (o.is_dry_run) return show_outlook(shell, *sides, *outlook);
  if (outlook->state == store::MoveState::NotBegun && !outlook->is_marked) {
    if (const auto settled = settle(sides->source); !settled) return report(settled.error());
  }
  std::optional<ProgressBar> bar(std::in_place, "Moving");
  const auto moved = store::move_to_postgres(
      options,
      [&](std::string_view what, std::int64_t done, std::int64_t total) { bar->show(what, done, total); });
  bar.reset();
  if (!moved) return report(moved.error());
  return show_done(shell, *sides, *moved);
}

}  // namespace

void add_migrate(CLI::App& root, Shell& shell) {
  auto o = std::make_shared<MigrateOptions>();
  auto* command =
      root.add_subcommand("migrate", "Move a stopped server's store from its files into PostgreSQL");
  add_common(*command, shell);
  command->add_option("--from", o->from, "sqlite:DIR, the data folder of the server that is to move")
      ->required();
  command->add_option(
      "--to", o->to,
      "postgres://user@host/database, which is empty and the user's own; without it store.url");
  auto* dry_run =
      command->add_flag("--dry-run", o->is_dry_run, "Look whether it can be done, count, change nothing");
  command->add_flag("--undo", o->is_undo, "Give up a move that is not done: the files may be started again")
      ->excludes(dry_run);
  command->footer(std::string(kHelp));
  command->callback([&shell, o] { shell.run = [&shell, o] { return migrate(shell, *o); }; });
}

}  // namespace carillon::app
