// Making refusals: the one way to say why a send is not accepted.
#pragma once

#include <string>

#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// With a pointer it also names the member that is wrong.
[[nodiscard]] Refusal make_refusal(int status, std::string code, std::string detail,
                                   std::string pointer = {});
// The first of the problems, of which there is one at least, gives code and detail.
[[nodiscard]] Refusal make_refusal(int status, base::Problems problems);
// Its detail and every problem, for people: at most 2,000 bytes.
[[nodiscard]] std::string words_of(const Refusal& refusal);
// 503: the store could not do what was asked; nothing is wrong with that.
[[nodiscard]] Refusal unavailable(const Error& error);

}  // namespace carillon::pipeline
