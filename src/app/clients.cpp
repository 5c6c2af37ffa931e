// carillon user token, carillon user revoke-tokens, carillon settings: phones and browsers, and what a
// project allows them.
#include "app/client.h"

namespace carillon::app {
namespace {

struct TokenOptions {
  std::string user, ttl;
  std::vector<std::string> scopes;
};

void add_tokens(CLI::App& user, Shell& shell) {
  auto o = std::make_shared<TokenOptions>();
  auto& make = add_verb(
      user, shell, "token", "Make a token with which a phone or browser acts for a recipient",
      "carillon user token 42 --ttl 1h --scope devices --scope preferences", [o](Client& client) {
        base::JsonWriter body;
        body.object();
        field_if_given(body, "ttl", o->ttl);
        texts_if_given(body, "scopes", o->scopes);
        body.end_object();
        return client.show("POST", path_of("/v1/users/", o->user, "/tokens"), body.str(), render_object);
      });
  make.add_option("USER_ID", o->user, "The recipient")->required();
  make.add_option("--ttl", o->ttl, "How long it is valid: 1m to 30d (default 1h)");
  make.add_option("--scope", o->scopes,
                  "devices, preferences, notifications or send; may be repeated (default: all)")
      ->allow_extra_args(false);
  auto& revoke = add_verb(
      user, shell, "revoke-tokens", "Refuse every token of a recipient made until now",
      "carillon user revoke-tokens 42", [o](Client& client) {
        return client.say("DELETE", path_of("/v1/users/", o->user, "/tokens"), {},
                          fmt::format("The tokens of user {} are refused from now on.", printable(o->user)));
      });
  revoke.add_option("USER_ID", o->user, "The recipient")->required();
}

struct SettingsOptions {
  std::string file, locale, time_zone, quiet_hours, client_jwt;
  std::vector<std::string> origins;
  bool has_no_origins = false;
};

// "22:00-08:00" → an object; "none" → null.
Result<void> write_quiet_hours(base::JsonWriter& body, const std::string& text) {
  body.key("quiet_hours");
  const auto dash = text.find('-');
  if (text == "none") {
    body.null();
  } else if (dash == std::string::npos) {
    return fail(Errc::InvalidArgument, "--quiet-hours takes FROM-TO such as 22:00-08:00, or none");
  } else {
    body.object().field("from", text.substr(0, dash)).field("to", text.substr(dash + 1)).end_object();
  }
  return {};
}

Result<std::string> settings_body(const SettingsOptions& o) {
  if (!o.file.empty()) return read_json(o.file);
  base::JsonWriter body;
  body.object();
  field_if_given(body, "locale", o.locale);
  field_if_given(body, "time_zone", o.time_zone);
  if (!o.quiet_hours.empty()) CARILLON_CHECK(write_quiet_hours(body, o.quiet_hours));
  if (o.has_no_origins) {
    body.key("cors_origins").array().end_array();
  } else {
    texts_if_given(body, "cors_origins", o.origins);
  }
  if (o.client_jwt == "none") {
    body.key("client_jwt").null();
  } else if (!o.client_jwt.empty()) {
    CARILLON_TRY(const std::string jwt, read_json(o.client_jwt));
    body.key("client_jwt").raw(jwt);
  }
  body.end_object();
  return body.str();
}

void add_settings(CLI::App& root, Shell& shell) {
  auto& settings = add_noun(root, "settings", "What holds for the whole project");
  add_verb(settings, shell, "show", "Show the project's settings", "carillon settings show",
           [](Client& client) { return client.show("GET", "/v1/settings", {}, render_object); });
  auto o = std::make_shared<SettingsOptions>();
  auto& set = add_verb(settings, shell, "set", "Change what the options name",
                       "carillon settings set --time-zone Asia/Seoul --cors-origin https://shop.example.com",
                       [o](Client& client) {
                         const auto body = settings_body(*o);
                         if (!body) return report(body.error());
                         return client.show("PATCH", "/v1/settings", *body, render_object);
                       });
  set.add_option("--locale", o->locale, "Language of those who have none, BCP 47: ko-KR");
  set.add_option("--time-zone", o->time_zone, "Time zone of those who have none: Asia/Seoul");
  set.add_option("--quiet-hours", o->quiet_hours,
                 "FROM-TO in local time, such as 22:00-08:00; none ends them");
  auto* origin =
      set.add_option("--cors-origin", o->origins,
                     "Origin of pages that may call /v1/me; may be repeated, replaces those there are")
          ->allow_extra_args(false);
  set.add_flag("--no-cors-origins", o->has_no_origins, "No page may")->excludes(origin);
  set.add_option("--client-jwt", o->client_jwt,
                 "File with client_jwt as JSON: whose tokens are taken; none takes no more of them");
  set.add_option("--file", o->file, "All changes as JSON; - reads standard input");
}

}  // namespace

void add_clients(CLI::App& root, Shell& shell) {
  add_tokens(*root.get_subcommand("user"), shell);
  add_settings(root, shell);
}

}  // namespace carillon::app
