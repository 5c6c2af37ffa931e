// What a delivery says: its template in the right version and frame, and whom it speaks to.
#pragma once

#include <memory>

#include "model/template.h"
#include "pipeline/pipeline.h"
#include "pipeline/replay_changes.h"

namespace carillon::pipeline {

// The version of the template's layout that was in use at that moment; null when the template names none,
// or one that never was in use.
Task<Result<std::shared_ptr<const model::Layout>>> layout_of(Directory& directory,
                                                             std::shared_ptr<const Snapshot> snapshot,
                                                             std::int32_t project, std::string layout_key,
                                                             Time at);

// Whom a delivery speaks to and with which parameters. Everything it points into has to outlive it;
// `request`: as it was received, or without what is sensitive; `profile` may be null (a raw address), `view`
// too (the project is gone).
[[nodiscard]] model::CompiledTemplate::Input render_input(const model::SendRequest& request,
                                                          const model::Delivery& delivery,
                                                          const model::Profile* profile,
                                                          const ProjectView* view,
                                                          const ReplayChanges& changes);

// Adds a person: languages, zone, attributes. `device` may be null.
void speak_to(model::CompiledTemplate::Input& input, const model::Profile& profile,
              const model::Device* device);
// Adds what the project is set to, behind the person.
void speak_for(model::CompiledTemplate::Input& input, const ProjectView& view);

}  // namespace carillon::pipeline
