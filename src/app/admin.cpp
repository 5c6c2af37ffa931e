// carillon app, carillon key: who may call.
#include "app/client.h"

namespace carillon::app {
namespace {

std::string render_new_app(base::JsonElement root) {
  Table table({});
  for (const auto& [title, field] : {std::pair{"app key", "app_key"},
                                     {"app secret", "app_secret"},
                                     {"test key", "test_app_key"},
                                     {"test secret", "test_app_secret"}}) {
    table.add({title, cell_at(root, field)});
  }
  return table.text() +
         "\nThe secrets are shown once; keep them. What the test key sends ends in the sandbox.\n";
}

std::string render_new_key(base::JsonElement root) {
  std::string text = render_object(root);
  return text + "\nThis is shown once; keep it.\n";
}

int add_publishable(Client& client, const std::string& app, bool is_test) {
  base::JsonWriter body;
  body.object().field("publishable", true).field("test", is_test).end_object();
  return client.show("POST", path_of("/v1/apps/", app, "/keys"), body.str(), [](base::JsonElement root) {
    return fmt::format(
        "{}\n\nPut it into the app: it registers anonymous devices, as Authorization: Bearer.\n",
        cell_at(root, "app_key"));
  });
}

void add_switch(CLI::App& noun, Shell& shell, const char* verb_name, bool is_disabled, const char* help) {
  auto name = std::make_shared<std::string>();
  auto& verb = add_verb(
      noun, shell, verb_name, help, fmt::format("carillon app {} shop", verb_name), [=](Client& client) {
        base::JsonWriter body;
        body.object().field("disabled", is_disabled).end_object();
        return client.say("PATCH", path_of("/v1/apps/", *name), body.str(),
                          fmt::format("App {} is {}.", printable(*name),
                                      is_disabled ? "disabled: its keys are refused" : "enabled"));
      });
  verb.add_option("NAME", *name, "The app")->required();
}

struct Grant {
  std::string name;
  std::vector<std::string> channels, categories;
  std::string max_priority;
  std::int64_t rate_limit = -1, critical_limit = -1;  // below 0: not given
};

std::string grant_body(const Grant& grant, bool with_name) {
  base::JsonWriter body;
  body.object();
  if (with_name) body.field("name", grant.name);
  texts_if_given(body, "channels", grant.channels);
  texts_if_given(body, "categories", grant.categories);
  field_if_given(body, "max_priority", grant.max_priority);
  if (grant.rate_limit >= 0) body.field("rate_limit", grant.rate_limit);
  if (grant.critical_limit >= 0) body.field("critical_limit", grant.critical_limit);
  body.end_object();
  return body.str();
}

void add_grant_options(CLI::App& verb, Grant& grant) {
  verb.add_option("NAME", grant.name, "The app: a-z, 0-9, _ . -")->required();
  verb.add_option("--channel", grant.channels,
                  "Only these channels; may be repeated (default: every channel)")
      ->allow_extra_args(false);
  verb.add_option("--category", grant.categories, "Only these categories; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--max-priority", grant.max_priority, "critical, high, normal or bulk (default high)");
  verb.add_option("--rate-limit", grant.rate_limit, "Notifications per second; 0: no limit");
  verb.add_option("--critical-limit", grant.critical_limit, "Critical ones per second; 0: 100");
}

void add_app_keys(CLI::App& app, Shell& shell) {
  auto& key = add_noun(app, "key", "Keys of an app: add one, hand it out, revoke the old one");
  struct Options {
    std::string name, key;
    bool is_test = false, is_publishable = false;
    std::vector<std::string> scopes;
  };
  auto o = std::make_shared<Options>();
  auto& add = add_verb(key, shell, "add", "Make another key; the old ones stay valid",
                       "carillon app key add shop --scope send", [o](Client& client) {
                         if (o->is_publishable) return add_publishable(client, o->name, o->is_test);
                         base::JsonWriter body;
                         body.object().field("test", o->is_test);
                         texts_if_given(body, "scopes", o->scopes);
                         body.end_object();
                         return client.show("POST", path_of("/v1/apps/", o->name, "/keys"), body.str(),
                                            render_new_key);
                       });
  add.add_option("NAME", o->name, "The app")->required();
  add.add_flag("--test", o->is_test, "A test key: what it sends ends in the sandbox");
  auto* scope = add.add_option("--scope", o->scopes, "send, read or people; may be repeated (default: all)")
                    ->allow_extra_args(false);
  add.add_flag("--publishable", o->is_publishable,
               "A key without a secret (pk_…), for apps on phones: it registers anonymous devices only")
      ->excludes(scope);
  auto& revoke = add_verb(key, shell, "revoke", "Refuse a key from now on",
                          "carillon app key revoke shop ck_live_9f2c", [o](Client& client) {
                            const auto prefix = path_of("/v1/apps/", o->name, "/keys/");
                            return client.say("DELETE", path_of(prefix, o->key), {},
                                              fmt::format("Key {} is revoked.", printable(o->key)));
                          });
  revoke.add_option("NAME", o->name, "The app")->required();
  revoke.add_option("KEY", o->key, "The key, ck_… or pk_…")->required();
}

void add_app(CLI::App& root, Shell& shell) {
  auto& app = add_noun(root, "app", "Apps: the services that send, their keys and what they may do");
  auto grant = std::make_shared<Grant>();
  auto& create = add_verb(app, shell, "create", "Make an app with a live and a test key",
                          "carillon app create shop --data ./carillon-data --json", [grant](Client& client) {
                            return client.show("POST", "/v1/apps", grant_body(*grant, true), render_new_app);
                          });
  add_grant_options(create, *grant);
  add_list(app, shell, Paged::No, "List all apps", "carillon app list", "/v1/apps",
           {{"APP", "name"},
            {"DISABLED", "disabled"},
            {"MAX PRIORITY", "max_priority"},
            {"RATE LIMIT", "rate_limit"},
            {"CHANNELS", "channels"},
            {"CATEGORIES", "categories"}},
           "There is no app yet: carillon app create NAME");
  auto& show = add_verb(app, shell, "show", "Show one app and its keys", "carillon app show shop",
                        [grant](Client& client) {
                          return client.show("GET", path_of("/v1/apps/", grant->name), {}, render_object);
                        });
  show.add_option("NAME", grant->name, "The app")->required();
  add_switch(app, shell, "disable", true, "Refuse all its keys until it is enabled again");
  add_switch(app, shell, "enable", false, "Take its keys again");
  auto changed = std::make_shared<Grant>();
  auto& limits = add_verb(app, shell, "grant", "Change what it may use",
                          "carillon app grant shop --channel push --channel email --max-priority critical",
                          [changed](Client& client) {
                            return client.show("PATCH", path_of("/v1/apps/", changed->name),
                                               grant_body(*changed, false), render_object);
                          });
  add_grant_options(limits, *changed);
  add_app_keys(app, shell);
}

struct KeyOptions {
  std::string name;
  bool is_management = false, is_publishable = false, is_test = false;
  std::vector<std::string> scopes, projects;
};

int create_key(Client& client, const KeyOptions& o) {
  if (o.is_publishable) return add_publishable(client, o.name, o.is_test);
  if (!o.is_management) {
    return report(Error{Errc::InvalidArgument,
                        "give --management for a token that administers, or --publishable for an app on "
                        "phones; keys that send belong to an app: "
                        "carillon app key add NAME"});
  }
  base::JsonWriter body;
  body.object().field("name", o.name);
  texts_if_given(body, "scopes", o.scopes.empty() ? std::vector<std::string>{"admin"} : o.scopes);
  texts_if_given(body, "projects", o.projects);
  body.end_object();
  return client.show("POST", "/v1/keys", body.str(), [](base::JsonElement root) {
    return fmt::format(
        "{}\n\nThis token is shown once; keep it. Use it as Authorization: Bearer, or as CARILLON_TOKEN.\n",
        cell_at(root, "token"));
  });
}

void add_key(CLI::App& root, Shell& shell) {
  auto& key = add_noun(root, "key", "Management tokens: for administering over HTTP");
  auto o = std::make_shared<KeyOptions>();
  auto& create = add_verb(key, shell, "create", "Make a management token",
                          "carillon key create ops --management --scopes admin --json",
                          [o](Client& client) { return create_key(client, *o); });
  create.add_option("NAME", o->name, "What it is for; with --publishable the app")->required();
  auto* management = create.add_flag("--management", o->is_management, "A token that administers (mt_…)");
  auto* publishable =
      create.add_flag("--publishable", o->is_publishable,
                      "A key of an app for phones (pk_…): it registers anonymous devices only");
  publishable->excludes(management);
  create.add_flag("--test", o->is_test, "With --publishable: a test key")->needs(publishable);
  create
      .add_option("--scopes", o->scopes,
                  "admin, or areas such as people templates integrations (default admin)")
      ->delimiter(',');
  create.add_option("--projects", o->projects, "Only for these projects (default: all of them)")
      ->delimiter(',');
  add_list(key, shell, Paged::No, "List all management tokens", "carillon key list", "/v1/keys",
           {{"NAME", "name"},
            {"SCOPES", "scopes"},
            {"PROJECTS", "projects"},
            {"REVOKED", "revoked"},
            {"CREATED", "created_at"}},
           "There is no management token yet: carillon key create NAME --management");
  auto& revoke = add_verb(key, shell, "revoke", "Refuse a token from now on", "carillon key revoke ops",
                          [o](Client& client) {
                            return client.say("DELETE", path_of("/v1/keys/", o->name), {},
                                              fmt::format("Token {} is revoked.", printable(o->name)));
                          });
  revoke.add_option("NAME", o->name, "The token's name")->required();
}

}  // namespace

void add_admin(CLI::App& root, Shell& shell) {
  add_app(root, shell);
  add_key(root, shell);
}

}  // namespace carillon::app
