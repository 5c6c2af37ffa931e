#include "sim/push_subscriptions.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/p256.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kIdSize = 32;  // characters
constexpr std::size_t kAuthBytes = 16;
constexpr std::array<std::string_view, 4> kReserved{"test-ok", "test-unregistered", "test-429",
                                                    "test-timeout"};

PushSubscriber example() {
  PushSubscriber out;
  out.private_key = base::Secret(base::unbase64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94").value());
  out.public_key = base::p256_public_key(out.private_key).value();
  out.auth = base::unbase64("BTBZMqHH6r4Tts7J_aSIgg").value();
  return out;
}

}  // namespace

void PushSubscriptions::set_origin(std::string origin) {
  const std::lock_guard lock(mutex_);
  origin_ = std::move(origin);
}

std::string PushSubscriptions::origin() const {
  const std::lock_guard lock(mutex_);
  return origin_;
}

Result<std::string> PushSubscriptions::make_for(std::string_view json) {
  PushSubscriber made;
  base::JsonDocument document;
  if (!json.empty()) {
    CARILLON_TRY(const auto root, document.parse(json));
    base::Problems problems;
    base::ObjectReader reader(root, "", problems);
    if (reader.text("applicationServerKey", made.application_key, 100)) {
      const auto point = base::unbase64(made.application_key);
      if (!point || !base::is_p256_point(*point)) {
        return fail(Errc::InvalidArgument, "applicationServerKey is not a public key of P-256");
      }
      made.application_key = base::base64url(*point);
    }
    reader.done();
    if (!problems.empty())
      return fail(Errc::InvalidArgument, problems.front().pointer + problems.front().detail);
  }
  auto pair = base::make_p256_pair();
  made.private_key = std::move(pair.private_key);
  made.public_key = std::move(pair.public_key);
  made.auth = base::random_bytes(kAuthBytes);
  const std::string id = base::random_text(kIdSize);
  base::JsonWriter out;
  const std::lock_guard lock(mutex_);
  if (subscribers_.size() >= kSubscribersMax) return fail(Errc::ResourceExhausted, "too many subscriptions");
  out.object().field("endpoint", origin_ + "/push/" + id).key("keys").object();
  out.field("p256dh", base::base64url(made.public_key)).field("auth", base::base64url(made.auth));
  out.end_object().end_object();
  subscribers_.emplace(id, std::move(made));
  return out.str();
}

bool PushSubscriptions::end(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto it = subscribers_.find(std::string(id));
  if (it == subscribers_.end()) return false;
  it->second.has_ended = true;
  return true;
}

std::optional<PushSubscriber> PushSubscriptions::find(std::string_view id) const {
  if (std::ranges::find(kReserved, id) != kReserved.end()) {
    static const PushSubscriber reserved = example();
    return reserved;
  }
  const std::lock_guard lock(mutex_);
  const auto it = subscribers_.find(std::string(id));
  return it == subscribers_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace carillon::sim
