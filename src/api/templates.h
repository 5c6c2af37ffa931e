// What the handlers of templates share. Private to the template files of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "api/router.h"
#include "model/template.h"

namespace carillon::api {

inline constexpr std::size_t kTemplateMax = 1024 * 1024;  // bytes of a body

using pipeline::TemplateHead;

// The head of the path's template. Failures: 404 (there is none, or it was deleted).
Task<std::expected<TemplateHead, Failure>> load_template_head(Call& call);
// Failures: 404.
Task<std::expected<std::shared_ptr<const model::Template>, Failure>> load_template_version(
    Call& call, std::int64_t version);
// The version in the path, or a query parameter's text. Failures: 404.
std::expected<std::int64_t, Failure> read_version(std::string_view text);

// "Which version is shown", for the answers of templates and layouts: `json` with "published" added.
std::string with_published(std::string json, bool is_published);

// {"data":[{"version":…,"published":…}]}, newest first, the last kPageMax of them.
Reply versions_reply(std::int64_t latest, std::int64_t published);

// One line of the tables of templates and layouts.
[[nodiscard]] constexpr Route content_route(std::string_view tag, std::string_view method,
                                            std::string_view pattern, Access access, Handler handler,
                                            std::string_view summary, std::string_view request,
                                            std::string_view response, std::string_view query = {},
                                            int status = 200) {
  return {.method = method,
          .pattern = pattern,
          .access = access,
          .handler = handler,
          .tag = tag,
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query,
          .body_max = kTemplateMax};
}

Task<Answer> preview_template(Call& call);
Task<Answer> preview_unsaved(Call& call);  // of a template that is not stored
Task<Answer> preview_layout(Call& call);   // of one that is not stored
Task<Answer> diff_template(Call& call);

}  // namespace carillon::api
