#include "app/doctor.h"

#include <arpa/inet.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <map>

#include "app/client.h"
#include "providers/provider.h"

namespace carillon::app {
namespace {

constexpr const char* kHealthNames[] = {"OK", "WARN", "FAIL"};

// What a connection to a listener ends in.
enum class Listens : std::uint8_t { Yes, No, Malformed };

Listens listens(const std::string& listen) {
  const auto address = parse_listen(listen);
  if (!address) return Listens::Malformed;
  boost::asio::io_context context;
  boost::system::error_code ec;
  const std::string host = address->first == "0.0.0.0" ? "127.0.0.1"
                           : address->first == "::"    ? "::1"
                                                       : address->first;
  boost::asio::ip::tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::to_string(address->second), ec);
  if (ec) return Listens::Malformed;
  boost::asio::ip::tcp::socket socket(context);
  boost::asio::connect(socket, found, ec);
  return ec ? Listens::No : Listens::Yes;
}

void check_listener(const std::string& setting, const std::string& listen, bool is_running,
                    Findings& findings) {
  const std::string check = "listener";
  const auto state = listens(listen);
  if (state == Listens::Malformed) {
    findings.push_back({check, Health::Fail,
                        fmt::format("{} {} is no address of this machine", setting, listen),
                        "give HOST:PORT, such as 127.0.0.1:8080"});
  } else if (is_running && state == Listens::No) {
    findings.push_back({check, Health::Warn,
                        fmt::format("nobody listens on {} {}, though the server runs", setting, listen),
                        "it was started with another address; give doctor the same --config and --set"});
  } else if (!is_running && state == Listens::Yes) {
    findings.push_back({check, Health::Warn, fmt::format("another process listens on {} {}", setting, listen),
                        "stop it, or choose another port"});
  } else {
    findings.push_back(
        {check, Health::Ok, fmt::format("{} {}", listen, is_running ? "answers" : "is free"), ""});
  }
}

void check_integration(Transport& transport, base::JsonElement integration, Findings& findings) {
  const std::string key = cell_at(integration, "key");
  const std::string check = "integration " + key;
  const std::string paused = cell_at(integration, "paused");
  if (cell_at(integration, "enabled") == "no") {
    findings.push_back({check, Health::Ok, "not enabled", ""});
    return;
  }
  if (paused != "-" && paused != "no" && !paused.empty()) {
    findings.push_back({check, Health::Warn, "paused: " + paused, "carillon integration resume " + key});
    return;
  }
  if (transport.way() == Transport::Way::Store) {
    findings.push_back({check, Health::Ok, "configured; it is tested when the server runs", ""});
    return;
  }
  const auto asked = ask(transport, "POST", path_of("/v1/integrations/", key, "/test"), check, findings);
  if (!asked) return;
  const bool is_ok = cell_at(asked->root, "ok") == "yes";
  findings.push_back(
      {check, is_ok ? Health::Ok : Health::Fail, cell_at(asked->root, "detail"),
       is_ok ? "" : fmt::format("mend it with: carillon integration add {} --provider …", key)});
}

// A process that cannot reach PostgreSQL begins nothing more after half its lease; what it had begun by then
// may take as long as a provider may. When that is longer than the other half, others take over what is still
// being sent.
void check_lease(const std::map<std::string, Millis>& timeouts, Millis lease, Findings& findings) {
  for (const auto& [key, timeout] : timeouts) {
    if (timeout <= lease / 2) continue;
    findings.push_back(
        {"store.lease", Health::Warn,
         fmt::format("{} is less than twice the timeout of integration {} ({}): when a process loses "
                     "PostgreSQL, others may send again what it is still sending",
                     to_duration_text(lease), key, to_duration_text(timeout)),
         fmt::format("store.lease = \"{}\"", to_duration_text(timeout * 2))});
    return;
  }
}

// What a server that is ready does without.
void check_degraded(const std::string& readiness, Findings& findings) {
  base::JsonDocument document;
  const auto root = document.parse(readiness);
  base::JsonArray list;
  if (!root || (*root)["degraded"].get(list) != simdjson::SUCCESS) return;
  for (const auto entry : list) {
    findings.push_back({cell_at(entry, "part"), Health::Warn, cell_at(entry, "reason"),
                        "the server comes back to it by itself as soon as it answers"});
  }
}

int doctor(const Shell& shell) {
  Client client(shell);
  Transport& transport = client.transport();
  const auto options = transport.options();
  if (!options) return report(options.error());
  Findings findings;
  const bool is_remote = transport.is_remote();
  if (!is_remote) {  // before the store is opened, which writes to it
    check_data_folder(**options, findings);
    check_disk(**options, findings);
    check_secret_key(**options, findings);
    check_store_file(**options, findings);
    check_journal(**options, findings);
    check_clock(**options, std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()), findings);
    check_file_limit(**options, findings);
    check_shared(**options, findings);
  }
  const auto health = transport.call("GET", "/healthz");
  if (!health) {
    findings.push_back({"store", Health::Fail, health.error().message, "see the message"});
  } else {
    check_store(transport, findings);
    check_accountability(transport, findings);
    check_integrations(transport, (*options)->store.is_postgres() ? (*options)->store.lease : Millis(0),
                       findings);
    const Time now = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
    check_pauses(transport, findings);
    check_queues(transport, findings);
    check_approvals(transport, now, findings);
    check_schedules(transport, findings);
    if (!is_remote) {
      const std::string& project = shell.line.project;
      check_topic_apps(transport, (*options)->kafka, project.empty() ? "default" : project, findings);
    }
    check_jobs(transport, now, findings);
    if (!is_remote) check_backup(transport, now, findings);
    if (!is_remote) check_listeners(transport, **options, findings);
  }
  print(client.is_json() ? findings_json(findings) + "\n" : render_findings(findings));
  return exit_status(findings);
}

}  // namespace

std::unique_ptr<Asked> ask(Transport& transport, std::string method, std::string target,
                           const std::string& check, Findings& findings) {
  auto asked = std::make_unique<Asked>();
  auto answer = transport.call(std::move(method), std::move(target));
  if (!answer) {
    findings.push_back({check, Health::Fail, answer.error().message, "see the message"});
    return nullptr;
  }
  asked->answer = std::move(*answer);
  auto root = asked->document.parse(asked->answer.body);
  if (asked->answer.status >= 300 || !root) {
    std::string why = render_problem(asked->answer);
    while (why.ends_with('\n')) why.pop_back();
    findings.push_back({check, Health::Fail, printable(why), "see the server's log"});
    return nullptr;
  }
  asked->root = *root;
  return asked;
}

void check_store(Transport& transport, Findings& findings) {
  switch (transport.way()) {
    case Transport::Way::Store:
      findings.push_back({"store", Health::Ok, "opens, its schema is current; no server is running", ""});
      return;
    case Transport::Way::Unknown:
    case Transport::Way::Remote:
    case Transport::Way::Socket: break;
  }
  const auto answer = transport.call("GET", "/readyz");
  if (!answer) {
    findings.push_back({"store", Health::Fail, answer.error().message, "see the server's log"});
  } else if (answer->status >= 300) {
    std::string why = render_problem(*answer);
    while (why.ends_with('\n')) why.pop_back();
    findings.push_back(
        {"store", Health::Fail, "the server is not ready: " + printable(why), "see the server's log"});
  } else {
    findings.push_back({"store", Health::Ok, "the server is ready", ""});
    check_degraded(answer->body, findings);
  }
}

void check_accountability(Transport& transport, Findings& findings) {
  const auto asked = ask(transport, "GET", "/v1/accountability", "accountability", findings);
  if (!asked) return;
  for (const char* part : {"live", "sandbox"}) {
    base::JsonElement counts;
    if (asked->root[part].get(counts) != simdjson::SUCCESS) continue;
    const bool is_exact = cell_at(counts, "exact") == "yes";
    findings.push_back(
        {fmt::format("accountability, {}", part), is_exact ? Health::Ok : Health::Fail,
         fmt::format("{} accepted, {} accounted for", cell_at(counts, "accepted"), cell_at(counts, "sum")),
         is_exact ? "" : "this is a defect of Carillon: keep the data folder and report it"});
  }
  if (const std::int64_t off = integer_at(asked->root, "difference"); off != 0) {
    findings.push_back(
        {"accountability, recount", Health::Fail,
         fmt::format("the counters were off by {} at {}", off, cell_at(asked->root, "recounted_at")),
         "this is a defect of Carillon: keep the data folder and report it"});
  }
}

void check_integrations(Transport& transport, Millis lease, Findings& findings) {
  const auto asked = ask(transport, "GET", "/v1/integrations", "integrations", findings);
  if (!asked) return;
  base::JsonArray list;
  if (asked->root["data"].get(list) != simdjson::SUCCESS || list.size() == 0) {
    findings.push_back({"integrations", Health::Warn, fmt::format("none is configured: {}", kNoIntegration),
                        "carillon integration add KEY --provider …"});
    return;
  }
  std::map<std::string, Millis> timeouts;
  for (const auto integration : list) {
    check_integration(transport, integration, findings);
    const auto timeout = parse_duration(cell_at(integration, "settings.timeout"));
    timeouts[cell_at(integration, "key")] = timeout.value_or(providers::CommonOptions{}.timeout);
  }
  if (lease.count() > 0) check_lease(timeouts, lease, findings);
}

void check_listeners(Transport& transport, const AppOptions& options, Findings& findings) {
  const bool is_running = transport.way() == Transport::Way::Socket;
  check_listener("server.listen", options.server.listen, is_running, findings);
  if (!options.server.public_listen.empty()) {
    check_listener("server.public_listen", options.server.public_listen, is_running, findings);
  }
}

std::string render_findings(const Findings& findings) {
  Table table({});
  std::size_t counts[3] = {};
  for (const auto& finding : findings) {
    ++counts[static_cast<std::size_t>(finding.health)];
    table.add({kHealthNames[static_cast<std::size_t>(finding.health)], printable(finding.check),
               printable(finding.detail)});
    if (!finding.fix.empty()) table.add({"", "", "→ " + printable(finding.fix)});
  }
  return fmt::format("{}\n{} well, {} to look at, {} wrong.\n", table.text(), counts[0], counts[1],
                     counts[2]);
}

std::string findings_json(const Findings& findings) {
  base::JsonWriter out;
  out.object().field("ok", exit_status(findings) == kExitOk).key("checks").array();
  for (const auto& finding : findings) {
    out.object().field("check", finding.check);
    out.field("result", kHealthNames[static_cast<std::size_t>(finding.health)]);
    out.field("detail", finding.detail).field_if("fix", finding.fix).end_object();
  }
  out.end_array().end_object();
  return out.str();
}

int exit_status(const Findings& findings) noexcept {
  const auto is_wrong = [](const Finding& f) { return f.health == Health::Fail; };
  return std::ranges::any_of(findings, is_wrong) ? kExitFailure : kExitOk;
}

void add_doctor(CLI::App& root, Shell& shell) {
  auto* command =
      root.add_subcommand("doctor", "Look for what is wrong, running or stopped, and say how to mend it");
  add_common(*command, shell);
  command->footer("Example: carillon doctor --data ./carillon-data");
  command->callback([&shell] { shell.run = [&shell] { return doctor(shell); }; });
}

}  // namespace carillon::app
