"""A phone from its first start to signing out, and who may not do what it does."""
import base64
import hashlib
import hmac
import json
import subprocess
import time

import harness
import people

PUSH_TOKEN = "fcm-phone-1:APA91b" + people.token("phone-1")
SECRET = "a secret of at least thirty-two bytes"


def android(token, **more):
    return {"platform": "android", "endpoints": [{"service": "fcm", "token": token}], **more}


def publishable(server, *flags):
    return server.cli("app", "key", "add", "default", "--publishable", *flags, "--json").json["app_key"]


def client_token(server, user, **body):
    return server.post(f"/v1/users/{user}/tokens", body, auth="app")["token"]


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(user, secret=SECRET, header=None, **changes):
    now = int(time.time())
    claims = {"iss": "https://shop.example", "aud": "carillon", "sub": user, "iat": now, "exp": now + 600, **changes}
    text = part(header or {"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
    return text + "." + part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def take_jwts(server):
    server.patch("/v1/settings", {"client_jwt": {
        "issuer": "https://shop.example", "audience": "carillon",
        "keys": [{"kid": "2026", "algorithm": "HS256", "secret": SECRET}]}})


def test_a_phone_from_first_start_to_signing_out(connected, simulator):
    server = connected
    server.put("/v1/categories/news", {"name": {"en": "News"}, "channels": ["push"]})
    key = publishable(server)

    # Before anybody signs in the phone can be reached by its id.
    server.expect(201, "PUT", "/v1/devices/phone-1", android(PUSH_TOKEN), auth=key)
    sent = server.send(to=[{"device_id": "phone-1"}], channels=["push"], title="Welcome", body="Sign in.")
    assert server.wait_final(sent["id"])["outcome"] == "success"

    # Grace signs in: the service makes her token, the phone registers itself with it.
    server.put_user("grace", name="Grace")
    me = client_token(server, "grace", ttl="1h")
    server.expect(201, "PUT", "/v1/me/devices/phone-1", android(PUSH_TOKEN), auth=me)
    assert server.api("GET", "/v1/devices/phone-1").status == 404
    assert [d["device_id"] for d in server.get("/v1/users/grace/devices")["data"]] == ["phone-1"]

    # She is written to, and sees it.
    sent = server.send(to=[{"user_id": "grace"}], category="news", title="Bells", body="They ring.")
    server.wait_final(sent["id"])
    [entry] = server.get("/v1/me/notifications", auth=me)["data"]
    assert entry["notification_id"] == sent["id"] and entry["channel"] == "push"
    assert (entry["title"], entry["body"], entry["status"]) == ("Bells", "They ring.", "sent")

    # She switches news off on the phone: the next one stops.
    shown = server.get("/v1/me/preferences", auth=me)
    assert {c["key"] for c in shown["categories"]} == {"general", "news", "security"}
    server.patch("/v1/me/preferences", {"preferences": [{"channel": "push", "category": "news", "opt_in": False}]},
                 auth=me)
    assert server.get("/v1/users/grace/preferences/log")["data"][0]["source"] == "client"
    before = simulator.counts()["fcm"]["accepted"]
    sent = server.send(to=[{"user_id": "grace"}], category="news", title="More", body="They ring again.")
    [delivery] = server.wait_final(sent["id"])["deliveries"]
    assert (delivery["status"], delivery["reason"]) == ("suppressed", "opted_out")
    assert simulator.counts()["fcm"]["accepted"] == before

    # She signs out: the phone is nobody's.
    server.delete("/v1/me/devices/phone-1", auth=me)
    assert server.get("/v1/me/devices", auth=me)["data"] == []


def test_another_person_on_the_phone_never_sees_the_last_ones_messages(server):
    for user in ("grace", "alan"):
        server.put_user(user)
    grace, alan = client_token(server, "grace"), client_token(server, "alan")
    server.put("/v1/me/devices/phone-1", android("token"), auth=grace)
    sent = server.send(to=[{"user_id": "grace"}], channels=["push"], title="For Grace", body="x")
    server.wait_final(sent["id"])
    server.put("/v1/me/devices/phone-1", android("token"), auth=alan)
    assert server.get("/v1/me/devices", auth=grace)["data"] == []
    assert server.get("/v1/me/notifications", auth=alan)["data"] == []
    assert server.api("GET", f"/v1/notifications/{sent['id']}", auth=alan).status == 403


def test_forged_expired_and_foreign_tokens_are_401(make_server):
    server, other = make_server(), make_server(name="other")
    for each in (server, other):
        each.put_user("grace")
    me = client_token(server, "grace", ttl="5m")
    status = lambda token: server.api("GET", "/v1/me/devices", auth=token).status  # noqa: E731
    assert status(me) == 200
    forged = me[:-8] + ("A" if me[-8] != "A" else "B") + me[-7:]
    assert [status(t) for t in (forged, me[:-1], "ct_", "ct_AAAA", client_token(other, "grace"))] == [401] * 5
    server.restart(kill=True)
    assert status(me) == 200  # nothing of it is kept, so nothing is lost
    server.advance("6m")
    assert status(me) == 401


def test_deleting_the_user_or_the_tokens_ends_them(server):
    server.put_user("grace")
    first = client_token(server, "grace")
    server.cli("user", "revoke-tokens", "grace")
    assert server.api("GET", "/v1/me/devices", auth=first).status == 401
    second = server.cli("user", "token", "grace", "--ttl", "1h", "--scope", "devices", "--json").json
    assert second["scopes"] == ["devices"]
    assert server.api("GET", "/v1/me/devices", auth=second["token"]).status == 200
    assert server.api("GET", "/v1/me/preferences", auth=second["token"]).status == 403
    server.delete("/v1/users/grace")
    assert server.api("GET", "/v1/me/devices", auth=second["token"]).status == 401


def test_the_customers_own_tokens(server):
    server.put_user("grace")
    status = lambda token: server.api("GET", "/v1/me/devices", auth=token).status  # noqa: E731
    assert status(jwt("grace")) == 401  # nobody said whose are taken
    take_jwts(server)
    assert SECRET not in server.api("GET", "/v1/settings").text
    server.patch("/v1/settings", {"client_jwt": server.get("/v1/settings")["client_jwt"]})  # as read
    now = int(time.time())
    assert status(jwt("grace")) == 200
    assert server.put("/v1/me/devices/phone-1", android("token"), auth=jwt("grace"))["device_id"] == "phone-1"
    refused = {
        "unknown user": jwt("nobody"),
        "another secret": jwt("grace", secret=SECRET + "!"),
        "none": jwt("grace", header={"alg": "none"}),
        "unsigned": jwt("grace", header={"alg": "none"}).rsplit(".", 1)[0] + ".",
        "another algorithm": jwt("grace", header={"alg": "RS256"}),
        "another key": jwt("grace", header={"alg": "HS256", "kid": "2025"}),
        "expired": jwt("grace", exp=now - 61),
        "without end": jwt("grace", exp=None),
        "too old": jwt("grace", iat=now - 3700),
        "of tomorrow": jwt("grace", iat=now + 86400, exp=now + 90000),
        "not yet": jwt("grace", nbf=now + 300),
        "for others": jwt("grace", aud="other"),
        "by others": jwt("grace", iss="https://evil.example"),
        "too long": jwt("grace", more="x" * 9000),
    }
    assert {why: status(token) for why, token in refused.items()} == dict.fromkeys(refused, 401)
    server.restart()
    assert status(jwt("grace")) == 200
    server.patch("/v1/settings", {"client_jwt": None})
    assert status(jwt("grace")) == 401


def test_a_public_key_is_given_on_the_command_line(server, tmp_path):
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout
    key = tmp_path / "key.pem"
    key.write_bytes(openssl("genpkey", "-algorithm", "ed25519"))
    public = openssl("pkey", "-in", key, "-pubout").decode()
    setting = tmp_path / "jwt.json"
    setting.write_text(json.dumps({"issuer": "https://shop.example", "audience": "carillon",
                                   "keys": [{"algorithm": "EdDSA", "public_key": public}]}))
    server.cli("settings", "set", "--client-jwt", setting, "--cors-origin", "https://shop.example.com")
    assert "shop.example.com" in server.cli("settings", "show").out
    server.put_user("grace")
    text = jwt("grace", header={"alg": "EdDSA"}).rsplit(".", 1)[0]
    (tmp_path / "text").write_text(text)
    signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", tmp_path / "text")
    assert server.api("GET", "/v1/me/devices", auth=f"{text}.{part(signature)}").status == 200
    assert server.api("GET", "/v1/me/devices", auth=jwt("grace", secret=public)).status == 401


def test_a_client_sends_to_itself_only(server):
    server.put_user("grace", email="ok@sandbox.carillon.test")
    server.put_user("alan", email="ok@sandbox.carillon.test")
    server.put("/v1/categories/reminders", {"client_allowed": True, "channels": ["email"]})
    me = client_token(server, "grace")
    tea = {"category": "reminders", "title": "Tea", "body": "It is ready."}
    sent = server.expect(202, "POST", "/v1/me/notifications:send", tea, auth=me)
    server.wait_final(sent["id"])
    assert server.get("/v1/me/notifications", auth=me)["data"][0]["title"] == "Tea"
    for extra in ({"to": [{"user_id": "alan"}]}, {"email": {"cc": ["a@example.test"]}}, {"category": "general"}):
        assert server.api("POST", "/v1/me/notifications:send", {**tea, **extra}, auth=me).status in (403, 422)
    answers = [server.api("POST", "/v1/me/notifications:send", tea, auth=me) for _ in range(15)]
    assert any(a.status == 429 and "retry-after" in a.headers for a in answers)


def test_a_publishable_key_registers_and_nothing_else(server):
    key = server.cli("key", "create", "default", "--publishable", "--json").json["app_key"]
    assert key.startswith("pk_live_") and publishable(server, "--test").startswith("pk_test_")
    server.expect(201, "PUT", "/v1/devices/phone-1", android("token"), auth=key)
    for method, path in (("GET", "/v1/devices/phone-1"), ("DELETE", "/v1/devices/phone-1"), ("GET", "/v1/users"),
                         ("GET", "/v1/me/devices"), ("POST", "/v1/notifications")):
        assert server.api(method, path, {} if method == "POST" else None, auth=key).status == 403, path
    assert server.api("GET", "/v1/users", auth=(key, "")).status == 401
    server.cli("app", "key", "revoke", "default", key)
    assert server.api("PUT", "/v1/devices/phone-1", android("token"), auth=key).status == 401


def test_a_browser_page_of_a_listed_origin_may_call(server):
    server.put_user("grace")
    server.patch("/v1/settings", {"cors_origins": ["https://shop.example.com"]})
    me = client_token(server, "grace")

    def allowed(method, path, origin, **more):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", **more.pop("headers", {})}
        answer = server.api(method, path, headers=headers, **more)
        return answer.status, answer.headers.get("access-control-allow-origin")
    preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    ours, theirs = "https://shop.example.com", "https://evil.example.com"
    assert allowed("OPTIONS", "/v1/me/preferences", ours, auth=None, headers=preflight) == (204, ours)
    assert allowed("OPTIONS", "/v1/me/preferences", theirs, auth=None, headers=preflight) == (204, None)
    assert allowed("OPTIONS", "/v1/notifications", ours, auth=None, headers=preflight) == (204, None)
    assert allowed("PATCH", "/v1/me/preferences", ours, body={}, auth=me) == (200, ours)
    assert allowed("PATCH", "/v1/me/preferences", theirs, body={}, auth=me) == (403, None)
    assert allowed("GET", "/v1/me/devices", ours, auth="ct_AAAA") == (401, ours)


def test_the_public_address_serves_clients_only(make_server):
    server = make_server(settings={"server.public_listen": "127.0.0.1:0",
                                   "server.public_url": "https://notify.example.com/"})
    outside = server.wait_for_log(r"serving clients and callbacks on (http://[^\s\"]+)").group(1)
    server.put_user("grace")

    def bearer(token):
        return {"Authorization": f"Bearer {token}"}

    def ask(method, path, headers, body=None):
        return harness.request(outside + path, method, body, headers).status
    me, key = client_token(server, "grace"), publishable(server)
    assert ask("GET", "/v1/me/devices", bearer(me)) == 200
    assert ask("PUT", "/v1/devices/phone-1", bearer(key), android("token")) == 201
    assert ask("GET", "/v1/me/devices", {}) == 401
    for path in ("/v1/users/grace", "/v1/notifications", "/healthz", "/metrics", "/docs", "/openapi.json", "/"):
        assert ask("GET", path, bearer(server.token)) == 404, path
    assert ask("PUT", "/v1/devices/phone-1", {"Authorization": harness.basic(*server.app)}, android("token")) == 404


def test_marketing_waits_for_the_public_url(make_server):
    server = make_server()
    offers = {"kind": "marketing", "channels": ["email"]}
    sale = {"to": [{"email": "ok@sandbox.carillon.test"}], "category": "offers", "title": "Sale", "body": "Half off."}
    server.put("/v1/categories/offers", offers)
    refused = server.expect(422, "POST", "/v1/notifications", sale, auth="app")
    assert refused["code"] == "public_url_missing" and "server.public_url" in refused["detail"]
    server.stop()
    server.settings["server.public_url"] = "https://notify.example.com"
    server.start()
    server.expect(202, "POST", "/v1/notifications", sale, auth="app")


def test_a_public_url_that_is_none_is_refused(tmp_path):
    for url in ("http://notify.example.com", "notify.example.com", "https://x.example.com/?a=b"):
        done = harness.run("serve", "--data", tmp_path / "data", "--set", f"server.public_url={url}")
        assert done.code == 2 and "server.public_url" in done.err, url
