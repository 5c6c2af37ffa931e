// carillon reference: documents made from the declarations the program itself runs on. carillon version.
#include <filesystem>
#include <fstream>

#include "api/api.h"
#include "app/client.h"
#include "carillon_version.h"

namespace carillon::app {
namespace {

// What every administering command has; told once, above the commands.
constexpr std::string_view kSharedOptions[] = {"--help", "--data", "--config", "--set", "--json"};

bool is_shared(const CLI::Option& option) {
  return std::ranges::any_of(kSharedOptions,
                             [&](std::string_view name) { return option.check_name(std::string(name)); });
}

// "|" ends a cell of a Markdown table.
std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

void write_command(const CLI::App& command, const std::string& path, std::string& out) {
  const auto subcommands = command.get_subcommands([](const CLI::App*) { return true; });
  if (!subcommands.empty()) {
    out += fmt::format("\n## {}\n\n{}.\n", path, command.get_description());
  } else {
    out += fmt::format("\n### {}\n\n{}.\n", path, command.get_description());
    std::string rows;
    for (const CLI::Option* option : command.get_options()) {
      if (is_shared(*option)) continue;
      const std::string name =
          option->get_positional() ? option->get_name(true) : option->get_name(false, true);
      rows += fmt::format("| `{}` | {}{} |\n", name, markdown_cell(option->get_description()),
                          option->get_required() ? " (required)" : "");
    }
    if (!rows.empty()) out += "\n| option | meaning |\n|---|---|\n" + rows;
    if (!command.get_footer().empty()) {
      constexpr std::string_view kExample = "Example: ";
      const std::string footer = command.get_footer();
      const std::size_t at = footer.find(kExample);
      CARILLON_ASSERT(at != std::string::npos);
      if (at != 0) out += fmt::format("\n{}\n", footer.substr(0, footer.find_last_not_of('\n', at - 1) + 1));
      out += fmt::format("\n```sh\n{}\n```\n", footer.substr(at + kExample.size()));
    }
  }
  for (const CLI::App* each : subcommands) write_command(*each, path + " " + each->get_name(), out);
}

std::string commands_markdown(const CLI::App& root) {
  std::string out =
      "# Commands\n\n"
      "Made by `carillon reference`; do not edit.\n\n"
      "Every command has `--help` and these options:\n\n"
      "| option | meaning |\n|---|---|\n"
      "| `--data DIR` | Data folder; default `./carillon-data`, or `CARILLON_DATA` |\n"
      "| `--config FILE` | Settings file; default `carillon.toml`, or `CARILLON_CONFIG` |\n"
      "| `--set group.name=value` | One setting; may be repeated |\n"
      "| `--json` | Print one JSON document |\n\n"
      "A command speaks to the running server of its data folder, opens the stopped store itself, or, with "
      "`CARILLON_URL` and `CARILLON_TOKEN` set and no `--data`, administers a server over HTTP. The exit "
      "status is 0 "
      "when it was done, 1 when it was refused or failed, 2 when the command line is wrong.\n";
  for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    const bool is_group = !command->get_subcommands([](const CLI::App*) { return true; }).empty();
    if (!is_group) out += fmt::format("\n## carillon {}\n", command->get_name());
    write_command(*command, "carillon " + command->get_name(), out);
  }
  return out;
}

Result<void> write_document(const std::string& folder, const std::string& name, std::string text) {
  const std::string path = folder + "/" + name;
  if (!text.ends_with('\n')) text += '\n';
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return fail(Errc::Unavailable, fmt::format("cannot write {}", path));
  return {};
}

Result<void> write_documents(const CLI::App& root, const std::string& folder) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("cannot make {}: {}", folder, ec.message()));
  AppOptions options;
  base::Settings settings;
  describe(settings, options);
  CARILLON_CHECK(write_document(folder, "settings.md", settings.reference_markdown()));
  CARILLON_CHECK(write_document(folder, "carillon.sample.toml", settings.sample_toml()));
  CARILLON_CHECK(write_document(folder, "providers.md", api::Api::providers_markdown()));
  CARILLON_CHECK(write_document(folder, "errors.md", api::Api::errors_markdown()));
  CARILLON_CHECK(write_document(folder, "openapi.json", api::Api::openapi_json()));
  CARILLON_CHECK(write_document(folder, "cli.md", commands_markdown(root)));
  return {};
}

}  // namespace

void add_reference(CLI::App& root, Shell& shell) {
  auto folder = std::make_shared<std::string>();
  auto* reference =
      root.add_subcommand("reference", "Write the reference: settings, providers, errors, API, commands");
  reference->add_option("DIR", *folder, "Folder the documents go to")->required();
  reference->footer("Example: carillon reference docs/reference");
  reference->callback([&root, &shell, folder] {
    shell.run = [&root, folder] {
      const auto written = write_documents(root, *folder);
      return written ? kExitOk : report(written.error());
    };
  });
  auto* version = root.add_subcommand("version", "Print the version");
  version->add_flag("--json", shell.json, "Print one JSON document");
  version->footer("Example: carillon version");
  version->callback([&shell] {
    shell.run = [&shell] {
      print(shell.json ? fmt::format("{{\"version\":\"{}\"}}\n", CARILLON_VERSION)
                       : fmt::format("carillon {}\n", CARILLON_VERSION));
      return kExitOk;
    };
  });
}

}  // namespace carillon::app
