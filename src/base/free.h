// The deleter of a C library's objects: std::unique_ptr<EVP_PKEY, base::Free<EVP_PKEY_free>>.
#pragma once

namespace carillon::base {

template <auto Function>
struct Free {
  void operator()(auto* p) const noexcept { Function(p); }
};

}  // namespace carillon::base
