#include "model/member.h"

#include <algorithm>
#include <array>

#include "model/address.h"
#include "model/record.h"

namespace carillon::model {
namespace {

using base::JsonElement;
using base::JsonWriter;
using base::ObjectReader;
using base::Problems;

constexpr std::size_t kNameMax = 100;  // bytes
constexpr std::size_t kKeyMax = 64;
constexpr std::size_t kStoredTokensMax = 1'000;

constexpr std::array<std::string_view, 3> kRoles{"viewer", "sender", "administrator"};

// What a sender changes, besides sending. Approving is not among it: a large send has an administrator's word
// (R25).
constexpr std::string_view kOfSenders[] = {"dead_letters", "jobs",      "objects", "pauses",   "people",
                                           "read",         "schedules", "send",    "templates"};

void read_grants(ObjectReader& reader, Member& into) {
  const auto grants = reader.element("grants");
  if (!grants) return;
  base::JsonObject object;
  if (grants->get(object) != simdjson::SUCCESS)
    return reader.problem("grants", "wrong_type", R"(give roles by project, such as {"default":"sender"})");
  if (object.size() > kMemberGrantsMax)
    return reader.problem("grants", "too_many",
                          fmt::format("at most {} projects are allowed", kMemberGrantsMax));
  ObjectReader inner(*grants, reader.pointer("grants"), reader.problems());
  for (const auto member : object) {
    std::size_t role = 0;
    if (member.key != kEveryProject && !is_key(member.key)) {
      inner.problem(member.key, "invalid_key", "give the key of a project, or * for every project");
    } else if (inner.one_of(member.key, role, {kRoles[0], kRoles[1], kRoles[2]})) {
      into.grants.insert_or_assign(std::string(member.key), static_cast<Role>(role));
    }
  }
}

void read_apps(ObjectReader& reader, Member& into) {
  const auto apps = reader.element("apps");
  if (!apps) return;
  base::JsonObject object;
  if (apps->get(object) != simdjson::SUCCESS)
    return reader.problem("apps", "wrong_type",
                          R"(give names of apps by project, such as {"default":["shop"]})");
  if (object.size() > kMemberGrantsMax)
    return reader.problem("apps", "too_many",
                          fmt::format("at most {} projects are allowed", kMemberGrantsMax));
  ObjectReader inner(*apps, reader.pointer("apps"), reader.problems());
  for (const auto member : object) {
    std::vector<std::string> names;
    if (!is_key(member.key)) {
      inner.problem(member.key, "invalid_key", "give the key of a project");
    } else if (inner.texts(member.key, names, kMemberAppsMax, kKeyMax) && !names.empty()) {
      into.apps.insert_or_assign(std::string(member.key), std::move(names));
    }
  }
}

// Where there is nothing to be bound, or nobody who may be.
void check_apps(ObjectReader& reader, const Member& member) {
  for (const auto& [project, names] : member.apps) {
    const std::string pointer = fmt::format("{}/{}", reader.pointer("apps"), project);
    const auto role = member.role_in(project);
    if (!role) {
      reader.problems().push_back({pointer, "not_granted", "give a role in this project, too"});
    } else if (*role == Role::Administrator) {
      reader.problems().push_back(
          {pointer, "administrator_not_bound", "an administrator has all apps: make this one a sender"});
    }
  }
}

void write_grants(JsonWriter& out, const Member& member) {
  out.key("grants").object();
  for (const auto& [project, role] : member.grants) out.field(project, name(role));
  out.end_object();
}

}  // namespace

std::string_view name(Role role) noexcept { return kRoles[static_cast<std::size_t>(role)]; }

std::optional<Role> parse_role(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(kRoles, text);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

bool may(Role role, std::string_view area, bool is_looking) noexcept {
  if (role == Role::Administrator) return !area.empty();
  // Who did what is for those who answer for it.
  if (area.empty() || area == "audit") return false;
  if (is_looking) return true;
  return role == Role::Sender && std::ranges::find(kOfSenders, area) != std::end(kOfSenders);
}

std::optional<Role> Member::role_in(std::string_view project) const {
  auto it = grants.find(project);
  if (it == grants.end()) it = grants.find(kEveryProject);
  if (it == grants.end()) return std::nullopt;
  return it->second;
}

std::span<const std::string> Member::apps_in(std::string_view project) const {
  const auto it = apps.find(project);
  if (it == apps.end() || role_in(project) == Role::Administrator) return {};
  return it->second;
}

bool Member::is_of_installation() const {
  const auto it = grants.find(kEveryProject);
  return it != grants.end() && it->second == Role::Administrator;
}

std::string email_key(std::string_view email) {
  auto normal = normalize_email(email);
  if (!normal) return {};
  for (char& c : *normal) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return std::move(*normal);
}

std::string encode(const Member& member) {
  JsonWriter out;
  out.object().field("name", member.name).field("email", member.email).field("disabled", member.is_disabled);
  write_grants(out, member);
  if (!member.apps.empty()) write_member_apps(out, member);
  out.key("tokens").array();
  for (const MemberToken& token : member.tokens) {
    out.object().field("name", token.name).field("hash", token.hash);
    out.field("created", to_ms(token.created_at)).field("revoked", token.is_revoked).end_object();
  }
  out.end_array().end_object();
  return out.str();
}

Result<Member> decode_member(std::string_view json) {
  return decode_record<Member>(json, "member", [](ObjectReader& reader, Member& member, Problems& problems) {
    reader.text("name", member.name, kNameMax);
    reader.text("email", member.email, kEmailGivenMax);
    reader.boolean("disabled", member.is_disabled);
    read_grants(reader, member);
    read_apps(reader, member);
    reader.array("tokens", kStoredTokensMax, [&](JsonElement element, const std::string& pointer) {
      ObjectReader item(element, pointer, problems);
      MemberToken& token = member.tokens.emplace_back();
      std::int64_t created = 0;
      item.text("name", token.name, kKeyMax);
      item.text("hash", token.hash, 128);
      if (item.integer("created", created, 0, INT64_MAX)) token.created_at = from_ms(created);
      item.boolean("revoked", token.is_revoked);
    });
  });
}

void read_member(JsonElement body, Member& into, Problems& problems) {
  ObjectReader reader(body, "", problems);
  Member fresh;
  fresh.key = into.key;
  fresh.tokens = into.tokens;
  std::string email;
  reader.require("grants");
  reader.text("name", fresh.name, kNameMax);
  if (reader.text("email", email, kEmailGivenMax) && !email.empty()) {
    if (auto normal = normalize_email(email)) {
      fresh.email = std::move(*normal);
    } else {
      reader.problem("email", "invalid_email", normal.error().message);
    }
  }
  reader.boolean("disabled", fresh.is_disabled);
  read_grants(reader, fresh);
  read_apps(reader, fresh);
  check_apps(reader, fresh);
  reader.done();
  if (problems.empty()) into = std::move(fresh);
}

void write_member_apps(JsonWriter& out, const Member& member) {
  out.key("apps").object();
  for (const auto& [project, names] : member.apps) {
    out.key(project).array();
    for (const std::string& name : names) out.value(name);
    out.end_array();
  }
  out.end_object();
}

void write_member(JsonWriter& out, const Member& member) {
  out.object().field("key", member.key).field("name", member.name).field("email", member.email);
  out.field("disabled", member.is_disabled);
  write_grants(out, member);
  write_member_apps(out, member);
  out.key("tokens").array();
  for (const MemberToken& token : member.tokens) {
    out.object().field("name", token.name).field("created_at", to_rfc3339(token.created_at));
    out.field("revoked", token.is_revoked).end_object();
  }
  out.end_array().end_object();
}

}  // namespace carillon::model
