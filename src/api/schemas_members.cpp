// Shapes of projects, members, and how members sign in.
#include "api/schemas.h"

namespace carillon::api {
namespace {

constexpr Schema kSchemas[] = {
    // ---- projects and members
    {"Project",
     R"({"type":"object","properties":{"key":{"type":"string"},"name":{"type":"string"},)"
     R"("created_at":{"type":["string","null"]}}})",
     R"({"name":"Staging"})"},
    {"TeamMember",
     R"({"type":"object","required":["grants"],"properties":{"key":{"type":"string"},)"
     R"("name":{"type":"string"},"email":{"type":"string"},"disabled":{"type":"boolean"},)"
     R"("grants":{"type":"object","description":"role by key of the project, * for every project",)"
     R"("additionalProperties":{"enum":["viewer","sender","administrator"]}},)"
     R"("apps":{"type":"object","description":"names of apps by key of the project: there the member has )"
     R"(these alone; a project left out: all apps","additionalProperties":{"type":"array","maxItems":100,)"
     R"("items":{"type":"string"}}},)"
     R"("tokens":{"type":"array","items":{"type":"object"}}}})",
     R"({"name":"Ann Kim","email":"ann@example.com",)"
     R"("grants":{"default":"sender","staging":"administrator"}})"},
    {"NewMemberToken", R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"}}})",
     R"({"name":"laptop"})"},
    {"MemberToken", R"({"type":"object","properties":{"name":{"type":"string"},"token":{"type":"string"}}})",
     ""},
    {"PasswordReset",
     R"({"type":"object","properties":{"totp":{"type":"boolean","default":false,)"
     R"("description":"Take the authenticator app away too"}}})",
     R"({"totp":true})"},
    {"InvitationLink",
     R"({"type":"object","required":["url","expires_at"],"properties":{"url":{"type":"string"},)"
     R"("expires_at":{"type":"string","format":"date-time"}}})",
     ""},
    // ---- signing in
    {"SignIn",
     R"({"type":"object","required":["email","password"],"properties":{"email":{"type":"string",)"
     R"("description":"E-mail address, or key of the member"},"password":{"type":"string"},)"
     R"("code":{"type":"string","description":"Of the authenticator app, or a recovery code"}}})",
     R"({"email":"ann@example.com","password":"correct horse battery staple"})"},
    {"Session",
     R"({"type":"object","required":["member","projects","is_installation_admin","csrf","expires_at"],)"
     R"("properties":{"member":{"type":"object","required":["key","name","email","grants","has_totp"],)"
     R"("properties":{"key":{"type":"string"},"name":{"type":"string"},"email":{"type":"string"},)"
     R"("grants":{"type":"object","additionalProperties":{"enum":["viewer","sender","administrator"]}},)"
     R"("apps":{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}},)"
     R"("has_totp":{"type":"boolean"}}},"projects":{"type":"array","items":{"type":"object",)"
     R"("required":["key","name","role"],"properties":{"key":{"type":"string"},"name":{"type":"string"},)"
     R"("role":{"enum":["viewer","sender","administrator"]},"apps":{"type":["array","null"],)"
     R"("items":{"type":"string"},"description":"null: all of them"}}}},)"
     R"("is_installation_admin":{"type":"boolean"},)"
     R"("csrf":{"type":"string","description":"To be sent as X-CSRF-Token with what changes something"},)"
     R"("expires_at":{"type":"string","format":"date-time",)"
     R"("description":"When it ends if it is not used; using it moves that on, up to a limit"}}})",
     ""},
    {"OwnSession",
     R"({"type":"object","required":["id","created_at","last_seen_at","expires_at","current"],)"
     R"("properties":{"id":{"type":"string"},"created_at":{"type":"string","format":"date-time"},)"
     R"("last_seen_at":{"type":"string","format":"date-time","description":"To a few minutes"},)"
     R"("expires_at":{"type":"string","format":"date-time"},"user_agent":{"type":["string","null"]},)"
     R"("origin":{"type":["string","null"],"description":"IP address"},"current":{"type":"boolean"}}})",
     ""},
    {"PasswordChange",
     R"({"type":"object","required":["current","new"],"properties":{"current":{"type":"string"},)"
     R"("new":{"type":"string","minLength":12,"maxLength":256}}})",
     R"({"current":"correct horse battery staple","new":"another four words here"})"},
    {"TotpSecret",
     R"({"type":"object","required":["secret","otpauth_url"],"properties":{"secret":{"type":"string",)"
     R"("description":"Base32"},"otpauth_url":{"type":"string","description":"For a QR code"}}})",
     ""},
    {"TotpCode", R"({"type":"object","required":["code"],"properties":{"code":{"type":"string"}}})",
     R"({"code":"123456"})"},
    {"RecoveryCodes",
     R"({"type":"object","required":["recovery_codes"],"properties":{"recovery_codes":{"type":"array",)"
     R"("items":{"type":"string"}}}})",
     ""},
    {"OwnPassword",
     R"({"type":"object","required":["password"],"properties":{"password":{"type":"string"}}})",
     R"({"password":"correct horse battery staple"})"},
    {"InvitationToken", R"({"type":"object","required":["token"],"properties":{"token":{"type":"string"}}})",
     R"({"token":"the text after token= in the link"})"},
    {"Invited",
     R"({"type":"object","required":["member"],"properties":{"member":{"type":"object",)"
     R"("required":["key","name","email"],"properties":{"key":{"type":"string"},"name":{"type":"string"},)"
     R"("email":{"type":"string"}}}}})",
     ""},
    {"InvitationAcceptance",
     R"({"type":"object","required":["token","password"],"properties":{"token":{"type":"string"},)"
     R"("password":{"type":"string","minLength":12,"maxLength":256},"name":{"type":"string"},)"
     R"("code":{"type":"string","description":"Of the authenticator app, where the member has one"}}})",
     R"({"token":"the text after token= in the link","password":"correct horse battery staple"})"},
};

}  // namespace

std::span<const Schema> member_schemas() { return kSchemas; }

}  // namespace carillon::api
