// Which `from` a send may have, and who carries it. Pure.
#pragma once

#include <optional>
#include <vector>

#include "pipeline/directory.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// Refuses a `from` that no sender of the project covers: 422 unknown_sender, sender_not_allowed.
[[nodiscard]] std::optional<Refusal> refuse_from(const ProjectView& view, const model::SendRequest& request);

// What stands as `from` on that channel: the request's own words, else those of the sender it names.
void apply_from(model::Message& message, model::Channel channel, const ProjectView* view,
                const model::SendRequest& request);

// Leaves the accounts that may carry the request's `from` on that channel.
void keep_carriers(std::vector<Account*>& accounts, model::Channel channel, const ProjectView& view,
                   const model::SendRequest& request);

}  // namespace carillon::pipeline
