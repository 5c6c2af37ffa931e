// The commands of the binary. Each file of commands adds its own to the parser; main runs the one chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "app/options.h"

namespace carillon::app {

// Options every command has, and what the chosen one does.
struct Shell {
  CommandLine line;          // --config --data --listen --set
  bool json = false;         // --json: one JSON document on standard output, nothing else there
  std::function<int()> run;  // set by the parsed command; its exit status
};

// Adds --data, --config, --set and --json to a command.
void add_common(CLI::App& command, Shell& shell);

void add_serve(CLI::App& root, Shell& shell);      // serve
void add_roles(CLI::App& root, Shell& shell);      // api, router, worker, scheduler
void add_sim(CLI::App& root, Shell& shell);        // sim
void add_reference(CLI::App& root, Shell& shell);  // reference (generated documents), version
void add_admin(CLI::App& root, Shell& shell);      // app key
void add_members(CLI::App& root, Shell& shell);    // admin
void add_people(CLI::App& root, Shell& shell);     // user suppression
void add_clients(CLI::App& root, Shell& shell);    // settings, user token (after add_people)
void add_content(CLI::App& root, Shell& shell);    // template layout category
void add_channels(CLI::App& root, Shell& shell);   // integration route
void add_rules(CLI::App& root, Shell& shell);      // rule
void add_sending(CLI::App& root, Shell& shell);    // send status
void add_operating(CLI::App& root, Shell& shell);  // dlq pause alert
void add_approval(CLI::App& root, Shell& shell);   // approval
void add_schedule(CLI::App& root, Shell& shell);   // schedule
void add_webhooks(CLI::App& root, Shell& shell);   // webhook
void add_backup(CLI::App& root, Shell& shell);     // backup restore
void add_migrate(CLI::App& root, Shell& shell);    // migrate
void add_imports(CLI::App& root, Shell& shell);    // import export
void add_objects(CLI::App& root, Shell& shell);    // object
void add_bench(CLI::App& root, Shell& shell);      // bench
void add_doctor(CLI::App& root, Shell& shell);     // doctor

}  // namespace carillon::app
