// What a category and the installation's settings forbid, whatever the send itself says.
#pragma once

#include <optional>
#include <string_view>

#include "pipeline/pipeline.h"
#include "pipeline/route.h"

namespace carillon::pipeline {

// nullopt: nothing. Refusals: 403 category_not_for_clients, channel_not_allowed (a client, and a category
// that is not for it) · 422 public_url_missing (marketing needs links by which people can leave).
[[nodiscard]] std::optional<Refusal> refuse_by_policy(const Caller& caller, const Plan& plan,
                                                      std::string_view public_url);

}  // namespace carillon::pipeline
