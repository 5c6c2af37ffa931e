// Shapes of what is looked at while it runs: sums, latencies, approvals, integrations and their health.
#include "api/schemas.h"

namespace carillon::api {
namespace {

#define CARILLON_HEALTH_FIELDS                                                                         \
  R"("breaker":{"enum":["closed","half_open","open"]},"since":{"type":["string","null"]},)"            \
  R"("retry_at":{"type":["string","null"],"description":"while it is not closed"},)"                   \
  R"("calls":{"type":"integer"},"errors":{"type":"integer"},"error_rate":{"type":["number","null"]},)" \
  R"("throttled_until":{"type":["string","null"]},)"                                                   \
  R"("problem":{"type":["string","null"],"description":"why it cannot be used with its settings"})"

constexpr Schema kSchemas[] = {
    {"Accountability",
     R"({"type":"object","properties":{"accepted":{"type":"integer"},"states":{"type":"object"},)"
     R"("sum":{"type":"integer"},"exact":{"type":"boolean"},"live":{"type":"object"},)"
     R"("sandbox":{"type":"object"},)"
     R"("oldest":{"type":"object","description":"by state: the delivery that is first in line, and for how )"
     R"(many seconds it has been accepted; null: there is none","additionalProperties":{"type":["object",)"
     R"("null"],"properties":{"age":{"type":"number"},"delivery_id":{"type":"string"}}}},)"
     R"("channels":{"type":"array","items":{"type":"object"}},"at":{"type":"string"},)"
     R"("recounted_at":{"type":["string","null"],"description":"When all deliveries were counted again"},)"
     R"("difference":{"type":["integer","null"],"description":"By how much the counters were off then"}}})",
     ""},
    {"LatencyFigures",
     R"({"type":"object","properties":{"n":{"type":"integer"},"p50":{"type":["number","null"]},)"
     R"("p95":{"type":["number","null"]},"p99":{"type":["number","null"]},)"
     R"("rate":{"type":"number","description":"per second of the window"}}})",
     ""},
    {"Latency",
     R"({"type":"object","description":"Seconds from acceptance, or the planned moment, to the provider's )"
     R"(answer: upper bounds of buckets that grow by a tenth. Without the sandbox",)"
     R"("properties":{"window":{"type":"string"},"from":{"type":"string"},"until":{"type":"string"},)"
     R"("slot":{"type":"integer","description":"seconds: the window is made of whole ones"},)"
     R"("data":{"type":"array","items":{"allOf":[{"$ref":"#/components/schemas/LatencyFigures"},)"
     R"({"type":"object","properties":{"channel":{"$ref":"#/components/schemas/Channel"}}}]}},)"
     R"("total":{"$ref":"#/components/schemas/LatencyFigures"}}})",
     ""},
    {"Approval",
     R"({"type":"object","properties":{"id":{"type":"string"},"notification_id":{"type":"string"},)"
     R"("status":{"enum":["open","approved","rejected","expired","void"]},)"
     R"("audience":{"type":"integer","description":"Recipients, when it was submitted"},)"
     R"("submitted_by":{"type":"string"},"submitted_at":{"type":"string"},"expires_at":{"type":"string"},)"
     R"("decided_by":{"type":["string","null"]},"decided_at":{"type":["string","null"]},)"
     R"("reason":{"type":["string","null"]},"app":{"type":["string","null"]},)"
     R"("category":{"type":["string","null"]}}})",
     ""},
    {"ApprovalDetail",
     R"({"allOf":[{"$ref":"#/components/schemas/Approval"},{"type":"object","properties":{)"
     R"("template":{"type":["string","null"]},"channels":{"type":"array",)"
     R"("items":{"$ref":"#/components/schemas/Channel"}},)"
     R"("limit":{"type":["integer","null"],"description":"recipients that need nobody's word"},)"
     R"("hour":{"type":["object","null"],"description":"what the app sent in the category without asking",)"
     R"("properties":{"recipients":{"type":"integer"},"limit":{"type":"integer"},"from":{"type":"string"},)"
     R"("until":{"type":"string"}}},)"
     R"("estimate":{"type":["object","null"],"description":"null: nothing was sent for a day",)"
     R"("properties":{"seconds":{"type":"number"},"rate":{"type":"number","description":"per second"},)"
     R"("queued":{"type":"integer","description":"what waits before it"},"basis":{"type":"string"}}},)"
     R"("sample":{"type":"array","maxItems":10,"description":"some of those it is to; addresses masked",)"
     R"("items":{"type":"object","properties":{"user_id":{"type":"string"},"group":{"type":"string"},)"
     R"("device_id":{"type":"string"},"email":{"type":"string"},"phone":{"type":"string"},)"
     R"("address":{"type":"string"},"device_token":{"type":"string"},"locale":{"type":"string"}}}}}}]})",
     ""},
    {"Integration",
     R"({"type":"object","required":["provider"],"properties":{"key":{"type":"string"},)"
     R"("provider":{"type":"string"},)"
     R"("channel":{"type":"string","readOnly":true},"settings":{"type":"object",)"
     R"("description":"secrets read back as {\"set\":true}"},)"
     R"("enabled":{"type":"boolean","default":true},"paused":{"type":["string","null"],)"
     R"("readOnly":true},)"
     R"("paused_at":{"type":["string","null"],"readOnly":true},)"
     R"("paused_by":{"type":["string","null"],"readOnly":true},)"
     R"("state":{"enum":["ready","paused","disabled"],"readOnly":true},)"
     R"("health":{"readOnly":true,"description":"null: no running process has it open","oneOf":[)"
     R"({"type":"null"},{"$ref":"#/components/schemas/IntegrationHealth"}]},)"
     R"("created_at":{"type":"string","readOnly":true}}})",
     R"({"provider":"sandbox","settings":{}})"},
    {"IntegrationHealth",
     R"({"type":"object","description":"the worst state and the sums of all processes",)"
     R"("properties":{)" CARILLON_HEALTH_FIELDS
     R"(,"window":{"type":"integer","description":"seconds in which calls and errors were counted"},)"
     R"("nodes":{"type":"array","items":{"type":"object",)"
     R"("properties":{"node":{"type":"integer"},)" CARILLON_HEALTH_FIELDS
     R"(,"in_flight":{"type":"integer"},"at":{"type":"string","description":"as of then"}}}}}})",
     ""},
};

}  // namespace

std::span<const Schema> operating_schemas() { return kSchemas; }

}  // namespace carillon::api
