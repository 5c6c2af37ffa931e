// SMTP submission, the pure part: the mail of a job and what a reply means. For smtp.cpp and its tests.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "providers/mime.h"
#include "providers/provider.h"

namespace carillon::providers::smtp_detail {

struct Options {
  std::string username;
  base::Secret password;
  std::string from_email, from_name, hello;
  bool starttls = true;
  std::string dkim_domain, dkim_selector;
  base::Secret dkim_private_key;
};
void describe_options(base::SettingsGroup& group, Options& options);

// Subject and detail of an enhanced status code (RFC 3463), and what class 5 of it means. An entry ending
// in ".*" stands for its whole subject and comes after the details. Class 4 is always Temporary.
struct StatusRow {
  std::string_view code;  // "1.1"
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const StatusRow> status_rows() noexcept;

// `handle` becomes the provider's id unless the reply names a queue id. `asked_sender`: the caller chose the
// sender, not the account: that one being refused stops nobody else.
model::Outcome classify(const net::SmtpReply& reply, const std::string& handle, bool asked_sender = false);
// Everything but the envelope. `domain`: of the Message-ID.
Mail mail_of(const Job& job, const Options& options, const std::string& domain);

}  // namespace carillon::providers::smtp_detail
