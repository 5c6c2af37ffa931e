// Shapes of what takes files in and hands them out as jobs, and of previews.
#include "api/schemas.h"

namespace carillon::api {
namespace {

constexpr Schema kSchemas[] = {
    // ---- jobs
    {"Job",
     R"({"type":"object","properties":{"id":{"type":"string"},"kind":{"enum":["import_users",)"
     R"("import_members","erase_user","replay","discard","webhook_replay","export_notifications",)"
     R"("export_deliveries"]},"state":{"enum":["queued","running","completed","failed",)"
     R"("cancelled"]},"done":{"type":"integer"},"total":{"type":"integer"},"failed":{"type":"integer",)"
     R"("description":"done and failed make up total at the end"},"errors_url":{"type":["string",)"
     R"("null"]},"detail":{"type":["string","null"],"description":"why it failed, or what is missing"},)"
     R"("result_url":{"type":["string","null"],"description":"of exports: the file, once it is there"},)"
     R"("result_expires_at":{"type":["string","null"]},)"
     R"("created_by":{"type":"string"},"created_at":{"type":"string"},"started_at":{"type":["string",)"
     R"("null"]},"finished_at":{"type":["string","null"]},"errors":{"type":"array","maxItems":100,)"
     R"("items":{"$ref":"#/components/schemas/JobError"}}}})",
     ""},
    {"JobError",
     R"({"type":"object","properties":{"line":{"type":"integer","description":"of the file, from 1"},)"
     R"("pointer":{"type":"string"},"id":{"type":"string","description":"of what was not replayed"},)"
     R"("code":{"type":"string"},"detail":{"type":"string"}}})",
     ""},
    {"ExportRequest",
     R"({"type":"object","properties":{"filter":{"type":"object","additionalProperties":false,)"
     R"("description":"The names of the list's query","properties":{"event_id":{"type":"string"},)"
     R"("user_id":{"type":["string","integer"]},"status":{"type":"string"},"log_status":{"type":"string"},)"
     R"("category":{"type":"string"},"channel":{"$ref":"#/components/schemas/Channel"},)"
     R"("from":{"type":"string"},"until":{"type":"string"},"email":{"type":"string"},)"
     R"("phone":{"type":"string"}}},"columns":{"type":"array","items":{"type":"string"},)"
     R"("description":"In this order; all when left out"}}})",
     R"({"filter":{"status":"failed"},"columns":["id","user_id","status","reason"]})"},
    {"UsersFile",
     R"({"type":"string","description":"CSV with a line of names: user_id and any of name, email,)"
     R"( phone_number, country_code, locale, time_zone, created_at, attributes, attributes.NAME;)"
     R"( or NDJSON, a User with its user_id in each line"})",
     ""},
    {"MembersFile",
     R"({"type":"string","description":"CSV with the column user_id, or NDJSON with {\"user_id\"} lines"})",
     ""},
    // ---- previews
    {"PreviewRequest",
     R"({"type":"object","properties":{"channel":{"$ref":"#/components/schemas/Channel"},)"
     R"("params":{"type":"object"},"locale":{"type":"string"},)"
     R"("locales":{"type":"array","items":{"type":"string"},"examples":[["*"]]},)"
     R"("time_zone":{"type":"string"},"user_id":{"type":["string","integer"]},)"
     R"("version":{"type":"integer"}}})",
     R"({"params":{"name":"Kim"}})"},
    {"UnsavedPreviewRequest",
     R"({"type":"object","required":["template"],"properties":{"template":)"
     R"({"$ref":"#/components/schemas/Template"},"layout":{"$ref":"#/components/schemas/Layout"},)"
     R"("channel":{"$ref":"#/components/schemas/Channel"},)"
     R"("params":{"type":"object"},"locale":{"type":"string"},)"
     R"("locales":{"type":"array","items":{"type":"string"},"examples":[["*"]]},)"
     R"("time_zone":{"type":"string"},"user_id":{"type":["string","integer"]}}})",
     R"({"template":{"params":[{"name":"name","type":"string","sample":"Kim"}],)"
     R"("content":{"en":{"title":"Hello {{name}}","body":"Your order is on its way."}}}})"},
    {"LayoutPreviewRequest",
     R"({"type":"object","required":["layout"],"properties":{"layout":)"
     R"({"$ref":"#/components/schemas/Layout"},"template":{"type":"string",)"
     R"("description":"What it frames; left out: an example"},"version":{"type":"integer"},)"
     R"("params":{"type":"object"},"locale":{"type":"string"},)"
     R"("locales":{"type":"array","items":{"type":"string"},"examples":[["*"]]},)"
     R"("time_zone":{"type":"string"},"user_id":{"type":["string","integer"]}}})",
     R"({"layout":{"html":"<html><body>{{{content}}}<p>{{brand.name}}</p></body></html>"}})"},
    {"Preview",
     R"({"type":"object","properties":{"key":{"type":"string"},"version":{"type":"integer"},)"
     R"("layout":{"type":"object"},"content":{"type":"object","description":"By channel"},)"
     R"("locales":{"type":"object","description":"By locale and channel"}}})",
     ""},
};

}  // namespace

std::span<const Schema> job_schemas() { return kSchemas; }

}  // namespace carillon::api
