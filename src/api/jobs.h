// How jobs are shown, wherever one is answered.
#pragma once

#include <vector>

#include "api/call.h"

namespace carillon::api {

inline constexpr std::size_t kJobErrorsShown = 100;  // with the job itself; all are under its errors_url

// 202 with the job, and where it is found.
[[nodiscard]] Reply job_reply(const store::StoredJob& job, const std::vector<store::JobError>& errors,
                              int status = 202);

}  // namespace carillon::api
