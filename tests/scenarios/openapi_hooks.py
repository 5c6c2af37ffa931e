"""What schemathesis is taught of this API. It loads this file; test_openapi_fuzz.py says so in its configuration.

Each answer is noted in the file $OPENAPI_ANSWERS as a line "METHOD /path STATUS".
"""
import json
import os

import jsonschema
import schemathesis
from schemathesis.core.failures import Failure

# Each item has an answer of its own in these; the whole is accepted where single ones are refused.
BATCHES = ("/v1/notifications/batch", "/v1/events")
ITEMS_LOOKED_AT = 20


@schemathesis.hook
def after_call(context, case, response):
    with open(os.environ["OPENAPI_ANSWERS"], "a") as answers:
        answers.write(f"{case.operation.label} {response.status_code}\n")


def resolved(schema, root):
    """The schema that a chain of references ends in."""
    while isinstance(schema, dict) and "$ref" in schema:
        place = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        schema = place
    return schema


def shapes(schema, root):
    """What an object of this schema may look like: for each alternative its named members; None: any at all."""
    schema = resolved(schema, root)
    alternatives = schema.get("oneOf") or schema.get("anyOf")
    if alternatives and "properties" not in schema:
        return [shape for each in alternatives for shape in shapes(each, root)]
    members = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        for shape in shapes(part, root):
            members |= shape or {}
    return [members if members and "additionalProperties" not in schema else None]


def undocumented(value, schema, root, at=""):
    """Pointers to members of the value that no alternative of the schema names."""
    schema = resolved(schema, root)
    if isinstance(value, list):
        lists = [schema, *(resolved(each, root) for each in schema.get("oneOf", []))]
        items = next((each["items"] for each in lists if "items" in each), None)
        return [] if items is None else [found for i, each in enumerate(value[:ITEMS_LOOKED_AT])
                                         for found in undocumented(each, items, root, f"{at}/{i}")]
    if not isinstance(value, dict):
        return []
    possible = shapes(schema, root)
    if None in possible:
        return []
    fitting = max(possible, key=lambda shape: len(shape.keys() & value.keys()))
    return [found for name in value
            for found in (undocumented(value[name], fitting[name], root, f"{at}/{name}") if name in fitting
                          else [f"{at}/{name}"])]


@schemathesis.check
def members_are_documented(ctx, response, case):
    """What an answer holds is in the document, member by member: nobody has to guess what it means."""
    root = case.operation.schema.raw_schema
    answers = root["paths"][case.operation.path][case.operation.method.lower()]["responses"]
    status = str(response.status_code)
    described = answers.get(status) or answers.get(f"{status[0]}XX", {})
    kind = response.headers.get("content-type", [""])[0].split(";")[0]
    schema = described.get("content", {}).get(kind, {}).get("schema")
    if schema is None or not kind.endswith("json") or not response.content:
        return
    unknown = undocumented(json.loads(response.content), schema, root)
    if unknown:
        raise Failure(operation=case.operation.label, title="Undocumented members",
                      message=f"{case.operation.label} {status}: {', '.join(unknown[:ITEMS_LOOKED_AT])}")


def without_read_only(body, schema, root):
    """What is read may be put back: what only the server says is passed over."""
    members = resolved(schema, root).get("properties", {})
    return {name: value for name, value in body.items() if not members.get(name, {}).get("readOnly")} \
        if isinstance(body, dict) else body


def without_nulls(value):
    """In a request a null stands for what is left out."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@schemathesis.check
def what_the_document_forbids_is_refused(ctx, response, case):
    """A body was taken that breaks its schema: the document forbids too much, or the server looks at too little."""
    if response.status_code >= 300 or case.media_type != "application/json" or case.operation.path in BATCHES:
        return
    if not isinstance(case.body, (dict, list, str, int, float, bool)):
        return
    root = case.operation.schema.raw_schema
    content = root["paths"][case.operation.path][case.operation.method.lower()]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    body = without_nulls(without_read_only(case.body, schema, root))
    validator = jsonschema.Draft202012Validator({**schema, "components": root["components"]})
    wrong = next(validator.iter_errors(body), None)
    if wrong is not None:
        raise Failure(operation=case.operation.label, title="Forbidden body taken",
                      message=f"{case.operation.label}: {wrong.json_path}: {wrong.message[:500]}")


@schemathesis.check
def a_credential_is_needed(ctx, response, case):
    """For the run without one: what the document says needs a credential does nothing."""
    root = case.operation.schema.raw_schema
    security = root["paths"][case.operation.path][case.operation.method.lower()]["security"]
    if security and response.status_code < 400:
        raise Failure(operation=case.operation.label, title="Done without a credential",
                      message=f"{case.operation.label} was answered {response.status_code}")
