"""Uploaded objects that several stories need: bytes that are what they say, and a place that speaks S3."""
import contextlib
import json
import struct
import subprocess
import sys
import urllib.parse
import zlib

import pytest

import harness

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\n.\r\n..\r\n%%EOF"  # with what SMTP could take for its end


def png(size=0):
    """A picture of one red pixel, and `size` bytes more that nobody draws."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    pixel = zlib.compress(b"\0\xff\0\0")
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) +
            chunk(b"teXt", bytes(size)) + chunk(b"IDAT", pixel) + chunk(b"IEND", b""))


def upload(server, content, filename=None, kind=None, status=201, auth="app", headers=None, **query):
    """POST /v1/objects, which must be answered so; the JSON of the answer."""
    query = {**({"filename": filename} if filename else {}), **query}
    path = "/v1/objects" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    headers = {**({"Content-Type": kind} if kind else {}), **(headers or {})}
    return server.expect(status, "POST", path, content, auth=auth, headers=headers)


def content(server, object_id, auth="app"):
    answer = server.api("GET", f"/v1/objects/{object_id}/content", auth=auth, timeout_s=60)
    assert answer.status == 200, answer
    return answer.content


@contextlib.contextmanager
def s3_settings(bucket="bells"):
    """Settings of a server that keeps its objects in a bucket; moto is behind it, and checks signatures."""
    script = harness.ROOT / "tests" / "conformance" / "s3_server.py"
    process = subprocess.Popen([sys.executable, str(script), bucket], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    try:
        line = process.stdout.readline()
        if not line:
            assert process.wait(30) == 77, "the S3 server did not start"
            pytest.skip("pip's moto is missing: tools/install_dependencies.sh test")
        said = json.loads(line)
        yield {"objects.url": f"s3://{bucket}/objects?endpoint={said['endpoint']}",
               "objects.access_key_id": said["access_key_id"],
               "objects.secret_access_key": said["secret_access_key"]}
    finally:
        process.stdin.close()
        process.wait(30)
