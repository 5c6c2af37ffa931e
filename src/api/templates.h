// What the handlers of templates share. Private to the template files of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "api/router.h"
#include "model/template.h"

namespace carillon::api {

inline constexpr std::size_t kTemplateMax = 1024 * 1024;  // bytes of a body
inline constexpr std::int64_t kVersionsMax = 1'000'000;

// What the record of a template says: which versions there are. `version`: the record's own.
struct TemplateHead {
  std::int64_t latest = 0, published = 0, version = 0;
  bool is_deleted = false, is_archived = false;
};

// Errors: Corruption.
Result<TemplateHead> read_template_head(const store::Record& record);
// The head of the path's template. Failures: 404 (there is none, or it was deleted).
Task<std::expected<TemplateHead, Failure>> load_template_head(Call& call);
// Failures: 404.
Task<std::expected<std::shared_ptr<const model::Template>, Failure>> load_template_version(
    Call& call, std::int64_t version);
// The version in the path, or a query parameter's text. Failures: 404.
std::expected<std::int64_t, Failure> read_version(std::string_view text);

// "Which version is shown", for the answers of templates and layouts: `json` with "published" added.
std::string with_published(std::string json, bool is_published);

Task<Answer> preview_template(Call& call);
Task<Answer> diff_template(Call& call);

}  // namespace carillon::api
