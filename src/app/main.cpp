// The one binary: `carillon serve`, `carillon sim` and the commands that administer both.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/output.h"

namespace {

std::string names_of(const CLI::App& app) {
  std::string out;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    out += (out.empty() ? "" : ", ") + each->get_name();
  }
  return out;
}

// What is wrong with the command line, and which command's help says more.
std::string explain(const CLI::App* root, const CLI::Error& error) {
  const CLI::App* app = root;
  std::string path = "carillon";
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  std::string what = error.what();
  if (error.get_name() == "RequiredError" && app->get_require_subcommand_min() > 0) {
    const std::vector<std::string> extra = root->remaining(true);
    what = extra.empty() ? "give a command" : fmt::format("'{}' is no command here", extra.front());
    what += fmt::format("; use one of: {}", names_of(*app));
  }
  return fmt::format("{}: {}\n{} --help says more.\n", path, what, path);
}

int run(int argc, char** argv) {
  using namespace carillon::app;
  CLI::App root{
      "Carillon takes notifications, decides who gets them on which channel and when, and never loses one.",
      "carillon"};
  root.require_subcommand(1);
  root.failure_message(explain);
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
  add_migrate(root, shell);
  add_imports(root, shell);
  add_objects(root, shell);
  add_doctor(root, shell);
  add_bench(root, shell);
  add_reference(root, shell);
  // After its commands, which would say the same otherwise.
  root.footer(
      "Start here:  carillon serve\n"
      "Then:        carillon send --help\n"
      "Every command has --help with an example.");
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
