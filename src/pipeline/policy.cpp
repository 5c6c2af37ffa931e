#include "pipeline/policy.h"

#include <algorithm>

namespace carillon::pipeline {
namespace {

Refusal refuse(int status, std::string code, std::string pointer, std::string detail) {
  Refusal refusal;
  refusal.status = status;
  refusal.problems.push_back({std::move(pointer), code, detail});
  refusal.code = std::move(code);
  refusal.detail = std::move(detail);
  return refusal;
}

}  // namespace

std::optional<Refusal> refuse_by_policy(const Caller& caller, const Plan& plan, std::string_view public_url) {
  const model::Category& category = *plan.category;
  if (!caller.client_user.empty()) {
    if (!category.client_allowed) {
      return refuse(403, "category_not_for_clients", "/category",
                    fmt::format("clients may not send in the category '{}'", category.key));
    }
    // A client must not turn a free channel into one that costs.
    for (const model::Channel channel : plan.channels) {
      if (category.channels.empty() ||
          std::ranges::find(category.channels, channel) != category.channels.end())
        continue;
      return refuse(
          403, "channel_not_allowed", "/channels",
          fmt::format("clients may use the channels of the category '{}' only, and {} is none of them",
                      category.key, model::name(channel)));
    }
  }
  if (category.kind == model::CategoryKind::Marketing && public_url.empty()) {
    return refuse(
        422, "public_url_missing", "/category",
        "marketing carries links by which people can leave it; set server.public_url to the https URL "
        "of this server first");
  }
  return std::nullopt;
}

}  // namespace carillon::pipeline
