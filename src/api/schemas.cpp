#include "api/schemas.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace carillon::api {
namespace {

constexpr Schema kSchemas[] = {
    {"Problem",
     R"({"type":"object","required":["type","title","status","detail","code"],)"
     R"("properties":{"type":{"type":"string"},)"
     R"("title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},)"
     R"("code":{"type":"string"},)"
     R"("errors":{"type":"array","items":{"type":"object",)"
     R"("properties":{"pointer":{"type":"string"},)"
     R"("code":{"type":"string"},"title":{"type":"string","description":"Not in English"},)"
     R"("detail":{"type":"string"}}}},"request_id":{"type":"string"}}})",
     ""},
    // ---- sending
    {"Recipient",
     R"({"type":"object","description":"Exactly one of user_id, device_id, group, email, phone,)"
     R"( address, device_token",)"
     R"("properties":{"user_id":{"type":["string","integer"]},"device_id":{"type":"string"},)"
     R"("group":{"type":"string"},)"
     R"("email":{"type":"string"},"phone":{"type":"string"},"address":{"type":"object",)"
     R"("properties":)"
     R"({"channel":{"enum":["chat","webhook"]},"service":{"type":"string"},)"
     R"("address":{"type":"string"}}},)"
     R"("device_token":{"type":"string"},"platform":{"$ref":"#/components/schemas/Platform"},)"
     R"("params":{"type":"object"},"locale":{"type":"string"}}})",
     ""},
    {"Channel", R"({"enum":["push","sms","email","voice","chat","webhook","inbox"]})", ""},
    {"Platform", R"({"enum":["ios","android","web","macos","windows","harmony"]})", ""},
    {"SendPatch",
     R"({"type":"object","description":"Members of a SendRequest as a merge patch: null removes one"})",
     R"({"body":"It is on its way, and will be there tomorrow."})"},
    {"SendRequest",
     R"({"type":"object","anyOf":[{"required":["to"]},{"required":["from_notification"]}],)"
     R"("properties":{"from_notification":{"type":"string",)"
     R"("description":"Send this one again; what else is given replaces its own"},"draft":)"
     R"({"type":"boolean","default":false},"event_id":{"type":"string",)"
     R"("maxLength":256,)"
     R"("description":"One business event is one notification; Idempotency-Key is its alias"},)"
     R"("to":{"type":"array","minItems":1,"maxItems":1000,)"
     R"("items":{"$ref":"#/components/schemas/Recipient"}},)"
     R"("category":{"type":"string","default":"general"},)"
     R"("channels":{"type":"array","items":{"$ref":"#/components/schemas/Channel"}},)"
     R"("template":{"type":["string","object"]},"params":{"type":"object"},)"
     R"("title":{"type":"string"},)"
     R"("body":{"type":"string"},"url":{"type":"string"},"image":{"type":"string"},)"
     R"("subject":{"type":"string"},)"
     R"("content":{"type":"array","items":{"type":"object","properties":{"type":{"type":"string"},)"
     R"("value":{"type":"string"}}}},"push":{"type":"object"},"email":{"type":"object"},)"
     R"("sms":{"type":"object"},)"
     R"("voice":{"type":"object"},"chat":{"type":"object"},"webhook":{"type":"object"},)"
     R"("inbox":{"type":"object"},"attachments":{"type":"array","maxItems":10,)"
     R"("items":{"$ref":"#/components/schemas/Attachment"}},)"
     R"("from":{"type":"object"},"locale":{"type":"string"},"priority":{"enum":["critical","high",)"
     R"("normal","bulk"]},)"
     R"("ttl":{"type":"string","examples":["10m"]},"collapse_key":{"type":"string"},)"
     R"("send_at":{"oneOf":[{"type":"string","description":"RFC 3339"},{"type":"object",)"
     R"("required":["local","zone"],"properties":{"local":{"type":"string",)"
     R"("examples":["2026-12-01T09:00"]},"zone":{"type":"string",)"
     R"("description":"recipient, or an IANA time zone"},)"
     R"("if_past":{"enum":["now","next_day","skip"],"default":"now"}}}]},)"
     R"("on_unknown":{"enum":["refuse","skip"]},"metadata":{"type":"object"},)"
     R"("tags":{"type":"array","items":{"type":"string"}}}})",
     R"({"event_id":"order-1042-shipped","to":[{"user_id":"u1"}],"channels":["push","email"],)"
     R"("title":"Shipped","body":"It is on its way."})"},
    {"SendAnswer",
     R"({"type":"object","properties":{"id":{"type":"string"},"event_id":{"type":["string",)"
     R"("null"]},)"
     R"("status":{"type":"string"},"approval_id":{"type":"string"},"duplicate":{"type":"boolean"},)"
     R"("dedup_until":{"type":["string",)"
     R"("null"]},)"
     R"("recipients":{"type":"object","properties":{"total":{"type":"integer"},)"
     R"("reached":{"type":["integer","null"]},)"
     R"("suppressed":{"type":["integer","null"]}}},"deliveries":{"type":["object","null"]},)"
     R"("warnings":{"type":"array","items":{"type":"object"}}}})",
     ""},
    {"BatchRequest",
     R"({"oneOf":[{"type":"object","required":["notifications"],)"
     R"("properties":{"notifications":{"type":"array",)"
     R"("maxItems":1000,"items":{"$ref":"#/components/schemas/SendRequest"}}}},{"type":"array",)"
     R"("maxItems":1000,)"
     R"("items":{"$ref":"#/components/schemas/SendRequest"}}]})",
     R"({"notifications":[{"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],)"
     R"("title":"One"}]})"},
    {"BatchAnswer",
     R"({"type":"object","properties":{"summary":{"type":"object",)"
     R"("properties":{"accepted":{"type":"integer"},)"
     R"("duplicate":{"type":"integer"},"refused":{"type":"integer"}}},"results":{"type":"array",)"
     R"("items":{"type":"object",)"
     R"("properties":{"index":{"type":"integer"},"status":{"enum":["accepted","duplicate",)"
     R"("refused"]},)"
     R"("id":{"type":"string"},"error":{"$ref":"#/components/schemas/Problem"}}}}}})",
     ""},
    {"Explain",
     R"({"type":"object","properties":{"recipient":{"type":"string"},"channel":{"type":"string"},)"
     R"("device_id":{"type":["string","null"]},"decision":{"enum":["send","hold","suppress"]},)"
     R"("reason":{"type":["string","null"]},)"
     R"("due_at":{"type":"string","description":"until when it is held"},)"
     R"("checks":{"type":"array","items":{"type":"object"}},"content":{"type":"object"},)"
     R"("route":{"type":"object"}}})",
     ""},
    {"ExplainList",
     R"({"type":"object","properties":{"data":{"type":"array",)"
     R"("items":{"$ref":"#/components/schemas/Explain"}},"audience":{"type":"object",)"
     R"("description":"Of large groups only the first members are shown; total then counts who is in two of )"
     R"(them twice","properties":{"total":{"type":"integer"},"shown":{"type":"integer"},)"
     R"("complete":{"type":"boolean"}}}}})",
     ""},
    {"CancelAnswer",
     R"({"type":"object","properties":{"id":{"type":"string"},"cancelled":{"type":"integer"},)"
     R"("in_flight":{"type":"integer"},"already_sent":{"type":"integer"}}})",
     ""},
    // ---- events
    {"Event",
     R"({"type":"object","description":"CloudEvents 1.0, structured; extension attributes are allowed",)"
     R"("required":["specversion","id","source","type"],"properties":{"specversion":{"const":"1.0"},)"
     R"("id":{"type":"string","maxLength":256},"source":{"type":"string","maxLength":512},)"
     R"("type":{"type":"string","maxLength":256},"subject":{"type":"string"},)"
     R"("time":{"type":"string","format":"date-time"},"datacontenttype":{"type":"string"},)"
     R"("dataschema":{"type":"string"},"data":{}}})",
     R"({"specversion":"1.0","id":"1042","source":"/shop","type":"order.shipped",)"
     R"("data":{"user_id":"u1","order":{"total":75000},"items":[{"name":"Kettle"}]}})"},
    {"EventOrBatch",
     R"({"oneOf":[{"$ref":"#/components/schemas/Event"},{"type":"array","minItems":1,"maxItems":1000,)"
     R"("items":{"$ref":"#/components/schemas/Event"}}]})",
     R"({"specversion":"1.0","id":"1042","source":"/shop","type":"order.shipped",)"
     R"("data":{"user_id":"u1","order":{"total":75000},"items":[{"name":"Kettle"}]}})"},
    {"EventMatch",
     R"({"type":"object","properties":{"rule":{"type":"string"},)"
     R"("status":{"enum":["accepted","duplicate","skipped","refused"]},)"
     R"("notification_id":{"type":"string"},"dead_letter_id":{"type":"string"},)"
     R"("error":{"$ref":"#/components/schemas/Problem"}}})",
     ""},
    {"EventAnswer",
     R"({"oneOf":[{"type":"object","required":["id","matched"],"properties":{"id":{"type":"string"},)"
     R"("matched":{"type":"array","items":{"$ref":"#/components/schemas/EventMatch"}}}},)"
     R"({"type":"object","required":["summary","results"],"properties":{"summary":{"type":"object",)"
     R"("properties":{"accepted":{"type":"integer"},"duplicate":{"type":"integer"},)"
     R"("refused":{"type":"integer"}}},"results":{"type":"array","items":{"type":"object",)"
     R"("properties":{"index":{"type":"integer"},"id":{"type":"string"},)"
     R"("status":{"enum":["accepted","duplicate","refused"]},)"
     R"("matched":{"type":"array","items":{"$ref":"#/components/schemas/EventMatch"}},)"
     R"("error":{"$ref":"#/components/schemas/Problem"}}}}}}]})",
     ""},
    {"Rule",
     R"({"type":"object","required":["when","send"],"properties":{"key":{"type":"string"},)"
     R"("position":{"type":"integer","default":0},"enabled":{"type":"boolean","default":true},)"
     R"("when":{"type":"object","description":"A type, a source or both, and conditions",)"
     R"("properties":{"type":{"type":["string","array","null"],)"
     R"("description":"Exact, or the beginning with a * after it"},"source":{"type":)"
     R"(["string","array","null"]},)"
     R"("conditions":{"type":["object","null"],"description":"Comparisons by path, all, any, not"}}},)"
     R"("send":{"type":"object","description":"A send; {\"from\":path} stands for a value of the event"},)"
     R"("event_id":{"type":"object","properties":{"from":{"type":"string"}}}}})",
     R"({"when":{"type":"order.shipped","conditions":{"data.order.total":{"ge":50000}}},)"
     R"("send":{"to":[{"user_id":{"from":"data.user_id"}}],"channels":["push","email"],)"
     R"("title":"Shipped","body":{"from":"data.items.0.name"}}})"},
    {"RuleTest",
     R"({"type":"object","required":["event"],"properties":{"event":{"$ref":"#/components/schemas/Event"},)"
     R"("rule":{"$ref":"#/components/schemas/Rule"},"app":{"type":"string"}}})",
     R"({"event":{"specversion":"1.0","id":"1042","source":"/shop","type":"order.shipped",)"
     R"("data":{"user_id":"u1","order":{"total":75000},"items":[{"name":"Kettle"}]}}})"},
    {"RuleTestAnswer",
     R"({"type":"object","properties":{"rule":{"type":"string"},"enabled":{"type":"boolean"},)"
     R"("matched":{"type":"boolean"},"type":{"type":"object"},"source":{"type":"object"},)"
     R"("conditions":{"type":"object","properties":{"holds":{"type":"boolean"},"checks":{"type":"array",)"
     R"("items":{"type":"object","properties":{"pointer":{"type":"string"},"path":{"type":"string"},)"
     R"("operator":{"type":"string"},"wanted":{},"value":{},"holds":{"type":"boolean"},)"
     R"("why":{"type":"string"}}}}}},"notification":{"oneOf":[{"$ref":"#/components/schemas/SendRequest"},)"
     R"({"type":"null"}]},"error":{"oneOf":[{"$ref":"#/components/schemas/Problem"},{"type":"null"}]},)"
     R"("explain":{"type":["array","null"],"items":{"$ref":"#/components/schemas/Explain"}}}})",
     ""},
    // ---- looking
    {"Notification",
     R"({"type":"object","properties":{"id":{"type":"string"},"event_id":{"type":["string",)"
     R"("null"]},)"
     R"("status":{"type":"string"},"priority":{"type":"string"},"category":{"type":["string",)"
     R"("null"]},)"
     R"("template":{"type":["object","null"]},"app":{"type":["string","null"]},)"
     R"("sandbox":{"type":"boolean"},)"
     R"("deliveries_total":{"type":"integer"},"accepted_at":{"type":"string"},)"
     R"("send_at":{"type":["string","null"]},)"
     R"("expires_at":{"type":["string","null"]},"metadata":{"type":"object"},)"
     R"("tags":{"type":"array"},)"
     R"("counts":{"type":"object"},"counts_complete":{"type":"boolean"},)"
     R"("log_status":{"type":["string","null"]},)"
     R"("request":{"type":"object","description":"while it is a draft, waits for approval or for its time: )"
     R"(the request as it was sent, ••• where something is sensitive"},)"
     R"("progress":{"type":"object","properties":{"state":{"enum":["waiting","expanding","sending","paused",)"
     R"("done"]},"recipients":{"type":["object","null"],"description":"while they are expanded in the )"
     R"(background: whose deliveries are there, of about how many","properties":)"
     R"({"expanded":{"type":"integer"},"estimated":{"type":"integer"}}},"deliveries":{"type":"object",)"
     R"("properties":{"total":{"type":"integer"},"ended":{"type":"integer"}}}}},)"
     R"("approval":{"$ref":"#/components/schemas/Approval"},)"
     R"("outcome":{"enum":["success","partial","failed","none",null]}}})",
     ""},
    {"Delivery",
     R"({"type":"object","properties":{"id":{"type":"string"},"notification_id":{"type":"string"},)"
     R"("channel":{"$ref":"#/components/schemas/Channel"},"platform":{"type":"string"},)"
     R"("user_id":{"type":["string","null"]},"device_id":{"type":["string","null"]},)"
     R"("status":{"type":"string"},)"
     R"("log_status":{"enum":["PENDING","PROCESSING","SUCCESS","FAIL",null]},)"
     R"("reason":{"type":["string","null"]},)"
     R"("priority":{"type":"string"},"sandbox":{"type":"boolean"},"attempts":{"type":"integer"},)"
     R"("resent":{"type":"integer"},"generation":{"type":"integer"},)"
     R"("integration":{"type":["string","null"]},)"
     R"("provider_id":{"type":["string","null"]},"created_at":{"type":"string"},)"
     R"("due_at":{"type":["string","null"]},)"
     R"("expires_at":{"type":["string","null"]},"finished_at":{"type":["string","null"]}}})",
     ""},
    {"DeliveryDetail",
     R"({"allOf":[{"$ref":"#/components/schemas/Delivery"},{"type":"object",)"
     R"("properties":{"timeline":{"type":"array",)"
     R"("items":{"type":"object","properties":{"at":{"type":"string"},"event":{"type":"string"},)"
     R"("detail":{"type":"string"}}}},"attempt_log":{"type":"array","items":{"type":"object"}},)"
     R"("receipts":{"type":"array","items":{"type":"object","properties":{"kind":{"type":"string"},)"
     R"("at":{"type":"string"},"last_at":{"type":"string"},"count":{"type":"integer"},)"
     R"("integration":{"type":["string","null"]},"code":{"type":"string"},"detail":{"type":"string"}}}},)"
     R"("dead_letter":{"type":["object","null"],"properties":{"id":{"type":"string"},)"
     R"("reason":{"type":"string"},"at":{"type":"string"},"closed":{"type":"boolean"},)"
     R"("ended":{"type":["string","null"]},"discarded":{"$ref":"#/components/schemas/Discarded"}}},)"
     R"("engagement":{"type":"array","items":{"enum":["complained","unsubscribed","opened","clicked",)"
     R"("converted"]}},)"
     R"("explain":{"oneOf":[{"$ref":"#/components/schemas/Explain"},{"type":"null"}]},)"
     R"("content":{"type":["object","null"]}}}]})",
     ""},
    {"Stats",
     R"({"type":"object","properties":{"from":{"type":"string"},"until":{"type":"string"},)"
     R"("data":{"type":"array","items":{"type":"object"}},)"
     R"("total":{"type":"object","description":"of everything that was asked for"}}})",
     ""},
    {"Queue",
     R"({"type":"object","properties":{"queue":{"type":"string"},"priority":{"type":"string"},)"
     R"("ready":{"type":"integer"},)"
     R"("retrying":{"type":"integer"},"held":{"type":"integer"},"in_flight":{"type":"integer"},)"
     R"("dead":{"type":"integer"},"oldest_age":{"type":"number","description":"seconds"}}})",
     ""},
    {"Limits",
     R"({"type":"object","properties":{"rate":{"type":"object"},"bytes":{"type":"object"},)"
     R"("counts":{"type":"object"}}})",
     ""},
    // ---- people
    {"User",
     R"({"type":"object","properties":{"user_id":{"type":["string","integer"]},)"
     R"("name":{"type":["string","null"]},)"
     R"("email":{"type":["string","null"]},"country_code":{"type":["string","null"]},)"
     R"("phone_number":{"type":["string","null"]},"locale":{"type":["string","null"]},)"
     R"("time_zone":{"type":["string","null"]},"attributes":{"type":"object"},)"
     R"("addresses":{"type":"array",)"
     R"("items":{"type":"object"}},"devices":{"type":"array","readOnly":true,)"
     R"("items":{"$ref":"#/components/schemas/Device"}},)"
     R"("created_at":{"type":"string"}}})",
     R"({"name":"Example","email":"ok@sandbox.carillon.test","phone_number":"+999000000001",)"
     R"("locale":"en","time_zone":"UTC"})"},
    {"Device",
     R"({"type":"object","required":["platform"],"properties":{"device_id":{"type":"string"},)"
     R"("platform":{"$ref":"#/components/schemas/Platform"},"bundle":{"type":"string"},)"
     R"("environment":{"enum":["production","development"]},"endpoints":{"type":"array",)"
     R"("items":{"type":"object",)"
     R"("properties":{"service":{"enum":["apns","fcm","jpush","pushy","hms","webpush"]},)"
     R"("token":{"type":["string","object"]},"endpoint":{"type":"string","format":"uri"},)"
     R"("registered_at":{"type":"string","format":"date-time","readOnly":true},)"
     R"("keys":{"type":"object","properties":{"p256dh":{"type":"string"},"auth":{"type":"string"}}}}}},)"
     R"("enabled":{"type":"boolean"},)"
     R"("locale":{"type":"string"},)"
     R"("time_zone":{"type":"string"},"app_version":{"type":"string"},)"
     R"("last_logged_in_at":{"type":"string"}}})",
     R"({"platform":"android","endpoints":[{"service":"fcm","token":"test-ok"}]})"},
    {"WebPushKey",
     R"({"type":"object","properties":{"key":{"type":"string",)"
     R"("description":"A public key of P-256, 65 bytes in base64url"}}})",
     ""},
    {"Preferences",
     R"({"type":"object","properties":{"preferences":{"type":"array","items":{"type":"object",)"
     R"("properties":)"
     R"({"channel":{"type":"string"},"category":{"type":"string"},"opt_in":{"type":["boolean",)"
     R"("null"]}}}},)"
     R"("quiet_hours":{"type":["object","null"],"properties":{"from":{"type":"string"},)"
     R"("to":{"type":"string"}}}}})",
     R"({"preferences":[{"channel":"sms","category":"*","opt_in":false}],)"
     R"("quiet_hours":{"from":"22:00","to":"08:00"}})"},
    {"PreferenceLog",
     R"({"type":"object","properties":{"data":{"type":"array","items":{"type":"object",)"
     R"("properties":{"at":{"type":"string"},)"
     R"("actor":{"type":"string"},"source":{"type":"string"},"change":{"type":"object"}}}},)"
     R"("page":{"type":"object"}}})",
     ""},
    {"UserExport",
     R"({"type":"object","properties":{"user_id":{"type":"string"},)"
     R"("user":{"oneOf":[{"$ref":"#/components/schemas/User"},{"type":"null"}],)"
     R"("description":"This and what follows up to deliveries: on the first page"},)"
     R"("preferences":{"oneOf":[{"$ref":"#/components/schemas/Preferences"},{"type":"null"}]},)"
     R"("preference_log":{"type":"array","items":{"type":"object"}},)"
     R"("groups":{"type":"array","items":{"type":"object","properties":{"key":{"type":"string"},)"
     R"("name":{"type":"string"}}}},"suppressions":{"type":"array","items":{"type":"object",)"
     R"("properties":{"channel":{"type":"string"},"address":{"type":"string"},)"
     R"("reason":{"type":"string"},"at":{"type":"string"}}}},"deliveries":{"type":"array",)"
     R"("items":{"type":"object","properties":{"delivery":{"$ref":"#/components/schemas/Delivery"},)"
     R"("content":{"type":["object","null"]}}}},"page":{"type":"object","properties":)"
     R"({"next":{"type":["string","null"]}}}}})",
     ""},
    {"Group",
     R"({"type":"object","properties":{"key":{"type":"string","readOnly":true},)"
     R"("name":{"type":"string","maxLength":200},"members":{"type":"integer","readOnly":true},)"
     R"("created_at":{"type":"string","format":"date-time","readOnly":true},)"
     R"("updated_at":{"type":"string","format":"date-time","readOnly":true}}})",
     R"({"name":"Beta testers"})"},
    {"MemberChange",
     R"({"type":"object","required":["user_ids"],"properties":{"user_ids":{"type":"array","minItems":1,)"
     R"("maxItems":10000,"items":{"type":["string","integer"]}}}})",
     R"({"user_ids":["u1","u2"]})"},
    {"MembersAdded",
     R"({"type":"object","properties":{"added":{"type":"integer"},"members":{"type":"integer"}}})", ""},
    {"MembersRemoved",
     R"({"type":"object","properties":{"removed":{"type":"integer"},"members":{"type":"integer"}}})", ""},
    {"Member", R"({"type":"object","properties":{"user_id":{"type":"string"}}})", ""},
    {"Suppression",
     R"({"type":"object","required":["channel","address"],)"
     R"("properties":{"channel":{"type":"string"},)"
     R"("address":{"type":"string","description":"reads back masked"},"reason":{"type":"string"},)"
     R"("at":{"type":"string","readOnly":true}}})",
     R"({"channel":"email","address":"bounce@sandbox.carillon.test"})"},
    // ---- content
    {"Template",
     R"({"type":"object","required":["content"],"properties":{"key":{"type":"string"},)"
     R"("version":{"type":"integer","readOnly":true},)"
     R"("status":{"enum":["draft","published"]},"published":{"type":"boolean","readOnly":true},)"
     R"("archived":{"type":"boolean","readOnly":true},"category":{"type":"string"},)"
     R"("channels":{"type":"array","items":{"$ref":"#/components/schemas/Channel"}},)"
     R"("default_locale":{"type":"string"},)"
     R"("layout":{"type":"string"},"syntax":{"enum":["mustache","brackets"]},)"
     R"("params":{"type":"array",)"
     R"("items":{"$ref":"#/components/schemas/TemplateParam"}},"content":{"type":"object",)"
     R"("description":"By locale: title, body, url, image and blocks for channels"},)"
     R"("used_by":{"type":"object","readOnly":true,"description":"Keys of what sends it; not for apps",)"
     R"("properties":{"rules":{"type":"array","items":{"type":"string"}},)"
     R"("schedules":{"type":"array","items":{"type":"string"}}}}}})",
     R"({"default_locale":"en","params":[{"name":"name","type":"string","required":true,)"
     R"("sample":"Kim"}],"content":{"en":{"title":"Hello {{name}}","body":"Welcome."}}})"},
    {"TemplateParam",
     R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"},)"
     R"("type":{"enum":["string","integer","number","boolean","date","datetime","money","url","list",)"
     R"("object"]},"required":{"type":"boolean"},"default":{},"sample":{},)"
     R"("max_length":{"type":"integer"},"sensitive":{"type":"boolean"},)"
     R"("from":{"type":"string","description":"user.attributes.x feeds it"}}})",
     ""},
    {"TemplateDiff",
     R"({"type":"object","properties":{"key":{"type":"string"},"version":{"type":"integer"},)"
     R"("against":{"type":"integer"},"changes":{"type":"array","items":{"type":"object",)"
     R"("properties":{"pointer":{"type":"string"},"before":{},"after":{},)"
     R"("diff":{"type":"string","description":"of long texts, unified"}}}}}})",
     ""},
    {"Layout",
     R"({"type":"object","required":["html"],"properties":{"key":{"type":"string"},)"
     R"("version":{"type":"integer","readOnly":true},"status":{"enum":["draft","published"],)"
     R"("readOnly":true},"published":{"type":"boolean","readOnly":true},"html":{"type":"string",)"
     R"("description":"holds {{{content}}} once"},"text":{"type":"string"}}})",
     R"({"html":"<html><body>{{{content}}}<p>{{brand.name}}</p></body></html>",)"
     R"("text":"{{content}}\n{{brand.name}}"})"},
    {"TemplateSummary",
     R"({"type":"object","properties":{"key":{"type":"string"},"version":{"type":"integer",)"
     R"("description":"the latest"},"published":{"type":["integer","null"],)"
     R"("description":"the version that is sent"},"archived":{"type":"boolean"},)"
     R"("category":{"type":"string"},"default_locale":{"type":"string"},)"
     R"("channels":{"type":"array","items":{"$ref":"#/components/schemas/Channel"}},)"
     R"("updated_at":{"type":"string"}}})",
     ""},
    {"LayoutSummary",
     R"({"type":"object","properties":{"key":{"type":"string"},"version":{"type":"integer"},)"
     R"("published":{"type":["integer","null"]},"updated_at":{"type":"string"}}})",
     ""},
    {"TemplateVersion",
     R"({"type":"object","properties":{"version":{"type":"integer"},)"
     R"("published":{"type":"boolean"}}})",
     ""},
    {"Category",
     R"({"type":"object","properties":{"key":{"type":"string"},"name":{"type":"object"},)"
     R"("kind":{"enum":["transactional","marketing","security"]},"mandatory":{"type":"boolean"},)"
     R"("channels":{"type":"array","items":{"$ref":"#/components/schemas/Channel"}},)"
     R"("default_opt_in":{"type":"object"},)"
     R"("priority":{"type":"string"},"max_priority":{"type":"string"},"ttl":{"type":["string",)"
     R"("null"]},)"
     R"("retry":{"type":"array","items":{"type":"string"}},"on_unknown":{"enum":["resend","hold",)"
     R"(null]},)"
     R"("sensitive":{"type":"boolean"},"quiet_hours":{"enum":["ignore","defer","drop"]},)"
     R"("cap":{"type":["object","null"]},)"
     R"("tracking":{"type":"object"},"approval_over":{"type":"integer"},)"
     R"("client_allowed":{"type":"boolean"},)"
     R"("visible":{"type":"boolean"}}})",
     R"({"kind":"transactional","channels":["push","email"],"retry":["1m","5m","15m"]})"},
    // ---- automation
    {"Schedule",
     R"({"type":"object","required":["cron","notification"],"properties":{"key":{"type":"string"},)"
     R"("cron":{"type":"string","description":"minute hour day-of-month month day-of-week, or)"
     R"( @hourly @daily @weekly @monthly @yearly"},)"
     R"("time_zone":{"type":"string","description":"IANA name; default: the project's"},)"
     R"("missed":{"enum":["run_once","skip"],"default":"run_once"},)"
     R"("enabled":{"type":"boolean","default":true},)"
     R"("notification":{"$ref":"#/components/schemas/SendRequest"},)"
     R"("app":{"type":["string","null"],"readOnly":true},"sandbox":{"type":"boolean","readOnly":true},)"
     R"("next_run":{"type":["string","null"],"readOnly":true},)"
     R"("last_run":{"type":["string","null"],"readOnly":true},)"
     R"("last_notification":{"type":["string","null"],"readOnly":true},)"
     R"("last_error":{"type":["object","null"],"readOnly":true,"properties":{"at":{"type":"string"},)"
     R"("code":{"type":"string"},"detail":{"type":"string"}}},)"
     R"("updated_at":{"type":"string","readOnly":true}}})",
     R"({"cron":"0 9 * * mon-fri","time_zone":"Asia/Seoul","missed":"run_once",)"
     R"("notification":{"to":[{"user_id":"u1"}],"channels":["push"],"title":"Good morning"}})"},
    // ---- operating
    {"PauseReason", R"({"type":"object","properties":{"reason":{"type":"string"}}})",
     R"({"reason":"maintenance"})"},
    {"TestReport", R"({"type":"object","properties":{"ok":{"type":"boolean"},"detail":{"type":"string"}}})",
     ""},
    {"ProviderType",
     R"({"type":"object","properties":{"name":{"type":"string"},"title":{"type":"string"},)"
     R"("channel":{"type":"string"},)"
     R"("platforms":{"type":"array","items":{"type":"string"}},"settings":{"type":"array",)"
     R"("items":{"type":"object"}},)"
     R"("receipts":{"type":"boolean"}}})",
     ""},
    {"Route",
     R"({"type":"object","required":["chain"],"properties":{"key":{"type":"string"},)"
     R"("position":{"type":"integer"},)"
     R"("match":{"type":"object","properties":{"channel":{"type":"string"},)"
     R"("platform":{"type":"string"},)"
     R"("country":{"type":"string"},"app":{"type":"string"},"category":{"type":"string"}}},)"
     R"("chain":{"type":"array",)"
     R"("items":{"type":"object","properties":{"integration":{"type":"string"},)"
     R"("weight":{"type":"integer"}}}}}})",
     R"({"position":10,"match":{"channel":"sms"},"chain":[{"integration":"sandbox"}]})"},
    {"Sender",
     R"({"type":"object","description":"exactly one of email, domain, phone, alphanumeric",)"
     R"("properties":{"key":{"type":"string","readOnly":true},"name":{"type":"string"},)"
     R"("email":{"type":"string"},"domain":{"type":"string"},"phone":{"type":"string"},)"
     R"("alphanumeric":{"type":"string"},"integrations":{"type":"array","items":{"type":"string"},)"
     R"("description":"that may carry it; empty: all"}}})",
     R"({"domain":"example.com","name":"Shop"})"},
    {"ApprovalReason", R"({"type":"object","properties":{"reason":{"type":"string","maxLength":1000}}})",
     R"({"reason":"the price in the second paragraph is wrong"})"},
    {"Pause",
     R"({"type":"object","required":["scope"],"properties":{"id":{"type":"string",)"
     R"("readOnly":true},"scope":{"type":"object",)"
     R"("properties":{"app":{"type":"string"},"category":{"type":"string"},)"
     R"("template":{"type":"string"},)"
     R"("channel":{"type":"string"},"priority":{"type":"string"}}},"reason":{"type":"string"},)"
     R"("by":{"type":"string","readOnly":true},"at":{"type":"string","readOnly":true}}})",
     R"({"scope":{"channel":"sms"},"reason":"wrong text"})"},
    {"Settings",
     R"({"type":"object","properties":{"locale":{"type":"string"},"time_zone":{"type":"string"},)"
     R"("unique_email":{"type":"boolean"},"quiet_hours":{"type":["object","null"]},)"
     R"("brand":{"type":"object","additionalProperties":{"type":"string"},)"
     R"("description":"brand.… in templates and layouts"},)"
     R"("cors_origins":{"type":"array","maxItems":50,"items":{"type":"string"}},)"
     R"("client_jwt":{"oneOf":[{"$ref":"#/components/schemas/ClientJwt"},{"type":"null"}]},)"
     R"("alerts":{"oneOf":[{"$ref":"#/components/schemas/AlertSettings"},{"type":"null"}]}}})",
     R"({"locale":"en","time_zone":"Asia/Seoul","quiet_hours":{"from":"22:00","to":"08:00"},)"
     R"("brand":{"name":"Example","color":"#0a7d4b"}})"},
    {"AlertSettings",
     R"({"type":"object","properties":{"webhook":{"type":"object","required":["url","secret"],)"
     R"("properties":{"url":{"type":"string"},"secret":{"type":["string","object"],)"
     R"("description":"whsec_ and base64; reads back as {\"set\":true}, which keeps it"}}},)"
     R"("email":{"type":"array","maxItems":10,"items":{"type":"string"}}}})",
     R"({"email":["ops@example.com"]})"},
    {"Alert",
     R"({"type":"object","properties":{"id":{"type":"string"},"kind":{"enum":["retries_exhausted",)"
     R"("repeating_problem","integration_paused","no_route","oldest_age","accountability","disk_low",)"
     R"("webhook_switched_off"]},)"
     R"("subject":{"type":"string"},"state":{"enum":["open","resolved"]},"title":{"type":"string"},)"
     R"("detail":{"type":"string","description":"What is wrong"},)"
     R"("advice":{"type":"string","description":"What to do"},)"
     R"("count":{"type":"integer","description":"How often it happened"},)"
     R"("first_at":{"type":"string"},"last_at":{"type":"string"},"resolved_at":{"type":["string","null"]},)"
     R"("acknowledged_at":{"type":["string","null"]},"acknowledged_by":{"type":["string","null"]},)"
     R"("notices":{"type":"array","description":"Who was told; not in lists","items":{"type":"object",)"
     R"("properties":{"target":{"enum":["webhook","email"]},"event":{"enum":["opened","resolved"]},)"
     R"("state":{"enum":["waiting","told","gave_up"]},"message":{"type":["string","null"]},)"
     R"("tries":{"type":"integer"},"at":{"type":["string","null"]},)"
     R"("error":{"type":["string","null"]}}}}}})",
     ""},
    {"Webhook",
     R"({"type":"object","required":["url","events"],"properties":{"key":{"type":"string"},)"
     R"("url":{"type":"string","maxLength":2048},"events":{"type":"array","items":{"type":"string"},)"
     R"("description":"Names, delivery.* for a kind, or * for all"},"description":{"type":"string"},)"
     R"("enabled":{"type":"boolean","default":true,"description":"false: nothing is kept for it"},)"
     R"("addresses":{"type":"boolean","default":false,"description":"Say addresses that a send names"},)"
     R"("sandbox":{"type":"boolean","default":true,"description":"Events of the sandbox too"},)"
     R"("max_in_flight":{"type":"integer","minimum":1,"maximum":256,"default":32},)"
     R"("secret":{"type":["string","object"],"description":"whsec_ and base64, in the answer that made it;)"
     R"( reads back as {\"set\":true}"},)"
     R"("previous_secret_until":{"type":["string","null"],"readOnly":true},)"
     R"("paused":{"type":["string","null"],"readOnly":true},)"
     R"("state":{"enum":["ready","paused","switched_off","disabled"],"readOnly":true},)"
     R"("failing_since":{"type":["string","null"],"readOnly":true},)"
     R"("backlog":{"type":"object","readOnly":true,"description":"Not in lists; counted to 10,000",)"
     R"("properties":{"waiting":{"type":"integer"},"failed":{"type":"integer"},)"
     R"("oldest_at":{"type":["string","null"]}}},)"
     R"("created_at":{"type":"string","readOnly":true},"updated_at":{"type":"string","readOnly":true}}})",
     R"({"url":"https://shop.example.com/hooks/carillon","events":["delivery.*","engagement.clicked"]})"},
    {"WebhookRotation",
     R"({"type":"object","properties":{"keep_previous":{"type":"string","default":"24h",)"
     R"("description":"How long the old secret signs too; 0s: not at all"},"secret":{"type":"string"}}})",
     R"({"keep_previous":"24h"})"},
    {"WebhookTest",
     R"({"type":"object","properties":{"ok":{"type":"boolean"},"detail":{"type":"string"},)"
     R"("status":{"type":["integer","null"]},"took_ms":{"type":"integer"}}})",
     ""},
    {"WebhookDelivery",
     R"({"type":"object","properties":{"id":{"type":"string"},"type":{"type":"string"},)"
     R"("at":{"type":"string"},)"
     R"("status":{"enum":["waiting","delivered","failed"]},"tries":{"type":"integer"},)"
     R"("next_try_at":{"type":["string","null"]},"last_try_at":{"type":["string","null"]},)"
     R"("answered":{"type":["integer","null"]},"took_ms":{"type":["integer","null"]},)"
     R"("error":{"type":["string","null"]},"attempts":{"type":"array","description":"Not in lists",)"
     R"("items":{"type":"object"}},"event":{"type":"object","description":"Not in lists: what is posted"}}})",
     ""},
    {"WebhookReplay",
     R"({"type":"object","properties":{"ids":{"type":"array","maxItems":1000,"items":{"type":"string"}},)"
     R"("status":{"enum":["failed","all"],"default":"failed"},"from":{"type":"string"},)"
     R"("until":{"type":"string"}}})",
     R"({"status":"failed"})"},
    {"WebhookEvent",
     R"({"type":"object","properties":{"type":{"type":"string"},"description":{"type":"string"}}})", ""},
    {"AlertTest",
     R"({"type":"object","properties":{"ok":{"type":"boolean"},"webhook":{"type":["object","null"],)"
     R"("properties":{"ok":{"type":"boolean"},"detail":{"type":"string"}}},)"
     R"("email":{"type":["object","null"],)"
     R"("properties":{"ok":{"type":"boolean"},"detail":{"type":"string"}}}}})",
     ""},
    {"ClientJwt",
     R"({"type":"object","required":["issuer","audience"],"properties":{"issuer":{"type":"string"},)"
     R"("audience":{"type":"string"},"user_claim":{"type":"string","default":"sub"},)"
     R"("max_age":{"type":"string","default":"1h"},"keys":{"type":"array","maxItems":10,)"
     R"("items":{"type":"object","required":["algorithm"],"properties":{"kid":{"type":"string"},)"
     R"("algorithm":{"enum":["HS256","RS256","ES256","EdDSA"]},"public_key":{"type":"string"},)"
     R"("secret":{"type":["string","object"]}}}},)"
     R"("jwks":{"type":"object","writeOnly":true,"description":"Public keys as RFC 7517"}}})",
     R"({"issuer":"https://shop.example.com","audience":"carillon",)"
     R"("keys":[{"kid":"2026-1","algorithm":"ES256","public_key":"-----BEGIN PUBLIC KEY-----…"}]})"},
    // ---- clients
    {"NewClientToken",
     R"({"type":"object","properties":{"ttl":{"type":"string","default":"1h","description":"1m to 30d"},)"
     R"("scopes":{"type":"array","items":{"enum":["devices","preferences","notifications","send"]}}}})",
     R"({"ttl":"1h"})"},
    {"ClientToken",
     R"({"type":"object","properties":{"token":{"type":"string","examples":["ct_…"]},)"
     R"("expires_at":{"type":"string"},"scopes":{"type":"array","items":{"type":"string"}}}})",
     ""},
    {"PreferenceLink",
     R"({"type":"object","properties":{"url":{"type":"string"},"expires_at":{"type":"string"}}})", ""},
    {"MyPreferences",
     R"({"allOf":[{"$ref":"#/components/schemas/Preferences"},{"type":"object","properties":)"
     R"({"categories":{"type":"array","items":{"type":"object","properties":{"key":{"type":"string"},)"
     R"("name":{"type":"object"},"mandatory":{"type":"boolean"},"channels":{"type":"array"},)"
     R"("default_opt_in":{"type":"object"}}}}}}]})",
     ""},
    {"MyNotification",
     R"({"type":"object","properties":{"id":{"type":"string"},"notification_id":{"type":"string"},)"
     R"("category":{"type":["string","null"]},"channel":{"type":"string"},)"
     R"("device_id":{"type":["string","null"]},"status":{"type":"string"},)"
     R"("reason":{"type":["string","null"]},"created_at":{"type":"string"},)"
     R"("finished_at":{"type":["string","null"]},"title":{"type":["string","null"]},)"
     R"("body":{"type":["string","null"]},"url":{"type":["string","null"]}}})",
     ""},
    {"Track",
     R"({"type":"object","required":["events"],"properties":{"events":{"type":"array","maxItems":100,)"
     R"("items":{"type":"object","required":["delivery_id","type"],"properties":{)"
     R"("delivery_id":{"type":"string"},"type":{"enum":["opened","clicked","converted"]},)"
     R"("at":{"type":"string","description":"now when left out"}}}}}})",
     R"({"events":[{"delivery_id":"dlv_06zfapcnr0000","type":"opened"}]})"},
    {"TrackAnswer",
     R"({"type":"object","properties":{"recorded":{"type":"integer"},)"
     R"("unknown":{"type":"integer","description":"of somebody else, or past their retention"}}})",
     ""},
    {"MySend",
     R"({"type":"object","properties":{"event_id":{"type":"string"},)"
     R"("to":{"type":"array","maxItems":1,"description":"The caller; may be left out"},)"
     R"("category":{"type":"string"},"channels":{"type":"array"},"template":{"type":["string","object"]},)"
     R"("params":{"type":"object"},"title":{"type":"string"},"body":{"type":"string"},)"
     R"("url":{"type":"string"},"image":{"type":"string"},"locale":{"type":"string"},)"
     R"("ttl":{"type":"string"},"send_at":{"type":["string","object"]},"collapse_key":{"type":"string"},)"
     R"("metadata":{"type":"object"},"tags":{"type":"array"}}})",
     R"({"category":"reminders","channels":["push"],"title":"Tea","body":"It is ready.",)"
     R"("send_at":"2026-12-01T09:00:00Z"})"},
    {"Audit",
     R"({"type":"object","properties":{"id":{"type":"string"},"at":{"type":"string"},)"
     R"("actor":{"type":"string"},"action":{"type":"string","description":"noun.verb"},)"
     R"("object":{"type":"string"},"request_id":{"type":["string","null"]},)"
     R"("origin":{"type":["string","null"],"description":"IP address the request came from; null: the )"
     R"(machine itself"},"detail":{"type":["object","null"],"additionalProperties":true,)"
     R"("properties":{"version":{"type":"integer"},)"
     R"("changes":{"type":"array","items":{"type":"object","properties":{"pointer":{"type":"string"},)"
     R"("before":{},"after":{}}}},"more":{"type":"integer","description":"changes that are not told"}}}}})",
     R"({"id":"aud_9f2c","at":"2026-12-01T09:00:00Z","actor":"key:ops","action":"app.update",)"
     R"("object":"shop","request_id":"req_5f2a","origin":"10.0.0.7","detail":{"version":4,"changes":[)"
     R"({"pointer":"/rate_limit","before":0,"after":50}]}})"},
    {"DeadLetter",
     R"({"type":"object","properties":{"id":{"type":"string"},"kind":{"enum":["delivery","event","record"]},)"
     R"("delivery_id":{"type":["string","null"]},"notification_id":{"type":["string","null"]},)"
     R"("channel":{"type":["string","null"]},"queue":{"type":["string","null"]},)"
     R"("reason":{"type":"string"},"detail":{"type":["string","null"]},)"
     R"("user_id":{"type":["string","null"]},)"
     R"("status":{"type":"string"},"attempts":{"type":"integer"},"integration":{"type":["string",)"
     R"("null"]},"rule":{"type":"string"},"app":{"type":["string","null"]},"event":{"type":"object",)"
     R"("description":"of kind event; in lists only id, source and type; data is ••• where the rule sends )"
     R"(something sensitive"},"retry_at":{"type":["string","null"],"description":"of kind record: it names )"
     R"(an unknown user and is tried again then"},"record":{"type":"object","description":"of kind record; )"
     R"(in lists only where it was","properties":{"topic":{"type":"string"},"partition":{"type":"integer"},)"
     R"("offset":{"type":"integer"},"written_at":{"type":"string"},"key":{"type":"string"},)"
     R"("headers":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},)"
     R"("value":{"type":"string"}}}},"value":{"type":["string","null"],"description":"••• where it is )"
     R"(sensitive"},"value_base64":{"type":"string","description":"instead, where it is no text"},)"
     R"("cut":{"type":"boolean"}}},"ended":{"enum":["replayed","discarded","republished","settled",null],)"
     R"("description":"how it was closed; settled: a receipt told what became of it"},)"
     R"("discarded":{"$ref":"#/components/schemas/Discarded"},)"
     R"("closed":{"type":"boolean"},"at":{"type":"string"}}})",
     ""},
    {"Discarded",
     R"({"type":["object","null"],"properties":{"reason":{"type":"string"},"by":{"type":["string","null"]},)"
     R"("at":{"type":["string","null"]}}})",
     ""},
    {"ReplayRequest",
     R"({"type":"object","properties":{"ids":{"type":"array","maxItems":1000,)"
     R"("items":{"type":"string"}},)"
     R"("filter":{"type":"object","properties":{"channel":{"type":"string"},)"
     R"("reason":{"type":"string"},)"
     R"("integration":{"type":"string"},"kind":{"enum":["delivery","event","record"]},)"
     R"("rule":{"type":"string"},"topic":{"type":"string"},)"
     R"("from":{"type":"string"},"until":{"type":"string"}}},)"
     R"("changes":{"type":"object",)"
     R"("properties":{"params":{"type":"object"},"address":{"type":"string"},)"
     R"("integration":{"type":"string"},"event":{"type":"object",)"
     R"("description":"A merge patch (RFC 7396) of events, and of what records stand for"},)"
     R"("record":{"type":["object","string"],"description":"The value of one record instead"}}},)"
     R"("republish":{"type":"boolean","description":"Records: write them to their topic again"}}})",
     R"({"filter":{"channel":"sms"}})"},
    {"DiscardRequest",
     R"({"type":"object","required":["reason"],"properties":{"ids":{"type":"array","maxItems":1000,)"
     R"("items":{"type":"string"}},)"
     R"("filter":{"type":"object","properties":{"channel":{"type":"string"},"reason":{"type":"string"},)"
     R"("integration":{"type":"string"},"kind":{"enum":["delivery","event","record"]},)"
     R"("rule":{"type":"string"},"topic":{"type":"string"},)"
     R"("from":{"type":"string"},"until":{"type":"string"}}},)"
     R"("reason":{"type":"string","minLength":1,"maxLength":300,"description":"Why nobody needs them"}}})",
     R"({"ids":["dl_9f2c"],"reason":"the offer is over"})"},
    {"Attachment",
     R"({"type":"object","required":["object_id"],"properties":{"object_id":{"type":"string"},)"
     R"("filename":{"type":"string","maxLength":255},"disposition":{"enum":["attachment","inline"]},)"
     R"("content_id":{"type":"string","maxLength":128,"description":"The HTML names it as cid:…"}}})",
     R"({"object_id":"obj_0b6k9m2x4r8tz","filename":"Invoice.pdf"})"},
    {"Object",
     R"({"type":"object","properties":{"id":{"type":"string"},"filename":{"type":["string","null"]},)"
     R"("type":{"type":"string","description":"as declared, or as the bytes begin"},)"
     R"("size":{"type":"integer"},"sha256":{"type":"string"},"app":{"type":["string","null"]},)"
     R"("created_by":{"type":"string"},"created_at":{"type":"string"},)"
     R"("expires_at":{"type":"string","description":"from then on sends that name it are refused"}}})",
     ""},
    {"File", R"({"type":"string","format":"binary","description":"The bytes, with their own Content-Type"})",
     ""},
    {"App",
     R"({"type":"object","properties":{"name":{"type":"string","readOnly":true},)"
     R"("disabled":{"type":"boolean"},)"
     R"("channels":{"type":"array","items":{"$ref":"#/components/schemas/Channel"}},)"
     R"("categories":{"type":"array",)"
     R"("items":{"type":"string"}},"max_priority":{"type":"string"},)"
     R"("rate_limit":{"type":"integer"},)"
     R"("critical_limit":{"type":"integer"},"keys":{"type":"array","readOnly":true,)"
     R"("items":{"type":"object"}}}})",
     R"({"max_priority":"critical","rate_limit":500})"},
    {"NewApp",
     R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"},)"
     R"("disabled":{"type":"boolean"},"channels":{"type":"array",)"
     R"("items":{"$ref":"#/components/schemas/Channel"}},"categories":{"type":"array",)"
     R"("items":{"type":"string"}},"max_priority":{"type":"string"},"rate_limit":{"type":"integer"},)"
     R"("critical_limit":{"type":"integer"}}})",
     R"({"name":"shop"})"},
    {"AppSecrets",
     R"({"allOf":[{"$ref":"#/components/schemas/App"},{"type":"object",)"
     R"("properties":{"app_key":{"type":"string"},)"
     R"("app_secret":{"type":"string"},"test_app_key":{"type":"string"},)"
     R"("test_app_secret":{"type":"string"}}}]})",
     ""},
    {"NewAppKey",
     R"({"type":"object","properties":{"test":{"type":"boolean"},"publishable":{"type":"boolean"},)"
     R"("scopes":{"type":"array",)"
     R"("items":{"enum":["send","read","people"]}}}})",
     R"({"scopes":["send"]})"},
    {"AppKeySecret",
     R"({"type":"object","properties":{"app_key":{"type":"string"},)"
     R"("app_secret":{"type":"string"}}})",
     ""},
    {"ManagementKey",
     R"({"type":"object","properties":{"name":{"type":"string"},"scopes":{"type":"array",)"
     R"("items":{"type":"string"}},"projects":{"type":"array","items":{"type":"string"},)"
     R"("description":"empty: every project, and the installation itself"},)"
     R"("revoked":{"type":"boolean"},"created_at":{"type":"string"}}})",
     ""},
    {"NewManagementKey",
     R"({"type":"object","required":["name","scopes"],"properties":{"name":{"type":"string"},)"
     R"("scopes":{"type":"array","items":{"type":"string"}},)"
     R"("projects":{"type":"array","items":{"type":"string"}}}})",
     R"({"name":"ops","scopes":["admin"]})"},
    {"ManagementToken",
     R"({"type":"object","properties":{"name":{"type":"string"},"scopes":{"type":"array"},)"
     R"("projects":{"type":"array"},"token":{"type":"string"}}})",
     ""},
    // ---- running
    {"Health", R"({"type":"object","properties":{"status":{"type":"string"}}})", ""},
    {"Readiness",
     R"({"type":"object","properties":{"status":{"enum":["ready","degraded","not_ready"]},)"
     R"("reasons":{"type":"array","items":{"type":"object"}},)"
     R"("degraded":{"type":"array","items":{"type":"object"}},)"
     R"("notices":{"type":"array","items":{"type":"object"}}}})",
     ""},
    {"SandboxMessage",
     R"({"type":"object","properties":{"id":{"type":"string"},"delivery_id":{"type":"string"},)"
     R"("notification_id":{"type":"string"},"channel":{"type":"string"},"to":{"type":"string"},)"
     R"("content":{"type":"object"},"at":{"type":"string"}}})",
     ""},
    {"ClockMove", R"({"type":"object","required":["advance"],"properties":{"advance":{"type":"string"}}})",
     R"({"advance":"5m"})"},
    {"Clock", R"({"type":"object","properties":{"now":{"type":"string"}}})", ""},
};

}  // namespace

std::span<const Schema> schemas() {
  static const std::vector<Schema> kAll = [] {
    std::vector<Schema> all(std::begin(kSchemas), std::end(kSchemas));
    for (const auto part : {member_schemas(), job_schemas(), operating_schemas()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kAll;
}

const Schema* find_schema(std::string_view name) noexcept {
  const auto all = schemas();
  const auto it = std::ranges::find(all, name, &Schema::name);
  return it == all.end() ? nullptr : &*it;
}

std::string schema_json(std::string_view name) {
  if (const Schema* const schema = find_schema(name)) return std::string(schema->json);
  if (!name.ends_with("List") || find_schema(name.substr(0, name.size() - 4)) == nullptr) return {};
  return fmt::format(
      R"({{"type":"object","required":["data"],"properties":{{"data":{{"type":"array","items":)"
      R"({{"$ref":"#/components/schemas/{}"}}}},"page":{{"type":"object","properties":)"
      R"({{"next":{{"type":["string","null"]}}}}}}}}}})",
      name.substr(0, name.size() - 4));
}

}  // namespace carillon::api
