#include "api/failure.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/log.h"

namespace carillon::api {
namespace {

constexpr ProblemCode kProblems[] = {
#define PROBLEM(code, status, title, advice, korean) {#code, status, title, advice, korean},
#include "model/problem_codes.def"
#undef PROBLEM
};

struct ErrorRow {
  Errc code;
  int status;
  std::string_view problem;
};
constexpr ErrorRow kErrors[] = {
    {Errc::InvalidArgument, 422, "invalid_value"},
    {Errc::NotFound, 404, "not_found"},
    {Errc::AlreadyExists, 409, "already_exists"},
    {Errc::Conflict, 409, "conflict"},
    {Errc::FailedPrecondition, 409, "failed_precondition"},
    {Errc::Unauthenticated, 401, "unauthenticated"},
    {Errc::PermissionDenied, 403, "forbidden"},
    {Errc::ResourceExhausted, 422, "limit_reached"},
    {Errc::Unavailable, 503, "store_unavailable"},
    {Errc::DeadlineExceeded, 503, "outcome_unknown"},
    {Errc::Cancelled, 503, "stopping"},
    {Errc::Corruption, 500, "internal_error"},
    {Errc::Internal, 500, "internal_error"},
};

constexpr Millis kRetryAfter{2000};

bool is_unreadable(std::string_view code) {
  return code == "not_json" || code == "wrong_type" || code == "unknown_field";
}

int status_of(const base::Problems& problems) {
  return std::ranges::any_of(problems, [](const base::Problem& p) { return is_unreadable(p.code); }) ? 400
                                                                                                     : 422;
}

}  // namespace

Failure::Failure(const Error& error) {
  for (const ErrorRow& row : kErrors) {
    if (row.code != error.code) continue;
    status = row.status;
    code = row.problem;
  }
  if (status == 500) {
    base::log_error("{}:{}: {}", error.where.file_name(), error.where.line(), error.message);
    detail = "something went wrong inside; the log of this server has the reason under the request id";
    return;
  }
  detail = error.message;
  if (status == 503) retry_after = kRetryAfter;
}

Failure::Failure(pipeline::Refusal refusal)
    : status(refusal.status),
      code(std::move(refusal.code)),
      detail(std::move(refusal.detail)),
      errors(std::move(refusal.problems)),
      retry_after(refusal.retry_after) {}

Failure::Failure(base::Problems problems) : status(status_of(problems)) {
  CARILLON_ASSERT(!problems.empty());
  // The answer's own code is that of the worst complaint.
  const auto worst =
      std::ranges::find_if(problems, [](const base::Problem& p) { return is_unreadable(p.code); });
  const base::Problem& first = worst == problems.end() ? problems.front() : *worst;
  code = first.code;
  detail = first.pointer.empty() ? first.detail : first.pointer + ": " + first.detail;
  errors = std::move(problems);
}

std::unexpected<Failure> failed_at(std::string pointer, std::string code, std::string detail) {
  base::Problems problems;
  problems.push_back({std::move(pointer), std::move(code), std::move(detail)});
  return std::unexpected(Failure(std::move(problems)));
}

const ProblemCode* find_problem(std::string_view code) noexcept {
  const auto* const it = std::ranges::find(kProblems, code, &ProblemCode::code);
  return it == std::end(kProblems) ? nullptr : it;
}

namespace {

std::string_view title_of(std::string_view code, ProblemLanguage language) {
  const bool is_korean = language == ProblemLanguage::Korean;
  const ProblemCode* const known = find_problem(code);
  if (known == nullptr) return is_korean ? "오류" : "Error";
  return is_korean ? known->korean : known->title;
}

}  // namespace

void write_problem(base::JsonWriter& out, const Failure& failure, std::string_view request_id,
                   ProblemLanguage language) {
  out.object().field("type", "/docs/errors#" + failure.code);
  out.field("title", title_of(failure.code, language));
  out.field("status", failure.status).field("detail", failure.detail).field("code", failure.code);
  if (!failure.errors.empty()) {
    out.key("errors").array();
    for (const base::Problem& p : failure.errors) {
      out.object().field("pointer", p.pointer).field("code", p.code);
      if (language != ProblemLanguage::English) out.field("title", title_of(p.code, language));
      out.field("detail", p.detail).end_object();
    }
    out.end_array();
  }
  if (!request_id.empty()) out.field("request_id", request_id);
  out.end_object();
}

net::HttpResponse to_response(const Failure& failure, std::string_view request_id, ProblemLanguage language) {
  base::JsonWriter out(512);
  write_problem(out, failure, request_id, language);
  net::HttpResponse response;
  response.status = failure.status;
  response.headers = failure.headers;
  response.headers.emplace_back("Content-Type", "application/problem+json");
  if (language == ProblemLanguage::Korean) response.headers.emplace_back("Content-Language", "ko");
  if (failure.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*failure.retry_after).count();
    response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
  }
  response.body = out.str();
  return response;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string problems_markdown() {
  std::string out =
      "# Errors\n\nEvery error is a problem document (RFC 9457) with one of these codes. With "
      "`Accept-Language: ko` "
      "its title is in Korean, and each entry of `errors` has one too; details stay English.\n\n"
      "| code | status | meaning | what to do |\n|---|---|---|---|\n";
  for (const ProblemCode& p : kProblems) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", p.code, p.status, p.title, p.advice);
  }
  return out;
}

std::string problems_html() {
  std::string out = "<table><tr><th>code</th><th>status</th><th>meaning</th><th>what to do</th></tr>\n";
  for (const ProblemCode& p : kProblems) {
    out += fmt::format("<tr id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td><td>{3}</td></tr>\n",
                       escape_html(p.code), p.status, escape_html(p.title), escape_html(p.advice));
  }
  return out + "</table>\n";
}

}  // namespace carillon::api
