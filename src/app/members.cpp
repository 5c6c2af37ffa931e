// carillon admin: projects, the people who administer them, and who changed what.
#include "app/client.h"

namespace carillon::app {
namespace {

void add_projects(CLI::App& admin, Shell& shell) {
  struct Options {
    std::string key, name;
  };
  auto& project = add_noun(admin, "project", "Projects: products or environments that share nothing");
  auto o = std::make_shared<Options>();
  auto& put =
      add_verb(project, shell, "put", "Make a project, or change its name",
               "carillon admin project put staging --name 'Shop, staging'", [o](Client& client) {
                 base::JsonWriter body;
                 body.object();
                 field_if_given(body, "name", o->name);
                 body.end_object();
                 return client.show("PUT", path_of("/v1/projects/", o->key), body.str(), render_object);
               });
  put.add_option("KEY", o->key, "Its key: a-z, 0-9, _ . -")->required();
  put.add_option("--name", o->name, "For people");
  add_list(project, shell, Paged::No, "List projects", "carillon admin project list", "/v1/projects",
           {{"PROJECT", "key"}, {"NAME", "name"}, {"CREATED", "created_at"}}, "There is no project.");
}

std::string render_link(base::JsonElement root) {
  return fmt::format("{}\n\nThis link works once, until {}; it is for the member alone.\n",
                     cell_at(root, "url"), cell_at(root, "expires_at"));
}

struct MemberOptions {
  std::string key, name, email, token;
  std::vector<std::string> grants, apps;
  bool is_disabled = false;
};

// PROJECT=APP, several of a project.
Result<void> write_apps(base::JsonWriter& body, const std::vector<std::string>& given) {
  std::map<std::string, std::vector<std::string>> apps;
  for (const std::string& text : given) {
    const std::size_t mark = text.find('=');
    if (mark == 0 || mark == std::string::npos || mark + 1 == text.size())
      return fail(Errc::InvalidArgument,
                  fmt::format("--app {}: give PROJECT=APP, such as default=shop", text));
    apps[text.substr(0, mark)].push_back(text.substr(mark + 1));
  }
  body.key("apps").object();
  for (const auto& [project, names] : apps) {
    body.key(project).array();
    for (const std::string& name : names) body.value(name);
    body.end_array();
  }
  body.end_object();
  return {};
}

int put_member(Client& client, const MemberOptions& o) {
  base::JsonWriter body;
  body.object();
  field_if_given(body, "name", o.name);
  field_if_given(body, "email", o.email);
  body.field("disabled", o.is_disabled);
  const auto grants = object_of(o.grants, "--grant");
  if (!grants) return report(grants.error());
  body.key("grants").raw(*grants);
  if (const auto apps = write_apps(body, o.apps); !apps) return report(apps.error());
  body.end_object();
  return client.show("PUT", path_of("/v1/members/", o.key), body.str(), render_object);
}

void add_tokens(CLI::App& member, Shell& shell, const std::shared_ptr<MemberOptions>& o) {
  auto& token =
      add_verb(member, shell, "token", "Make a token with which a member acts",
               "carillon admin member token ann laptop", [o](Client& client) {
                 base::JsonWriter body;
                 body.object().field("name", o->token).end_object();
                 return client.show("POST", path_of("/v1/members/", o->key, "/tokens"), body.str(),
                                    [](base::JsonElement root) {
                                      return fmt::format(
                                          "{}\n\nThis token is shown once; it is the member's own. Use it as "
                                          "Authorization: Bearer, or as CARILLON_TOKEN.\n",
                                          cell_at(root, "token"));
                                    });
               });
  token.add_option("MEMBER", o->key, "The member")->required();
  token.add_option("NAME", o->token, "What it is for, such as laptop")->required();
  auto& revoke = add_verb(
      member, shell, "revoke-token", "Refuse a token from now on",
      "carillon admin member revoke-token ann laptop", [o](Client& client) {
        const auto prefix = path_of("/v1/members/", o->key, "/tokens/");
        return client.say("DELETE", path_of(prefix, o->token), {},
                          fmt::format("Token {} of {} is refused.", printable(o->token), printable(o->key)));
      });
  revoke.add_option("MEMBER", o->key, "The member")->required();
  revoke.add_option("NAME", o->token, "The token")->required();
}

void add_people_of_it(CLI::App& admin, Shell& shell) {
  auto& member = add_noun(admin, "member", "Members: the people who administer, and what each may do");
  auto o = std::make_shared<MemberOptions>();
  auto& put = add_verb(member, shell, "put", "Say who somebody is and what they may do",
                       "carillon admin member put ann --name 'Ann Kim' --grant default=sender --grant "
                       "staging=administrator",
                       [o](Client& client) { return put_member(client, *o); });
  put.add_option("KEY", o->key, "The member: a-z, 0-9, _ . -")->required();
  put.add_option("--name", o->name, "The whole name");
  put.add_option("--email", o->email, "E-mail address");
  put.add_option("--grant", o->grants,
                 "PROJECT=ROLE, viewer, sender or administrator; * is every project; may be repeated. Those "
                 "not named are taken away")
      ->allow_extra_args(false);
  put.add_option(
         "--app", o->apps,
         "PROJECT=APP, of a viewer or sender: there the member has these apps alone; may be repeated. In "
         "projects not named the member has all apps")
      ->allow_extra_args(false);
  put.add_flag("--disabled", o->is_disabled, "Refuse the member's tokens until put without it");
  add_list(member, shell, Paged::No, "List members", "carillon admin member list", "/v1/members",
           {{"MEMBER", "key"},
            {"NAME", "name"},
            {"E-MAIL", "email"},
            {"GRANTS", "grants"},
            {"APPS", "apps"},
            {"DISABLED", "disabled"}},
           "There is no member yet: carillon admin member put KEY --grant default=administrator");
  auto& show = add_verb(
      member, shell, "show", "Show one member and the tokens", "carillon admin member show ann",
      [o](Client& client) { return client.show("GET", path_of("/v1/members/", o->key), {}, render_object); });
  show.add_option("KEY", o->key, "The member")->required();
  auto& remove = add_verb(member, shell, "remove", "Remove a member; the tokens are refused at once",
                          "carillon admin member remove ann", [o](Client& client) {
                            return client.say("DELETE", path_of("/v1/members/", o->key), {},
                                              fmt::format("Member {} is removed.", printable(o->key)));
                          });
  remove.add_option("KEY", o->key, "The member")->required();
  add_tokens(member, shell, o);
  auto& invite =
      add_verb(member, shell, "invite", "Make a one-time link by which a member sets a password",
               "carillon admin member invite ann", [o](Client& client) {
                 return client.show("POST", path_of("/v1/members/", o->key, "/invite"), {}, render_link);
               });
  invite.add_option("KEY", o->key, "The member")->required();
}

void add_reset(CLI::App& admin, Shell& shell) {
  struct Options {
    std::string key;
    bool with_totp = false;
  };
  auto o = std::make_shared<Options>();
  auto& reset =
      add_verb(admin, shell, "reset-password",
               "Take a member's password away, end all sessions, and make a one-time link for a new one",
               "carillon admin reset-password ann", [o](Client& client) {
                 base::JsonWriter body;
                 body.object().field("totp", o->with_totp).end_object();
                 return client.show("POST", path_of("/v1/members/", o->key, "/reset-password"), body.str(),
                                    render_link);
               });
  reset.add_option("MEMBER", o->key, "The member")->required();
  reset.add_flag("--totp", o->with_totp, "Take the authenticator app away too: the phone is lost");
}

void add_trail(CLI::App& admin, Shell& shell) {
  auto& audit = add_noun(admin, "audit", "The audit trail: who changed what");
  add_list(audit, shell, Paged::Yes, "List changes, newest first",
           "carillon admin audit list --action app --object shop", "/v1/audit",
           {{"AT", "at"},
            {"ACTOR", "actor"},
            {"ACTION", "action"},
            {"OBJECT", "object"},
            {"REQUEST", "request_id"},
            {"FROM", "origin"},
            {"CHANGES", "detail.changes"}},
           "Nothing was changed.",
           {{"actor", "Of this one: key:ops, app:shop, cli, system"},
            {"action", "Of this kind: app.update, or app for all that is done to apps"},
            {"object", "To this object: its key, name or id"},
            {"request_id", "By the request with this id"},
            {"from", "At or after this time, RFC 3339"},
            {"until", "Before this time, RFC 3339"},
            {"installation", "true: what belongs to no project, such as management tokens"}});
}

}  // namespace

void add_members(CLI::App& root, Shell& shell) {
  auto& admin = add_noun(root, "admin", "Projects, the people who administer them, and what they did");
  add_projects(admin, shell);
  add_people_of_it(admin, shell);
  add_reset(admin, shell);
  add_trail(admin, shell);
}

}  // namespace carillon::app
