"""A server that speaks S3, for the tests: moto, with a bucket and a user of its own whose signatures it checks.

    s3_server.py BUCKET      prints {"endpoint", "access_key_id", "secret_access_key"} and serves until its
                             standard input ends; exits 77 when moto is not installed

Used by the objects suite (C++) and by scenarios. moto comes from PyPI: tools/install_dependencies.sh test.
"""
import datetime
import json
import logging
import os
import pathlib
import re
import sys
import threading
import urllib.parse
import urllib.request

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "build" / "python"))

SKIPPED = 77
SETUP_CALLS = 4  # those below, which nobody has a key for yet
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}

try:
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(SETUP_CALLS)
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server
except ImportError as problem:
    print(problem, file=sys.stderr)
    sys.exit(SKIPPED)


def ask(url, method, service, form=None):
    """One call before anybody has a key: moto only wants to know which service it is for."""
    scope = f"AKIDNOBODY/20260101/us-east-1/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    body = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def encoded(fields):
    """As a signature wants a query: a space is %20."""
    return urllib.parse.urlencode(list(fields), quote_via=urllib.parse.quote, safe="")


class Presigned:
    """Checks presigned URLs with botocore's own arithmetic, which moto cannot, and hands them on signed in a header."""

    def __init__(self, app):
        self.app = app
        self.credentials = None

    def __call__(self, environ, start_response):
        query = urllib.parse.parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
        fields = dict(query)
        signature = fields.get("X-Amz-Signature")
        if signature is None:
            return self.app(environ, start_response)
        url = "http://{HTTP_HOST}{PATH_INFO}".format(**environ)
        plain = [(name, value) for name, value in query if name != "X-Amz-Signature"]
        if not self.is_good(environ["REQUEST_METHOD"], f"{url}?{encoded(plain)}", fields, signature):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code></Error>"]
        request = botocore.awsrequest.AWSRequest(environ["REQUEST_METHOD"], url, {"Host": environ["HTTP_HOST"]})
        botocore.auth.S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        for name, value in request.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value

        def start(status, headers, *more):
            asked = {name.removeprefix("response-"): value for name, value in fields.items()}
            kept = [(name, value) for name, value in headers if name.lower() not in asked]
            return start_response(status, kept + [(n, asked[n]) for n in ("content-type", "content-disposition")
                                                  if n in asked], *more)

        return self.app({**environ, "QUERY_STRING": "", "REQUEST_URI": environ["PATH_INFO"],
                         "RAW_URI": environ["PATH_INFO"]}, start)

    def is_good(self, method, url, fields, signature):
        at = datetime.datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if datetime.datetime.now(datetime.timezone.utc) > at + datetime.timedelta(seconds=int(fields["X-Amz-Expires"])):
            return False
        request = botocore.awsrequest.AWSRequest(method, url)
        request.context["timestamp"] = fields["X-Amz-Date"]
        auth = botocore.auth.S3SigV4QueryAuth(self.credentials, "s3", "us-east-1")
        request.headers["host"] = urllib.parse.urlsplit(url).netloc
        wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return wanted == signature


def main(bucket):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Presigned(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    ask(url, "POST", "iam", {"Action": "CreateUser", "UserName": "carillon", "Version": "2010-05-08"})
    ask(url, "POST", "iam", {"Action": "PutUserPolicy", "UserName": "carillon", "PolicyName": "objects",
                             "PolicyDocument": json.dumps(POLICY), "Version": "2010-05-08"})
    key = ask(url, "POST", "iam", {"Action": "CreateAccessKey", "UserName": "carillon", "Version": "2010-05-08"})
    ask(f"{url}/{bucket}", "PUT", "s3")
    key_id, secret = (re.search(f"<{name}>(.*?)</{name}>", key)[1] for name in ("AccessKeyId", "SecretAccessKey"))
    app.credentials = botocore.credentials.Credentials(key_id, secret)
    print(json.dumps({"endpoint": url, "access_key_id": key_id, "secret_access_key": secret}), flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
