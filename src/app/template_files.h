// Templates and layouts as files that people edit and keep in git: a folder for each, one JSON file with its
// settings and short texts, and a file for every long text. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace carillon::app {

enum class Document : std::uint8_t { Template, Layout };

// File name → content. Names are plain: no folder, no leading dot.
using Folder = std::map<std::string, std::string, std::less<>>;

// "template.json" or "layout.json".
std::string_view main_file(Document kind) noexcept;
// Whether the file may be one that to_files() made for a text: what it no longer makes may be removed.
[[nodiscard]] bool is_text_file(Document kind, std::string_view name);

// The API's JSON as files. What belongs to the server (key, version, status) is left out; the same document
// always gives the same bytes. HTML and the text part of e-mails and layouts have files of their own, other
// texts when they have several lines. Every file ends with a line break, which is not part of its text.
Folder to_files(Document kind, base::JsonElement document);

// The document a folder holds, as the API takes it. {"file":"en.email.html"} stands for a file's text.
// Errors: InvalidArgument (no JSON, a file that is missing, a name that leaves the folder, no UTF-8).
Result<std::string> from_files(Document kind, const Folder& folder);

// A document in the form in which two of them are compared: every default written out, nothing of the
// server's. Errors: InvalidArgument, with the pointers of what is wrong with it.
Result<std::string> canonical(Document kind, std::string_view key, std::string_view json);

}  // namespace carillon::app
