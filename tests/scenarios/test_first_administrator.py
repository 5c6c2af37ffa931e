"""Whoever starts the server opens one link, chooses a password, and is the administrator."""
import json
import re

import harness
from browser import PASSWORD, Browser, token_of
from test_first_run import Terminal


def first_link(server):
    return json.loads((server.data / "first-run.json").read_text())["console"]


def test_the_link_in_the_first_secrets_makes_the_administrator(server):
    link = first_link(server)
    assert link.startswith(server.url + "/#/join?token=")
    assert token_of(link) not in server.log_text()
    page = harness.request(server.url + "/", headers={"Accept-Encoding": "identity"})
    assert page.status == 200 and '<div id="root">' in page.text
    browser = Browser(server.url)
    looked = browser.call("POST", "/v1/invitations/look", {"token": token_of(link)})
    assert looked.body["member"]["key"] == "admin", looked
    joined = browser.join(link, name="Ada Lovelace")
    assert joined.status == 200, joined
    assert joined.body["is_installation_admin"] and joined.body["member"]["name"] == "Ada Lovelace"
    assert joined.body["projects"] == [{"key": "default", "name": "", "role": "administrator",
                                        "apps": None}]
    # Everything the console needs, with the cookie alone.
    assert browser.call("GET", "/v1/members").status == 200
    sent = browser.call("POST", "/v1/notifications", {"to": [{"email": "ok@sandbox.carillon.test"}],
                                                      "channels": ["email"], "title": "x", "body": "y"})
    assert sent.status == 202, sent
    server.wait_final(sent.body["id"])
    assert browser.call("DELETE", "/v1/session").status == 204
    assert not browser.is_in()
    assert browser.sign_in("admin").status == 200
    # The link works once.
    assert Browser(server.url).join(link).body["code"] == "unknown_invitation"
    actors = {(e["action"], e["actor"]) for e in server.get("/v1/audit?installation=true")["data"]}
    assert {("invitation.create", "system"), ("invitation.accept", "member:admin"), ("session.delete", "member:admin"),
            ("session.create", "member:admin")} <= actors


def test_the_link_is_printed_on_a_terminal(tmp_path):
    terminal = Terminal(tmp_path / "data")
    try:
        link = terminal.wait_for(r"http\S+/#/join\?token=\w+")
        url = re.match(r"(http\S+?)/#", link).group(1)
        assert Browser(url).join(link).status == 200
    finally:
        terminal.end()


def test_a_lost_link_is_made_again_on_the_server(server):
    done = server.cli("admin", "reset-password", "admin")
    link = re.search(r"http\S+", done.out).group(0)
    assert Browser(server.url).join(first_link(server)).status == 404, "a newer link voids the older one"
    assert Browser(server.url).join(link).status == 200


def test_a_stopped_store_gives_a_link_too(server):
    server.stop()
    link = server.cli("admin", "reset-password", "admin", "--json").json["url"]
    server.start()
    browser = Browser(server.url)
    assert browser.join(link).status == 200
    changed = browser.call("POST", "/v1/session/password", {"current": PASSWORD, "new": "another four words"})
    assert changed.status == 204, changed


def test_another_start_makes_no_second_link(server):
    (server.data / "first-run.json").unlink()
    server.restart()
    assert not (server.data / "first-run.json").exists()
