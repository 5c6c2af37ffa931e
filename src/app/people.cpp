// carillon user, group, suppression: who is reached, and who must not be.
#include "app/client.h"

namespace carillon::app {
namespace {

struct User {
  std::string id, file, name, email, phone, country, locale, time_zone;
  std::vector<std::string> attributes;
};

Result<std::string> user_body(const User& user) {
  if (!user.file.empty()) return read_json(user.file);
  base::JsonWriter body;
  body.object();
  field_if_given(body, "name", user.name);
  field_if_given(body, "email", user.email);
  field_if_given(body, "phone_number", user.phone);
  field_if_given(body, "country_code", user.country);
  field_if_given(body, "locale", user.locale);
  field_if_given(body, "time_zone", user.time_zone);
  if (!user.attributes.empty()) {
    CARILLON_TRY(const std::string attributes, object_of(user.attributes, "--attribute"));
    body.key("attributes").raw(attributes);
  }
  body.end_object();
  return body.str();
}

void add_user_put(CLI::App& user, Shell& shell) {
  auto o = std::make_shared<User>();
  auto& put = add_verb(user, shell, "put", "Make or replace a recipient",
                       "carillon user put 42 --name 'Kim' --email kim@example.com --phone +821012345678",
                       [o](Client& client) {
                         const auto body = user_body(*o);
                         if (!body) return report(body.error());
                         return client.show("PUT", path_of("/v1/users/", o->id), *body, render_object);
                       });
  put.add_option("USER_ID", o->id, "Your own id of the person")->required();
  put.add_option("--file", o->file, "The whole profile as JSON; - reads standard input");
  put.add_option("--name", o->name, "Name");
  put.add_option("--email", o->email, "E-mail address");
  put.add_option("--phone", o->phone, "Phone number, E.164");
  put.add_option("--country", o->country, "Country, ISO 3166 alpha-2");
  put.add_option("--locale", o->locale, "Language, BCP 47: ko-KR");
  put.add_option("--time-zone", o->time_zone, "Time zone: Asia/Seoul");
  put.add_option("--attribute", o->attributes, "name=text or name:=JSON, for templates; may be repeated")
      ->allow_extra_args(false);
}

struct DeviceOptions {
  std::string user, id, platform, bundle, environment, service, token, file, locale;
  bool is_disabled = false;
};

Result<std::string> device_body(const DeviceOptions& o) {
  if (!o.file.empty()) return read_json(o.file);
  base::JsonWriter body;
  body.object();
  field_if_given(body, "platform", o.platform);
  field_if_given(body, "bundle", o.bundle);
  field_if_given(body, "environment", o.environment);
  field_if_given(body, "locale", o.locale);
  if (o.is_disabled) body.field("enabled", false);
  if (!o.token.empty()) {
    body.key("endpoints").array().object();
    field_if_given(body, "service", o.service);
    body.field("token", o.token).end_object().end_array();
  }
  body.end_object();
  return body.str();
}

void add_devices(CLI::App& user, Shell& shell) {
  auto& device = add_noun(user, "device", "Phones, browsers and desktops of a recipient");
  auto o = std::make_shared<DeviceOptions>();
  auto& put = add_verb(device, shell, "put", "Register a device, or change one",
                       "carillon user device put 42 3f9a… --platform ios --bundle com.example.app",
                       [o](Client& client) {
                         const auto body = device_body(*o);
                         if (!body) return report(body.error());
                         const auto devices = path_of("/v1/users/", o->user, "/devices/");
                         return client.show("PUT", path_of(devices, o->id), *body, render_object);
                       });
  put.add_option("USER_ID", o->user, "The recipient")->required();
  put.add_option("DEVICE_ID", o->id, "The app's installation id; the push token where --token is left out")
      ->required();
  put.add_option("--platform", o->platform, "ios, android, web, macos, windows or harmony");
  put.add_option("--bundle", o->bundle, "Bundle id, Firebase project or web origin");
  put.add_option("--environment", o->environment, "development or production (default)");
  put.add_option("--service", o->service, "The push service the token is of; with --token");
  put.add_option("--token", o->token, "Push token, where it is not the device id");
  put.add_option("--locale", o->locale, "Language of the device");
  put.add_flag("--disabled", o->is_disabled, "The person has forbidden notifications on it");
  put.add_option("--file", o->file, "The whole device as JSON; - reads standard input");
  auto& list = add_verb(device, shell, "list", "List a recipient's devices", "carillon user device list 42",
                        [o](Client& client) {
                          return client.show("GET", path_of("/v1/users/", o->user, "/devices"), {},
                                             [](base::JsonElement root) {
                                               base::JsonElement data;
                                               if (root["data"].get(data) != simdjson::SUCCESS)
                                                 return std::string("No devices.\n");
                                               return render_list(data,
                                                                  {{"DEVICE", "device_id"},
                                                                   {"PLATFORM", "platform"},
                                                                   {"BUNDLE", "bundle"},
                                                                   {"ENVIRONMENT", "environment"},
                                                                   {"ENABLED", "enabled"},
                                                                   {"LAST SEEN", "last_logged_in_at"}},
                                                                  "No devices.");
                                             });
                        });
  list.add_option("USER_ID", o->user, "The recipient")->required();
}

struct PreferenceOptions {
  std::string user, channel = "*", category = "*", opt_in, quiet_hours;
};

// --channel sms --opt-in no --quiet-hours 22:00-08:00 → the body of a PATCH.
Result<std::string> preference_body(const PreferenceOptions& o) {
  base::JsonWriter body;
  body.object();
  if (!o.opt_in.empty()) {
    body.key("preferences")
        .array()
        .object()
        .field("channel", o.channel)
        .field("category", o.category)
        .key("opt_in");
    if (o.opt_in == "default")
      body.null();
    else
      body.value(o.opt_in == "yes");
    body.end_object().end_array();
  }
  if (o.quiet_hours == "none") {
    body.key("quiet_hours").null();
  } else if (!o.quiet_hours.empty()) {
    const auto dash = o.quiet_hours.find('-');
    if (dash == std::string::npos) {
      return fail(Errc::InvalidArgument, "--quiet-hours takes FROM-TO, for example 22:00-08:00, or none");
    }
    body.key("quiet_hours").object().field("from", o.quiet_hours.substr(0, dash));
    body.field("to", o.quiet_hours.substr(dash + 1)).end_object();
  }
  if (o.opt_in.empty() && o.quiet_hours.empty()) {
    return fail(Errc::InvalidArgument,
                "nothing to change; give --opt-in yes|no|default or --quiet-hours FROM-TO");
  }
  body.end_object();
  return body.str();
}

void add_preferences(CLI::App& user, Shell& shell) {
  auto& preferences = add_noun(user, "preferences", "What a recipient wants and does not want");
  auto o = std::make_shared<PreferenceOptions>();
  auto& get =
      add_verb(preferences, shell, "get", "Show a recipient's preferences",
               "carillon user preferences get 42", [o](Client& client) {
                 return client.show("GET", path_of("/v1/users/", o->user, "/preferences"), {}, render_object);
               });
  get.add_option("USER_ID", o->user, "The recipient")->required();
  auto& set = add_verb(
      preferences, shell, "set", "Change one preference or the quiet hours",
      "carillon user preferences set 42 --channel sms --category '*' --opt-in no", [o](Client& client) {
        const auto body = preference_body(*o);
        if (!body) return report(body.error());
        return client.show("PATCH", path_of("/v1/users/", o->user, "/preferences"), *body, render_object);
      });
  set.add_option("USER_ID", o->user, "The recipient")->required();
  set.add_option("--channel", o->channel,
                 "A channel, a platform of push such as push.web, or * for all (default)");
  set.add_option("--category", o->category, "A category, or * for all (default)");
  set.add_option("--opt-in", o->opt_in, "yes, no, or default to forget what was said")
      ->check(CLI::IsMember({"yes", "no", "default"}));
  set.add_option("--quiet-hours", o->quiet_hours, "Local times FROM-TO such as 22:00-08:00, or none");
}

void add_user(CLI::App& root, Shell& shell) {
  auto& user = add_noun(root, "user", "Users: the people who are reached, their devices and preferences");
  add_user_put(user, shell);
  auto id = std::make_shared<std::string>();
  auto& get = add_verb(user, shell, "get", "Show a recipient", "carillon user get 42", [id](Client& client) {
    return client.show("GET", path_of("/v1/users/", *id), {}, render_object);
  });
  get.add_option("USER_ID", *id, "The recipient")->required();
  add_list(user, shell, Paged::Yes, "List recipients", "carillon user list --limit 20", "/v1/users",
           {{"USER", "user_id"},
            {"NAME", "name"},
            {"EMAIL", "email"},
            {"PHONE", "phone_number"},
            {"LOCALE", "locale"},
            {"TIME ZONE", "time_zone"},
            {"CREATED", "created_at"}},
           "There is no user yet: carillon user put USER_ID --email …",
           {{"address", "Only who has this e-mail address or phone number; with a * behind: that begin so"}});
  auto& remove = add_verb(user, shell, "delete", "Remove a recipient and all devices; suppressions stay",
                          "carillon user delete 42", [id](Client& client) {
                            return client.say("DELETE", path_of("/v1/users/", *id), {},
                                              fmt::format("User {} is removed.", printable(*id)));
                          });
  remove.add_option("USER_ID", *id, "The recipient")->required();
  auto& erase = add_verb(user, shell, "erase",
                         "Forget a recipient: also preferences, their log and memberships; suppressions stay",
                         "carillon user erase 42", [id](Client& client) {
                           auto answer = client.ask("POST", path_of("/v1/users/", *id, "/erase"));
                           if (!answer) return answer.error();
                           const auto done = await_job(client, std::move(*answer), "Erasing");
                           if (!done) return done.error();
                           return client.show(*done, [&](base::JsonElement root) {
                             return fmt::format("User {} is forgotten, and {} notifications with it.\n",
                                                printable(*id), cell_at(root, "done"));
                           });
                         });
  erase.add_option("USER_ID", *id, "The recipient")->required();
  add_devices(user, shell);
  add_preferences(user, shell);
}

struct GroupOptions {
  std::string key, name, file;
  std::vector<std::string> users;
  bool is_forced = false;
};

// {"user_ids":[…]} of the arguments, or of a file with one id in each line.
Result<std::string> members_body(const GroupOptions& o) {
  std::vector<std::string> ids = o.users;
  if (!o.file.empty()) {
    CARILLON_TRY(const std::string text, read_input(o.file));
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string line = text.substr(begin, end - begin);
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) ids.push_back(std::move(line));
      begin = end + 1;
    }
  }
  if (ids.empty()) return fail(Errc::InvalidArgument, "name users, or a file of user ids with --file");
  base::JsonWriter body;
  body.object().key("user_ids").array();
  for (const auto& id : ids) body.value(id);
  body.end_array().end_object();
  return body.str();
}

void add_members(CLI::App& group, Shell& shell, const std::shared_ptr<GroupOptions>& o, const char* verb,
                 const char* method, const char* help, const char* example) {
  auto& command = add_verb(group, shell, verb, help, example, [o, method](Client& client) {
    const auto body = members_body(*o);
    if (!body) return report(body.error());
    return client.show(method, path_of("/v1/groups/", o->key, "/members"), *body, render_object);
  });
  command.add_option("KEY", o->key, "The group")->required();
  command.add_option("USER_ID", o->users, "Users, at most 10,000");
  command.add_option("--file", o->file, "A file with a user id in each line; - reads standard input");
}

void add_group(CLI::App& root, Shell& shell) {
  auto& group = add_noun(root, "group", "Named sets of recipients");
  auto o = std::make_shared<GroupOptions>();
  auto& put = add_verb(group, shell, "put", "Make a group, or rename it",
                       "carillon group put beta --name 'Beta testers'", [o](Client& client) {
                         base::JsonWriter body;
                         body.object();
                         field_if_given(body, "name", o->name);
                         body.end_object();
                         return client.show("PUT", path_of("/v1/groups/", o->key), body.str(), render_object);
                       });
  put.add_option("KEY", o->key, "The group's key, used in \"to\"")->required();
  put.add_option("--name", o->name, "Its name for people (default: the key)");
  auto& get = add_verb(
      group, shell, "get", "Show a group and the number of its members", "carillon group get beta",
      [o](Client& client) { return client.show("GET", path_of("/v1/groups/", o->key), {}, render_object); });
  get.add_option("KEY", o->key, "The group")->required();
  add_list(group, shell, Paged::Yes, "List groups", "carillon group list", "/v1/groups",
           {{"KEY", "key"}, {"NAME", "name"}, {"MEMBERS", "members"}, {"CHANGED", "updated_at"}},
           "No groups yet. Make one: carillon group put KEY");
  add_members(group, shell, o, "add", "POST", "Add users to a group", "carillon group add beta 42 43");
  add_members(group, shell, o, "remove", "DELETE", "Remove users from a group",
              "carillon group remove beta 42");
  auto& members =
      add_verb(group, shell, "members", "List the first members by user id", "carillon group members beta",
               [o](Client& client) {
                 return client.show("GET", path_of("/v1/groups/", o->key, "/members?limit=200"), {},
                                    [](base::JsonElement root) {
                                      base::JsonElement data;
                                      if (root["data"].get(data) != simdjson::SUCCESS)
                                        return std::string("No members.\n");
                                      return render_list(data, {{"USER", "user_id"}}, "No members.");
                                    });
               });
  members.add_option("KEY", o->key, "The group")->required();
  auto& remove = add_verb(group, shell, "delete", "Remove a group; its users stay",
                          "carillon group delete beta", [o](Client& client) {
                            return client.say(
                                "DELETE", path_of("/v1/groups/", o->key, o->is_forced ? "?force=true" : ""),
                                {}, "The group is gone.");
                          });
  remove.add_option("KEY", o->key, "The group")->required();
  remove.add_flag("--force", o->is_forced, "Also when a rule or schedule names it");
}

struct SuppressionOptions {
  std::string channel, address, reason;
};

void add_suppression(CLI::App& root, Shell& shell) {
  auto& suppression = add_noun(root, "suppression", "Addresses that are never contacted");
  auto o = std::make_shared<SuppressionOptions>();
  const auto body_of = [](const SuppressionOptions& options) {
    base::JsonWriter body;
    body.object().field("channel", options.channel).field("address", options.address);
    field_if_given(body, "reason", options.reason);
    body.end_object();
    return body.str();
  };
  auto& add = add_verb(suppression, shell, "add", "Never contact an address again",
                       "carillon suppression add email kim@example.com", [=](Client& client) {
                         return client.show("POST", "/v1/suppressions", body_of(*o), render_object);
                       });
  add.add_option("CHANNEL", o->channel, "email, sms, voice or push")->required();
  add.add_option("ADDRESS", o->address, "The address, phone number or token")->required();
  add.add_option("--reason", o->reason, "hard_bounce, complaint, stop or manual (default)");
  add_list(suppression, shell, Paged::Yes, "List suppressed addresses, masked", "carillon suppression list",
           "/v1/suppressions",
           {{"CHANNEL", "channel"}, {"ADDRESS", "address"}, {"REASON", "reason"}, {"SINCE", "at"}},
           "No address is suppressed.", {{"channel", "Only this channel"}});
  auto& remove = add_verb(suppression, shell, "remove", "Allow an address again",
                          "carillon suppression remove email kim@example.com", [=](Client& client) {
                            const auto target = with_query(
                                "/v1/suppressions", {{"channel", o->channel}, {"address", o->address}});
                            return client.say("DELETE", target, {}, "The address may be contacted again.");
                          });
  remove.add_option("CHANNEL", o->channel, "email, sms, voice or push")->required();
  remove.add_option("ADDRESS", o->address, "The address, phone number or token")->required();
}

}  // namespace

void add_people(CLI::App& root, Shell& shell) {
  add_user(root, shell);
  add_group(root, shell);
  add_suppression(root, shell);
}

}  // namespace carillon::app
