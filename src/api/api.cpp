#include "api/api.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <set>

#include "api/console.h"
#include "api/cors.h"
#include "api/live.h"
#include "api/people.h"
#include "api/recipient_words.h"
#include "api/router.h"
#include "api/session_cookie.h"
#include "api/sessions.h"
#include "base/log.h"
#include "net/spool.h"

namespace carillon::api {
namespace {

constexpr std::size_t kRequestIdMax = 128;       // bytes of X-Request-Id
constexpr std::size_t kIdempotencyKeyMax = 256;  // bytes
constexpr std::size_t kBodyDefault = model::kRequestMax;
constexpr Millis kAnswersKept{24LL * 3'600'000};

// Names a credential could hide behind in a query string, where logs and histories would keep it.
constexpr std::string_view kCredentialNames[] = {"app_key", "app_secret", "access_token", "api_key",
                                                 "token",   "key",        "secret",       "authorization"};

std::string make_request_id() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("req_{:016x}", random());
}

std::string request_id_of(std::string_view given) {
  const bool is_usable = !given.empty() && given.size() <= kRequestIdMax &&
                         std::ranges::all_of(given, [](char c) { return c > ' ' && c <= '~'; });
  return is_usable ? std::string(given) : make_request_id();
}

bool is_listed(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

std::optional<Failure> read_query(Call& call) {
  const std::string_view text = call.request.query();
  if (text.empty()) return std::nullopt;
  auto fields = net::form_decode(text);
  if (!fields) return Failure(400, "invalid_query", "the query string has a malformed escape");
  if (call.route->query == kAnyQuery) {
    call.query = std::move(*fields);
    return std::nullopt;
  }
  for (const auto& [name, value] : *fields) {
    if (std::ranges::find(kCredentialNames, name) != std::end(kCredentialNames)) {
      return Failure(400, "credential_in_query",
                     "credentials belong into the Authorization header, never into a URL");
    }
    if (!is_listed(call.route->query, name)) {
      return Failure(400, "unknown_parameter",
                     fmt::format("'{}' is not known here{}{}", name.substr(0, 64),
                                 call.route->query.empty() ? "" : "; use one of: ", call.route->query));
    }
  }
  call.query = std::move(*fields);
  return std::nullopt;
}

// What the public listener serves (CONTRACT §6): these, and what a publishable key may do.
constexpr std::string_view kPublicPrefixes[] = {"/t",     "/u",        "/p",           "/o",
                                                "/v1/me", "/v1/track", "/v1/callbacks"};

bool is_public(const Route& route) {
  if (route.access.is_publishable || route.access.is_any) return true;
  return std::ranges::any_of(kPublicPrefixes, [&](std::string_view prefix) {
    return route.pattern.starts_with(prefix) &&
           (route.pattern.size() == prefix.size() || route.pattern[prefix.size()] == '/');
  });
}

// What every process serves, whatever it is for.
bool says_status(const Route& route) {
  constexpr std::string_view kPatterns[] = {"/healthz", "/readyz", "/metrics"};
  return std::ranges::find(kPatterns, route.pattern) != std::end(kPatterns);
}

Answer unknown_path() { return failed(404, "unknown_path", "there is no such path; /docs lists them all"); }

class ApiImpl final : public Api {
 public:
  ApiImpl(Deps deps, Options options)
      : deps_(std::move(deps)),
        options_(std::move(options)),
        authenticator_(deps_.directory, deps_.keys),
        accounts_(deps_.cache, deps_.keys),
        live_(deps_.store) {
    constexpr std::string_view kClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    for (std::size_t i = 0; i < std::size(kClasses); ++i) {
      answers_[i] =
          deps_.metrics.counter("carillon_http_answers_total", "HTTP requests answered, by class of status.",
                                {{"status", std::string(kClasses[i])}});
    }
    seconds_ = deps_.metrics.histogram("carillon_http_seconds", "From a complete request to its answer.",
                                       base::Metrics::latency_buckets_s());
  }

  Task<net::HttpResponse> handle(net::HttpRequest request, net::HttpPeer peer, Entrance entrance) override {
    const SteadyTime since = std::chrono::steady_clock::now();
    Call call{.deps = deps_, .options = options_, .request = std::move(request)};
    describe_request(call, peer, entrance);
    call.accounts = &accounts_;
    call.live = &live_;
    net::HttpResponse response;
    try {
      Answer answer = Reply{};
      std::optional<Failure> failure;
      if (call.request.header("Authorization").empty()) failure = co_await load_session(call, entrance);
      auto early = failure ? std::optional<Answer>(std::unexpected(std::move(*failure)))
                           : prepare(call, entrance, Stage::Whole);
      if (!early && call.who.session_id != 0) co_await touch_session(call);
      if (!early && call.who.who == Who::Client) {
        if (auto refused = co_await refuse_client(call)) early = std::unexpected(std::move(*refused));
      }
      if (early) {
        answer = std::move(*early);
      } else if (call.route->kind == RouteKind::Creates && !call.request.header("Idempotency-Key").empty()) {
        answer = co_await create_once(call);
      } else {
        answer = co_await call.route->handler(call);
      }
      response = finish(call, std::move(answer));
    } catch (const std::exception& e) {
      base::log_error("request {} ended with an exception: {}", call.request_id, e.what());
      response =
          finish(call, failed(500, "internal_error", "something went wrong inside; the log has the reason"));
    }
    count(response);
    seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count());
    co_return response;
  }

  std::optional<net::HttpResponse> refuse_head(const net::HttpRequest& head, const net::HttpPeer& peer,
                                               Entrance entrance) override {
    Call call{.deps = deps_, .options = options_, .request = head};
    describe_request(call, peer, entrance);
    auto early = prepare(call, entrance, Stage::Head);
    if (!early || early->has_value()) return std::nullopt;
    auto response = finish(call, std::move(*early));
    count(response);
    return response;
  }

  void end_streams() noexcept override { live_.end(); }

 private:
  // How much of the request is there. Of a head the store is not asked: a session cookie that was made here
  // lets the body come.
  enum class Stage : std::uint8_t { Head, Whole };

  void describe_request(Call& call, const net::HttpPeer& peer, Entrance entrance) const {
    call.request_id = request_id_of(call.request.header("X-Request-Id"));
    if (entrance != Entrance::Control)
      call.peer = options_.proxies.client_of(peer.address, call.request.headers);
    call.is_secure = peer.is_tls || options_.public_url.starts_with("https:");
  }

  void count(const net::HttpResponse& response) {
    answers_[static_cast<std::size_t>(std::clamp(response.status / 100, 1, 5) - 1)].add();
  }

  // Everything before the handler. A value: the answer is already known.
  std::optional<Answer> prepare(Call& call, Entrance entrance, Stage stage) {
    const std::string_view method =
        call.request.method == "HEAD" ? "GET" : std::string_view(call.request.method);
    const auto match = Router::get().match(call.request.path(), method);
    if (!match && entrance == Entrance::Tcp && method == "GET") {
      if (const ConsoleFile* file = find_console_file(call.request.path()))
        return console_reply(*file, call.request, call.is_secure);
    }
    if (!match) return unknown_path();
    call.route = match->path->find(method);
    if (entrance == Entrance::Public && !is_served_in_public(*match->path, call.route)) return unknown_path();
    if (entrance == Entrance::Status && (call.route == nullptr || !says_status(*call.route)))
      return unknown_path();
    if (call.route == nullptr) return wrong_method(*match->path, method, call.request);
    for (std::size_t i = 0; i < match->count; ++i) {
      auto text = net::percent_decode(match->args[i]);
      if (!text) return failed(400, "invalid_path", "the path has a malformed escape");
      call.args[i] = std::move(*text);
    }
    if (auto failure = read_query(call)) return std::unexpected(std::move(*failure));
    call.snapshot = deps_.directory.snapshot();
    call.now = deps_.clock.now();
    if (call.route->access.is_open) return std::nullopt;
    begin_cors(call);
    // A page of another site cannot make a browser that knows a credential act for it.
    if (!call.route->access.is_for_clients() && is_cross_site(call.request)) {
      return failed(403, "cross_site", "a page of another site may not call this");
    }
    if (stage == Stage::Head && entrance == Entrance::Tcp && call.request.header("Authorization").empty() &&
        !find_session_token(call.request, call.is_secure, deps_.keys).empty()) {
      return std::nullopt;
    }
    if (auto refused = authorise(call, entrance)) return refused;
    if (auto failure = settle_cors(call)) return std::unexpected(std::move(*failure));
    return std::nullopt;
  }

  std::optional<Answer> authorise(Call& call, Entrance entrance) {
    switch (entrance) {
      case Entrance::Control: call.who.who = Who::Control; break;
      case Entrance::Status:
      case Entrance::Public:
      case Entrance::Tcp: {
        auto identity = call.session ? session_identity(call)
                                     : authenticator_.identify(call.request.header("Authorization"),
                                                               *call.snapshot, call.now);
        if (!identity) return std::unexpected(std::move(identity.error()));
        call.who = std::move(*identity);
        break;
      }
    }
    // The secrets of apps are not for the outside, wherever they would be taken.
    const bool is_server =
        call.who.who == Who::App || call.who.who == Who::Management || call.who.who == Who::Member;
    if (entrance == Entrance::Public && is_server) return unknown_path();
    std::optional<Failure> failure;
    // What is a member's own is no project's.
    if (!call.route->access.is_session)
      failure = choose_project(call.who, *call.snapshot, call.request.header("Carillon-Project"));
    const bool is_looking = call.route->method == "GET" || call.route->is_looking;
    if (!failure && !call.route->access.is_session)
      failure = choose_app(call.who, *call.snapshot, call.request.header("Carillon-App"), is_looking);
    if (!failure) failure = refuse_access(call.who, call.route->access, is_looking);
    if (failure) return std::unexpected(std::move(*failure));
    if (call.snapshot->project(call.who.project) == nullptr) {
      return failed(404, "unknown_project", "there is no such project");
    }
    return std::nullopt;
  }

  // Of a path, when its method is not there (`route` null), whether anything of it is for the outside.
  static bool is_served_in_public(const Router::Path& path, const Route* route) {
    if (route != nullptr) return is_public(*route);
    return std::ranges::any_of(path.routes, [](const Route* each) { return is_public(*each); });
  }

  Answer wrong_method(const Router::Path& path, std::string_view method,
                      const net::HttpRequest& request) const {
    if (method == "OPTIONS") {
      Reply reply = no_content();
      reply.headers.emplace_back("Allow", path.allow());
      answer_preflight(path, request, *deps_.directory.snapshot(), reply.headers);
      return reply;
    }
    Failure failure(405, "method_not_allowed", fmt::format("this path answers {}", path.allow()));
    failure.headers.emplace_back("Allow", path.allow());
    return std::unexpected(std::move(failure));
  }

  static net::HttpResponse finish(Call& call, Answer answer) {
    net::HttpResponse response;
    if (answer) {
      response.status = answer->status;
      response.headers = std::move(answer->headers);
      response.body = std::move(answer->body);
      response.stream = std::move(answer->stream);
      if (answer->status != 204)
        response.headers.emplace_back("Content-Type", std::move(answer->content_type));
      if (call.route == nullptr || call.route->kind != RouteKind::Sends) {
        response.headers.emplace_back("X-Content-Type-Options", "nosniff");
        if (call.route != nullptr && !call.route->access.is_open)
          response.headers.emplace_back("Cache-Control", "no-store");
      }
    } else {
      if (answer.error().status >= 500) {
        base::log_warn("request {} was answered {} {}", call.request_id, answer.error().status,
                       answer.error().code);
      }
      response = to_response(answer.error(), call.request_id, language_of(call.request));
    }
    if (response.status == 401 && is_browser(call.request)) drop_basic_challenge(response.headers);
    for (auto& header : call.extra) response.headers.push_back(std::move(header));
    response.headers.emplace_back("X-Request-Id", std::move(call.request_id));
    return response;
  }

  static ProblemLanguage language_of(const net::HttpRequest& request) {
    const bool is_korean = page_language({}, request.header("Accept-Language")) == "ko";
    return is_korean ? ProblemLanguage::Korean : ProblemLanguage::English;
  }

  static bool is_browser(const net::HttpRequest& request) {
    return !request.header("Sec-Fetch-Site").empty();
  }
  // A browser would ask for a name and a password by itself, over the page.
  static void drop_basic_challenge(net::Headers& headers) {
    std::erase_if(headers, [](const auto& header) {
      return header.first == "WWW-Authenticate" && header.second.starts_with("Basic");
    });
  }

  // ---- Idempotency-Key on creating POSTs
  // Answers may hold a new secret, so they are kept sealed.
  Task<Answer> create_once(Call& call) {
    const std::string given(call.request.header("Idempotency-Key"));
    if (given.size() > kIdempotencyKeyMax)
      co_return failed(422, "too_long", "an Idempotency-Key has at most 256 bytes");
    const std::string who =
        call.who.actor() + (call.who.acts_as_app() ? fmt::format("/{}", call.who.app_id()) : std::string());
    const std::string key = fmt::format("idempotency/{}/{}/{} {}/{}", call.who.project, who,
                                        call.request.method, call.request.path(), given);
    if (!begin(key)) {
      co_return failed(409, "in_progress",
                       "a request with this Idempotency-Key is being answered; repeat it later");
    }
    const std::shared_ptr<void> end(nullptr, [this, &key](void*) { finish_key(key); });
    const std::string body_hash =
        call.request.spooled ? call.request.spooled->sha256() : base::hex(base::sha256(call.request.body));
    CARILLON_CO_TRY(auto stored, co_await deps_.store.get_answer(key, call.now));
    if (stored) co_return replay(*stored, key, body_hash);
    Answer answer = co_await call.route->handler(call);
    if (!answer || answer->status >= 300) co_return answer;
    base::JsonWriter out;
    out.object()
        .field("status", answer->status)
        .field("body_hash", body_hash)
        .field("body", answer->body)
        .end_object();
    std::string sealed = deps_.keys.sealer.seal(out.str(), key);
    const auto kept =
        co_await deps_.store.put_answer(key, std::move(sealed), call.now + kAnswersKept, call.now);
    if (!kept)
      base::log_warn("the answer of request {} is not kept for repeats: {}", call.request_id,
                     kept.error().message);
    co_return answer;
  }

  Answer replay(const std::string& sealed, const std::string& key, const std::string& body_hash) const {
    CARILLON_TRY(const base::Secret opened, deps_.keys.sealer.open(sealed, key));
    base::JsonDocument document;
    CARILLON_TRY(const auto root, document.parse(opened.reveal()));
    base::Problems problems;
    base::ObjectReader reader(root, "", problems);
    std::string hash;
    std::int64_t status = 200;
    Reply reply;
    reader.text("body_hash", hash, 128);
    reader.integer("status", status, 100, 599);
    reader.text("body", reply.body, base::kJsonMaxBytes);
    if (hash != body_hash) {
      return failed(422, "idempotency_key_reused", "this Idempotency-Key was used with another body");
    }
    reply.status = static_cast<int>(status);
    reply.headers.emplace_back("Idempotency-Replayed", "true");
    return reply;
  }

  bool begin(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return under_way_.insert(key).second;
  }
  void finish_key(const std::string& key) {
    const std::lock_guard lock(mutex_);
    under_way_.erase(key);
  }

  const Deps deps_;
  const Options options_;
  const Authenticator authenticator_;
  Accounts accounts_;
  Live live_;
  base::Counter answers_[5];
  base::Histogram seconds_;
  std::mutex mutex_;  // guards under_way_
  std::set<std::string> under_way_;
};

}  // namespace

void describe(base::SettingsGroup& group, Options& options) {
  group.integer("rate_limit", options.rate_limit)
      .range(0, 1'000'000)
      .unit("notifications/s")
      .help("What an app without a limit of its own may send; 0 means no limit.");
  group.integer("client_send_limit", options.client_send_limit)
      .range(0, 10'000)
      .unit("sends/min")
      .help("What one user's phones and browsers may send to themselves; 0 lets them send nothing.");
  group.integer("registration_limit", options.registration_limit)
      .range(1, 1'000'000)
      .unit("devices/s")
      .help("How many devices may be registered with one publishable key.");
}

std::unique_ptr<Api> Api::open(Deps deps, Options options) {
  return std::make_unique<ApiImpl>(std::move(deps), std::move(options));
}

bool Api::is_spooled(std::string_view method, std::string_view path) {
  const auto match = Router::get().match(path, method);
  const Route* const route = match ? match->path->find(method) : nullptr;
  return route != nullptr && route->is_spooled;
}

std::size_t Api::body_limit(std::string_view method, std::string_view path) {
  const auto match = Router::get().match(path, method);
  const Route* const route = match ? match->path->find(method) : nullptr;
  return route == nullptr ? kBodyDefault : route->body_max;
}

}  // namespace carillon::api
