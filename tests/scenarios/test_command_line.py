"""The command line says the same to a stopped store, to a running server, and from afar."""
import json

import pytest

import harness

EMAIL = "ok@sandbox.carillon.test"


@pytest.fixture(params=["stopped", "running", "remote"])
def command(request, make_server):
    """A function that runs a command, one time for each way a command can reach the API."""
    server = make_server()
    environment = None
    place = ["--data", server.data]
    if request.param == "stopped":
        server.stop()
    if request.param == "remote":
        environment = {"CARILLON_URL": server.url, "CARILLON_TOKEN": server.token}
        place = []

    def call(*arguments, code=0, stdin="", more=None):
        done = harness.run(*arguments, *place, stdin=stdin, environment={**(environment or {}), **(more or {})},
                           folder=server.folder)
        assert done.code == code, f"carillon {' '.join(map(str, arguments))}: {done}"
        return done

    call.way = request.param
    call.server = server
    return call


def test_an_app_is_made_disabled_and_given_keys(command):
    made = command("app", "create", "shop", "--channel", "email", "--json").json
    assert set(made) >= {"app_key", "app_secret", "test_app_key", "test_app_secret"}
    assert "shop" in command("app", "list").out
    assert made["app_key"] in command("app", "show", "shop").out
    assert made["app_secret"] not in command("app", "show", "shop").out
    another = command("app", "key", "add", "shop", "--test", "--json").json
    assert another["app_key"].startswith("ck_test_")
    command("app", "key", "revoke", "shop", another["app_key"])
    command("app", "grant", "shop", "--channel", "push", "--max-priority", "normal")
    command("app", "disable", "shop")
    shown = command("app", "show", "shop", "--json").json
    assert shown["disabled"] is True and shown["channels"] == ["push"] and shown["max_priority"] == "normal"
    command("app", "enable", "shop")
    assert command("app", "show", "shop", "--json").json["disabled"] is False


def test_a_management_token_is_made_and_revoked(command):
    token = command("key", "create", "ops", "--management", "--scopes", "admin", "--json").json["token"]
    assert token.startswith("mt_")
    listed = command("key", "list")
    assert "ops" in listed.out and token not in listed.out
    command("key", "revoke", "ops")
    assert command("key", "create", "ops2", code=2).err.startswith("carillon: give --management")


def test_people_are_kept_and_heard(command):
    command("user", "put", "42", "--name", "김", "--email", EMAIL, "--attribute", "level:=3")
    assert command("user", "get", "42", "--json").json["attributes"] == {"level": 3}
    assert "김" in command("user", "list").out
    command("user", "device", "put", "42", "test-ok", "--platform", "ios", "--bundle", "com.example.app")
    assert "test-ok" in command("user", "device", "list", "42").out
    command("user", "preferences", "set", "42", "--channel", "sms", "--opt-in", "no",
            "--quiet-hours", "22:00-08:00")
    wanted = command("user", "preferences", "get", "42", "--json").json
    assert {"channel": "sms", "category": "*", "opt_in": False} in wanted["preferences"]
    assert wanted["quiet_hours"]["from"] == "22:00"
    command("suppression", "add", "email", "never@example.com")
    assert "email" in command("suppression", "list").out
    command("suppression", "remove", "email", "never@example.com")
    command("user", "delete", "42")
    assert command("user", "get", "42", code=1).err


def test_content_is_put_previewed_and_published(command):
    template = {"key": "welcome", "default_locale": "en",
                "params": [{"name": "name", "type": "string", "required": True}],
                "content": {"en": {"title": "Hi {{name}}", "body": "Welcome"}}}
    command("template", "put", "-", "--draft", stdin=json.dumps(template))
    command("template", "publish", "welcome", "1")
    assert "Hi Kim" in command("template", "preview", "welcome", "--param", "name=Kim", "--channel", "push").out
    assert "welcome" in command("template", "list").out
    assert command("template", "get", "welcome", "--json").json["key"] == "welcome"
    command("category", "put", "-", stdin=json.dumps({"key": "news", "kind": "transactional", "channels": ["email"]}))
    assert "news" in command("category", "list").out
    assert command("category", "get", "news", "--json").json["channels"] == ["email"]


def test_integrations_routes_and_pauses(command):
    command("integration", "add", "box", "--provider", "sandbox")
    assert "box" in command("integration", "list").out
    command("integration", "pause", "box", "--reason", "a look inside")
    assert command("integration", "show", "box", "--json").json["paused"] == "a look inside"
    command("integration", "resume", "box")
    command("route", "put", "mail", "--channel", "email", "--chain", "box=2")
    assert "mail" in command("route", "list").out
    command("route", "remove", "mail")
    command("integration", "remove", "box")
    assert "sandbox" in command("integration", "providers").out
    made = command("pause", "create", "--channel", "sms", "--reason", "wrong price", "--json").json
    assert "wrong price" in command("pause", "list").out
    command("pause", "remove", made["id"])
    assert "Nothing is paused" in command("pause", "list").out


def test_a_refusal_names_the_place_and_ends_with_1(command):
    refused = command("user", "put", "42", "--phone", "12", code=1)
    assert "/phone_number" in refused.err and refused.out == ""
    document = command("user", "put", "42", "--phone", "12", "--json", code=1).json
    assert document["errors"][0]["pointer"] == "/phone_number"


def test_wrong_use_ends_with_2(command):
    assert command("user", "put", code=2).err
    assert command("app", "create", "x", "--colour", "red", code=2).err
    assert command("send", "--email", EMAIL, "--param", "novalue", code=2).err


@pytest.mark.parametrize("arguments, code, says", [
    (["serv"], 2, "'serv' is no command here; use one of: serve, api,"),
    ([], 2, "give a command; use one of: serve, api,"),
    (["dlq", "shw"], 2, "carillon dlq: 'shw' is no command here; use one of: list, show, replay"),
    (["send", "--colour"], 2, "carillon send --help says more"),
    (["serve", "--set", "server.liten=1"], 2, 'server has no setting "liten"; it has: listen,'),
    (["serve", "--listen", "127.0.0.1:99999"], 2, "server.listen: '127.0.0.1:99999' does not end in a port"),
    (["serve", "--set", "server.public_listen=here"], 2, "server.public_listen: 'here' is no address"),
    (["integration", "add", "x", "--provider", "twilio"], 1, "there is no provider 'twilio'; use one of: "),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_a_mistake_is_told_with_what_would_be_right(tmp_path, arguments, code, says):
    place = ["--data", tmp_path / "data"] if len(arguments) > 2 else []
    done = harness.run(*arguments, *place, folder=tmp_path)
    assert done.code == code and says in done.err, done


def test_a_second_server_says_what_it_meets(server, tmp_path):
    same_folder = harness.run("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert same_folder.code == 1 and "stop that one, or give --data another folder" in same_folder.err, same_folder
    same_port = harness.run("serve", "--data", tmp_path / "other", "--listen", f"127.0.0.1:{server.port}")
    assert same_port.code == 1 and f"port {server.port} is taken" in same_port.err, same_port


def test_status_and_doctor_answer_everywhere(command):
    assert "accepted" in command("status").out
    assert set(command("status", "--json").json) == {"accountability", "queues", "integrations"}
    settings = ["--set", f"server.listen=127.0.0.1:{command.server.port}"] if command.way != "remote" else []
    found = command("doctor", "--json", *settings).json
    assert found["ok"] is True
    assert {check["result"] for check in found["checks"]} <= {"OK", "WARN"}


def test_a_send_is_followed_to_its_end(server):
    sent = server.cli("send", "--email", EMAIL, "--channel", "email", "--title", "Hello", "--body", "Bells",
                      "--event-id", "e1", "--wait")
    assert sent.out.startswith("ntf_") and "completed: success" in sent.out
    notification = sent.out.split()[0]
    assert notification in server.cli("status", notification).out
    [delivery] = server.deliveries(notification)
    assert delivery["id"] in server.cli("status", delivery["id"]).out
    again = server.cli("send", "--email", EMAIL, "--channel", "email", "--title", "Hello", "--body", "Bells",
                       "--event-id", "e1", "--json").json
    assert again["duplicate"] is True and again["id"] == notification
    dry = server.cli("send", "--email", EMAIL, "--channel", "email", "--title", "x", "--body", "y", "--dry-run")
    assert "send" in dry.out


def test_a_dead_letter_is_shown_and_sent_again(server):
    sent = server.send(to=[{"email": "bounce@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
    [delivery] = server.wait_final(sent["id"])["deliveries"]
    server.cli("dlq", "list")
    assert delivery["id"] in server.cli("dlq", "show", delivery["id"]).out
    replayed = server.cli("dlq", "replay", "--id", delivery["id"], "--json").json
    assert replayed["total"] == 1
    assert server.cli("dlq", "replay", code=2).err
    assert "of" in server.cli("dlq", "replay", "--all").out


def test_a_stopped_store_does_not_send(server):
    server.stop()
    refused = server.cli("send", "--email", EMAIL, "--channel", "email", "--title", "x", "--body", "y", code=1)
    assert refused.err


def test_a_place_without_a_store_is_named(tmp_path):
    refused = harness.run("app", "list", "--data", tmp_path / "none")
    assert refused.code == 1 and str(tmp_path / "none") in refused.err
    assert not (tmp_path / "none").exists()
    made = harness.run("app", "create", "shop", "--data", tmp_path / "new", "--json")
    assert made.code == 0 and made.json["app_key"].startswith("ck_live_")


def test_a_url_needs_a_token(tmp_path):
    refused = harness.run("app", "list", environment={"CARILLON_URL": "http://127.0.0.1:1"}, folder=tmp_path)
    assert refused.code == 2 and "CARILLON_TOKEN" in refused.err


def test_a_secret_is_read_from_elsewhere_and_never_shown(server, tmp_path):
    refused = server.cli("integration", "add", "x", "--provider", "nobody", "--setting", "password=hunter2", code=1)
    assert "hunter2" not in refused.out + refused.err
    missing = server.cli("integration", "add", "x", "--provider", "sandbox", "--setting", "a=@env:NOT_THERE", code=1)
    assert "NOT_THERE" in missing.err


def test_the_reference_is_written(tmp_path):
    done = harness.run("reference", tmp_path / "reference")
    assert done.code == 0, done
    written = {file.name: file.read_text() for file in (tmp_path / "reference").iterdir()}
    assert set(written) == {"settings.md", "carillon.sample.toml", "providers.md", "errors.md", "openapi.json",
                            "cli.md"}
    assert json.loads(written["openapi.json"])["openapi"].startswith("3.1")
    assert "carillon dlq replay" in written["cli.md"]


def test_the_version_is_printed():
    assert harness.run("version").out.startswith("carillon ")
    assert "version" in harness.run("version", "--json").json
