// The simulator's control API, plain HTTP/1.1 with JSON.
//
//   GET    /                         the same document as sim.json
//   GET    /counts                   {"apns":{"accepted","unanswered","refused":{"BadDeviceToken":1}},…}
//   GET    /log?vendor=&since=&limit=  {"data":[{"time_ms","vendor","recipient","delivery","collapse",
//                                    "message_id","answered"}],"next"}; `next` is the following `since`
//   DELETE /log                      empties log, counters and kept messages
//   GET    /messages/last?vendor=&limit=  the latest messages with "content", newest first (default 1)
//   GET    /faults  PUT /faults  DELETE /faults   see sim/faults.h
//   POST   /webpush/subscribe {"applicationServerKey"}  makes a browser's subscription: {"endpoint","keys"}
//   DELETE /webpush/subscriptions/{id}  the browser takes it back; the id ends its endpoint
//   POST   /clock {"advance":"65m"}  moves the vendors' clock forward
//   PUT    /webhooks {"twilio":"https://…"}  where vendors report whose webhook is set in their console
//   POST   /inbound {"vendor","from","text"}  somebody writes to the account's number; told to that webhook
#pragma once

#include <functional>
#include <string>

#include "net/http.h"
#include "sim/context.h"

namespace carillon::sim {

// Thread-safe. `context` must outlive it.
class Control {
 public:
  // Somebody writes to a vendor's number (H1Vendor::receive).
  using Receive = std::function<bool(Vendor vendor, std::string_view from, std::string_view text)>;

  // `describe` gives the document for GET /.
  Control(Context& context, std::function<std::string()> describe, Receive receive)
      : context_(context), describe_(std::move(describe)), receive_(std::move(receive)) {}

  [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request);

 private:
  [[nodiscard]] net::HttpResponse log(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse last(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse webhooks(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse inbound(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse subscribe(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse clock(const net::HttpRequest& request);
  [[nodiscard]] std::string counts() const;

  Context& context_;
  const std::function<std::string()> describe_;
  const Receive receive_;
};

}  // namespace carillon::sim
