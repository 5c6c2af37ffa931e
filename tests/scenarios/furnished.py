"""A store with something of everything in it, and the names that paths take: for tests that visit every route."""
import datetime
import re

import browser
import uploads

KIND = {"Content-Type": "text/csv"}
MAIL = {"channels": ["email"], "title": "Hello", "body": "The bells ring."}
COPIES = 12  # of what a DELETE may take away, so that a later call finds one


def names(stem):
    return [f"{stem}-{n}" for n in range(COPIES)]


def _people(server):
    users = names("user")
    for user in (*users, "u1", "u2"):  # these are in the document's examples
        server.put_user(user, name="Ada", email="ok@sandbox.carillon.test", phone_number="+999000000001", locale="en")
        server.put(f"/v1/users/{user}/devices/{user}-phone",
                   {"platform": "android", "endpoints": [{"service": "fcm", "token": f"test-ok-{user}"}]})
        server.put(f"/v1/users/{user}/preferences",
                   {"preferences": [{"channel": "sms", "category": "*", "opt_in": False}]})
    for group in names("group"):
        server.put(f"/v1/groups/{group}", {"name": "Bell ringers"})
        server.post(f"/v1/groups/{group}/members", {"user_ids": users})
    server.post("/v1/suppressions", {"channel": "email", "address": "gone@example.test"})
    imported = [server.expect(202, "POST", "/v1/imports/users", b"user_id,email\nnew,nobody\n", headers=KIND,
                              auth="app")["id"] for _ in range(COPIES)]
    return {"user_id": users, "device_id": [f"{user}-phone" for user in users], "group": names("group"),
            "job": imported, "channel": ["email"], "address": ["gone@example.test"]}


def _content(server):
    for key in names("template"):
        for text in ("Hello {{name}}", "Good morning {{name}}"):
            server.put(f"/v1/templates/{key}?publish=true", {
                "default_locale": "en", "params": [{"name": "name", "type": "string", "sample": "Kim"}],
                "content": {"en": {"title": text, "body": "The bells ring."}}})
    for key in names("layout"):
        for text in ("one", "two"):
            server.put(f"/v1/layouts/{key}?publish=true", {"html": f"<body>{{{{{{content}}}}}}<p>{text}</p></body>"})
    for key in names("category"):
        server.put(f"/v1/categories/{key}", {"channels": ["email", "push"], "approval_over": 1})
    for key in names("sender"):
        server.put(f"/v1/senders/{key}", {"domain": f"{key}.example.com", "name": "Shop"})
    objects = [uploads.upload(server, uploads.PDF, "bells.pdf", "application/pdf")["id"] for _ in range(COPIES)]
    return {"template": names("template"), "layout": names("layout"), "category": names("category"),
            "sender": names("sender"), "object": objects, "n": ["1", "2"]}


def _operating(server):
    for key in names("integration"):
        server.put(f"/v1/integrations/{key}", {"provider": "sandbox", "settings": {}})
    for key in names("route"):
        server.put(f"/v1/routes/{key}", {"match": {"channel": "voice"}, "chain": [{"integration": "integration-0"}]})
    for key in names("schedule"):
        server.put(f"/v1/schedules/{key}", {"cron": "0 9 * * *", "notification": {
            "to": [{"user_id": "user-0"}], **MAIL}}, auth="app")
    for key in names("rule"):
        server.put(f"/v1/rules/{key}", {"when": {"type": f"{key}.shipped"}, "send": {
            "to": [{"user_id": {"from": "data.user_id"}}], **MAIL}})
    for key in names("webhook"):
        server.put(f"/v1/webhooks/{key}", {"url": "http://127.0.0.1:9/hook", "events": ["delivery.*"]})
    pauses = [server.post("/v1/pauses", {"scope": {"app": "default", "category": key}})["id"]
              for key in names("category")]
    for key in names("member"):
        server.put(f"/v1/members/{key}", {"email": f"{key}@example.com", "grants": {"default": "viewer"}})
        server.post(f"/v1/members/{key}/tokens", {"name": "laptop"})
    server.put("/v1/projects/staging", {"name": "Staging"})
    for name in names("app"):
        server.post("/v1/apps", {"name": name})
        server.post("/v1/keys", {"name": f"of-{name}", "scopes": ["audit"]})
    app_keys = [server.post(f"/v1/apps/{name}/keys", {"scopes": ["send"]})["app_key"] for name in names("app")]
    return {"integration": names("integration"), "route": names("route"), "schedule": names("schedule"),
            "rule": names("rule"), "webhook": names("webhook"), "pause": pauses, "member": names("member"),
            "project": ["default", "staging"], "app": names("app"), "app_key": app_keys,
            "key": [f"of-{name}" for name in names("app")], "token_name": ["laptop"]}


def _history(server):
    sent = [server.send(to=[{"user_id": user}], **MAIL)["id"] for user in names("user")]
    server.send(to=[{"user_id": "user-0"}], channels=["push", "sms"], title="Hello", body="The bells ring.")
    deliveries = [server.wait_final(one)["deliveries"][0]["id"] for one in sent[:4]]
    drafts = [server.send(to=[{"user_id": "user-0"}], draft=True, **MAIL)["id"] for _ in range(COPIES)]
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).isoformat()
    later = [server.send(to=[{"user_id": "user-0"}], send_at=tomorrow, **MAIL)["id"] for _ in range(COPIES)]
    waiting = [server.send(to=[{"group": "group-0"}], category=key, **MAIL) for key in names("category")[:8]]
    server.send(to=[{"email": "tempfail@sandbox.carillon.test"}], ttl="1h", **MAIL)
    refused = server.expect(202, "POST", "/v1/events", {"specversion": "1.0", "id": "1", "source": "/shop",
                                                        "type": "rule-0.shipped", "data": {}}, auth="app")
    letters = [match["dead_letter_id"] for match in refused["matched"]]
    alerts = [alert["id"] for alert in server.get("/v1/alerts")["data"]]
    hooks = [row["id"] for row in server.get("/v1/webhooks/webhook-0/deliveries")["data"]]
    return {"notification": sent + drafts + later + [one["id"] for one in waiting], "delivery": deliveries,
            "approval": [one["approval_id"] for one in waiting], "letter": letters, "alert": alerts,
            "webhook_delivery": hooks}


def furnish(server):
    """Fills it. The names of what is there, by kind, and under "credentials" one of each kind:
    app (key, secret), management, client and publishable tokens, session ("name=value" of the cookie) and csrf."""
    found = {**_people(server), **_content(server), **_operating(server), **_history(server)}
    fuzzer = browser.member(server, "fuzzer", {"*": "administrator"}, email="fuzzer@example.com")
    server.put_user("fuzzer", email="ok@sandbox.carillon.test")
    link = server.post("/v1/users/fuzzer/preferences/link")["url"]
    found["page"] = [re.search(r"/p/([^/?]+)", link).group(1)]
    found["session"] = [one["id"] for one in fuzzer.call("GET", "/v1/sessions").body["data"]]
    found["credentials"] = {
        "app": server.app, "management": server.token,
        "client": server.post("/v1/users/fuzzer/tokens", {"ttl": "24h"}, auth="app")["token"],
        "publishable": server.post("/v1/apps/default/keys", {"publishable": True})["app_key"],
        "session": fuzzer.cookie, "csrf": fuzzer.csrf}
    return found
