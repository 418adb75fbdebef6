"""A server that behaves as the Hugging Face Hub does, for two kinds of files.

Large files are redirected to a store, and their tag is their SHA-256. The tag
of a small file is its SHA-1 as Git computes it.
"""

import hashlib
import http.server
import re
import threading

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_PATH = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Hub(http.server.ThreadingHTTPServer):
    """Serves repositories, each a dict from file names to bytes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        # Another host, as for the real one. The client does not follow this
        # redirection when it asks for the headers only.
        self.store = f"http://localhost:{self.server_port}/store"
        self.repositories = {}
        self.gated = set()
        self.requests = []
        # The first byte of each transfer from the store.
        self.starts = []
        # Bytes after which the next transfer from the store breaks off.
        self.breaks_after = None
        # Changes what the store sends, such as `bytes.upper`.
        self.damage = None
        self.is_silent = False
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.released.set()
        self.shutdown()
        self.server_close()

    def stored(self, digest):
        for files in self.repositories.values():
            for content in files.values():
                if hashlib.sha256(content).hexdigest() == digest:
                    return content
        return None

    def handle_error(self, request, client_address):
        """Is silent about transfers that the client ends."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        hub = self.server
        if hub.released.is_set():
            # Threads with open connections outlive the server.
            self.close_connection = True
            return
        hub.requests.append((self.command, self.path))
        if hub.is_silent:
            hub.released.wait(30)
            self.close_connection = True
            return
        if self.path.startswith("/store/"):
            self.send_stored(with_body)
            return
        match = _PATH.fullmatch(self.path)
        if match is None:
            self.refuse(404, "EntryNotFound")
            return
        repository, revision, name = match.groups()
        files = hub.repositories.get(repository)
        if files is None:
            # The real one does not reveal whether a repository is private.
            self.refuse(401, "RepoNotFound")
        elif repository in hub.gated and not self.headers["Authorization"]:
            self.refuse(401, "GatedRepo")
        elif revision not in ("main", "v1", COMMIT):
            self.refuse(404, "RevisionNotFound")
        elif name not in files:
            self.refuse(404, "EntryNotFound")
        else:
            self.send_file(name, files[name], with_body)

    def send_file(self, name, content, with_body):
        headers = {"X-Repo-Commit": COMMIT}
        if name.endswith(".safetensors"):
            digest = hashlib.sha256(content).hexdigest()
            headers |= {
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{self.server.store}/{digest}",
            }
            self.send(302, headers, b"", with_body)
            return
        start = b"blob %d\0" % len(content)
        digest = hashlib.sha1(start + content).hexdigest()
        self.send(200, {**headers, "ETag": f'"{digest}"'}, content, with_body)

    def send_stored(self, with_body):
        hub = self.server
        content = hub.stored(self.path.removeprefix("/store/"))
        if hub.damage is not None:
            content = hub.damage(content)
        total, start, status = len(content), 0, 200
        headers = {}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if asked:
            start, status = int(asked[1]), 206
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        if with_body:
            hub.starts.append(start)
        breaks, hub.breaks_after = hub.breaks_after, None
        self.send(status, headers, content[start:], with_body, breaks)

    def refuse(self, status, code):
        headers = {"X-Error-Code": code, "X-Error-Message": code}
        self.send(status, headers, b"", False)

    def send(self, status, headers, body, with_body, breaks_after=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[:breaks_after])
        if breaks_after is not None:
            self.close_connection = True
