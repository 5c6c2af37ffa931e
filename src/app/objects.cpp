// carillon object: uploads that sends name by id.
#include <cstdio>
#include <filesystem>

#include "app/client.h"
#include "base/descriptor.h"

namespace carillon::app {
namespace {

struct ObjectOptions {
  std::string file, name, type, ttl, object, output;
};

std::string show_upload(base::JsonElement root) {
  return fmt::format("{}  {}, {} bytes, {}\nsha256 {}\nuploaded by {} at {}, expires at {}\n",
                     cell_at(root, "id"), cell_at(root, "type"), cell_at(root, "size"),
                     cell_at(root, "filename"), cell_at(root, "sha256"), cell_at(root, "created_by"),
                     cell_at(root, "created_at"), cell_at(root, "expires_at"));
}

int put(Client& client, const ObjectOptions& o) {
  auto bytes = read_input(o.file, static_cast<std::size_t>(pipeline::kObjectMax));
  if (!bytes) return report(bytes.error());
  const std::string own_name =
      o.file == "-" ? std::string() : std::filesystem::path(o.file).filename().string();
  const std::string target =
      with_query("/v1/objects", {{"filename", o.name.empty() ? own_name : o.name}, {"ttl", o.ttl}});
  const auto answer =
      client.ask("POST", target, std::move(*bytes), o.type.empty() ? "application/octet-stream" : o.type);
  return answer ? client.show(*answer, show_upload) : answer.error();
}

int get(Client& client, const ObjectOptions& o) {
  const auto answer = client.ask("GET", path_of("/v1/objects/", o.object, "/content"));
  if (!answer) return answer.error();
  if (o.output.empty() || o.output == "-") {
    print(answer->body);
    return kExitOk;
  }
  if (base::write_file(o.output, answer->body)) return kExitOk;
  return report(Error{Errc::Unavailable, fmt::format("cannot write {}", o.output)});
}

}  // namespace

void add_objects(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "object", "Uploaded files: attachments and pictures of messages");
  auto o = std::make_shared<ObjectOptions>();
  auto& upload = add_verb(noun, shell, "put", "Upload a file; its id goes into sends",
                          "carillon object put --ttl 90d invoice.pdf", [o](Client& c) { return put(c, *o); });
  upload.add_option("FILE", o->file, "The file; - reads standard input")->required();
  upload.add_option("--name", o->name, "Its name for who gets it (default: that of the file)");
  upload.add_option("--type", o->type, "Its media type (default: by its first bytes)");
  upload.add_option("--ttl", o->ttl, "How long it is kept (default: as objects.retention says)");
  const auto of_one = [&](const char* verb, const char* help, const char* example,
                          std::function<int(Client&)> run) -> CLI::App& {
    auto& command = add_verb(noun, shell, verb, help, example, std::move(run));
    command.add_option("OBJECT", o->object, "Its id, obj_…")->required();
    return command;
  };
  auto& download =
      of_one("get", "The bytes of an object", "carillon object get obj_0b6k9m2x4r8tz --output a.pdf",
             [o](Client& client) { return get(client, *o); });
  download.add_option("--output", o->output, "The file to write (default: standard output)");
  of_one("show", "What is known of an object", "carillon object show obj_0b6k9m2x4r8tz", [o](Client& client) {
    return client.show("GET", path_of("/v1/objects/", o->object), {}, show_upload);
  });
  add_list(noun, shell, Paged::Yes, "List objects, newest first", "carillon object list", "/v1/objects",
           {{"OBJECT", "id"},
            {"NAME", "filename"},
            {"TYPE", "type"},
            {"BYTES", "size"},
            {"BY", "created_by"},
            {"EXPIRES", "expires_at"}},
           "No objects yet.");
  of_one("rm", "Remove an object that no notification under way needs",
         "carillon object rm obj_0b6k9m2x4r8tz", [o](Client& client) {
           return client.say("DELETE", path_of("/v1/objects/", o->object), {}, "Removed " + o->object + ".");
         });
}

}  // namespace carillon::app
