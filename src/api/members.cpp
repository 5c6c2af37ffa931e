// Projects, and the people who administer them.
#include <algorithm>

#include "api/router.h"

namespace carillon::api {
namespace {

constexpr std::size_t kTitleMax = 100;  // bytes

// ---- projects
void write_project(base::JsonWriter& out, const pipeline::ProjectView& view) {
  out.object().field("key", view.name).field("name", view.title);
  out.field_or_null("created_at", view.created_at == Time{} ? std::nullopt : std::optional(view.created_at));
  out.end_object();
}

const pipeline::ProjectView* find_project(const pipeline::Snapshot& snapshot, const std::string& key) {
  const auto it = snapshot.project_ids.find(key);
  return it == snapshot.project_ids.end() ? nullptr : snapshot.project(it->second);
}

Failure no_project(const Call& call) {
  return not_found(fmt::format("project '{}'", call.args[0].substr(0, 64)));
}

Task<Answer> list_projects(Call& call) {
  std::vector<const pipeline::ProjectView*> views;
  for (const auto& [id, view] : call.snapshot->projects) {
    if (call.who.is_for(view->name)) views.push_back(view.get());
  }
  std::ranges::sort(views, {}, [](const auto* view) { return std::string_view(view->name); });
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto* view : views) write_project(out, *view);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> get_project(Call& call) {
  const auto* const view = find_project(*call.snapshot, call.args[0]);
  if (view == nullptr || !call.who.is_for(view->name)) co_return std::unexpected(no_project(call));
  base::JsonWriter out;
  write_project(out, *view);
  co_return json_reply(out);
}

Task<Answer> put_project(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string key, title;
  reader.text("key", key, 64);  // an echo of the address
  reader.text("name", title, kTitleMax);
  reader.done();
  if (!key.empty() && key != call.args[0])
    reader.problem("key", "key_mismatch", "leave key out, or give the one of the address");
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_TRY(const bool is_new,
                  co_await call.deps.directory.put_project(call.args[0], std::move(title), call.actor()));
  configuration_changed(call);
  const auto now = call.deps.directory.snapshot();
  const auto* const view = find_project(*now, call.args[0]);
  if (view == nullptr) co_return std::unexpected(no_project(call));
  base::JsonWriter out;
  write_project(out, *view);
  co_return json_reply(out, is_new ? 201 : 200);
}

// ---- members
Failure no_member(const Call& call) {
  return not_found(fmt::format("member '{}'", call.args[0].substr(0, 64)));
}

Reply member_reply(const model::Member& member, int status = 200) {
  base::JsonWriter out(512);
  model::write_member(out, member);
  return json_reply(out, status);
}

store::RecordKey member_key(const Call& call) {
  return {std::string(pipeline::kKindMember), 0, call.args[0]};
}

// As stored now, with the version a change must find; version 0: there is none.
Task<Result<std::pair<model::Member, std::int64_t>>> stored_member(const Call& call) {
  const auto record = co_await call.deps.store.get_record(member_key(call));
  if (!record && record.error().code != Errc::NotFound) co_return std::unexpected(record.error());
  model::Member member;
  if (record) { CARILLON_CO_TRY(member, model::decode_member(record->data)); }
  member.key = call.args[0];
  const std::int64_t version = record ? record->version : 0;
  co_return std::pair(std::move(member), version);
}

Task<Result<void>> store_member(Call& call, const model::Member& member, std::int64_t version) {
  store::Record record;
  record.key = member_key(call);
  record.data = model::encode(member);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), version, call.actor()));
  co_return Result<void>{};
}

Task<Answer> list_members(Call& call) {
  std::vector<std::shared_ptr<const model::Member>> members;
  for (const auto& [key, member] : call.snapshot->members) members.push_back(member);
  std::ranges::sort(members, {}, [](const auto& member) { return std::string_view(member->key); });
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& member : members) model::write_member(out, *member);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> get_member(Call& call) {
  const auto it = call.snapshot->members.find(call.args[0]);
  if (it == call.snapshot->members.end()) co_return std::unexpected(no_member(call));
  co_return member_reply(*it->second);
}

bool is_email_of_another(const pipeline::Snapshot& snapshot, const model::Member& member) {
  const auto it = snapshot.member_emails.find(model::email_key(member.email));
  return it != snapshot.member_emails.end() && (it->second == nullptr || it->second->key != member.key);
}

void check_apps(const pipeline::Snapshot& snapshot, const model::Member& member, base::Problems& problems) {
  for (const auto& [project, names] : member.apps) {
    const auto it = snapshot.project_ids.find(project);
    if (it == snapshot.project_ids.end()) {
      problems.push_back(
          {"/apps/" + project, "unknown_project", fmt::format("there is no project '{}'", project)});
      continue;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool is_there = std::ranges::any_of(snapshot.apps, [&](const auto& entry) {
        return entry.second->project == it->second && entry.second->name == names[i];
      });
      if (is_there) continue;
      problems.push_back({fmt::format("/apps/{}/{}", project, i), "app_not_found",
                          fmt::format("there is no app '{}' in this project", names[i].substr(0, 64))});
    }
  }
}

Task<Answer> put_member(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(auto stored, co_await stored_member(call));
  auto& [member, version] = stored;
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::read_member(root, member, problems);
  for (const auto& [project, role] : member.grants) {
    if (project == model::kEveryProject || call.snapshot->project_ids.contains(project)) continue;
    problems.push_back(
        {"/grants/" + project, "unknown_project", fmt::format("there is no project '{}'", project)});
  }
  check_apps(*call.snapshot, member, problems);
  if (is_email_of_another(*call.snapshot, member)) {
    problems.push_back(
        {"/email", "member_email_taken", "another member has this address, with which members sign in"});
  }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_CHECK(co_await store_member(call, member, version));
  // Enabled again, the member signs in again.
  if (member.is_disabled)
    CARILLON_CO_CHECK(
        co_await call.deps.store.sessions().end(member.key, std::nullopt, call.actor(), call.now));
  co_return member_reply(member, version == 0 ? 201 : 200);
}

Task<Answer> delete_member(Call& call) {
  auto removed = co_await call.deps.directory.remove(member_key(call), call.actor());
  if (!removed && removed.error().code == Errc::NotFound) co_return std::unexpected(no_member(call));
  if (!removed) co_return std::unexpected(Failure(removed.error()));
  co_return no_content();
}

Task<Answer> post_token(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string name;
  reader.require("name");
  reader.text("name", name, 64);
  reader.done();
  if (problems.empty() && check_key(name))
    reader.problem("name", "invalid_key",
                   "a name has 1 to 64 of a-z 0-9 _ . - and begins with a letter or digit");
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  base::JsonWriter out;
  out.object().field("name", name);
  auto token = co_await call.deps.directory.add_member_token(call.args[0], std::move(name), call.actor());
  if (!token && token.error().code == Errc::NotFound) co_return std::unexpected(no_member(call));
  if (!token) co_return std::unexpected(Failure(token.error()));
  out.field("token", *token).end_object();
  co_return json_reply(out, 201);
}

Task<Answer> delete_token(Call& call) {
  CARILLON_CO_TRY(auto stored, co_await stored_member(call));
  auto& [member, version] = stored;
  if (version == 0) co_return std::unexpected(no_member(call));
  bool is_found = false;
  for (model::MemberToken& token : member.tokens) {
    if (token.name != call.args[1] || token.is_revoked) continue;
    token.is_revoked = is_found = true;
  }
  if (!is_found) co_return std::unexpected(not_found("token of that name with this member"));
  CARILLON_CO_CHECK(co_await store_member(call, member, version));
  co_return no_content();
}

}  // namespace

std::span<const Route> member_routes() {
  static constexpr Access kRead = manage("read");
  static const Route kRoutes[] = {
      administering_route("GET", "/v1/projects", kRead, list_projects, "Projects", "The projects you may see",
                          {}, "ProjectList"),
      administering_route("GET", "/v1/projects/{key}", kRead, get_project, "Projects", "One project", {},
                          "Project"),
      administering_route("PUT", "/v1/projects/{key}", kAdmin, put_project, "Projects",
                          "Make a project, or change its name", "Project", "Project"),
      administering_route("GET", "/v1/members", kAdmin, list_members, "Members", "The people who administer",
                          {}, "TeamMemberList"),
      administering_route("GET", "/v1/members/{key}", kAdmin, get_member, "Members", "One member", {},
                          "TeamMember"),
      administering_route("PUT", "/v1/members/{key}", kAdmin, put_member, "Members",
                          "Say who somebody is and what they may do in which project", "TeamMember",
                          "TeamMember"),
      administering_route("DELETE", "/v1/members/{key}", kAdmin, delete_member, "Members",
                          "Remove a member; tokens and sessions are refused at once", {}, {}, 204),
      administering_route("POST", "/v1/members/{key}/tokens", kAdmin, post_token, "Members",
                          "Make a token with which the member acts; it is shown once", "NewMemberToken",
                          "MemberToken", 201),
      administering_route("DELETE", "/v1/members/{key}/tokens/{name}", kAdmin, delete_token, "Members",
                          "Refuse this token from now on", {}, {}, 204),
  };
  return kRoutes;
}

}  // namespace carillon::api
