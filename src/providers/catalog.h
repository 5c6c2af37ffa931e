// All provider types there are: the explicit list of catalog.def.
#pragma once

#include <span>
#include <string_view>

#include "providers/provider.h"

namespace carillon::providers {

// In the order of catalog.def.
std::span<const ProviderType* const> catalog() noexcept;
// nullptr when there is none of that name.
const ProviderType* find_provider(std::string_view name) noexcept;
// The type that ends everything inside this server.
const ProviderType& sandbox_type() noexcept;

}  // namespace carillon::providers
