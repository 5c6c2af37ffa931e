// What settings and alerts share.
#pragma once

#include <string>
#include <string_view>

#include "api/api.h"

namespace carillon::api {

// Why this URL may not be a webhook's, in words that say what to give; empty: it may. Names are not resolved
// here: where they lead is looked at with each call.
[[nodiscard]] std::string refuse_webhook(const Options& options, std::string_view url);

}  // namespace carillon::api
