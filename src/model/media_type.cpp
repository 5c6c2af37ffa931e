#include "model/media_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace carillon::model {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kTypeMax = 127;  // bytes
constexpr std::string_view kUnknown = "application/octet-stream";

// How files of a kind begin. `also`: other types that files which begin like this may be, separated by
// spaces; one that ends with '*' stands for all that begin so. `is_sure`: no file of the type begins
// otherwise.
struct Kind {
  std::string_view type;
  std::size_t offset;
  std::string_view bytes;
  std::string_view also = {};
  bool is_sure = true;
};
constexpr std::string_view kFilms =
    "video/mp4 video/quicktime video/3gpp video/3gpp2 video/x-m4v audio/mp4 audio/x-m4a audio/aac image/heic "
    "image/heif image/avif";
constexpr std::string_view kPackages = "application/*";
constexpr std::string_view kXml = "text/xml application/xml image/svg+xml application/* text/html text/plain";
constexpr std::string_view kHtml = "text/html application/xhtml+xml text/plain";

constexpr std::array kKinds{
    Kind{"image/png", 0, "\x89PNG\r\n\x1a\n"sv, "image/apng"},
    Kind{"image/jpeg", 0, "\xff\xd8\xff"sv, "image/jpg image/pjpeg"},
    Kind{"image/gif", 0, "GIF8"sv},
    Kind{"image/webp", 8, "WEBPVP8"sv},
    Kind{"image/tiff", 0, "II*\0"sv, "image/*", false},
    Kind{"image/tiff", 0, "MM\0*"sv, "image/*", false},
    Kind{"application/pdf", 0, "%PDF-"sv},
    Kind{"video/quicktime", 4, "ftypqt"sv, kFilms, false},
    Kind{"image/heic", 4, "ftypheic"sv, kFilms, false},
    Kind{"image/avif", 4, "ftypavif"sv, kFilms, false},
    Kind{"audio/mp4", 4, "ftypM4A"sv, kFilms, false},
    Kind{"video/mp4", 4, "ftyp"sv, kFilms, false},
    Kind{"video/webm", 0, "\x1a\x45\xdf\xa3"sv, "audio/webm video/x-matroska audio/x-matroska"},
    Kind{"audio/ogg", 0, "OggS"sv, "video/ogg application/ogg audio/opus"},
    Kind{"audio/wav", 8, "WAVEfmt"sv, "audio/x-wav audio/wave audio/vnd.wave"},
    Kind{"audio/mpeg", 0, "ID3"sv, "audio/mp3 audio/aac audio/x-aiff", false},
    Kind{"audio/flac", 0, "fLaC"sv, "audio/x-flac"},
    Kind{"application/zip", 0, "PK\3\4"sv, kPackages},
    Kind{"application/gzip", 0, "\x1f\x8b"sv, kPackages},
    Kind{"application/vnd.microsoft.portable-executable", 0, "MZ"sv, kPackages, false},
    Kind{"application/x-executable", 0,
         "\x7f"
         "ELF"sv,
         kPackages, false},
};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Whether `text` begins with `lowered`, whatever its case, behind what may stand before the first tag.
bool begins_with_tag(std::string_view text, std::string_view lowered) noexcept {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text.size() >= lowered.size() && std::equal(lowered.begin(), lowered.end(), text.begin(),
                                                     [](char l, char c) { return l == lower(c); });
}

constexpr Kind kHtmlKind{"text/html", 0, {}, kHtml, false};
constexpr Kind kSvgKind{"image/svg+xml", 0, {}, kXml, false};
constexpr Kind kXmlKind{"application/xml", 0, {}, kXml, false};

const Kind* kind_of(std::string_view head) noexcept {
  for (const Kind& kind : kKinds) {
    if (head.size() > kind.offset && head.substr(kind.offset).starts_with(kind.bytes)) return &kind;
  }
  if (begins_with_tag(head, "<!doctype html") || begins_with_tag(head, "<html")) return &kHtmlKind;
  if (begins_with_tag(head, "<svg")) return &kSvgKind;
  if (begins_with_tag(head, "<?xml")) return &kXmlKind;
  return nullptr;
}

bool is_listed(std::string_view list, std::string_view type) noexcept {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    const std::string_view one = list.substr(0, end);
    if (one == type || (one.ends_with('*') && type.starts_with(one.substr(0, one.size() - 1)))) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || "!#$&-^_.+"sv.contains(c);
  });
}

// "Image/PNG; q=1" → "image/png"; empty: it is none.
std::string plain_type(std::string_view declared) {
  std::string type(declared.substr(0, declared.find(';')));
  std::ranges::transform(type, type.begin(), lower);
  type.erase(0, std::min(type.find_first_not_of(" \t"), type.size()));
  type.erase(type.find_last_not_of(" \t") + 1);
  const std::size_t slash = type.find('/');
  const bool is_good = type.size() <= kTypeMax && slash != std::string::npos &&
                       is_token(std::string_view(type).substr(0, slash)) &&
                       is_token(std::string_view(type).substr(slash + 1));
  return is_good ? type : std::string();
}

bool is_multipart(std::string_view type) noexcept {
  return type.starts_with("multipart/") || type == "application/x-www-form-urlencoded";
}

}  // namespace

std::string_view sniff_media_type(std::string_view head) noexcept {
  const Kind* const kind = kind_of(head);
  return kind == nullptr ? std::string_view() : kind->type;
}

std::expected<std::string, std::string> settle_media_type(std::string_view declared, std::string_view head) {
  const Kind* const kind = kind_of(head);
  std::string type = declared.empty() ? std::string(kUnknown) : plain_type(declared);
  if (type.empty()) return std::unexpected("Content-Type is type/subtype, such as image/png");
  if (is_multipart(type)) {
    return std::unexpected("send the file itself as the body, with its own Content-Type, not a form");
  }
  if (type == kUnknown) return std::string(kind == nullptr ? kUnknown : kind->type);
  if (kind != nullptr && (kind->type == type || is_listed(kind->also, type))) return type;
  if (kind != nullptr) {
    return std::unexpected(fmt::format("Content-Type says {}, but the bytes are {}", type, kind->type));
  }
  const auto is_of = [&](const Kind& each) {
    return each.is_sure && (each.type == type || (!each.also.ends_with('*') && is_listed(each.also, type)));
  };
  if (std::ranges::any_of(kKinds, is_of)) {
    return std::unexpected(fmt::format("Content-Type says {}, but the bytes are not", type));
  }
  if (type.starts_with("text/") && head.contains('\0')) {
    return std::unexpected(fmt::format("Content-Type says {}, but the bytes are no text", type));
  }
  return type;
}

bool is_shown_in_place(std::string_view type) noexcept {
  return (type.starts_with("image/") && type != "image/svg+xml") || type.starts_with("audio/") ||
         type.starts_with("video/") || type == "application/pdf";
}

}  // namespace carillon::model
