// carillon import: files of users and of group members, as jobs. carillon export: what is kept of a user.
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

void add_export(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "export", "What is kept, as JSON");
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
