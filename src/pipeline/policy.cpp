#include "pipeline/policy.h"

#include <algorithm>

#include "pipeline/refusal.h"

namespace carillon::pipeline {

std::optional<Refusal> refuse_by_policy(const Caller& caller, const Plan& plan, std::string_view public_url) {
  const model::Category& category = *plan.category;
  if (!caller.client_user.empty()) {
    if (!category.client_allowed) {
      return make_refusal(403, "category_not_for_clients",
                          fmt::format("clients may not send in the category '{}'", category.key),
                          "/category");
    }
    // A client must not turn a free channel into one that costs.
    for (const model::Channel channel : plan.channels) {
      if (category.channels.empty() ||
          std::ranges::find(category.channels, channel) != category.channels.end())
        continue;
      return make_refusal(
          403, "channel_not_allowed",
          fmt::format("clients may use the channels of the category '{}' only, and {} is none of them",
                      category.key, model::name(channel)),
          "/channels");
    }
  }
  if (category.kind == model::CategoryKind::Marketing && public_url.empty()) {
    return make_refusal(
        422, "public_url_missing",
        "marketing carries links by which people can leave it; set server.public_url to the https URL "
        "of this server first",
        "/category");
  }
  return std::nullopt;
}

}  // namespace carillon::pipeline
