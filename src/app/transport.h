// How a command reaches the API: over HTTP, through a running server's control socket, or by opening
// the stopped store itself. Whichever it is, a command is an API call and adds nothing of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/node.h"
#include "app/options.h"
#include "net/http.h"

namespace carillon::app {

// One command's connection. One thread.
class Transport {
 public:
  enum class Way : std::uint8_t {
    Unknown,  // nothing was asked yet
    Remote,   // CARILLON_URL with CARILLON_TOKEN, unless --data was given
    Socket,   // the running server of the data folder
    Store     // the data folder, opened by this process
  };

  explicit Transport(CommandLine line);
  ~Transport();

  // One request and its answer, whatever its status. The first call decides the way. A stopped store is
  // opened once and kept until this object goes; one that does not exist is made by PUT and POST only,
  // never by sending or replaying. Blocks.
  // Errors: InvalidArgument (settings, CARILLON_URL without token) · NotFound (no data folder, its path
  // in the message) · Unavailable (no answer) · those of Node::open and control_call.
  Result<net::HttpResponse> call(std::string method, std::string target, std::string body = {},
                                 std::string type = "application/json");

  [[nodiscard]] Way way() const noexcept { return way_; }
  // Whether calls go to CARILLON_URL; known before the first one.
  [[nodiscard]] bool is_remote() const;
  // The opened store; null unless way() is Store.
  [[nodiscard]] Node* node() noexcept { return node_.get(); }
  // Settings as far as they matter here. Errors: InvalidArgument.
  Result<const AppOptions*> options();

 private:
  Result<net::HttpResponse> call_remote(net::HttpRequest request);
  Result<net::HttpResponse> call_local(net::HttpRequest request);
  Result<void> open_store(const net::HttpRequest& request);

  const CommandLine line_;
  std::optional<AppOptions> options_;
  std::unique_ptr<Node> node_;
  Way way_ = Way::Unknown;
};

// Whether a request may bring a store into being: it sets something up, so nothing is lost by it.
bool makes_store(std::string_view method, std::string_view target) noexcept;
// The URL of a call on a server: "https://host/base/" + "/v1/apps" → "https://host/base/v1/apps".
std::string join_url(std::string_view base, std::string_view target);

}  // namespace carillon::app
