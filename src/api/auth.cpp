#include "api/auth.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <unordered_map>

namespace carillon::api {
namespace {

constexpr std::size_t kKeptMax = 1024;  // verified headers per thread

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

struct HashOfHash {
  std::size_t operator()(const base::Hash128& h) const noexcept {
    std::size_t n = 0;
    std::memcpy(&n, h.data(), sizeof n);
    return n;
  }
};

// What this thread has verified, for one snapshot of one directory.
struct Kept {
  std::uint64_t instance = 0, generation = 0;
  std::unordered_map<base::Hash128, Identity, HashOfHash> entries;
};

Failure unauthenticated(std::string detail) {
  Failure failure(401, "unauthenticated", std::move(detail));
  failure.headers.emplace_back("WWW-Authenticate", R"(Basic realm="carillon", charset="UTF-8")");
  failure.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="carillon")");
  return failure;
}

// "Basic abc" → {"basic", "abc"}.
bool is_scheme(std::string_view header, std::string_view scheme, std::string_view& rest) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return false;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((header[i] | 0x20) != scheme[i]) return false;
  }
  rest = header.substr(scheme.size() + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return true;
}

}  // namespace

std::string Identity::actor() const {
  switch (who) {
    case Who::App: return "app:" + app->name;
    case Who::Management: return "key:" + key->name;
    case Who::Control: return "cli";
    case Who::Nobody: return "nobody";
  }
  return {};
}

Authenticator::Authenticator(const pipeline::Directory& directory)
    : directory_(directory), instance_(next_instance()), hash_(base::random_bytes(16)) {}

std::expected<Identity, Failure> Authenticator::identify(std::string_view authorization,
                                                         const pipeline::Snapshot& snapshot) const {
  if (authorization.empty()) return Identity{};
  static thread_local Kept kept;
  if (kept.instance != instance_ || kept.generation != snapshot.generation ||
      kept.entries.size() > kKeptMax) {
    kept.entries.clear();
    kept.instance = instance_;
    kept.generation = snapshot.generation;
  }
  const base::Hash128 hash = hash_({authorization});
  if (const auto it = kept.entries.find(hash); it != kept.entries.end()) return it->second;
  auto identity = verify(authorization, snapshot);
  if (identity) kept.entries.emplace(hash, *identity);
  return identity;
}

std::expected<Identity, Failure> Authenticator::verify(std::string_view authorization,
                                                       const pipeline::Snapshot& snapshot) const {
  std::string_view rest;
  if (is_scheme(authorization, "basic", rest)) {
    const auto plain = base::unbase64(rest);
    const std::size_t colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos) {
      return std::unexpected(unauthenticated("the Basic credential is not base64 of app_key:app_secret"));
    }
    const auto view = directory_.check_app_key(snapshot, std::string_view(*plain).substr(0, colon),
                                               std::string_view(*plain).substr(colon + 1));
    if (!view && view.error().code == Errc::PermissionDenied) {
      return std::unexpected(Failure(403, "app_disabled", view.error().message));
    }
    if (!view) return std::unexpected(unauthenticated(view.error().message));
    Identity identity;
    identity.who = Who::App;
    identity.app = view->app;
    identity.project = view->app->project;
    identity.scopes = view->key->scopes;
    identity.is_test = view->key->is_test();
    return identity;
  }
  if (is_scheme(authorization, "bearer", rest)) {
    const auto key = directory_.check_management_token(snapshot, rest);
    if (!key) return std::unexpected(unauthenticated(key.error().message));
    Identity identity;
    identity.who = Who::Management;
    identity.key = *key;
    return identity;
  }
  return std::unexpected(unauthenticated("use Basic app_key:app_secret, or Bearer with a management token"));
}

std::optional<Failure> refuse_access(const Identity& identity, const Access& access) {
  if (access.is_open) return std::nullopt;
  switch (identity.who) {
    case Who::Control: return std::nullopt;
    case Who::Nobody:
      return unauthenticated("this call needs a credential: Basic app_key:app_secret, or Bearer mt_…");
    case Who::App:
      if ((identity.scopes & access.app_scopes) != 0) return std::nullopt;
      return Failure(403, "missing_scope",
                     access.app_scopes == 0 ? "app keys may not do this; use a management token"
                                            : "this app key lacks the scope for it");
    case Who::Management: {
      const auto& scopes = identity.key->scopes;
      const auto has = [&](std::string_view scope) {
        return std::ranges::find(scopes, scope) != scopes.end();
      };
      if (has("admin") || (!access.area.empty() && has(access.area))) return std::nullopt;
      return Failure(
          403, "missing_scope",
          fmt::format("this token needs the scope {}", access.area.empty() ? "admin" : access.area));
    }
  }
  return Failure(403, "forbidden", "this is not allowed");
}

}  // namespace carillon::api
