// carillon template, carillon layout, carillon category: what is said, and the policy for it.
#include "app/client.h"
#include "app/template_git.h"

namespace carillon::app {
namespace {

struct ContentOptions {
  std::string key, file, channel, locale, user, zone;
  std::int64_t version = 0, against = 0;  // 0: the published one; the one before
  bool is_all = false;                    // every locale
  bool is_forced = false;
  bool is_draft = false;
  std::vector<std::string> params;
};

int put_document(Client& client, const ContentOptions& o, std::string_view prefix, const std::string& query) {
  return put_keyed(client, o.key, o.file, prefix, query);
}

void add_file_options(CLI::App& verb, ContentOptions& o) {
  verb.add_option("FILE", o.file, "JSON; - reads standard input")->required();
  verb.add_option("--key", o.key, "Its key, where the file has none");
}

void add_preview(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<ContentOptions>();
  auto& preview = add_verb(
      noun, shell, "preview", "Show what a template says with these parameters",
      "carillon template preview welcome --param name=Kim --locale ko", [o](Client& client) {
        const auto params = object_of(o->params, "--param");
        if (!params) return report(params.error());
        base::JsonWriter body;
        body.object().key("params").raw(*params);
        field_if_given(body, "channel", o->channel);
        field_if_given(body, "locale", o->locale);
        field_if_given(body, "user_id", o->user);
        field_if_given(body, "time_zone", o->zone);
        if (o->is_all) body.key("locales").array().value("*").end_array();
        if (o->version > 0) body.field("version", o->version);
        body.end_object();
        return client.show("POST", path_of("/v1/templates/", o->key, "/preview"), body.str(), render_object);
      });
  preview.add_option("KEY", o->key, "The template")->required();
  preview.add_option("--param", o->params, "name=text or name:=JSON; may be repeated")
      ->allow_extra_args(false);
  preview.add_option("--channel", o->channel, "Only this channel");
  preview.add_option("--locale", o->locale, "Language");
  preview.add_flag("--all-locales", o->is_all, "In every language it has");
  preview.add_option("--user", o->user, "As this user gets it: language, time zone, attributes");
  preview.add_option("--time-zone", o->zone, "Whose clock times are shown by, such as Asia/Seoul");
  preview.add_option("--version", o->version, "A version; else the published one");
}

std::string render_diff(base::JsonElement root) {
  base::JsonArray changes;
  if (root["changes"].get(changes) != simdjson::SUCCESS || changes.size() == 0) return "Nothing differs.\n";
  std::string text;
  for (const base::JsonElement change : changes) {
    text += printable(cell_at(change, "pointer"));
    std::string_view diff;
    if (change["diff"].get(diff) != simdjson::SUCCESS) {
      text += fmt::format(": {} → {}\n", printable(cell_at(change, "before")),
                          printable(cell_at(change, "after")));
      continue;
    }
    text += "\n";
    for (auto end = diff.find('\n'); end != std::string_view::npos; end = diff.find('\n')) {
      text += fmt::format("  {}\n", printable(diff.substr(0, end)));
      diff.remove_prefix(end + 1);
    }
  }
  return text;
}

// "?force=true", where that was asked for.
std::string forced(const ContentOptions& o) { return o.is_forced ? "?force=true" : ""; }

void add_force(CLI::App& verb, const std::shared_ptr<ContentOptions>& o) {
  verb.add_flag("--force", o->is_forced, "Also when a rule or schedule names it");
}

void add_versions(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<ContentOptions>();
  auto& diff =
      add_verb(noun, shell, "diff", "Show what a version changed",
               "carillon template diff welcome 3 --against 1", [o](Client& client) {
                 std::string suffix = fmt::format("/versions/{}/diff", o->version);
                 if (o->against > 0) suffix += fmt::format("?against={}", o->against);
                 return client.show("GET", path_of("/v1/templates/", o->key, suffix), {}, render_diff);
               });
  diff.add_option("KEY", o->key, "The template")->required();
  diff.add_option("VERSION", o->version, "The version")->required();
  diff.add_option("--against", o->against, "The version to compare it with; else the one before");
  for (const bool is_archive : {true, false}) {
    const char* const name = is_archive ? "archive" : "unarchive";
    auto& verb = add_verb(
        noun, shell, name,
        is_archive ? "Refuse new sends with it; what was accepted still goes" : "Let it be used again",
        fmt::format("carillon template {} welcome", name), [o, name, is_archive](Client& client) {
          return client.say(
              "POST", path_of("/v1/templates/", o->key, fmt::format("/{}{}", name, forced(*o))), {},
              fmt::format("Template {} is {}.", printable(o->key), is_archive ? "archived" : "in use again"));
        });
    verb.add_option("KEY", o->key, "The template")->required();
    if (is_archive) add_force(verb, o);
  }
}

// The verb `publish` of templates and of layouts.
void add_publish(CLI::App& noun, Shell& shell, const std::string& what, const std::string& prefix) {
  auto o = std::make_shared<ContentOptions>();
  auto& publish = add_verb(
      noun, shell, "publish", "Use a version from now on", fmt::format("carillon {} publish welcome 3", what),
      [o, prefix](Client& client) {
        const auto suffix = fmt::format("/versions/{}/publish", o->version);
        return client.say("POST", path_of(prefix, o->key, suffix), {},
                          fmt::format("Version {} of {} is published.", o->version, printable(o->key)));
      });
  publish.add_option("KEY", o->key, "The " + what)->required();
  publish.add_option("VERSION", o->version, "The version")->required();
}

// The verb `get` of templates and of layouts.
void add_get(CLI::App& noun, Shell& shell, const std::string& what, const std::string& prefix) {
  auto o = std::make_shared<ContentOptions>();
  auto& get = add_verb(noun, shell, "get", fmt::format("Show a {}", what),
                       fmt::format("carillon {} get welcome", what), [o, prefix](Client& client) {
                         const std::string version =
                             o->version > 0 ? fmt::format("/versions/{}", o->version) : "";
                         return client.show("GET", path_of(prefix, o->key, version), {}, render_object);
                       });
  get.add_option("KEY", o->key, "The " + what)->required();
  get.add_option("--version", o->version, "A version; else the published one");
}

void add_layout(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "layout", "Layouts: the frame around the e-mails of templates");
  auto o = std::make_shared<ContentOptions>();
  auto& put = add_verb(noun, shell, "put", "Store a new version of a layout",
                       "carillon layout put main.json --key main", [o](Client& client) {
                         return put_document(client, *o, "/v1/layouts/", o->is_draft ? "?publish=false" : "");
                       });
  add_file_options(put, *o);
  put.add_flag("--draft,!--publish", o->is_draft,
               "Keep it as a draft; --publish (default) uses it from now on");
  add_get(noun, shell, "layout", "/v1/layouts/");
  add_list(noun, shell, Paged::Yes, "List all layouts", "carillon layout list", "/v1/layouts",
           {{"LAYOUT", "key"}, {"LATEST", "version"}, {"PUBLISHED", "published"}, {"CHANGED", "updated_at"}},
           "There is no layout yet: carillon layout put FILE");
  add_publish(noun, shell, "layout", "/v1/layouts/");
  auto& remove = add_verb(noun, shell, "delete", "Remove a layout that no template uses",
                          "carillon layout delete main", [o](Client& client) {
                            return client.say("DELETE", path_of("/v1/layouts/", o->key), {},
                                              fmt::format("Layout {} is removed.", printable(o->key)));
                          });
  remove.add_option("KEY", o->key, "The layout")->required();
}

void add_template(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "template", "Templates: versioned content with parameters");
  auto o = std::make_shared<ContentOptions>();
  auto& put =
      add_verb(noun, shell, "put", "Store a new version of a template", "carillon template put welcome.json",
               [o](Client& client) {
                 return put_document(client, *o, "/v1/templates/", o->is_draft ? "?publish=false" : "");
               });
  add_file_options(put, *o);
  put.add_flag("--draft,!--publish", o->is_draft,
               "Keep it as a draft; --publish (default) uses it from now on");
  add_get(noun, shell, "template", "/v1/templates/");
  add_list(noun, shell, Paged::Yes, "List all templates", "carillon template list", "/v1/templates",
           {{"TEMPLATE", "key"},
            {"LATEST", "version"},
            {"PUBLISHED", "published"},
            {"CATEGORY", "category"},
            {"LOCALE", "default_locale"},
            {"ARCHIVED", "archived"},
            {"CHANGED", "updated_at"}},
           "There is no template yet: carillon template put FILE");
  add_publish(noun, shell, "template", "/v1/templates/");
  auto& remove = add_verb(noun, shell, "delete", "Remove a template; what was accepted with it is still sent",
                          "carillon template delete welcome", [o](Client& client) {
                            return client.say("DELETE", path_of("/v1/templates/", o->key, forced(*o)), {},
                                              fmt::format("Template {} is removed.", printable(o->key)));
                          });
  remove.add_option("KEY", o->key, "The template")->required();
  add_force(remove, o);
  add_preview(noun, shell);
  add_versions(noun, shell);
  add_template_git(noun, shell);
}

void add_category(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "category", "Categories: what a message is about, and the policy for it");
  auto o = std::make_shared<ContentOptions>();
  auto& put =
      add_verb(noun, shell, "put", "Make or replace a category", "carillon category put order_updates.json",
               [o](Client& client) { return put_document(client, *o, "/v1/categories/", ""); });
  add_file_options(put, *o);
  auto& get =
      add_verb(noun, shell, "get", "Show a category", "carillon category get general", [o](Client& client) {
        return client.show("GET", path_of("/v1/categories/", o->key), {}, render_object);
      });
  get.add_option("KEY", o->key, "The category")->required();
  add_list(noun, shell, Paged::No, "List all categories", "carillon category list", "/v1/categories",
           {{"CATEGORY", "key"},
            {"KIND", "kind"},
            {"MANDATORY", "mandatory"},
            {"CHANNELS", "channels"},
            {"PRIORITY", "priority"},
            {"TTL", "ttl"},
            {"RETRY", "retry"}},
           "There is no category.");
  auto& remove = add_verb(noun, shell, "delete", "Remove a category",
                          "carillon category delete order_updates", [o](Client& client) {
                            return client.say("DELETE", path_of("/v1/categories/", o->key, forced(*o)), {},
                                              fmt::format("Category {} is removed.", printable(o->key)));
                          });
  remove.add_option("KEY", o->key, "The category")->required();
  add_force(remove, o);
}

}  // namespace

void add_content(CLI::App& root, Shell& shell) {
  add_template(root, shell);
  add_layout(root, shell);
  add_category(root, shell);
}

}  // namespace carillon::app
