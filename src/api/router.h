// The one table of routes: dispatch, 404 and 405, OpenAPI, /docs and the authorisation tests come from it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/auth.h"
#include "api/call.h"
#include "base/task.h"

namespace carillon::api {

using Handler = Task<Answer> (*)(Call& call);

enum class RouteKind : std::uint8_t {
  Plain,
  Sends,    // takes event ids; Idempotency-Key is their alias; costs rate tokens
  Creates,  // a creating POST: Idempotency-Key replays the stored answer
};

struct Route {
  std::string_view method, pattern;  // "/v1/users/{user_id}"
  Access access{};
  Handler handler = nullptr;
  std::string_view tag = {}, summary = {};       // summary ends without a full stop
  std::string_view request = {}, response = {};  // schema names of schemas.cpp; empty: no body
  int status = 200;                              // of success
  std::string_view query = {};                   // names of query parameters, separated by spaces
  std::string_view needed_query = {};            // of them, those that must be there
  RouteKind kind = RouteKind::Plain;
  std::size_t body_max = model::kRequestMax;            // bytes
  std::string_view content_type = "application/json";   // of the answer
  std::string_view request_types = "application/json";  // of the body, separated by spaces
  bool is_spooled = false;                              // a large body comes in a file
  bool is_looking = false;                              // a POST that changes nothing: viewers may
  bool is_body_optional = false;                        // without one, all that it could say is left out
  int other_status = 0;                                 // of success too, without a body: 302, 303; 0: none
};

// As `query`: whatever it holds is taken.
inline constexpr std::string_view kAnyQuery = "*";

inline constexpr unsigned kScopeSend = static_cast<unsigned>(model::Scope::Send);
inline constexpr unsigned kScopeRead = static_cast<unsigned>(model::Scope::Read);
inline constexpr unsigned kScopePeople = static_cast<unsigned>(model::Scope::People);
inline constexpr unsigned kScopeAny = kScopeSend | kScopeRead | kScopePeople;
inline constexpr Access kOpen{0, {}, true};
inline constexpr Access kAnyCredential{0, {}, false, 0, false, true};
inline constexpr Access kSignedIn{0, {}, false, 0, false, false, true};
[[nodiscard]] constexpr Access allow(unsigned app_scopes, std::string_view area) {
  return {app_scopes, area, false};
}
[[nodiscard]] constexpr Access manage(std::string_view area) { return {0, area, false}; }
inline constexpr Access kAdmin{0, {}, false};
// Not for who acts as one app of the project.
[[nodiscard]] constexpr Access of_all_apps(Access access) {
  access.is_of_all_apps = true;
  return access;
}
// What belongs to the caller, a signed-in user.
[[nodiscard]] constexpr Access client(model::ClientScope scope) {
  return {0, {}, false, static_cast<unsigned>(scope), false};
}

// One line of the tables of what is administered: a POST makes something, once for each Idempotency-Key.
[[nodiscard]] constexpr Route administering_route(std::string_view method, std::string_view pattern,
                                                  Access access, Handler handler, std::string_view tag,
                                                  std::string_view summary, std::string_view request,
                                                  std::string_view response, int status = 200) {
  return {.method = method,
          .pattern = pattern,
          .access = access,
          .handler = handler,
          .tag = tag,
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .kind = method == "POST" ? RouteKind::Creates : RouteKind::Plain};
}

// The same route, where a request may come without its body.
[[nodiscard]] constexpr Route with_optional_body(Route route) {
  route.is_body_optional = true;
  return route;
}

// Each area of the API has a file with its handlers and this list of them.
std::span<const Route> sending_routes();
std::span<const Route> draft_routes();
std::span<const Route> approval_routes();
std::span<const Route> event_routes();
std::span<const Route> looking_routes();
std::span<const Route> numbers_routes();
std::span<const Route> latency_routes();
std::span<const Route> people_routes();
std::span<const Route> user_data_routes();
std::span<const Route> group_routes();
std::span<const Route> client_routes();
std::span<const Route> me_routes();
std::span<const Route> push_key_routes();
std::span<const Route> suppression_routes();
std::span<const Route> template_routes();
std::span<const Route> layout_routes();
std::span<const Route> category_routes();
std::span<const Route> integration_routes();
std::span<const Route> operating_routes();
std::span<const Route> rule_routes();
std::span<const Route> dead_letter_routes();
std::span<const Route> schedule_routes();
std::span<const Route> alert_routes();
std::span<const Route> webhook_routes();
std::span<const Route> job_routes();
std::span<const Route> import_routes();
std::span<const Route> export_routes();
std::span<const Route> object_routes();
std::span<const Route> audit_routes();
std::span<const Route> member_routes();
std::span<const Route> app_routes();
std::span<const Route> callback_routes();
std::span<const Route> sender_routes();
std::span<const Route> tracking_routes();
std::span<const Route> recipient_page_routes();
std::span<const Route> running_routes();
std::span<const Route> session_routes();
std::span<const Route> own_login_routes();
std::span<const Route> invitation_routes();
std::span<const Route> live_routes();

// Immutable after it was made; any thread.
class Router {
 public:
  static const Router& get();

  struct Path {
    std::string_view pattern;
    std::vector<std::string_view> segments;  // "{…}" matches anything that is not empty
    std::vector<const Route*> routes;        // one per method

    [[nodiscard]] const Route* find(std::string_view method) const noexcept;
    [[nodiscard]] std::string allow() const;  // "GET, HEAD, OPTIONS, PUT"
  };
  struct Match {
    const Path* path = nullptr;
    std::array<std::string_view, kPathArgsMax> args;  // as in the path, not decoded
    std::size_t count = 0;
  };
  // nullopt: no such path. Fixed paths win over patterns, unless only a pattern answers `method`.
  [[nodiscard]] std::optional<Match> match(std::string_view path, std::string_view method) const;
  [[nodiscard]] std::span<const Route* const> routes() const noexcept { return routes_; }
  [[nodiscard]] const std::vector<Path>& paths() const noexcept { return paths_; }

 private:
  Router();
  void add(const Route& route);
  std::vector<const Route*> routes_;
  std::vector<Path> paths_;
  pipeline::TextMap<std::size_t> fixed_;  // index into paths_
};

}  // namespace carillon::api
