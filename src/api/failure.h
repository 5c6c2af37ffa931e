// What a handler answers: a reply, or a failure that becomes a problem document (RFC 9457).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "net/http.h"
#include "pipeline/pipeline.h"

namespace carillon::api {

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  net::Headers headers{};
  std::shared_ptr<net::HttpStream> stream{};  // in the place of `body`
};

// Made from an Error of a lower level, from a refusal of the pipeline, from what a reader complained
// about, or by hand.
struct Failure {
  Failure(int s, std::string c, std::string d) : status(s), code(std::move(c)), detail(std::move(d)) {}
  // Our own bugs and damaged data are told to the log, not to the caller.
  Failure(const Error& error);         // NOLINT(google-explicit-constructor): CARILLON_CO_TRY
  Failure(pipeline::Refusal refusal);  // NOLINT(google-explicit-constructor)
  // 400 when one of them says that the body cannot be read, else 422. `problems` is not empty.
  Failure(base::Problems problems);  // NOLINT(google-explicit-constructor)

  int status = 500;
  std::string code;    // of problem_codes.def
  std::string detail;  // one sentence, ends without a full stop; no secret, no address
  base::Problems errors;
  std::optional<Millis> retry_after;
  net::Headers headers;
};

using Answer = std::expected<Reply, Failure>;

[[nodiscard]] inline std::unexpected<Failure> failed(int status, std::string code, std::string detail) {
  return std::unexpected(Failure(status, std::move(code), std::move(detail)));
}
// One problem at one place of the body; the status as for a list of problems.
[[nodiscard]] std::unexpected<Failure> failed_at(std::string pointer, std::string code, std::string detail);

// One line of the error registry.
struct ProblemCode {
  std::string_view code;
  int status = 0;
  std::string_view title, advice;
  std::string_view korean;  // the title
};
// nullptr when it is not registered.
const ProblemCode* find_problem(std::string_view code) noexcept;

// What titles are written in. Details are English: they say what was found, in the words of the API.
enum class ProblemLanguage : std::uint8_t { English, Korean };

// {"type","title","status","detail","code","errors","request_id"}; `request_id` may be empty. In Korean each
// of `errors` has its own title too.
void write_problem(base::JsonWriter& out, const Failure& failure, std::string_view request_id,
                   ProblemLanguage language = ProblemLanguage::English);
[[nodiscard]] net::HttpResponse to_response(const Failure& failure, std::string_view request_id,
                                            ProblemLanguage language = ProblemLanguage::English);

// The registry as rows of Markdown and of HTML.
[[nodiscard]] std::string problems_markdown();
[[nodiscard]] std::string problems_html();
// `text` with & < > " ' as entities.
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace carillon::api
