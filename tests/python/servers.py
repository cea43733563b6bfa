"""Object stores on this machine: started for a test, asked over plain HTTP, stopped after it."""

import base64
import datetime
import hashlib
import hmac
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SERVERS = pathlib.Path(__file__).resolve().parents[1] / "servers"
# Azurite's own, for everybody to know.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

# Everybody may read (AWS, Bucket Policies).
PUBLIC = b"""{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::bucket/*"]}]}"""


def request(method, url, body=None, headers=None):
    """Status and body of an answer, whatever it is."""
    asked = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A process that answers at a port."""

    def __init__(self, arguments, port, **options):
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"{arguments[0]} did not start") from None
                time.sleep(0.05)

    def stop(self):
        self.process.kill()
        self.process.wait()


def s3_options(address, key="test", secret="testtest"):
    """What the command needs to know of an S3 server."""
    pairs = {"aws_endpoint_url": address, "aws_access_key_id": key, "aws_secret_access_key": secret, "aws_region": "us-east-1"}
    return [word for pair in pairs.items() for word in ("--opt", "=".join(pair))]


class Moto(Server):
    """Moto, an S3 server in Python."""

    catalog = "s3://bucket/some/catalog"

    def __init__(self, folder):
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        super().__init__(command, port, cwd=folder)
        status, answer = request("PUT", f"{self.address}/bucket")
        assert status == 200, answer
        status, answer = request("PUT", f"{self.address}/bucket?policy", PUBLIC, {"Content-Type": "application/json"})
        assert status in (200, 204), answer
        self.options = s3_options(self.address)
        self.web = f"{self.address}/bucket/some/catalog"


class S3rver(Server):
    """s3rver, an S3 server in JavaScript that knows no conditions."""

    catalog = "s3://bucket/some/catalog"

    def __init__(self, folder):
        port = free_port()
        program = [shutil.which("node"), str(SERVERS / "node_modules/s3rver/bin/s3rver.js")]
        super().__init__([*program, "-d", str(folder), "-a", "127.0.0.1", "-p", str(port), "--configure-bucket", "bucket"], port)
        self.options = s3_options(self.address, "S3RVER", "S3RVER")
        self.web = f"{self.address}/bucket/some/catalog"


class Azurite(Server):
    """Azurite, Microsoft's own emulator of its blob store."""

    catalog = "az://bucket/some/catalog"

    def __init__(self, folder):
        port = free_port()
        program = [shutil.which("node"), str(SERVERS / "node_modules/azurite/dist/src/blob/main.js")]
        options = ["--silent", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--skipApiVersionCheck", "--inMemoryPersistence"]
        super().__init__([*program, *options], port, cwd=folder)
        self.address = f"{self.address}/{ACCOUNT}"
        self.container("bucket")
        pairs = {
            "azure_storage_account_name": ACCOUNT,
            "azure_storage_account_key": KEY,
            "azure_storage_endpoint": self.address,
            "azure_allow_http": "true",
        }
        self.options = [word for pair in pairs.items() for word in ("--opt", "=".join(pair))]
        self.web = f"{self.address}/bucket/some/catalog"

    def container(self, name):
        """Makes a container that everybody may read (Azure, Authorize with Shared Key)."""
        date = datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = f"x-ms-blob-public-access:container\nx-ms-date:{date}\nx-ms-version:2021-12-02\n"
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        text = "PUT\n" + "\n" * 11 + headers + resource
        signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
        sent = dict(line.split(":", 1) for line in headers.splitlines())
        sent["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
        status, answer = request("PUT", f"{self.address}/{name}?restype=container", headers=sent)
        assert status == 201, answer


class Ceph:
    """Ceph's S3 gateway: a real store of many machines, here on one."""

    catalog = "s3://bucket/some/catalog"

    def __init__(self, folder):
        self.folder = folder / "ceph"
        ports = {"CEPH_PORT": str(free_port()), "CEPH_MONITOR_PORT": str(free_port())}
        self.address = f"http://127.0.0.1:{ports['CEPH_PORT']}"
        subprocess.run([SERVERS / "ceph.sh", "start", self.folder], check=True, env=os.environ | ports)
        self.options = s3_options(self.address)
        self.web = f"{self.address}/bucket/some/catalog"
        self.s3("PUT", "/bucket")
        self.s3("PUT", "/bucket", "policy", PUBLIC)

    def s3(self, method, path, query="", body=b""):
        """A signed request (AWS Signature Version 2, the shorter one)."""
        date = datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        resource = path + (f"?{query}" if query else "")
        text = f"{method}\n\napplication/octet-stream\n{date}\n{resource}"
        signature = base64.b64encode(hmac.new(b"testtest", text.encode(), hashlib.sha1).digest()).decode()
        headers = {"Date": date, "Authorization": f"AWS test:{signature}", "Content-Type": "application/octet-stream"}
        status, answer = request(method, self.address + resource, body, headers)
        assert status in (200, 204), answer

    def stop(self):
        subprocess.run([SERVERS / "ceph.sh", "stop", self.folder], check=True)
