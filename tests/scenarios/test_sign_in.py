"""People sign in and stay so through a crash; who guesses, forges or has left is kept out."""
import re

import harness
from browser import PASSWORD, Browser, member, totp
from people import only

SEND = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "x", "body": "y"}


def test_a_session_outlives_a_restart_and_a_crash(server):
    ann = member(server, "ann", {"default": "sender"}, email="ann@example.com")
    server.restart()
    assert ann.is_in()
    assert ann.call("POST", "/v1/notifications", SEND).status == 202
    other = Browser(server.url)
    assert other.sign_in("ann@example.com").status == 200
    server.restart(kill=True)
    assert ann.is_in() and other.is_in()
    # What ended stays ended.
    assert other.call("DELETE", "/v1/session").status == 204
    server.restart(kill=True)
    assert ann.is_in() and not other.is_in()
    server.advance("13h")
    assert not ann.is_in()


def test_what_a_member_does_is_the_member_s(server):
    ann = member(server, "ann", {"default": "sender"})
    assert ann.call("PUT", "/v1/groups/vips", {"name": "VIPs"}, {"X-Request-Id": "by-ann"}).status in (200, 201)
    entry = only(server.get("/v1/audit?request_id=by-ann")["data"])
    assert (entry["actor"], entry["action"], entry["object"]) == ("member:ann", "group.put", "vips")
    server.put("/v1/projects/staging", {})
    elsewhere = ann.call("GET", "/v1/groups", headers={"Carillon-Project": "staging"})
    assert elsewhere.body["code"] == "unknown_project"
    server.put("/v1/members/ann", {"grants": {"default": "viewer", "staging": "sender"}})
    assert ann.call("GET", "/v1/groups", headers={"Carillon-Project": "staging"}).body["data"] == []
    assert ann.call("DELETE", "/v1/groups/vips").status == 403
    assert [p["key"] for p in ann.call("GET", "/v1/session").body["projects"]] == ["default", "staging"]


def test_an_app_gives_codes_and_each_counts_once(make_server):
    server = make_server(settings={"server.test_clock": "false"})
    ann = member(server, "ann", {"default": "viewer"}, email="ann@example.com")
    begun = ann.call("POST", "/v1/session/totp").body
    assert f"secret={begun['secret']}" in begun["otpauth_url"] and "ann%40example.com" in begun["otpauth_url"]
    assert ann.call("PUT", "/v1/session/totp", {"code": "000000"}).pointers == ["/code"]
    assert Browser(server.url).sign_in("ann").status == 200, "not confirmed, not asked for"
    codes = ann.call("PUT", "/v1/session/totp", {"code": totp(begun["secret"])}).body["recovery_codes"]
    assert len(set(codes)) == 10
    other = Browser(server.url)
    assert other.sign_in("ann").body["code"] == "totp_required"
    code = totp(begun["secret"], steps=1)
    assert other.sign_in("ann", code=code).status == 200
    assert Browser(server.url).sign_in("ann", code=code).body["code"] == "wrong_code"
    server.restart(kill=True)
    assert Browser(server.url).sign_in("ann", code=code).body["code"] == "wrong_code", "also after a crash"
    assert Browser(server.url).sign_in("ann", code=codes[3].upper().replace("-", " ")).status == 200
    assert Browser(server.url).sign_in("ann", code=codes[3]).body["code"] == "wrong_code"
    # The phone is lost.
    link = re.search(r"http\S+", server.cli("admin", "reset-password", "ann", "--totp").out).group(0)
    assert not other.is_in()
    assert Browser(server.url).join(link).body["member"]["has_totp"] is False
    # Neither passwords nor secrets are in the files as they are, or in the log.
    stored = b"".join(p.read_bytes() for p in server.data.iterdir() if p.is_file() and p.name.startswith("carillon.db"))
    for secret in (PASSWORD, begun["secret"], codes[0], ann.cookie.split("=")[1]):
        assert secret.encode() not in stored and secret not in server.log_text()


def test_who_guesses_is_stopped_and_the_member_is_helped(server):
    ann = member(server, "ann", {"default": "viewer"})
    guesser = Browser(server.url)
    statuses = [guesser.sign_in("ann", f"guess number {i}").status for i in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    refused = guesser.sign_in("ann")
    assert refused.body["code"] == "too_many_attempts" and int(refused.headers["retry-after"]) > 60
    assert ann.is_in(), "who is in stays in"
    link = server.post("/v1/members/ann/reset-password")["url"]
    assert not ann.is_in()
    assert ann.join(link).status == 200
    server.advance("30m")
    assert guesser.sign_in("ann").status == 200
    told = [e for e in server.get("/v1/audit?installation=true&action=session.fail")["data"]]
    assert len(told) == 5 and {e["object"] for e in told} == {"ann"} and {e["actor"] for e in told} == {"nobody"}


def test_one_address_does_not_guess_at_everybody(make_server):
    server = make_server(settings={"server.proxies": "127.0.0.1"})
    there = {"X-Forwarded-For": "203.0.113.9"}
    statuses = []
    while statuses.count(429) == 0 and len(statuses) < 60:  # a slow machine is given some back before the fiftieth
        statuses.append(harness.request(server.url + "/v1/session", "POST", {
            "email": f"u{len(statuses)}@example.com", "password": "x"}, there).status)
    assert statuses[:50] == [401] * 50 and statuses[-1] == 429
    elsewhere = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
    assert harness.request(server.url + "/v1/session", "POST", {"email": "u@example.com", "password": "x"},
                           elsewhere).status == 401, "the last address the proxy tells counts"
    told = server.get("/v1/audit?installation=true&action=session.fail")["data"]
    assert told[-1]["origin"] == "203.0.113.9"


def test_a_page_of_another_site_changes_nothing(server):
    ann = member(server, "ann", {"default": "sender"})
    forged = {"Cookie": ann.cookie, "Content-Type": "text/plain"}
    assert harness.request(server.url + "/v1/notifications", "POST", SEND, forged).body["code"] == "csrf"
    assert ann.call("POST", "/v1/notifications", SEND, {"X-CSRF-Token": "x" * 43}).body["code"] == "csrf"
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.test"},
                    {"Origin": "null"}):
        assert ann.call("POST", "/v1/notifications", SEND, headers).body["code"] == "cross_site", headers
    assert server.get("/v1/notifications")["data"] == []
    assert ann.call("POST", "/v1/notifications", SEND).status == 202


def test_who_is_removed_or_disabled_is_out_at_once(server):
    ann = member(server, "ann", {"default": "sender"})
    server.put("/v1/members/ann", {"grants": {"default": "sender"}, "disabled": True})
    assert not ann.is_in()
    assert ann.sign_in("ann").body["code"] == "wrong_credentials"
    server.put("/v1/members/ann", {"grants": {"default": "sender"}})
    assert not ann.is_in()
    assert ann.sign_in("ann").status == 200
    server.delete("/v1/members/ann")
    assert not ann.is_in()
    server.restart(kill=True)
    assert not ann.is_in()


def test_a_restored_backup_lets_nobody_in_who_was_in(make_server, tmp_path):
    server = make_server()
    ann = member(server, "ann", {"default": "viewer"})
    server.cli("backup", "--to", tmp_path / "b", "--with-key")
    server.stop()
    restored = make_server(name="restored", start=False)
    done = harness.run("restore", "--from", tmp_path / "b", "--data", restored.data)
    assert done.code == 0, done
    restored.app, restored.test, restored.token = server.app, server.test, server.token
    restored.start()
    ann.url = restored.url
    assert not ann.is_in()
    assert ann.sign_in("ann").status == 200


def test_cookies_are_for_https_where_there_is_https(make_server):
    plain = make_server(name="plain")
    ann = member(plain, "ann", {"default": "viewer"})
    assert ann.set_cookie.startswith("carillon_session=")
    assert "HttpOnly" in ann.set_cookie and "SameSite=Strict" in ann.set_cookie and "Path=/" in ann.set_cookie
    assert "Secure" not in ann.set_cookie
    behind = make_server(name="behind", settings={"server.public_url": "https://notify.example.com"})
    behind.put("/v1/members/ann", {"grants": {"default": "viewer"}})
    link = behind.post("/v1/members/ann/invite")["url"]
    assert link.startswith("https://notify.example.com/#/join?token=")
    browser = Browser(behind.url)
    public = {"Origin": "https://notify.example.com"}
    joined = browser.call("POST", "/v1/invitations/accept",
                          {"token": link.split("token=")[1], "password": PASSWORD}, public)
    assert joined.status == 200, joined
    assert browser.set_cookie.startswith("__Host-carillon=") and browser.set_cookie.endswith("; Secure")
    assert browser.is_in()
    # A cookie that plain http can set is not one.
    browser.cookie = browser.cookie.replace("__Host-carillon", "carillon_session")
    assert not browser.is_in()
    page = harness.request(behind.url + "/")
    assert page.headers["strict-transport-security"].startswith("max-age=")
    assert "strict-transport-security" not in harness.request(plain.url + "/").headers


def test_the_outside_has_no_console(make_server):
    server = make_server(settings={"server.public_listen": "127.0.0.1:0"})
    ann = member(server, "ann", {"default": "viewer"})
    outside = server.wait_for_log(r"serving clients and callbacks on (http\S+?)[\s\"]").group(1)
    for method, path in (("GET", "/"), ("GET", "/v1/session"), ("POST", "/v1/session"), ("GET", "/v1/notifications"),
                         ("POST", "/v1/invitations/look")):
        answer = harness.request(outside + path, method, headers={"Cookie": ann.cookie})
        assert (answer.status, answer.body["code"]) == (404, "unknown_path"), path
