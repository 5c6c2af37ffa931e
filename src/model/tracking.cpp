#include "model/tracking.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "model/public_link.h"

namespace carillon::model {
namespace {

constexpr std::size_t kUrlMax = 2048;  // bytes; longer ones are left alone

char lower(char c) noexcept { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool starts_with_no_case(std::string_view text, std::string_view what) noexcept {
  return text.size() >= what.size() &&
         std::ranges::equal(text.substr(0, what.size()), what, {}, [](char c) { return lower(c); });
}

bool is_web_link(std::string_view url) noexcept {
  return starts_with_no_case(url, "https://") || starts_with_no_case(url, "http://");
}

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

// Only what our own escaping and people write in a URL; others stay, and the link then is what it was.
std::string unescape(std::string_view html) {
  constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&amp;", '&'}, {"&#38;", '&'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&#x27;", '\''}, {"&#61;", '='}};
  std::string out;
  for (std::size_t i = 0; i < html.size();) {
    const auto* const found = std::ranges::find_if(
        kEntities, [&](const auto& entity) { return html.substr(i).starts_with(entity.first); });
    if (found == std::end(kEntities)) {
      out.push_back(html[i++]);
    } else {
      out.push_back(found->second);
      i += found->first.size();
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      out.append({'%', kDigits[byte >> 4U], kDigits[byte & 15U]});
    }
  }
  return out;
}

// An attribute's value inside a tag: where it begins and ends in `html`.
struct Span {
  std::size_t begin = 0, end = 0;
  bool is_bare = false;  // without quotes
};
std::optional<Span> attribute(std::string_view html, std::size_t tag, std::size_t tag_end,
                              std::string_view name) {
  for (std::size_t i = tag; i + name.size() < tag_end; ++i) {
    if (!is_space(html[i]) && html[i] != '"' && html[i] != '\'') continue;
    if (!starts_with_no_case(html.substr(i + 1), name)) continue;
    std::size_t at = i + 1 + name.size();
    while (at < tag_end && is_space(html[at])) ++at;
    if (at >= tag_end || html[at] != '=') continue;
    ++at;
    while (at < tag_end && is_space(html[at])) ++at;
    if (at >= tag_end) continue;
    if (html[at] != '"' && html[at] != '\'') {  // as HTML allows, to the next space
      std::size_t end = at;
      while (end < tag_end && !is_space(html[end])) ++end;
      return Span{at, end, true};
    }
    const std::size_t end = html.find(html[at], at + 1);
    if (end == std::string_view::npos || end > tag_end) continue;
    return Span{at + 1, end};
  }
  return std::nullopt;
}

// The '>' that ends the tag; quotes may hold others.
std::size_t end_of_tag(std::string_view html, std::size_t from) {
  char quote = 0;
  for (std::size_t i = from; i < html.size(); ++i) {
    if (quote != 0) {
      if (html[i] == quote) quote = 0;
    } else if (html[i] == '"' || html[i] == '\'') {
      quote = html[i];
    } else if (html[i] == '>') {
      return i;
    }
  }
  return std::string_view::npos;
}

bool may_track(std::string_view url, std::string_view in_hidden, const Tracking& t) {
  const bool is_ours =
      url.starts_with(t.public_url) && (url.size() == t.public_url.size() || url[t.public_url.size()] == '/');
  return is_web_link(url) && url.size() <= kUrlMax && !is_ours &&
         (t.hidden == nullptr || in_hidden.find(url) != std::string_view::npos);
}

std::string track_html(std::string_view html, const Tracking& t) {
  const std::string_view hidden = t.hidden == nullptr ? std::string_view() : std::string_view(t.hidden->html);
  const std::string hidden_text = unescape(hidden);
  std::string out;
  out.reserve(html.size() + html.size() / 4);
  std::size_t done = 0;
  for (std::size_t tag = html.find('<'); tag != std::string_view::npos; tag = html.find('<', tag + 1)) {
    const bool is_anchor = tag + 2 < html.size() && lower(html[tag + 1]) == 'a' && is_space(html[tag + 2]);
    if (!is_anchor) continue;
    const std::size_t end = end_of_tag(html, tag);
    if (end == std::string_view::npos) break;
    const auto href = attribute(html, tag, end, "href");
    const auto off = attribute(html, tag, end, "data-track");
    if (!href || (off && html.substr(off->begin, off->end - off->begin) == "off")) continue;
    const std::string url = unescape(html.substr(href->begin, href->end - href->begin));
    if (!may_track(url, hidden_text, t)) continue;
    const std::string_view quote = href->is_bare ? "\"" : "";
    out.append(html.substr(done, href->begin - done)).append(quote).append(t.public_url).append("/t/c/");
    out.append(click_token(t.delivery, url, *t.key)).append("?u=").append(percent_encode(url)).append(quote);
    done = href->end;
  }
  out.append(html.substr(done));
  return out;
}

void add_pixel(std::string& html, const Tracking& t) {
  const std::string pixel = "<img src=\"" + std::string(t.public_url) + "/t/o/" +
                            open_token(t.delivery, *t.key) +
                            R"(" width="1" height="1" alt="" style="display:none">)";
  constexpr std::string_view kEnd = "</body>";
  for (std::size_t at = html.rfind('<'); at != std::string::npos && at > 0; at = html.rfind('<', at - 1)) {
    if (!starts_with_no_case(std::string_view(html).substr(at), kEnd)) continue;
    html.insert(at, pixel);
    return;
  }
  html += pixel;
}

std::string track_text(std::string_view text, const Tracking& t) {
  std::string out;
  std::size_t done = 0;
  const std::string_view hidden = t.hidden == nullptr ? std::string_view() : std::string_view(t.hidden->body);
  for (const std::string_view url : links_in_text(text)) {
    if (!may_track(url, hidden, t)) continue;
    const auto begin = static_cast<std::size_t>(url.data() - text.data());
    out.append(text.substr(done, begin - done)).append(t.public_url).append("/t/c/");
    out.append(short_click_token({t.delivery, hash_of_url(url, *t.key)}, *t.key));
    done = begin + url.size();
  }
  out.append(text.substr(done));
  return out;
}

}  // namespace

std::vector<std::string_view> links_in_text(std::string_view text) {
  std::vector<std::string_view> links;
  for (std::size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    std::size_t begin = at;
    while (begin > 0 && std::isalpha(static_cast<unsigned char>(text[begin - 1])) != 0) --begin;
    std::size_t end = at + 3;
    while (end < text.size() && !is_space(text[end]) && text[end] != '"' && text[end] != '<' &&
           text[end] != '>') {
      ++end;
    }
    while (end > at + 3 && std::string_view(".,;:!?)]}'").contains(text[end - 1])) --end;
    const std::string_view url = text.substr(begin, end - begin);
    if (is_web_link(url) && end > at + 3) links.push_back(url);
    at = end > at + 3 ? end - 3 : at;
  }
  return links;
}

void track(Message& message, Channel channel, const Tracking& tracking) {
  if (channel == Channel::Sms && tracking.clicks) message.body = track_text(message.body, tracking);
  if (channel != Channel::Email || message.html.empty()) return;
  if (tracking.clicks) message.html = track_html(message.html, tracking);
  if (tracking.opens) add_pixel(message.html, tracking);
}

void offer_unsubscription(Message& message, std::string_view public_url, std::string_view token) {
  const bool has_own = std::ranges::any_of(message.headers, [](const auto& header) {
    return header.first.size() == 16 && starts_with_no_case(header.first, "list-unsubscribe");
  });
  if (has_own) return;
  message.headers.emplace_back("List-Unsubscribe",
                               "<" + std::string(public_url) + "/u/" + std::string(token) + ">");
  message.headers.emplace_back("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
}

}  // namespace carillon::model
