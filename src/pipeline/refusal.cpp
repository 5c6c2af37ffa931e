#include "pipeline/refusal.h"

#include <utility>

namespace carillon::pipeline {
namespace {

constexpr std::size_t kWordsMax = 2000;  // bytes

}  // namespace

Refusal make_refusal(int status, std::string code, std::string detail, std::string pointer) {
  Refusal r;
  r.status = status;
  if (!pointer.empty()) r.problems.push_back({std::move(pointer), code, detail});
  r.code = std::move(code);
  r.detail = std::move(detail);
  return r;
}

Refusal make_refusal(int status, base::Problems problems) {
  Refusal r = make_refusal(status, problems.front().code, problems.front().detail);
  r.problems = std::move(problems);
  return r;
}

std::string words_of(const Refusal& refusal) {
  std::string words = refusal.detail;
  for (std::size_t i = 1; i < refusal.problems.size() && words.size() < kWordsMax; ++i) {
    words += fmt::format("; {}: {}", refusal.problems[i].pointer, refusal.problems[i].detail);
  }
  if (words.size() <= kWordsMax) return words;
  words.resize(kWordsMax);
  return base::to_valid_utf8(words);
}

Refusal unavailable(const Error& error) {
  Refusal r = make_refusal(503, "store_unavailable",
                           fmt::format("the notification was not stored: {}; send it again", error.message));
  r.retry_after = Millis(2000);
  return r;
}

}  // namespace carillon::pipeline
