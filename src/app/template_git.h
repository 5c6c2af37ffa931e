// carillon template pull, carillon template push: templates and layouts in a folder that git keeps.
#pragma once

#include "app/client.h"

namespace carillon::app {

// Adds both to the noun `template`.
void add_template_git(CLI::App& noun, Shell& shell);

}  // namespace carillon::app
