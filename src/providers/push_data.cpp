#include "providers/push_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/ids.h"
#include "providers/json_merge.h"

namespace carillon::providers {

bool shows_something(const model::Message& message) noexcept {
  return !message.title.empty() || !message.body.empty();
}

void append_push_data(std::string& out, const Job& job) {
  const model::Message& m = *job.message;
  out += R"({"carillon":{"n":")";
  base::append_id(out, base::kNotificationPrefix, job.notification);
  out += R"(","d":")";
  base::append_id(out, base::kDeliveryPrefix, job.delivery);
  out += "\"}";
  MemberWriter ours(out, nullptr, true);
  ours.text("url", m.url);
  ours.text("image", m.image);
  if (!m.actions.empty()) ours.raw("actions", m.actions);
  static constexpr std::string_view kOurs[] = {"carillon", "url", "image", "actions"};
  append_members(out, m.data, kOurs);
  out += '}';
}

std::string collapse_handle(const Job& job, std::size_t bytes_max) {
  std::string handle = job.collapse_key.empty() ? job.handle() : job.collapse_key;
  if (handle.size() <= bytes_max) return handle;
  return base::base64url(base::sha256(handle)).substr(0, bytes_max);
}

std::int64_t seconds_to_live(const Job& job, std::int64_t seconds_max) noexcept {
  if (!job.expires_at) return seconds_max;
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(*job.expires_at - job.now).count();
  return std::clamp<std::int64_t>(left, 0, seconds_max);
}

model::Outcome too_large(std::string code, std::string_view part, std::size_t bytes, std::size_t bytes_max) {
  return model::Outcome::of(
      model::OutcomeKind::Permanent, 0, std::move(code),
      fmt::format("the {} is {} bytes over the limit of {}", part, bytes - bytes_max, bytes_max));
}

}  // namespace carillon::providers
