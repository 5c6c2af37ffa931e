// Which engines may be put together (PIPELINE §6): what one process keeps for itself cannot be shared by
// several.
#pragma once

#include <string_view>

#include "base/error.h"

namespace carillon::app {

// Of the settings store.url (empty: the data folder's SQLite), queue.url and cache.url. Allowed:
//   sqlite:     embedded:              memory:
//   postgres:// embedded: | kafka[s]:// memory: | redis[s]://
// Looks at schemes only; what follows is the business of who opens it. Errors: InvalidArgument naming the
// setting to change. A URL is not repeated: it may hold a password.
Result<void> check_mix(std::string_view store_url, std::string_view queue_url, std::string_view cache_url);

}  // namespace carillon::app
