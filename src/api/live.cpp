#include "api/live.h"

#include <algorithm>

#include "api/router.h"
#include "base/log.h"

namespace carillon::api {
namespace {

constexpr std::size_t kAlertsSeen = 50, kApprovalsSeen = 50, kJobsSeen = 20;
constexpr auto kFullRetry = std::chrono::seconds(10);

std::string event(std::string_view name, std::string_view json) {
  return fmt::format("event: {}\ndata: {}\n\n", name, json);
}

std::string alert_json(const model::Alert& alert) {
  base::JsonWriter out(512);
  out.object();
  model::write_alert_fields(out, alert, base::id_text(base::kAlertPrefix, alert.id));
  out.end_object();
  return out.str();
}

std::string mark_of(const std::vector<store::Approval>& approvals) {
  std::string mark;
  for (const store::Approval& a : approvals) mark += fmt::format("{}:{} ", a.id, static_cast<int>(a.status));
  return mark;
}

std::string mark_of(const std::vector<store::StoredJob>& jobs) {
  std::string mark;
  for (const store::StoredJob& job : jobs) {
    mark +=
        fmt::format("{}:{}:{}:{}:{} ", job.id, static_cast<int>(job.state), job.done, job.failed, job.total);
  }
  return mark;
}

std::string mark_of(const std::vector<model::Integration>& integrations) {
  std::string mark;
  for (const model::Integration& each : integrations)
    mark +=
        fmt::format("{}/{}/{}/{}/{}\n", each.key, each.provider, each.enabled, each.paused, each.settings);
  return mark;
}

// Who watches, as the caller was found out to be: looked at again and again, since a stream outlives its
// request.
struct Watcher {
  Who who = Who::Nobody;
  std::string member;           // Member: the key
  std::string project;          // key
  std::string app;              // as which they act; empty: they see all apps
  std::string credential_hash;  // of the cookie or the token
  bool is_session = false;
};

class LiveStream final : public net::HttpStream {
 public:
  LiveStream(Live& live, const Deps& deps, Millis idle_timeout, Watcher watcher, std::int32_t project,
             std::shared_ptr<void> place)
      : live_(live),
        deps_(deps),
        idle_timeout_(idle_timeout),
        watcher_(std::move(watcher)),
        project_(project),
        place_(std::move(place)) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return std::nullopt; }

  Task<Result<std::string>> next() override {
    const SteadyTime begun = std::chrono::steady_clock::now();
    for (; !live_.is_ending(); co_await base::sleep_for(live_.pace().look)) {
      CARILLON_CO_TRY(const bool may_watch, co_await is_allowed());
      if (!may_watch) break;
      const auto view = co_await live_.view(project_, deps_.clock.now());
      std::string news = view ? news_of(**view) : std::string();
      if (!view) base::log_debug("a stream has nothing to tell: {}", view.error().message);
      if (news.empty() && std::chrono::steady_clock::now() - begun >= live_.pace().ping) news = ": ping\n\n";
      if (news.empty()) continue;
      has_told_ = true;
      co_return news;
    }
    co_return std::string();
  }

 private:
  // What is not as it was told last. Alerts that were there before the stream began are in GET /v1/alerts.
  std::string news_of(const LiveView& view) {
    std::string news;
    if (view.counters != counters_) {
      counters_ = view.counters;
      news += event("counters", counters_);
    }
    std::map<std::int64_t, std::string> alerts;
    for (const model::Alert& alert : view.alerts) {
      if (!watcher_.app.empty()) break;  // they are the project's
      std::string json = alert_json(alert);
      const auto it = alerts_.find(alert.id);
      const bool is_news = has_told_ && (it == alerts_.end() || it->second != json);
      if (is_news) news += event("alert", json);
      alerts.emplace(alert.id, std::move(json));
    }
    alerts_ = std::move(alerts);
    tell_change("approvals", view.approvals, approvals_, news);
    tell_change("jobs", view.jobs, jobs_, news);
    const auto snapshot = deps_.directory.snapshot();
    if (const auto* const project = snapshot->project(project_))
      tell_change("integrations", mark_of(project->integrations), integrations_, news);
    return news;
  }

  void tell_change(std::string_view what, std::string mark, std::string& told, std::string& news) const {
    if (mark == told) return;
    if (has_told_) news += event("changed", fmt::format(R"({{"what":"{}"}})", what));
    told = std::move(mark);
  }

  Task<Result<bool>> is_allowed() {
    const auto snapshot = deps_.directory.snapshot();
    if (watcher_.who == Who::Management) {
      const auto it = snapshot->management.find(watcher_.credential_hash);
      co_return it != snapshot->management.end() && !it->second->is_revoked;
    }
    const auto it = snapshot->members.find(watcher_.member);
    if (it == snapshot->members.end() || it->second->is_disabled || !it->second->role_in(watcher_.project))
      co_return false;
    const auto apps = it->second->apps_in(watcher_.project);
    if (!apps.empty() && std::ranges::find(apps, watcher_.app) == apps.end()) co_return false;
    if (!watcher_.is_session) co_return snapshot->member_tokens.contains(watcher_.credential_hash);
    CARILLON_CO_TRY(const auto session, co_await deps_.store.sessions().find(watcher_.credential_hash));
    const Time now = deps_.clock.now();
    co_return session&& now < session->expires_at&& now < session->seen_at + idle_timeout_;
  }

  Live& live_;
  const Deps& deps_;
  const Millis idle_timeout_;
  const Watcher watcher_;
  const std::int32_t project_;
  const std::shared_ptr<void> place_;
  bool has_told_ = false;
  std::string counters_;
  std::map<std::int64_t, std::string> alerts_;  // as told, by id
  std::string approvals_, jobs_, integrations_;
};

std::string bearer_of(const net::HttpRequest& request) {
  std::string_view text = request.header("Authorization");
  text.remove_prefix(std::min(text.find(' '), text.size()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  return std::string(text);
}

Task<Answer> stream(Call& call) {
  if (call.who.who != Who::Member && call.who.who != Who::Management)
    co_return failed(422, "unsupported", "events go to members and management tokens over HTTP");
  auto place = call.live->enter(call.options.console.streams);
  if (!place) {
    Failure failure(503, "overloaded", "as many are watching as may; see console.streams");
    failure.retry_after = kFullRetry;
    co_return std::unexpected(std::move(failure));
  }
  Watcher watcher;
  watcher.who = call.who.who;
  watcher.project = call.view().name;
  watcher.is_session = call.who.session_id != 0;
  if (call.who.app) watcher.app = call.who.app->name;
  if (call.who.member) watcher.member = call.who.member->key;
  watcher.credential_hash =
      call.deps.keys.credential_hash(watcher.is_session ? call.session_token : bearer_of(call.request));
  Reply reply;
  reply.content_type = "text/event-stream";
  reply.headers.emplace_back("X-Accel-Buffering", "no");  // nginx would keep it back
  reply.stream = std::make_shared<LiveStream>(*call.live, call.deps, call.options.console.idle_timeout,
                                              std::move(watcher), call.who.project, std::move(place));
  co_return reply;
}

}  // namespace

Task<Result<std::shared_ptr<const LiveView>>> Live::view(std::int32_t project, Time now) {
  const SteadyTime at = std::chrono::steady_clock::now();
  // Read first: what changes from here on has another number.
  const std::uint64_t news = store_.news();
  Kept before;
  {
    const std::lock_guard lock(mutex_);
    before = kept_[project];
  }
  if (before.view && at < before.at + pace_.look) co_return before.view;
  auto made = std::make_shared<LiveView>();
  const bool has_news = !before.view || before.news != news;
  if (!has_news) *made = *before.view;
  CARILLON_CO_TRY(made->counters, co_await live_counters(store_, project, now));
  if (has_news) CARILLON_CO_CHECK(co_await look_at_news(project, *made));
  std::shared_ptr<const LiveView> view = std::move(made);
  const std::lock_guard lock(mutex_);
  kept_[project] = {at, news, view};
  co_return view;
}

Task<Result<void>> Live::look_at_news(std::int32_t project, LiveView& view) {
  store::AlertFilter filter;
  filter.project = project;
  store::ListPage page;
  page.limit = kAlertsSeen;
  CARILLON_CO_TRY(view.alerts, co_await store_.alerts().list(filter, page));
  store::ApprovalFilter approvals;
  approvals.project = project;
  page.limit = kApprovalsSeen;
  CARILLON_CO_TRY(const auto newest, co_await store_.list_approvals(approvals, page));
  view.approvals = mark_of(newest);
  page.limit = kJobsSeen;
  CARILLON_CO_TRY(const auto jobs, co_await store_.jobs().list(project, 0, page));
  view.jobs = mark_of(jobs);
  co_return Result<void>{};
}

std::shared_ptr<void> Live::enter(std::int64_t limit) {
  if (is_ending()) return nullptr;
  if (count_.fetch_add(1) >= limit) {
    count_.fetch_sub(1);
    return nullptr;
  }
  return {&count_, [](std::atomic<std::int64_t>* count) { count->fetch_sub(1); }};
}

std::span<const Route> live_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/stream",
       .access = manage("read"),
       .handler = stream,
       .tag = "Looking",
       .summary =
           "Server-sent events: counters (queues and accountability, when they change), alert, changed "
           "(what: approvals, jobs or integrations)",
       .content_type = "text/event-stream"},
  };
  return kRoutes;
}

}  // namespace carillon::api
