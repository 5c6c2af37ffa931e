// Suppressions as rows.
#pragma once

#include "store/detail/db.h"
#include "store/store_types.h"

namespace carillon::store::detail {

#define CARILLON_SUPPRESSION_COLUMNS "id, project, channel, hash, hint, reason, at"

inline Suppression read_suppression(const Statement& s) {
  return Suppression{.id = s.integer(0),
                     .project = s.as<std::int32_t>(1),
                     .channel = s.as<model::Channel>(2),
                     .hash = s.hash(3),
                     .hint = s.string(4),
                     .reason = s.string(5),
                     .at = s.time(6)};
}

inline Statement& bind_suppression(Statement& s, std::int32_t project, model::Channel channel,
                                   const base::Hash128& hash) {
  return s.bind(1, std::int64_t{project}).bind(2, static_cast<std::int64_t>(channel)).bind(3, hash);
}

}  // namespace carillon::store::detail
