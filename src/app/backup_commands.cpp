// carillon backup, carillon restore: a copy of everything, and everything again from a copy.
#include <expected>
#include <filesystem>
#include <optional>

#include "app/backup.h"
#include "app/client.h"
#include "app/restore.h"

extern char** environ;

namespace carillon::app {
namespace {

constexpr Millis kLookAgain{100};
constexpr std::int64_t kMiB = 1 << 20;

struct BackupOptions {
  std::string to;
  bool with_key = false;
};

// Waits until the backup is made or is not; its last state.
std::expected<net::HttpResponse, int> await_backup(Client& client, net::HttpResponse answer) {
  ProgressBar copying("Copying, MiB"), checking("Checking, MiB");
  while (true) {
    base::JsonDocument document;
    const auto root = document.parse(answer.body);
    const std::string state = root ? cell_at(*root, "state") : "-";
    if (state != "copying" && state != "checking") return answer;
    (state == "copying" ? copying : checking)
        .show(integer_at(*root, "done") / kMiB, integer_at(*root, "total") / kMiB);
    pause_before_next_look(kLookAgain);
    auto next = client.ask("GET", kBackupTarget);
    if (!next) return next;
    answer = std::move(*next);
  }
}

std::string render_backup(base::JsonElement root) {
  return fmt::format("{} holds everything as of {}: {}.\n", cell_at(root, "last.path"),
                     cell_at(root, "last.at"), size_text(integer_at(root, "last.bytes")));
}

int make_backup(Client& client, const BackupOptions& o) {
  if (client.transport().is_remote()) {
    return report(Error{Errc::FailedPrecondition,
                        "a backup is made on the machine of the server: run this there, with --data DIR"});
  }
  std::string to = std::filesystem::absolute(o.to).lexically_normal().string();
  while (to.size() > 1 && to.ends_with('/')) to.pop_back();
  base::JsonWriter body;
  body.object().field("to", to).field("with_key", o.with_key).end_object();
  auto answer = client.ask("POST", kBackupTarget, body.str());
  if (!answer) return answer.error();
  const auto done = await_backup(client, std::move(*answer));
  if (!done) return done.error();
  base::JsonDocument document;
  const auto root = document.parse(done->body);
  if (!root || cell_at(*root, "state") != "done") {
    // Whoever ended meanwhile knows nothing of it any more.
    std::string why = root ? cell_at(*root, "error") : std::string("-");
    if (why == "-") why = fmt::format("the server ended meanwhile; there is no backup at {}", to);
    return report(Error{Errc::Unavailable, std::move(why)});
  }
  const int status = client.show(*done, render_backup);
  if (!o.with_key && !client.is_json()) {
    print("The secret key is not in it: keep a copy of it elsewhere, a restore needs it.\n");
  }
  return status;
}

int restore(const Shell& shell, const RestoreOrder& order) {
  base::log_setup(base::LogLevel::Warn, base::LogFormat::Auto);
  const auto options = load_options(shell.line, environ);
  if (!options) return report(options.error());
  std::optional<ProgressBar> bar(std::in_place, "Restoring, MiB");
  const auto restored = restore_backup(
      order, *options, [&](std::int64_t done, std::int64_t total) { bar->show(done / kMiB, total / kMiB); });
  bar.reset();
  if (!restored) return report(restored.error());
  if (shell.json) {
    base::JsonWriter out;
    out.object().field("data", options->data).field("as_of", to_rfc3339(restored->manifest.created_at));
    out.field("bytes", restored->manifest.bytes()).key("pauses").array();
    for (const auto& id : restored->pauses) out.value(id);
    out.end_array().end_object();
    print(out.str() + "\n");
    return kExitOk;
  }
  std::string text = fmt::format(
      "{} holds everything as of {}: {}.\nIt sends nothing until its pause is removed:\n", options->data,
      to_rfc3339(restored->manifest.created_at), size_text(restored->manifest.bytes()));
  for (const auto& id : restored->pauses) {
    text += fmt::format("  carillon pause remove {} --data {}\n", id, options->data);
  }
  print(text);
  return kExitOk;
}

}  // namespace

void add_backup(CLI::App& root, Shell& shell) {
  auto o = std::make_shared<BackupOptions>();
  auto& backup =
      add_verb(root, shell, "backup", "Copy everything to a folder, while the server runs or stands",
               "carillon backup --to /mnt/backups/carillon-2026-11-26 --data ./carillon-data",
               [o](Client& client) { return make_backup(client, *o); });
  backup.add_option("--to", o->to, "Folder of the backup; it must not be there yet")->required();
  backup.add_flag("--with-key", o->with_key,
                  "The secret key too: whoever has the backup then has everything");
  auto order = std::make_shared<RestoreOrder>();
  auto* restoring = root.add_subcommand(
      "restore", "Make a data folder of a backup; it sends nothing until its pause is removed");
  add_common(*restoring, shell);
  restoring->add_option("--from", order->from, "Folder of the backup")->required();
  restoring->add_option("--key-file", order->key_file,
                        "File with the secret key, when it is not in the backup");
  restoring->add_flag("--force", order->is_forced, "Replace the store that is in the data folder, for good");
  restoring->footer(
      "Example: carillon restore --from /mnt/backups/carillon-2026-11-26 --data ./carillon-restored");
  restoring->callback([&shell, order] { shell.run = [&shell, order] { return restore(shell, *order); }; });
}

}  // namespace carillon::app
