// What text to speech needs to know of a message, whoever speaks it.
#pragma once

#include <string>
#include <string_view>

#include "model/content.h"

namespace carillon::providers {

// The language to speak, as the vendors want it: with a region ("ko-KR"). The message's `language`, else the
// locale its content was written in, else `fallback`. One without a region gets its most usual; a locale that
// nobody speaks by that name (a region is missing and none is known) is passed over, a `language` never.
[[nodiscard]] std::string speech_language(const model::Message& message, std::string_view fallback);

// True for text that is a number: a voice by number ("style"), which only some vendors have.
[[nodiscard]] bool is_voice_number(std::string_view voice) noexcept;

// Text inside an XML element or an attribute in double quotes. What XML cannot hold is left out.
[[nodiscard]] std::string escape_xml(std::string_view text);

}  // namespace carillon::providers
