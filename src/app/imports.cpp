// carillon import: files of users and of group members, as jobs. carillon export: what is kept of a user; the
// history as a file, made by a job.
#include <fstream>
#include <iostream>

#include "app/client.h"

namespace carillon::app {
namespace {

struct ImportOptions {
  std::string file, format, group, job;
  bool is_detached = false;
};

// By --format, else by the end of the file's name.
std::string type_of(const ImportOptions& o) {
  const auto ends = [&o](std::string_view end) { return o.file.ends_with(end); };
  const bool is_ndjson =
      o.format == "ndjson" || (o.format.empty() && (ends(".ndjson") || ends(".jsonl") || ends(".json")));
  return is_ndjson ? "application/x-ndjson" : "text/csv";
}

std::string render_job(base::JsonElement root) {
  std::string text =
      fmt::format("{}: {}, {} of {} rows are in, {} are not.\n", cell_at(root, "id"), cell_at(root, "state"),
                  cell_at(root, "done"), cell_at(root, "total"), cell_at(root, "failed"));
  if (const std::string detail = cell_at(root, "detail"); detail != "-") text += detail + "\n";
  base::JsonElement errors;
  if (integer_at(root, "failed") > 0 && root["errors"].get(errors) == simdjson::SUCCESS) {
    text += render_list(
        errors, {{"LINE", "line"}, {"WHERE", "pointer"}, {"CODE", "code"}, {"WHY NOT", "detail"}}, "");
  }
  return text;
}

// Not all went well: the exit status says so too.
int show_job(Client& client, const net::HttpResponse& answer) {
  base::JsonDocument document;
  const auto root = document.parse(answer.body);
  const std::string state = root ? cell_at(*root, "state") : "-";
  const bool is_well = root && integer_at(*root, "failed") == 0 && state != "failed" && state != "cancelled";
  const int status = client.show(answer, render_job);
  return is_well ? status : kExitFailure;
}

int import_file(Client& client, const ImportOptions& o, const std::string& target) {
  auto text = read_input(o.file, pipeline::kImportMax);
  if (!text) return report(text.error());
  auto answer = client.ask("POST", target, std::move(*text), type_of(o));
  if (!answer) return answer.error();
  if (o.is_detached) return show_job(client, *answer);
  const auto done = await_job(client, std::move(*answer), "Importing");
  return done ? show_job(client, *done) : done.error();
}

CLI::App& add_file(CLI::App& noun, Shell& shell, const std::shared_ptr<ImportOptions>& o, const char* verb,
                   const char* help, const char* example, std::function<std::string()> target) {
  auto& command = add_verb(noun, shell, verb, help, example, [o, target = std::move(target)](Client& client) {
    return import_file(client, *o, target());
  });
  command.add_option("FILE", o->file, "CSV or NDJSON of at most 32 MiB; - reads standard input")->required();
  command
      .add_option("--format", o->format, "csv or ndjson (default: by the end of the file's name, else csv)")
      ->check(CLI::IsMember({"csv", "ndjson"}));
  command.add_flag("--detach", o->is_detached, "Do not wait for the end");
  return command;
}

void add_import(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "import", "Users and members of groups from files");
  auto o = std::make_shared<ImportOptions>();
  add_file(noun, shell, o, "users", "Register the users of a file, or change them",
           "carillon import users users.csv", [] { return std::string("/v1/imports/users"); });
  auto& members = add_file(noun, shell, o, "members", "Add the users of a file to a group",
                           "carillon import members --group beta members.csv",
                           [o] { return with_query("/v1/imports/members", {{"group", o->group}}); });
  members.add_option("--group", o->group, "The group")->required();
  add_list(noun, shell, Paged::Yes, "List jobs, newest first", "carillon import list", "/v1/jobs",
           {{"JOB", "id"},
            {"KIND", "kind"},
            {"STATE", "state"},
            {"DONE", "done"},
            {"FAILED", "failed"},
            {"TOTAL", "total"},
            {"BY", "created_by"},
            {"SINCE", "created_at"}},
           "No jobs yet.");
  auto& show = add_verb(noun, shell, "show", "How far an import is, with its first errors",
                        "carillon import show job_0b6k9m2x4r8tz", [o](Client& client) {
                          return client.show("GET", path_of("/v1/jobs/", o->job), {}, render_job);
                        });
  show.add_option("JOB", o->job, "The job")->required();
  auto& cancel =
      add_verb(noun, shell, "cancel", "End an import; rows that are in stay in",
               "carillon import cancel job_0b6k9m2x4r8tz", [o](Client& client) {
                 return client.show("POST", path_of("/v1/jobs/", o->job, "/cancel"), {}, render_job);
               });
  cancel.add_option("JOB", o->job, "The job")->required();
}

// All pages as one document: what the first page says, and the deliveries of all.
int export_user(Client& client, const std::string& user) {
  const std::string target = path_of("/v1/users/", user, "/export?limit=200");
  base::JsonWriter out;
  base::JsonDocument document;
  std::string deliveries, after;
  for (bool is_first = true; is_first || !after.empty(); is_first = false) {
    const auto answer = client.ask("GET", with_query(target, {{"after", after}}));
    if (!answer) return answer.error();
    const auto root = document.parse(answer->body);
    base::JsonObject page;
    base::JsonArray rows;
    if (!root || root->get_object().get(page) != simdjson::SUCCESS ||
        (*root)["deliveries"].get_array().get(rows) != simdjson::SUCCESS) {
      return report(Error{Errc::Unavailable, "the answer cannot be read; is this a Carillon server?"});
    }
    if (is_first) out.object();
    for (const auto [key, value] : page) {
      if (is_first && key != "deliveries" && key != "page") out.key(key).element(value);
    }
    for (const auto row : rows) deliveries.append(deliveries.empty() ? "" : ",").append(base::to_json(row));
    after = cell_at(*root, "page.next");
    if (after == "-") after.clear();
  }
  out.key("deliveries").array().raw(deliveries).end_array().end_object();
  print(out.str() + "\n");
  return kExitOk;
}

struct ExportOptions {
  std::vector<std::pair<std::string, std::string>> filter{
      {"event_id", ""}, {"user_id", ""}, {"status", ""}, {"log_status", ""}, {"category", ""},
      {"channel", ""},  {"from", ""},    {"until", ""},  {"email", ""},      {"phone", ""}};
  std::vector<std::string> columns;
  std::string output = "-", job;
  bool is_detached = false;
};

std::string body_of(const ExportOptions& o) {
  base::JsonWriter out;
  out.object().key("filter").object();
  for (const auto& [name, text] : o.filter) field_if_given(out, name, text);
  out.end_object();
  texts_if_given(out, "columns", o.columns);
  out.end_object();
  return out.str();
}

std::string render_export(base::JsonElement root) {
  std::string text =
      fmt::format("{}: {}, {} rows.\n", cell_at(root, "id"), cell_at(root, "state"), cell_at(root, "done"));
  if (const std::string detail = cell_at(root, "detail"); detail != "-") text += detail + "\n";
  return text;
}

// A piece at a time, as the answers of the control socket have an end.
int fetch_result(Client& client, const std::string& job, std::ostream& out) {
  constexpr std::size_t kPiece = 8U << 20;
  std::size_t offset = 0;
  for (std::size_t size = kPiece; size == kPiece; offset += size) {
    const auto piece = client.ask(
        "GET", path_of("/v1/jobs/", job, fmt::format("/result?offset={}&bytes={}", offset, kPiece)));
    if (!piece) return piece.error();
    size = piece->body.size();
    out.write(piece->body.data(), static_cast<std::streamsize>(size));
  }
  out.flush();
  if (out) return kExitOk;
  return report(Error{Errc::Unavailable, "the file cannot be written; is the disk full?"});
}

int save_result(Client& client, const std::string& job, const std::string& output) {
  if (output == "-") return fetch_result(client, job, std::cout);
  std::ofstream file(output, std::ios::binary | std::ios::trunc);
  if (!file) return report(Error{Errc::InvalidArgument, fmt::format("{} cannot be written", output)});
  return fetch_result(client, job, file);
}

int export_history(Client& client, const ExportOptions& o, const std::string& target) {
  auto answer = client.ask("POST", target, body_of(o));
  if (!answer) return answer.error();
  if (o.is_detached) return client.show(*answer, render_export);
  const auto done = await_job(client, std::move(*answer), "Exporting");
  if (!done) return done.error();
  base::JsonDocument document;
  const auto root = document.parse(done->body);
  if (!root || cell_at(*root, "state") != "completed") {
    client.show(*done, render_export);
    return kExitFailure;
  }
  const std::string job = cell_at(*root, "id");
  print_error(render_export(*root));
  return save_result(client, job, o.output);
}

void add_history(CLI::App& noun, Shell& shell, const char* verb, const char* help, const char* example,
                 const char* target) {
  auto o = std::make_shared<ExportOptions>();
  auto& command = add_verb(noun, shell, verb, help, example,
                           [o, target](Client& client) { return export_history(client, *o, target); });
  constexpr const char* kHelps[] = {"Of this event id",
                                    "To this user",
                                    "In this state",
                                    "PENDING, PROCESSING, SUCCESS or FAIL",
                                    "Of this category",
                                    "By this channel",
                                    "Accepted at this time or later: 2026-12-01T00:00:00Z",
                                    "Accepted before this time",
                                    "To this address that is nobody's",
                                    "To this phone number that is nobody's"};
  for (std::size_t i = 0; i < o->filter.size(); ++i) {
    std::string flag = "--" + o->filter[i].first;
    for (char& c : flag) c = c == '_' ? '-' : c;
    command.add_option(flag, o->filter[i].second, kHelps[i]);
  }
  command.add_option("--columns", o->columns, "These columns in this order (default: all)")->delimiter(',');
  command.add_option("--output", o->output, "The file to write (default: - for standard output)");
  command.add_flag("--detach", o->is_detached, "Do not wait; fetch it later with carillon export result");
}

void add_export(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "export", "What is kept of a user, as JSON; the history, as CSV");
  add_history(noun, shell, "notifications", "The notifications of the history as a CSV file",
              "carillon export notifications --from 2026-12-01T00:00:00Z --output december.csv",
              "/v1/notifications/export");
  add_history(noun, shell, "deliveries", "The deliveries of the history as a CSV file",
              "carillon export deliveries --log-status FAIL --output failed.csv", "/v1/deliveries/export");
  auto o = std::make_shared<ExportOptions>();
  auto& result = add_verb(noun, shell, "result", "The file of an export that was made before",
                          "carillon export result job_0b6k9m2x4r8tz --output december.csv",
                          [o](Client& client) { return save_result(client, o->job, o->output); });
  result.add_option("JOB", o->job, "The job")->required();
  result.add_option("--output", o->output, "The file to write (default: - for standard output)");
  auto id = std::make_shared<std::string>();
  auto& user = add_verb(noun, shell, "user", "Everything that is kept of a recipient, with the history",
                        "carillon export user 42 > 42.json",
                        [id](Client& client) { return export_user(client, *id); });
  user.add_option("USER_ID", *id, "The recipient")->required();
}

}  // namespace

void add_imports(CLI::App& root, Shell& shell) {
  add_import(root, shell);
  add_export(root, shell);
}

}  // namespace carillon::app
