// What the administering commands are made of: nouns and verbs of the parser, one API call each.
#pragma once

#include <CLI/CLI.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/output.h"
#include "app/transport.h"
#include "base/json.h"

namespace carillon::app {

// Makes what a person reads out of an answer's JSON.
using Render = std::function<std::string(base::JsonElement)>;

// Asks the API for one command and prints what came of it. One thread.
class Client {
 public:
  explicit Client(const Shell& shell);

  // The answer of a call that succeeded (2xx). Otherwise the problem has been printed and the exit
  // status of the command is the error.
  std::expected<net::HttpResponse, int> ask(std::string method, std::string target, std::string body = {},
                                            std::string type = "application/json");
  // Asks and prints: the API's JSON with --json, else what `render` makes of it. The exit status.
  int show(std::string method, std::string target, std::string body, const Render& render);
  // Prints an answer that is there already, likewise.
  int show(const net::HttpResponse& answer, const Render& render) const;
  // Asks and prints a sentence.
  int say(std::string method, std::string target, std::string body, std::string sentence);

  [[nodiscard]] bool is_json() const noexcept { return is_json_; }
  [[nodiscard]] Transport& transport() noexcept { return transport_; }

 private:
  const bool is_json_;
  Transport transport_;
};

// A group of verbs: `carillon app …`.
CLI::App& add_noun(CLI::App& root, std::string name, std::string help);
// One command with --data --config --set --json. `example` is shown below its options.
CLI::App& add_verb(CLI::App& noun, Shell& shell, std::string name, std::string help, std::string example,
                   std::function<int(Client&)> run);
// Lists of what people set up by hand come whole; all others in pages, with --limit and --after.
enum class Paged : std::uint8_t { No, Yes };
// A list of the API, and an option --x for each of `filters` (its name and help).
CLI::App& add_list(CLI::App& noun, Shell& shell, Paged paged, std::string help, std::string example,
                   std::string target, std::vector<Column> columns, std::string empty,
                   const std::vector<std::pair<std::string, std::string>>& filters = {});

// "/v1/users/" + "a b" → "/v1/users/a%20b".
std::string path_of(std::string_view prefix, std::string_view key, std::string_view suffix = {});
// Adds ?a=b&c=d of those that have a value.
std::string with_query(std::string target, const std::vector<std::pair<std::string, std::string>>& fields);

// "name=text" or "name:=JSON" → its parts. Errors: InvalidArgument, saying which option wants it.
struct Assignment {
  std::string name, value;
  bool is_json = false;
};
Result<Assignment> parse_assignment(std::string_view text, std::string_view option);
// {"name":"text","other":3} of such assignments. Errors: InvalidArgument.
Result<std::string> object_of(const std::vector<std::string>& assignments, std::string_view option);

// The content of a file, "-" for standard input. Errors: NotFound, InvalidArgument (too large).
inline constexpr std::size_t kInputMax = 8 * 1024 * 1024;  // bytes
Result<std::string> read_input(const std::string& file, std::size_t max_bytes = kInputMax);
// A JSON document read from a file, compact. Errors: those of read_input; InvalidArgument (no JSON).
Result<std::string> read_json(const std::string& file);
// Puts the JSON document in `file` under `prefix` and its key: `key`, or when that is empty its own "key".
// Prints what became of it; the exit code.
int put_keyed(Client& client, const std::string& key, const std::string& file, std::string_view prefix,
              std::string_view suffix = {});
// What a secret's value stands for: "@file", "@-" (standard input), "@env:NAME", "@@text" for a value that
// begins with @, anything else itself. Errors: NotFound.
Result<std::string> resolve_value(const std::string& value);
// Asks on the terminal without echo. Errors: FailedPrecondition (no terminal).
Result<base::Secret> ask_secret(const std::string& prompt);

// Waits before the API is asked again how far something is. Blocks.
void pause_before_next_look(Millis pause);

// Waits for the job of an answer and shows how far it is; its last answer, or the exit status of what failed.
std::expected<net::HttpResponse, int> await_job(Client& client, net::HttpResponse answer,
                                                const std::string& what);

// Options that are part of a body only when they were given.
void field_if_given(base::JsonWriter& out, std::string_view name, const std::string& value);
void texts_if_given(base::JsonWriter& out, std::string_view name, const std::vector<std::string>& values);

}  // namespace carillon::app
