// The few HTML pages of the server: self-contained, without anything from elsewhere.
#pragma once

#include <string>

#include "api/failure.h"

namespace carillon::api {

struct Page {
  std::string title;
  std::string body;       // HTML; whatever came from outside is escaped
  std::string script;     // empty: the page runs none
  bool has_form = false;  // posts to this server
  std::string language = "en";
  bool has_worker = false;  // registers a service worker of this server
};

// The page with a Content-Security-Policy that allows its own style and script by hash and no other.
[[nodiscard]] Reply html_reply(const Page& page);

// Of no cache, and of no other site: for what is one person's.
[[nodiscard]] Reply uncached(Reply reply);

[[nodiscard]] Page start_page();
[[nodiscard]] Page docs_page();    // every route of the table
[[nodiscard]] Page errors_page();  // the error registry
// Asks for an app key, then polls /v1/sandbox/messages; subscribes this browser to web push.
[[nodiscard]] Page sandbox_page();
// The service worker of that page: shows what is pushed. JavaScript.
[[nodiscard]] std::string_view sandbox_worker() noexcept;

}  // namespace carillon::api
