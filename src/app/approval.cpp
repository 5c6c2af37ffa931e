// carillon approval: sends that wait for somebody's word.
#include "app/client.h"

namespace carillon::app {
namespace {

struct ApprovalOptions {
  std::string id, reason;
};

std::string reason_body(const ApprovalOptions& o) {
  base::JsonWriter body;
  body.object();
  field_if_given(body, "reason", o.reason);
  body.end_object();
  return body.str();
}

}  // namespace

void add_approval(CLI::App& root, Shell& shell) {
  auto& approval = add_noun(root, "approval", "Sends that wait for somebody's word before they go out");
  add_list(approval, shell, Paged::Yes, "List what waits", "carillon approval list", "/v1/approvals",
           {{"APPROVAL", "id"},
            {"NOTIFICATION", "notification_id"},
            {"STATUS", "status"},
            {"AUDIENCE", "audience"},
            {"SUBMITTED BY", "submitted_by"},
            {"EXPIRES", "expires_at"}},
           "Nothing waits for an approval.",
           {{"status", "open (default), approved, rejected, expired, void, all"},
            {"notification_id", "Of this notification"}});
  auto o = std::make_shared<ApprovalOptions>();
  auto& show = add_verb(approval, shell, "show", "One approval", "carillon approval show apr_9f2c",
                        [o](Client& client) {
                          return client.show("GET", path_of("/v1/approvals/", o->id), {}, render_object);
                        });
  show.add_option("ID", o->id, "The approval")->required();
  auto& approve = add_verb(approval, shell, "approve", "Let it go out", "carillon approval approve apr_9f2c",
                           [o](Client& client) {
                             return client.show("POST", path_of("/v1/approvals/", o->id, "/approve"),
                                                reason_body(*o), render_object);
                           });
  approve.add_option("ID", o->id, "The approval")->required();
  approve.add_option("--reason", o->reason, "Why, for those who look later");
  auto& reject =
      add_verb(approval, shell, "reject", "Refuse it",
               "carillon approval reject apr_9f2c --reason 'the price is wrong'", [o](Client& client) {
                 return client.show("POST", path_of("/v1/approvals/", o->id, "/reject"), reason_body(*o),
                                    render_object);
               });
  reject.add_option("ID", o->id, "The approval")->required();
  reject.add_option("--reason", o->reason, "Why, for whoever submitted it")->required();
}

}  // namespace carillon::app
