// Requests with attachments: written as text with a mark where each content belongs, which is put there only
// as the request leaves, in base64.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/content.h"
#include "net/body.h"
#include "net/http_client.h"

namespace carillon::providers {

// The marks of one request, each of which stands in no other text. Cheap without attachments.
class ContentMarks {
 public:
  // `attachments` may be null; it outlives this.
  explicit ContentMarks(const model::MailAttachments* attachments);

  [[nodiscard]] bool is_empty() const noexcept { return marks_.empty(); }
  // Of the attachment of that index: 24 ASCII letters and digits.
  [[nodiscard]] const std::string& mark(std::size_t index) const { return marks_[index]; }

  // `json` with the contents in the place of their marks.
  [[nodiscard]] net::Body fill_json(std::string_view json) const;
  // A mail whose parts have the marks for content, which their encoding has made base64: the text before the
  // first of them, and the rest.
  struct Filled {
    std::string begin;
    net::Body rest;
  };
  [[nodiscard]] Filled fill_mail(std::string_view mail) const;

 private:
  const model::MailAttachments* attachments_;
  std::vector<std::string> marks_;
};

// Gives a call its body: what is small as text, which leaves together with the head.
void carry(net::HttpCall& call, net::Body body);

// `text` with `piece` in the place of `mark`, which it holds once.
[[nodiscard]] net::Body fill_one(std::string_view text, std::string_view mark, const net::Body& piece);

}  // namespace carillon::providers
