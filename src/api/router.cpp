#include "api/router.h"

#include <algorithm>

namespace carillon::api {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_argument(std::string_view segment) { return segment.starts_with('{'); }

}  // namespace

const Route* Router::Path::find(std::string_view method) const noexcept {
  const auto it = std::ranges::find(routes, method, &Route::method);
  return it == routes.end() ? nullptr : *it;
}

std::string Router::Path::allow() const {
  std::vector<std::string_view> methods{"OPTIONS"};
  for (const Route* route : routes) methods.push_back(route->method);
  if (find("GET") != nullptr) methods.push_back("HEAD");
  std::ranges::sort(methods);
  std::string out;
  for (const auto method : methods) out.append(out.empty() ? "" : ", ").append(method);
  return out;
}

const Router& Router::get() {
  static const Router router;
  return router;
}

Router::Router() {
  for (const auto area :
       {sending_routes(),     latency_routes(),  draft_routes(),       approval_routes(),
        looking_routes(),     numbers_routes(),  people_routes(),      user_data_routes(),
        job_routes(),         import_routes(),   export_routes(),      group_routes(),
        client_routes(),      me_routes(),       suppression_routes(), template_routes(),
        layout_routes(),      category_routes(), integration_routes(), operating_routes(),
        dead_letter_routes(), schedule_routes(), event_routes(),       rule_routes(),
        app_routes(),         alert_routes(),    audit_routes(),       member_routes(),
        callback_routes(),    tracking_routes(), sender_routes(),      running_routes(),
        push_key_routes(),    object_routes(),   session_routes(),     own_login_routes(),
        invitation_routes(),  live_routes(),     webhook_routes(),     recipient_page_routes()}) {
    for (const Route& route : area) add(route);
  }
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (!std::ranges::any_of(paths_[i].segments, is_argument)) fixed_.emplace(paths_[i].pattern, i);
  }
}

void Router::add(const Route& route) {
  routes_.push_back(&route);
  auto it = std::ranges::find(paths_, route.pattern, &Path::pattern);
  if (it == paths_.end()) {
    paths_.push_back(Path{route.pattern, split(route.pattern), {}});
    it = std::prev(paths_.end());
  }
  CARILLON_ASSERT(it->find(route.method) == nullptr);
  CARILLON_ASSERT(std::ranges::count_if(it->segments, is_argument) <=
                  static_cast<std::ptrdiff_t>(kPathArgsMax));
  it->routes.push_back(&route);
}

std::optional<Router::Match> Router::match(std::string_view path, std::string_view method) const {
  std::optional<Match> fixed;
  if (const auto it = fixed_.find(path); it != fixed_.end()) {
    fixed = Match{&paths_[it->second], {}, 0};
    if (fixed->path->find(method) != nullptr) return fixed;
  }
  const auto segments = split(path);
  for (const Path& candidate : paths_) {
    if (candidate.segments.size() != segments.size()) continue;
    if (fixed && candidate.find(method) == nullptr) continue;
    Match match{&candidate, {}, 0};
    bool fits = true;
    for (std::size_t i = 0; fits && i < segments.size(); ++i) {
      if (is_argument(candidate.segments[i])) {
        fits = !segments[i].empty();
        if (fits) match.args[match.count++] = segments[i];
      } else {
        fits = candidate.segments[i] == segments[i];
      }
    }
    if (fits && match.count > 0) return match;
  }
  return fixed;
}

}  // namespace carillon::api
