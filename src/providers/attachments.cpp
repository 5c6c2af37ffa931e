#include "providers/attachments.h"

#include <algorithm>
#include <utility>

#include "base/crypto.h"
#include "base/error.h"

namespace carillon::providers {
namespace {

constexpr std::size_t kMarkSize = 24;         // a multiple of 3: base64 without padding
constexpr std::uint64_t kSmall = 256 * 1024;  // bytes

// Where each mark stands, in order. Asserts that all are there.
std::vector<std::pair<std::size_t, std::size_t>> places_of(std::string_view text,
                                                           const std::vector<std::string>& marks) {
  std::vector<std::pair<std::size_t, std::size_t>> places;  // position, index
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const std::size_t at = text.find(marks[i]);
    CARILLON_ASSERT(at != std::string_view::npos);
    places.emplace_back(at, i);
  }
  std::ranges::sort(places);
  return places;
}

}  // namespace

ContentMarks::ContentMarks(const model::MailAttachments* attachments) : attachments_(attachments) {
  if (attachments_ == nullptr) return;
  for (std::size_t i = 0; i < attachments_->size(); ++i) marks_.push_back(base::random_text(kMarkSize));
}

net::Body ContentMarks::fill_json(std::string_view json) const {
  net::Body body;
  std::size_t done = 0;
  for (const auto& [at, index] : places_of(json, marks_)) {
    body.add(std::string(json.substr(done, at - done)));
    net::Body content;
    content.add((*attachments_)[index].content);
    body.add_base64(std::move(content), net::Body::Lines::One);
    done = at + kMarkSize;
  }
  body.add(std::string(json.substr(done)));
  return body;
}

ContentMarks::Filled ContentMarks::fill_mail(std::string_view mail) const {
  std::vector<std::string> encoded;
  for (const std::string& mark : marks_) encoded.push_back(base::base64(mark));
  const auto places = places_of(mail, encoded);
  Filled filled;
  if (places.empty()) {
    filled.begin = mail;
    return filled;
  }
  filled.begin = mail.substr(0, places.front().first);
  for (std::size_t p = 0; p < places.size(); ++p) {
    net::Body content;
    content.add((*attachments_)[places[p].second].content);
    filled.rest.add_base64(std::move(content), net::Body::Lines::Wrapped);
    std::size_t from = places[p].first + encoded.front().size();
    if (mail.substr(from).starts_with("\r\n")) from += 2;  // what was put there has a line end of its own
    const std::size_t to = p + 1 < places.size() ? places[p + 1].first : mail.size();
    filled.rest.add(std::string(mail.substr(from, to - from)));
  }
  return filled;
}

void carry(net::HttpCall& call, net::Body body) {
  if (body.size() <= kSmall) {
    if (auto text = body.text()) {
      call.request.body = std::move(*text);
      return;
    }
  }
  call.content = std::make_shared<const net::Body>(std::move(body));
}

net::Body fill_one(std::string_view text, std::string_view mark, const net::Body& piece) {
  const std::size_t at = text.find(mark);
  CARILLON_ASSERT(at != std::string_view::npos);
  net::Body body(std::string(text.substr(0, at)));
  body.add(piece);
  body.add(std::string(text.substr(at + mark.size())));
  return body;
}

}  // namespace carillon::providers
