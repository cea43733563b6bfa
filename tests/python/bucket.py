"""A bucket in memory that speaks enough of S3 to be written to by one writer and read by anybody."""

import hashlib
import re
import threading
import time
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape


class Bucket:
    """`url` is the endpoint, below which every key is a path: /BUCKET/KEY."""

    def __init__(self):
        self.objects = {}
        self.types = {}
        self.times = {}
        self.parts = {}
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def key(self):
                return unquote(urlsplit(self.path).path).lstrip("/")

            def answer(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def query(self):
                return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def do_PUT(self):
                body, query = self.body(), self.query()
                if "uploadId" in query:
                    bucket.parts[self.key(), int(query["partNumber"][0])] = body
                else:
                    bucket.keep(self.key(), body, self.headers)
                self.answer(200, headers=[("ETag", tag(body))])

            def do_POST(self):
                asked = self.body().decode()
                if "delete" in self.query():
                    keys = re.findall("<Key>(.*?)</Key>", asked)
                    for key in keys:
                        bucket.objects.pop(f"{self.key()}/{unescape(key)}", None)
                    answer = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
                    return self.answer(200, f"<DeleteResult>{answer}</DeleteResult>".encode())
                if "uploads" in self.query():
                    answer = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
                else:
                    numbers = sorted(number for key, number in bucket.parts if key == self.key())
                    whole = b"".join(bucket.parts.pop((self.key(), number)) for number in numbers)
                    bucket.keep(self.key(), whole, self.headers)
                    answer = f"<CompleteMultipartUploadResult><ETag>{tag(whole)}</ETag></CompleteMultipartUploadResult>"
                self.answer(200, answer.encode())

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                if "list-type" in self.query():
                    return self.answer(200, bucket.listed(self.key(), self.query().get("prefix", [""])[0]).encode())
                body = bucket.objects.get(self.key())
                if body is None:
                    return self.answer(404)
                told = [("ETag", tag(body)), ("Last-Modified", formatdate(bucket.times[self.key()], usegmt=True)), ("Accept-Ranges", "bytes")]
                told.append(("Content-Type", bucket.types[self.key()]))
                asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
                if asked is None or self.command == "HEAD":
                    return self.answer(200, body, told)
                first, last = asked.groups()
                start = int(first) if first else max(0, len(body) - int(last))
                end = min(int(last) + 1 if first and last else len(body), len(body))
                told.append(("Content-Range", f"bytes {start}-{end - 1}/{len(body)}"))
                return self.answer(206, body[start:end], told)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, key, body, headers):
        self.objects[key] = body
        self.types[key] = headers.get("Content-Type", "")
        self.times[key] = time.time()

    def listed(self, name, prefix):
        """ListObjectsV2, all on one page."""
        found = [key for key in sorted(self.objects) if key.startswith(f"{name}/{prefix}")]
        entries = "".join(
            f"<Contents><Key>{escape(key.removeprefix(f'{name}/'))}</Key><Size>{len(self.objects[key])}</Size>"
            f"<LastModified>{datetime.fromtimestamp(self.times[key], UTC).isoformat()}</LastModified></Contents>"
            for key in found
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def tag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'
