// `carillon serve`: one process that does everything, and `carillon sim`.
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/commands.h"
#include "app/control.h"
#include "app/keys.h"
#include "app/node.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "net/http_server.h"
#include "sim/sim.h"

extern char** environ;

namespace carillon::app {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

std::string queue_names() {
  std::string names;
  for (std::size_t i = 0; i < model::kQueueCount; ++i)
    names.append(i == 0 ? "" : ", ").append(model::name(static_cast<model::Queue>(i)));
  return names;
}

int failed(const Error& error) {
  std::fprintf(stderr, "carillon: %s\n", error.message.c_str());
  return error.code == Errc::InvalidArgument ? kExitUsage : kExitFailure;
}

void setup_log(const AppOptions& options) {
  const auto level = options.log_level == "debug"   ? base::LogLevel::Debug
                     : options.log_level == "warn"  ? base::LogLevel::Warn
                     : options.log_level == "error" ? base::LogLevel::Error
                                                    : base::LogLevel::Info;
  const auto format = options.log_format == "json"   ? base::LogFormat::Json
                      : options.log_format == "text" ? base::LogFormat::Text
                                                     : base::LogFormat::Auto;
  base::log_setup(level, format);
}

// Blocks until SIGTERM or SIGINT. A second one ends the process at once: the store is crash-safe.
void wait_for_signal() {
  boost::asio::io_context context;
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([](auto, int) {});
  context.run();
  static const auto at_once = [](int) { ::_exit(kExitFailure); };
  std::signal(SIGTERM, at_once);
  std::signal(SIGINT, at_once);
}

struct FirstSecrets {
  std::string app_key, app_secret, test_key, test_secret, token, console;
};

// The first app, the first management token and the first administrator's link of a new store.
Result<FirstSecrets> make_first_secrets(Node& node) {
  const auto executor = node.api_executors().front();
  auto& directory = node.directory();
  auto app =
      boost::asio::co_spawn(executor, directory.create_app(pipeline::kDefaultProject, "default", "system"),
                            boost::asio::use_future)
          .get();
  if (!app) return std::unexpected(app.error());
  std::vector<std::string> scopes{"admin"};
  auto token = boost::asio::co_spawn(executor,
                                     directory.create_management_key("first", std::move(scopes),
                                                                     std::vector<std::string>(), "system"),
                                     boost::asio::use_future)
                   .get();
  if (!token) return std::unexpected(token.error());
  CARILLON_TRY(std::string console, node.invite_first_member());
  return FirstSecrets{app->live.key,    app->live.secret,  app->test.key,
                      app->test.secret, std::move(*token), std::move(console)};
}

std::string first_run_json(const FirstSecrets& s, const std::string& url) {
  base::JsonWriter out;
  out.object().field("url", url).field("app_key", s.app_key).field("app_secret", s.app_secret);
  out.field("test_app_key", s.test_key).field("test_app_secret", s.test_secret);
  out.field("management_token", s.token).field("console", s.console).end_object();
  return out.str();
}

void print_welcome(const FirstSecrets& s, const std::string& url) {
  std::printf(
      "\nCarillon is ready at %s\n\n"
      "Open the console and choose the administrator's password; this link works once, for three days:\n\n"
      "  %s\n\n"
      "  app key           %s\n"
      "  app secret        %s\n"
      "  test key          %s\n"
      "  test secret       %s\n"
      "  management token  %s\n\n"
      "These are shown once; keep them. Send the first notification:\n\n"
      "curl -u %s:%s %s/v1/notifications -H 'Content-Type: application/json' "
      "-d '{\"to\":[{\"email\":\"ok@sandbox.carillon.test\"}],\"channels\":[\"email\"],"
      "\"title\":\"Hello\",\"body\":\"The bells ring.\"}'\n\n"
      "It ends in the sandbox, since no integration is configured yet: %s/sandbox\n\n",
      url.c_str(), s.console.c_str(), s.app_key.c_str(), s.app_secret.c_str(), s.test_key.c_str(),
      s.test_secret.c_str(), s.token.c_str(), s.app_key.c_str(), s.app_secret.c_str(), url.c_str(),
      url.c_str());
  std::fflush(stdout);
}

// On a terminal they are printed, else they go into a file only this user can read.
Result<void> first_run(Node& node, const std::string& url) {
  if (!node.is_new_store()) return {};
  CARILLON_FAILPOINT("serve.first_keys");
  auto made = make_first_secrets(node);
  // Another process that began at the same time made them.
  if (!made && node.store().is_shared() && made.error().code == Errc::Conflict) return {};
  if (!made) return std::unexpected(made.error());
  const FirstSecrets& secrets = *made;
  if (::isatty(STDOUT_FILENO) == 1) {
    print_welcome(secrets, url);
    return {};
  }
  const std::string path = node.options().data + "/first-run.json";
  CARILLON_CHECK(write_private_file(path, first_run_json(secrets, url) + "\n"));
  base::log_info("the first keys are in {}; keep them and remove the file", path);
  return {};
}

Result<std::unique_ptr<net::HttpServer>> open_listener(Node& node, const std::string& listen,
                                                       api::Entrance entrance) {
  CARILLON_TRY(
      const auto address,
      parse_listen(listen, entrance == api::Entrance::Public ? "server.public_listen" : "server.listen"));
  const auto& server = node.options().server;
  net::HttpServerOptions http;
  http.host = address.first;
  http.port = address.second;
  http.tls_certificate_file = server.tls_certificate;
  http.tls_key_file = server.tls_key;
  // Most routes take less.
  constexpr auto kObjectMax = static_cast<std::size_t>(pipeline::kObjectMax);
  if (entrance == api::Entrance::Tcp) http.body_max = std::max(pipeline::kImportMax, kObjectMax);
  http.spool_folder = node.spool_folder();
  http.connections_max = static_cast<std::size_t>(server.connections);
  api::Api* const api = &node.api();
  net::HttpHandler handler = [api, entrance](net::HttpRequest request, net::HttpPeer peer) {
    return api->handle(std::move(request), std::move(peer), entrance);
  };
  net::HttpHeadCheck check = [api, entrance](const net::HttpRequest& head, const net::HttpPeer& peer) {
    return api->refuse_head(head, peer, entrance);
  };
  return net::HttpServer::open(node.api_executors(), std::move(http), std::move(handler),
                               &api::Api::body_limit, std::move(check), &api::Api::is_spooled);
}

// Of a role that serves others, as that; of the rest, as one of status.
int serve(const CommandLine& line, Role role, std::uint32_t queues = pipeline::Duties{}.queues) {
  auto options = load_options(line, environ);
  if (!options) return failed(options.error());
  setup_log(*options);
  options->queues = queues;
  auto node = Node::open(std::move(*options), role);
  if (!node) return failed(node.error());
  const auto& server = (*node)->options().server;
  auto http =
      open_listener(**node, server.listen, is_serving(role) ? api::Entrance::Tcp : api::Entrance::Status);
  if (!http) return failed(http.error());
  std::unique_ptr<net::HttpServer> public_http;
  if (is_serving(role) && !server.public_listen.empty()) {
    auto opened = open_listener(**node, server.public_listen, api::Entrance::Public);
    if (!opened) return failed(opened.error());
    public_http = std::move(*opened);
    const auto address = parse_listen(server.public_listen);
    base::log_info("serving clients and callbacks on {}",
                   url_of(server, address->first, public_http->port()));
  }
  auto control = ControlServer::open(**node);
  if (!control) return failed(control.error());
  const auto address = parse_listen(server.listen);
  const std::string url = url_of(server, address->first, (*http)->port());
  (*node)->set_listen_url(url);
  if (is_serving(role)) {
    if (const auto first = first_run(**node, url); !first) return failed(first.error());
  }
  (*node)->set_begun();
  const auto snapshot = (*node)->directory().snapshot();
  const auto* project = snapshot->project(pipeline::kDefaultProject);
  if (project != nullptr && project->sandbox_is_default) {
    base::log_warn("no integration is configured: every channel ends in the sandbox, see {}/sandbox", url);
  }
  for (const auto* pause : snapshot->restored_pauses()) {
    base::log_warn("nothing is sent: {}; go on with: carillon pause remove {}", pause->reason, pause->id);
  }
  base::log_info("listening on {}", url);
  wait_for_signal();
  base::log_info("stopping: what is under way is finished");
  const auto deadline = base::Deadline::after((*node)->options().pipeline.drain_timeout);
  (*node)->api().end_streams();
  if (!(*http)->drain(deadline)) base::log_warn("connections were cut at the end of the drain time");
  if (public_http) public_http->drain(deadline);
  (*control)->close();
  (*node)->stop();
  base::log_info("stopped");
  return 0;
}

}  // namespace

void add_common(CLI::App& command, Shell& shell) {
  command.add_option("--data", shell.line.data, "Data folder (default ./carillon-data, or CARILLON_DATA)");
  command.add_option("--config", shell.line.config,
                     "Settings file (default carillon.toml, or CARILLON_CONFIG)");
  command.add_option("--set", shell.line.sets, "One setting as group.name=value; may be repeated")
      ->allow_extra_args(false);
  command.add_flag("--json", shell.json, "Print one JSON document");
}

void add_serve(CLI::App& root, Shell& shell) {
  auto* command = root.add_subcommand("serve", "Run the whole server in this process");
  add_common(*command, shell);
  command->add_option("--listen", shell.line.listen, "HOST:PORT (default 127.0.0.1:8080)");
  command->footer("Example: carillon serve --data ./carillon-data --listen 127.0.0.1:8080");
  command->callback([&shell] { shell.run = [&shell] { return serve(shell.line, Role::Serve); }; });
}

namespace {

void add_role(CLI::App& root, Shell& shell, const char* name, Role role, const char* help,
              const char* example) {
  auto* command = root.add_subcommand(name, help);
  add_common(*command, shell);
  command->add_option("--listen", shell.line.listen, "HOST:PORT (default 127.0.0.1:8080)");
  command->footer(
      fmt::format("It shares a PostgreSQL (store.url) with the others; each process has a data folder of "
                  "its own.\nExample: {}",
                  example));
  if (role != Role::Worker) {
    command->callback([&shell, role] { shell.run = [&shell, role] { return serve(shell.line, role); }; });
    return;
  }
  static std::vector<std::string> names;
  command->add_option("--queues", names, "Whose deliveries it sends, as push.ios,sms; default: all")
      ->delimiter(',')
      ->check([](const std::string& text) {
        const auto queue = model::parse_queue(text);
        const bool is_real = queue && static_cast<std::size_t>(*queue) < model::kQueueCount;
        return is_real ? std::string() : fmt::format("'{}' is no queue; use one of: {}", text, queue_names());
      });
  command->callback([&shell] {
    std::uint32_t queues = names.empty() ? pipeline::Duties{}.queues : 0;
    for (const auto& text : names) queues |= 1U << static_cast<unsigned>(*model::parse_queue(text));
    shell.run = [&shell, queues] { return serve(shell.line, Role::Worker, queues); };
  });
}

}  // namespace

void add_roles(CLI::App& root, Shell& shell) {
  add_role(root, shell, "api", Role::Api, "Accept sends and answer requests; others send",
           "carillon api --data ./api-1 --listen 0.0.0.0:8080");
  add_role(root, shell, "router", Role::Router, "Expand groups and planned sends",
           "carillon router --data ./router-1 --listen 127.0.0.1:8091");
  add_role(root, shell, "worker", Role::Worker, "Hand deliveries to the providers",
           "carillon worker --data ./worker-1 --queues push.ios,push.android,sms --listen 127.0.0.1:8092");
  add_role(root, shell, "scheduler", Role::Scheduler,
           "Do what one of all does: schedules, webhooks, alerts, housekeeping; more of them stand by",
           "carillon scheduler --data ./scheduler-1 --listen 127.0.0.1:8093");
}

void add_sim(CLI::App& root, Shell& shell) {
  auto* command = root.add_subcommand(
      "sim", "Run the simulator: the vendors on this machine, with their real wire protocols");
  static sim::SimOptions options;
  static base::SettingsGroup group("sim");
  static std::vector<std::string> values;
  sim::describe(group, options);
  values.resize(group.settings().size());
  for (std::size_t i = 0; i < group.settings().size(); ++i) {
    const auto& setting = group.settings()[i];
    std::string flag = "--" + setting.name;
    for (char& c : flag) c = c == '_' ? '-' : c;
    auto help =
        setting.def.empty() ? setting.help : fmt::format("{} Default: {}.", setting.help, setting.def);
    if (setting.type == base::SettingType::Boolean) {
      command->add_flag_callback(flag, [i] { values[i] = "true"; }, help);
    } else {
      command->add_option(flag, values[i], help);
    }
  }
  command->footer("Example: carillon sim --directory ./carillon-sim --threads 1");
  command->callback([&shell] {
    shell.run = [] {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].empty()) continue;
        if (const auto set = group.set(group.settings()[i].name, values[i]); !set) return failed(set.error());
      }
      auto simulator = sim::Sim::open(options);
      if (!simulator) return failed(simulator.error());
      wait_for_signal();
      (*simulator)->stop();
      return 0;
    };
  });
}

}  // namespace carillon::app
