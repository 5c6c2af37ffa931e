#include "app/client.h"

#include <termios.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "app/keys.h"
#include "base/log.h"

namespace carillon::app {
namespace {

constexpr Millis kLookAgain{200};

bool is_success(const net::HttpResponse& answer) noexcept {
  return answer.status >= 200 && answer.status < 300;
}

std::string with_newline(std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

// Turns the terminal's echo off until it goes.
class SilentTerminal {
 public:
  SilentTerminal() : is_terminal_(::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    ::termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }

 private:
  ::termios before_{};
  const bool is_terminal_;
};

}  // namespace

Client::Client(const Shell& shell) : is_json_(shell.json), transport_(shell.line) {
  base::log_setup(base::LogLevel::Warn, base::LogFormat::Auto);
}

std::expected<net::HttpResponse, int> Client::ask(std::string method, std::string target, std::string body,
                                                  std::string type) {
  auto answer = transport_.call(std::move(method), std::move(target), std::move(body), std::move(type));
  if (!answer) return std::unexpected(report(answer.error()));
  if (is_success(*answer)) return std::move(*answer);
  if (is_json_ && !answer->body.empty()) print(with_newline(answer->body));
  print_error(render_problem(*answer));
  return std::unexpected(kExitFailure);
}

int Client::show(std::string method, std::string target, std::string body, const Render& render) {
  const auto answer = ask(std::move(method), std::move(target), std::move(body));
  return answer ? show(*answer, render) : answer.error();
}

int Client::show(const net::HttpResponse& answer, const Render& render) const {
  if (is_json_) {
    print(answer.body.empty() ? "{}\n" : with_newline(answer.body));
    return kExitOk;
  }
  base::JsonDocument document;
  const auto root = document.parse(answer.body.empty() ? "{}" : std::string_view(answer.body));
  if (!root) {
    print_error("carillon: the answer cannot be read; is this a Carillon server?\n");
    return kExitFailure;
  }
  print(render(*root));
  return kExitOk;
}

int Client::say(std::string method, std::string target, std::string body, std::string sentence) {
  return show(std::move(method), std::move(target), std::move(body),
              [&](base::JsonElement) { return with_newline(std::move(sentence)); });
}

CLI::App& add_noun(CLI::App& root, std::string name, std::string help) {
  auto* noun = root.add_subcommand(std::move(name), std::move(help));
  noun->require_subcommand(1);
  return *noun;
}

CLI::App& add_verb(CLI::App& noun, Shell& shell, std::string name, std::string help, std::string example,
                   std::function<int(Client&)> run) {
  auto* verb = noun.add_subcommand(std::move(name), std::move(help));
  add_common(*verb, shell);
  verb->add_option("--project", shell.line.project, "The project to act in (default: default)");
  verb->footer("Example: " + example);
  verb->callback([&shell, run = std::move(run)] {
    shell.run = [&shell, run] {
      Client client(shell);
      return run(client);
    };
  });
  return *verb;
}

CLI::App& add_list(CLI::App& noun, Shell& shell, Paged paged, std::string help, std::string example,
                   std::string target, std::vector<Column> columns, std::string empty,
                   const std::vector<std::pair<std::string, std::string>>& filters) {
  auto fields = std::make_shared<std::vector<std::pair<std::string, std::string>>>();
  fields->emplace_back("limit", "");
  fields->emplace_back("after", "");
  for (const auto& filter : filters) fields->emplace_back(filter.first, "");
  auto& verb =
      add_verb(noun, shell, "list", std::move(help), std::move(example),
               [=, columns = std::move(columns), empty = std::move(empty)](Client& client) {
                 return client.show("GET", with_query(target, *fields), {}, [&](base::JsonElement root) {
                   base::JsonElement data = root;
                   if (root.is_object() && root["data"].get(data) != simdjson::SUCCESS) data = root;
                   std::string text = render_list(data, columns, empty);
                   const std::string next = cell_at(root, "page.next");
                   if (next != "-") text += fmt::format("There is more: add --after {}\n", next);
                   return text;
                 });
               });
  if (paged == Paged::Yes) {
    verb.add_option("--limit", (*fields)[0].second, "Entries at a time, 1 to 200 (default 50)");
    verb.add_option("--after", (*fields)[1].second, "Continue behind an earlier page");
  }
  for (std::size_t i = 0; i < filters.size(); ++i) {
    std::string flag = "--" + filters[i].first;
    for (char& c : flag) c = c == '_' ? '-' : c;
    verb.add_option(flag, (*fields)[i + 2].second, filters[i].second);
  }
  return verb;
}

std::string path_of(std::string_view prefix, std::string_view key, std::string_view suffix) {
  return fmt::format("{}{}{}", prefix, net::percent_encode(key), suffix);
}

std::string with_query(std::string target, const std::vector<std::pair<std::string, std::string>>& fields) {
  char sign = target.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    target += fmt::format("{}{}={}", sign, name, net::percent_encode(value));
    sign = '&';
  }
  return target;
}

Result<Assignment> parse_assignment(std::string_view text, std::string_view option) {
  const auto equals = text.find('=');
  Assignment parsed;
  if (equals != std::string_view::npos) {
    parsed.is_json = equals > 0 && text[equals - 1] == ':';
    parsed.name = text.substr(0, parsed.is_json ? equals - 1 : equals);
    parsed.value = text.substr(equals + 1);
  }
  if (parsed.name.empty()) {  // what was given is not repeated: it may be a secret
    return fail(Errc::InvalidArgument,
                fmt::format("{0} takes name=value, for example {0} color=blue", option));
  }
  return parsed;
}

Result<std::string> object_of(const std::vector<std::string>& assignments, std::string_view option) {
  base::JsonWriter out;
  base::JsonDocument document;
  out.object();
  for (const auto& text : assignments) {
    CARILLON_TRY(const Assignment parsed, parse_assignment(text, option));
    if (!parsed.is_json) {
      out.field(parsed.name, parsed.value);
    } else if (const auto value = document.parse(parsed.value)) {
      out.key(parsed.name).element(*value);
    } else {
      return fail(Errc::InvalidArgument,
                  fmt::format("{} {}:= takes JSON, for example {}:=3", option, parsed.name, parsed.name));
    }
  }
  out.end_object();
  return out.str();
}

Result<std::string> read_input(const std::string& file, std::size_t max_bytes) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    CARILLON_TRY(text, read_file(file));
  }
  if (text.size() > max_bytes) {
    return fail(Errc::InvalidArgument, fmt::format("{} is larger than {} bytes", file, max_bytes));
  }
  return text;
}

Result<std::string> read_json(const std::string& file) {
  CARILLON_TRY(const std::string text, read_input(file));
  base::JsonDocument document;
  const auto root = document.parse(text);
  if (!root) return fail(Errc::InvalidArgument, fmt::format("{}: {}", file, root.error().message));
  return base::to_json(*root);
}

namespace {

Result<std::string> own_key(const std::string& file, const std::string& json) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(json));
  std::string key = cell_at(root, "key");
  if (key == "-")
    return fail(Errc::InvalidArgument, fmt::format("{} has no \"key\"; add it, or give --key", file));
  return key;
}

}  // namespace

int put_keyed(Client& client, const std::string& key, const std::string& file, std::string_view prefix,
              std::string_view suffix) {
  const auto json = read_json(file);
  if (!json) return report(json.error());
  const auto name = key.empty() ? own_key(file, *json) : Result<std::string>(key);
  if (!name) return report(name.error());
  return client.show("PUT", path_of(prefix, *name, suffix), *json, render_object);
}

Result<std::string> resolve_value(const std::string& value) {
  constexpr std::string_view kEnvironment = "@env:";
  if (value.starts_with(kEnvironment)) {
    const std::string name = value.substr(kEnvironment.size());
    const char* found = std::getenv(name.c_str());
    if (found == nullptr) return fail(Errc::NotFound, fmt::format("the environment has no {}", name));
    return std::string(found);
  }
  if (value.starts_with("@@")) return value.substr(1);
  if (!value.starts_with('@')) return value;
  CARILLON_TRY(std::string text, read_input(value.substr(1)));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

Result<base::Secret> ask_secret(const std::string& prompt) {
  const SilentTerminal terminal;
  if (!terminal.is_terminal()) {
    return fail(Errc::FailedPrecondition,
                fmt::format("{} is needed and there is no terminal to ask on", prompt));
  }
  print_error(prompt + ": ");
  std::string line;
  std::getline(std::cin, line);
  print_error("\n");
  return base::Secret(std::move(line));
}

void pause_before_next_look(Millis pause) {
  boost::asio::io_context context(1);
  boost::asio::steady_timer(context, pause).wait();
}

std::expected<net::HttpResponse, int> await_job(Client& client, net::HttpResponse answer,
                                                const std::string& what) {
  ProgressBar bar(what);
  while (true) {
    base::JsonDocument document;
    const auto root = document.parse(answer.body);
    const std::string state = root ? cell_at(*root, "state") : "-";
    if (state != "running" && state != "queued") return answer;
    bar.show(integer_at(*root, "done") + integer_at(*root, "failed"), integer_at(*root, "total"));
    pause_before_next_look(kLookAgain);
    auto next = client.ask("GET", path_of("/v1/jobs/", cell_at(*root, "id")));
    if (!next) return next;
    answer = std::move(*next);
  }
}

void field_if_given(base::JsonWriter& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out.field(name, value);
}

void texts_if_given(base::JsonWriter& out, std::string_view name, const std::vector<std::string>& values) {
  if (values.empty()) return;
  out.key(name).array();
  for (const auto& value : values) out.value(value);
  out.end_array();
}

}  // namespace carillon::app
