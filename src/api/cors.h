// What lets pages of origins a project lists call what is for clients, and nothing else (CONTRACT §6).
//
// Credentials are bearers in a header, never cookies: a browser adds none by itself, so that
// Access-Control-Allow-Credentials is not needed and not sent.
#pragma once

#include <optional>

#include "api/call.h"
#include "api/router.h"

namespace carillon::api {

// A page of another site, by what the browser says of itself, that would change something.
[[nodiscard]] bool is_cross_site(const net::HttpRequest& request);

// Adds to the answer of a preflight what its origin may do at that path. A preflight has no credential:
// an origin that any project lists is answered, and the call itself is held to the caller's project.
void answer_preflight(const Router::Path& path, const net::HttpRequest& request,
                      const pipeline::Snapshot& snapshot, net::Headers& headers);

// Before the credential is looked at: headers by which the page can read also a 401.
void begin_cors(Call& call);
// When the caller is known: takes them back where the caller's project does not list the origin.
// Failures: 403 cross_site (a page that may not).
[[nodiscard]] std::optional<Failure> settle_cors(Call& call);

}  // namespace carillon::api
