// A project's own key pair for web push (VAPID): browsers subscribe with its public half, so it is made once
// and kept with the project.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/task.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kKindPushKey = "push_key";  // one per project: "project"

struct PushKey {
  std::string public_key;    // 65 bytes in base64url, as browsers take it
  base::Secret private_key;  // 32 bytes; empty: it was sealed with another secrets.key
};

// The pair of that project, made when there is none. Errors: those of the store · Corruption (the record).
Task<Result<PushKey>> obtain_push_key(store::Store& store, const base::Sealer& sealer, std::int32_t project,
                                      Time now);

}  // namespace carillon::pipeline
