// Members: the people who administer, and what each may do in which project.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

namespace carillon::model {

inline constexpr std::size_t kMemberTokensMax = 10;   // of one member, those refused left out
inline constexpr std::size_t kMemberGrantsMax = 100;  // projects of one member
inline constexpr std::size_t kMemberAppsMax = 100;    // apps to which one is bound in a project
inline constexpr std::string_view kEveryProject = "*";

enum class Role : std::uint8_t {
  Viewer,        // looks: history, people, what is set up
  Sender,        // also sends, and what belongs to it: people, content, schedules, stops, replays
  Administrator  // everything
};
[[nodiscard]] std::string_view name(Role role) noexcept;  // "viewer" "sender" "administrator"
[[nodiscard]] std::optional<Role> parse_role(std::string_view text) noexcept;
// Whether a role may do, or only look at, what belongs to an area of the API ("people", "apps", …).
[[nodiscard]] bool may(Role role, std::string_view area, bool is_looking) noexcept;

// With which a member acts. The token itself is shown once; stored is its keyed hash.
struct MemberToken {
  std::string name;
  std::string hash;  // hex of HMAC-SHA-256 under the credential pepper
  Time created_at{};
  bool is_revoked = false;
};

struct Member {
  std::string key;  // in the API; who "member:key" is in the audit trail
  std::string name, email;
  bool is_disabled = false;
  std::map<std::string, Role, std::less<>> grants;  // by key of the project, or kEveryProject
  // By key of the project: the names of the apps that alone are the member's there. An administrator is not
  // bound, whatever it says here.
  std::map<std::string, std::vector<std::string>, std::less<>> apps{};
  std::vector<MemberToken> tokens;

  // What the member is in a project: the grant for it, else the one for every project, else nothing.
  [[nodiscard]] std::optional<Role> role_in(std::string_view project) const;
  // The apps that alone are the member's in a project; empty: all of them are.
  [[nodiscard]] std::span<const std::string> apps_in(std::string_view project) const;
  // Administers the installation: projects, members, management tokens.
  [[nodiscard]] bool is_of_installation() const;
};
// An e-mail address as members are found by it: normal, in lower case; empty: it is none.
[[nodiscard]] std::string email_key(std::string_view email);
std::string encode(const Member& member);
Result<Member> decode_member(std::string_view json);  // without its key; Errors: Corruption
// Replaces name, email, disabled, grants and apps by what the body says; tokens stay. Whether projects and
// apps are there is for the caller to see.
void read_member(base::JsonElement body, Member& into, base::Problems& problems);
// "apps" alone, as members are shown and sessions are.
void write_member_apps(base::JsonWriter& out, const Member& member);
// As the API shows it: tokens without their hashes.
void write_member(base::JsonWriter& out, const Member& member);

}  // namespace carillon::model
