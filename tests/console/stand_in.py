"""Sessions in front of a binary that has none yet, for the console's tests only.

Serves web/dist at /, answers /v1/session, /v1/sessions and /v1/invitations itself, and hands every other call to the
real server with the signed-in member's own token: roles, validation and data are the server's. A server that knows
/v1/session needs none of this; world.py asks it first.
"""
import http.server
import json
import mimetypes
import pathlib
import secrets
import threading
import urllib.parse

import harness

POLICY = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:"
RANKS = {"viewer": 0, "sender": 1, "administrator": 2}
CODE = "123456"  # of every authenticator


class StandIn:
    def __init__(self, server, dist):
        self.server = server
        self.dist = pathlib.Path(dist)
        self.people = {}  # e-mail → {"key", "token", "password", "totp"}
        self.open = {}  # cookie → {"email", "csrf", "id"}
        self.links = {}  # token → e-mail
        self.is_away = False  # answers nothing, as a server behind a broken network
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.handle(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def invite(self, key, email):
        token = secrets.token_urlsafe(16)
        self.people[email] = {"key": key, "token": self.server.post(
            f"/v1/members/{key}/tokens", {"name": secrets.token_hex(4)})["token"], "password": None, "totp": False}
        self.links[token] = email
        return f"{self.url}/#/join?token={token}"

    # ---- HTTP

    def handle(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else b""
        if self.is_away:
            request.close_connection = True
            request.connection.close()
            return
        path = urllib.parse.urlsplit(request.path).path
        own = (request.command, path)
        if path.startswith(("/v1/session", "/v1/invitations")) or path.endswith("/invite"):
            self.answer_session(request, own, json.loads(body) if body else {})
        elif path == "/v1/stream":
            self.refuse(request, 404, "not_found")
        elif path.startswith("/v1/") or path in ("/healthz", "/readyz", "/openapi.json"):
            self.pass_on(request, body)
        else:
            self.file(request, path)

    def reply(self, request, status, content, headers):
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def answer(self, request, status, body=None, **headers):
        content = json.dumps(body).encode() if body is not None else b""
        self.reply(request, status, content, {"Content-Type": "application/json", **headers})

    def refuse(self, request, status, code, detail=None, errors=()):
        self.reply(request, status, json.dumps({"status": status, "code": code, "detail": detail or code,
                                                "errors": list(errors), "request_id": "req_test"}).encode(),
                   {"Content-Type": "application/problem+json"})

    def file(self, request, path):
        file = self.dist / (path.lstrip("/") or "index.html")
        if not file.is_file() or self.dist not in file.resolve().parents:
            return self.refuse(request, 404, "not_found")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return self.reply(request, 200, file.read_bytes(),
                          {"Content-Type": kind, "Content-Security-Policy": POLICY})

    def signed_in(self, request):
        cookies = dict(part.strip().split("=", 1) for part in (request.headers.get("Cookie") or "").split(";")
                       if "=" in part)
        session = self.open.get(cookies.get("carillon_session"))
        return session

    def pass_on(self, request, body):
        headers = {name: request.headers[name] for name in ("Content-Type", "Carillon-Project", "Idempotency-Key")
                   if request.headers.get(name)}
        if request.path.startswith("/v1/"):
            session = self.signed_in(request)
            if not session:
                return self.refuse(request, 401, "unauthenticated")
            if request.command != "GET" and request.headers.get("X-CSRF-Token") != session["csrf"]:
                return self.refuse(request, 403, "csrf")
            headers["Authorization"] = "Bearer " + self.people[session["email"]]["token"]
        seen = harness.request(self.server.url + request.path, request.command, body or None, headers)
        kept = {name: seen.headers[name] for name in ("content-type", "retry-after") if name in seen.headers}
        return self.reply(request, seen.status, seen.content, kept)

    # ---- sessions

    def session_body(self, session):
        person = self.people[session["email"]]
        member = self.server.get(f"/v1/members/{person['key']}")
        grants = member["grants"]
        projects = [{"key": p["key"], "name": p["name"], "role": grants.get(p["key"], grants.get("*"))}
                    for p in self.server.get("/v1/projects")["data"] if grants.get(p["key"], grants.get("*"))]
        return {"member": {"key": member["key"], "name": member["name"], "email": session["email"],
                           "grants": grants, "has_totp": person["totp"]},
                "projects": projects, "is_installation_admin": grants.get("*") == "administrator",
                "csrf": session["csrf"], "expires_at": "2099-01-01T00:00:00Z"}

    def begin(self, email):
        cookie = secrets.token_urlsafe(16)
        self.open[cookie] = {"email": email, "csrf": secrets.token_urlsafe(16), "id": "ses_" + secrets.token_hex(6)}
        return cookie, self.open[cookie]

    def answer_session(self, request, own, body):
        session = self.signed_in(request)
        if own == ("POST", "/v1/session"):
            person = self.people.get(body.get("email"))
            if not person or not person["password"] or person["password"] != body.get("password"):
                return self.refuse(request, 401, "wrong_credentials")
            if person["totp"] and "code" not in body:
                return self.refuse(request, 401, "totp_required")
            if person["totp"] and body["code"] != CODE:
                return self.refuse(request, 401, "wrong_code")
            cookie, session = self.begin(body["email"])
            return self.answer(request, 200, self.session_body(session),
                               **{"Set-Cookie": f"carillon_session={cookie}; HttpOnly; SameSite=Strict; Path=/"})
        if own == ("POST", "/v1/invitations/look"):
            email = self.links.get(body.get("token"))
            if not email:
                return self.refuse(request, 404, "not_found")
            member = self.server.get(f"/v1/members/{self.people[email]['key']}")
            return self.answer(request, 200, {"name": member["name"], "email": email})
        if own == ("POST", "/v1/invitations/accept"):
            email = self.links.get(body.get("token"))
            if not email:
                return self.refuse(request, 404, "not_found")
            if len(body.get("password") or "") < 12:
                return self.refuse(request, 422, "password_too_short",
                                   errors=[{"pointer": "/password", "code": "too_short",
                                            "detail": "must have at least 12 characters"}])
            del self.links[body["token"]]
            self.people[email]["password"] = body["password"]
            cookie, session = self.begin(email)
            return self.answer(request, 200, self.session_body(session),
                               **{"Set-Cookie": f"carillon_session={cookie}; HttpOnly; SameSite=Strict; Path=/"})
        if not session:
            return self.refuse(request, 401, "unauthenticated")
        return self.answer_signed_in(request, own, body, session)

    def answer_signed_in(self, request, own, body, session):
        person = self.people[session["email"]]
        if own == ("GET", "/v1/session"):
            return self.answer(request, 200, self.session_body(session))
        if request.headers.get("X-CSRF-Token") != session["csrf"] and own[0] != "GET":
            return self.refuse(request, 403, "csrf")
        if own == ("DELETE", "/v1/session"):
            self.open = {cookie: s for cookie, s in self.open.items() if s is not session}
            return self.answer(request, 204)
        if own == ("GET", "/v1/sessions"):
            return self.answer(request, 200, {"data": [
                {"id": s["id"], "current": s is session, "created_at": "2026-11-26T09:00:00Z",
                 "last_seen_at": "2026-11-26T10:00:00Z", "origin": "192.0.2.7", "user_agent": "Firefox"}
                for s in self.open.values() if s["email"] == session["email"]]})
        if own[0] == "DELETE" and own[1].startswith("/v1/sessions/"):
            self.open = {cookie: s for cookie, s in self.open.items() if s["id"] != own[1].rsplit("/", 1)[1]}
            return self.answer(request, 204)
        if own == ("POST", "/v1/session/password"):
            if body.get("current") != person["password"]:
                return self.refuse(request, 422, "wrong_password", errors=[
                    {"pointer": "/current", "code": "wrong_password", "detail": "is not your password"}])
            person["password"] = body["new"]
            self.open = {cookie: s for cookie, s in self.open.items() if s is session or s["email"] != session["email"]}
            return self.answer(request, 200, {})
        if own == ("POST", "/v1/session/totp"):
            return self.answer(request, 200, {"secret": "JBSWY3DPEHPK3PXP", "otpauth_url":
                                              "otpauth://totp/Carillon:a?secret=JBSWY3DPEHPK3PXP&issuer=Carillon"})
        if own == ("PUT", "/v1/session/totp"):
            if body.get("code") != CODE:
                return self.refuse(request, 422, "wrong_code", errors=[
                    {"pointer": "/code", "code": "wrong_code", "detail": "is not the present code"}])
            person["totp"] = True
            return self.answer(request, 200, {"recovery_codes": [f"abcd-{n}{n}{n}{n}" for n in range(8)]})
        if own == ("DELETE", "/v1/session/totp"):
            if body.get("password") != person["password"]:
                return self.refuse(request, 422, "wrong_password", errors=[
                    {"pointer": "/password", "code": "wrong_password", "detail": "is not your password"}])
            person["totp"] = False
            return self.answer(request, 204)
        if own[0] == "POST" and own[1].endswith("/invite"):
            member = self.server.get(own[1].removesuffix("/invite"))
            return self.answer(request, 200, {"url": self.invite(member["key"], member["email"]),
                                              "expires_at": "2026-12-03T00:00:00Z"})
        return self.refuse(request, 404, "not_found")
