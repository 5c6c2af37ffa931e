"""Schemathesis asks every operation of the OpenAPI document for what it allows and for what it forbids: no server
error, and no answer that is not as the document says."""
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import furnished
import harness
import hooks

LIBRARIES = harness.ROOT / "build" / "python"
HOOKS = pathlib.Path(__file__).with_name("openapi_hooks.py")
EXAMPLES = int(os.environ.get("API_EXAMPLES", "2"))  # of each operation; make verify wants more
THOROUGH = EXAMPLES >= 20  # then also each bound of each schema, and calls that follow from answers
LIMIT_S = 1800

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
          "response_headers_conformance", "members_are_documented", "what_the_document_forbids_is_refused"]

# What would leave the fuzzer without a credential or without a user: asked last, on a server of its own.
LAST = ["DELETE /v1/keys/{name}", "PATCH /v1/apps/{name}", "DELETE /v1/apps/{name}/keys/{app_key}",
        "DELETE /v1/users/{user_id}", "POST /v1/users/{user_id}/erase", "DELETE /v1/users/{user_id}/tokens",
        "PUT /v1/members/{key}", "DELETE /v1/members/{key}", "POST /v1/members/{key}/reset-password",
        "DELETE /v1/members/{key}/tokens/{name}", "POST /v1/session/password", "PUT /v1/session/totp",
        "DELETE /v1/session", "DELETE /v1/sessions/{id}", "PUT /v1/settings", "PATCH /v1/settings"]
LEFT_OUT = ["POST /v1/test/clock",  # everything would expire
            "GET /v1/stream"]       # it does not end

# Which of furnish()'s names stand for a part of a path: by its name, else by the part before it.
BY_NAME = {name: name for name in ("user_id", "device_id", "n", "app_key", "channel", "address")}
BY_PLACE = {"notifications": "notification", "approvals": "approval", "deliveries": "delivery", "jobs": "job",
            "groups": "group", "templates": "template", "layouts": "layout", "categories": "category",
            "integrations": "integration", "routes": "route", "pauses": "pause", "dead-letters": "letter",
            "schedules": "schedule", "rules": "rule", "apps": "app", "keys": "key", "alerts": "alert",
            "projects": "project", "members": "member", "tokens": "token_name", "senders": "sender",
            "objects": "object", "sessions": "session", "webhooks": "webhook", "p": "page"}


def kind_of(path, name):
    before = re.search(r"([^/]+)/\{%s\}" % name, path).group(1)
    if before == "deliveries" and path.startswith("/v1/webhooks/"):
        return "webhook_delivery"
    return BY_NAME.get(name) or BY_PLACE.get(before)


def configuration(document, found, with_credentials):
    """The text of schemathesis.toml: credentials by scheme, and for parts of paths the names of what there is."""
    lines = ["seed = 1", f"hooks = {json.dumps(str(HOOKS))}"]
    if with_credentials:
        has = found["credentials"]
        lines += ["[headers]", f'X-CSRF-Token = "{has["csrf"]}"',
                  "[auth.openapi.app]", f'username = "{has["app"][0]}"', f'password = "{has["app"][1]}"',
                  "[auth.openapi.session]", f'api_key = "{has["session"].split("=", 1)[1]}"']
        for scheme in ("management", "client", "publishable"):
            lines += [f"[auth.openapi.{scheme}]", f'bearer = "{has[scheme]}"']
    known = {kind: names for kind, names in found.items() if kind != "credentials" and names}
    for kind, names in known.items():
        lines += [f"[dictionaries.{kind}]", f"values = {json.dumps(names)}"]
    for path in document["paths"]:
        parts = {name: kind_of(path, name) for name in re.findall(r"\{(\w+)\}", path)}
        parts = {name: kind for name, kind in parts.items() if kind in known}
        if parts:
            lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.parameters]"]
            lines += [f'"path.{name}" = {{ dictionary = "{kind}", probability = 0.9 }}' for name, kind in parts.items()]
    return "\n".join(lines) + "\n"


class Run:
    """One run of schemathesis: `failures` in words, `answers`, the statuses of each operation."""

    def __init__(self, server, folder, found, *flags, checks=CHECKS, with_credentials=True):
        folder.mkdir()
        document = harness.request(server.url + "/openapi.json").body
        (folder / "openapi.json").write_text(json.dumps(document))
        (folder / "schemathesis.toml").write_text(configuration(document, found, with_credentials))
        (folder / "answers").touch()
        done = subprocess.run(
            [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
             "--config-file", folder / "schemathesis.toml", "run", folder / "openapi.json", "--url", server.url,
             "--checks", ",".join(checks), "--generation-deterministic", "--no-shrink", "--continue-on-failure",
             "--max-redirects", "0", "--warnings", "off", "--report", "json",
             "--report-json-path", folder / "report.json", *flags],
            env={**harness.clean_environment(), "PYTHONPATH": str(LIBRARIES), "NO_COLOR": "1",
                 "OPENAPI_ANSWERS": str(folder / "answers")},
            cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
        assert (folder / "report.json").exists(), done.stdout[-4000:] + done.stderr[-4000:]
        report = json.loads((folder / "report.json").read_text())
        self.failures = done.stdout if report["failures"] or done.returncode != 0 else ""
        self.operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items()
                           for method in methods}
        self.answers = {}
        for line in (folder / "answers").read_text().splitlines():
            label, status = line.rsplit(" ", 1)
            self.answers.setdefault(label, []).append(int(status))

    def share(self, is_wanted):
        """Of all operations, how many have such an answer."""
        return sum(any(map(is_wanted, statuses)) for statuses in self.answers.values()) / len(self.operations)


def names(flag, labels):
    return [part for label in labels for part in (flag, label)]


@pytest.fixture
def filled(make_server):
    if not importlib.util.find_spec("schemathesis"):
        pytest.skip("schemathesis is not installed: tools/install_dependencies.sh test")
    server = make_server(hooks.HERE)
    return server, furnished.furnish(server)


def still_well(server):
    assert server.is_running()
    said = [json.loads(line)["message"] for line in server.log_text().splitlines() if '"level":"error"' in line]
    assert [line for line in said if not line.startswith("alert: ")] == []


def phases():
    return ["--phases", "examples,coverage,fuzzing,stateful" if THOROUGH else "examples,fuzzing",
            "--max-examples", str(EXAMPLES)]


def test_every_operation_answers_as_the_document_says(filled, tmp_path):
    server, found = filled
    run = Run(server, tmp_path / "run", found, *phases(), *names("--exclude-name", LAST + LEFT_OUT))
    assert not run.failures, run.failures
    still_well(server)
    assert run.share(lambda status: True) >= 0.90, run.operations - run.answers.keys()
    assert run.share(lambda status: status < 400) >= 0.70


def test_what_takes_credentials_away_answers_so_too(filled, tmp_path):
    server, found = filled
    run = Run(server, tmp_path / "run", found, *phases(), *names("--include-name", LAST))
    assert not run.failures, run.failures
    assert run.answers.keys() == set(LAST)
    still_well(server)


def test_without_a_credential_nothing_is_done(filled, tmp_path):
    server, found = filled
    before = server.get("/v1/audit?limit=1")["data"]
    run = Run(server, tmp_path / "run", found, "--phases", "examples,fuzzing", "--max-examples", "1",
              "--mode", "positive", *names("--exclude-name", LEFT_OUT[1:]),
              checks=[*CHECKS, "a_credential_is_needed"], with_credentials=False)
    assert not run.failures, run.failures
    assert run.share(lambda status: status == 401) >= 0.80
    assert server.get("/v1/audit?limit=1")["data"] == before, "something was changed"
    still_well(server)
