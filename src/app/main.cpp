// The one binary: `carillon serve`, `carillon sim` and the commands that administer both.
#include <cstdio>
#include <exception>

#include "app/commands.h"

namespace {

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
  add_migrate(root, shell);
  add_imports(root, shell);
  add_objects(root, shell);
  add_doctor(root, shell);
  add_reference(root, shell);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& e) { return root.exit(e) == 0 ? 0 : 2; }
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
