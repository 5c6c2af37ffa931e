#include "providers/catalog.h"

#include <algorithm>
#include <array>

namespace carillon::providers {

// Here and not in the header: a new line there would compile everything anew that asks for the catalogue.
#define PROVIDER(name) extern const ProviderType name;
#include "providers/catalog.def"
#undef PROVIDER

namespace {

constexpr std::array kCatalog = {
#define PROVIDER(name) &name,
#include "providers/catalog.def"
#undef PROVIDER
};

}  // namespace

std::span<const ProviderType* const> catalog() noexcept { return kCatalog; }

const ProviderType* find_provider(std::string_view name) noexcept {
  const auto found = std::ranges::find(kCatalog, name, &ProviderType::name);
  return found == kCatalog.end() ? nullptr : *found;
}

const ProviderType& sandbox_type() noexcept { return sandbox; }

}  // namespace carillon::providers
