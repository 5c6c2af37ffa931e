// A vendor that speaks HTTP/1.1: one file and one line in vendors.def.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "net/http.h"
#include "sim/callbacks.h"
#include "sim/context.h"
#include "sim/h1_server.h"
#include "sim/vendor.h"

namespace carillon::sim {

// What a vendor is made with. Owned by Sim; outlives the vendors.
struct Stage {
  Context& context;
  Callbacks& callbacks;
};

class H1Vendor {
 public:
  virtual ~H1Vendor() = default;
  // Called on several threads at a time, for requests that no fault has ended: of the draw's faults only
  // None, ResetAfter and NoAnswer come here. With the last two a message is taken and logged as unanswered;
  // what becomes of the connection is done by the caller.
  [[nodiscard]] virtual H1Answer handle(const net::HttpRequest& request, const Draw& draw) = 0;
  // How this vendor says that it will not: 429 with or without the draw's Retry-After (which the caller
  // adds), draw.status_5xx, or 401 for a credential. Also counts it in the log, by the vendor's own reason.
  enum class Trouble : std::uint8_t { Throttled, ServerError, Unauthorized };
  [[nodiscard]] virtual net::HttpResponse refuse(Trouble trouble, const Draw& draw) = 0;
  // The same for a vendor whose APIs say it differently.
  [[nodiscard]] virtual net::HttpResponse refuse_request(const net::HttpRequest& request, Trouble trouble,
                                                         const Draw& draw);
  // Somebody wrote `text` to the account's number: told to the webhook that the control API set. False: there
  // is no webhook, or the vendor takes no messages. `from`: E.164.
  [[nodiscard]] virtual bool receive(std::string_view from, std::string_view text);
  // Its account: fields of its object in sim.json, besides `endpoint`.
  virtual void describe(base::JsonWriter& out) const = 0;
};

// What a vendor's address answers: faults first, then the vendor.
[[nodiscard]] H1Answer answer(H1Vendor& vendor, Vendor which, Context& context,
                              const net::HttpRequest& request);

struct H1VendorType {
  Vendor vendor;
  std::uint16_t default_port;
  std::unique_ptr<H1Vendor> (*make)(Stage& stage);
};

#define VENDOR(enumerator, name)
#define H1_VENDOR(enumerator, name, port) std::unique_ptr<H1Vendor> make_##name(Stage& stage);
#include "sim/vendors.def"
#undef H1_VENDOR

#define H1_VENDOR(enumerator, name, port) H1VendorType{Vendor::enumerator, port, make_##name},
inline constexpr std::array kH1Vendors = {
#include "sim/vendors.def"
};
#undef H1_VENDOR
#undef VENDOR

// The field of that name in a form or a query; empty when there is none.
[[nodiscard]] std::string_view field(const Form& form, std::string_view key) noexcept;
// User and password of `Authorization: Basic`; nullopt: none or malformed.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> basic_credentials(
    const net::HttpRequest& request);
// Characters of UTF-8.
[[nodiscard]] std::size_t characters(std::string_view utf8) noexcept;
[[nodiscard]] net::HttpResponse json_response(int status, std::string body);

}  // namespace carillon::sim
