// What uploaded bytes are: by what their sender says, held against how they begin.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace carillon::model {

inline constexpr std::size_t kMediaHead = 512;  // bytes of the beginning that are looked at

// How bytes begin: "image/png"; empty when it is none of the kinds known here. `head`: kMediaHead bytes, or
// all there are.
[[nodiscard]] std::string_view sniff_media_type(std::string_view head) noexcept;

// The type to keep bytes as: what `declared` (a Content-Type; empty or application/octet-stream: none) says,
// in lower case and without parameters, or what they look like. Unexpected: why the two do not go together,
// or `declared` is not a type, as a sentence for the sender.
[[nodiscard]] std::expected<std::string, std::string> settle_media_type(std::string_view declared,
                                                                        std::string_view head);

// Whether a browser may show it in place without being able to run anything in it: pictures (not SVG), sound,
// films, PDF.
[[nodiscard]] bool is_shown_in_place(std::string_view type) noexcept;

}  // namespace carillon::model
