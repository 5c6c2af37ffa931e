// The one binary: `carillon serve`, `carillon sim` and the commands that administer both.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

#include "app/commands.h"
#include "app/output.h"

namespace {

// The command whose name begins most like `word`; empty: none does.
std::string nearest(const CLI::App& root, std::string_view word) {
  std::string best;
  std::size_t most = 1;  // one letter alone says nothing
  for (const auto* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string& name = command->get_name();
    const auto same = std::mismatch(name.begin(), name.end(), word.begin(), word.end()).first - name.begin();
    if (static_cast<std::size_t>(same) > most) {
      most = static_cast<std::size_t>(same);
      best = name;
    }
  }
  return best;
}

// Says so when the first word is no command; the parser would only say that one is missing.
bool is_unknown(const CLI::App& root, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  const auto is_it = [argv](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (!root.get_subcommands(is_it).empty()) return false;
  const std::string near = nearest(root, argv[1]);
  std::fprintf(stderr, "carillon: there is no command '%s'%s%s%s; carillon --help lists them\n", argv[1],
               near.empty() ? "" : "; is it '", near.c_str(), near.empty() ? "" : "'");
  return true;
}

int run(int argc, char** argv) {
  using namespace carillon::app;
  CLI::App root{
      "Carillon takes notifications, decides who gets them on which channel and when, and never loses one.",
      "carillon"};
  root.footer(
      "Start here:  carillon serve\n"
      "Then:        carillon send --help\n"
      "Every command has --help with an example.");
  root.require_subcommand(1);
  Shell shell;
  add_serve(root, shell);
  add_roles(root, shell);
  add_sim(root, shell);
  add_sending(root, shell);
  add_operating(root, shell);
  add_approval(root, shell);
  add_admin(root, shell);
  add_members(root, shell);
  add_people(root, shell);
  add_clients(root, shell);
  add_content(root, shell);
  add_channels(root, shell);
  add_schedule(root, shell);
  add_rules(root, shell);
  add_webhooks(root, shell);
  add_backup(root, shell);
  add_imports(root, shell);
  add_objects(root, shell);
  add_doctor(root, shell);
  add_bench(root, shell);
  add_reference(root, shell);
  if (is_unknown(root, argc, argv)) return kExitUsage;
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& e) { return root.exit(e) == 0 ? kExitOk : kExitUsage; }
  return shell.run ? shell.run() : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) { std::fprintf(stderr, "carillon: %s\n", e.what()); } catch (...) {
    std::fprintf(stderr, "carillon: an unknown exception ended the process\n");
  }
  return 70;
}
