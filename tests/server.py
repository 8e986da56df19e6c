"""A local HTTP server of a folder, which can be told to misbehave, and some of the Hub's API."""

import base64
import contextlib
import http.server
import json
import re
import threading
import time

import yaml

HUB_NAME = re.compile(r"([\w-]+/)?[\w.-]+")  # of a data set


class Server(http.server.ThreadingHTTPServer):
    """Serves the files below `folder`.

    Attributes:
        asked: the names of the files that were asked for, in order.
        spoil: of a file's name the function (bytes -> bytes) that its content passes.
        cut: of a file's name how many of the bytes that were announced are sent.
        redirect: of a file's name where the answer points to.
        delay: seconds before each answer.
    """

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.asked = folder, []
        self.spoil, self.cut, self.redirect = {}, {}, {}
        self.delay = 0.0
        self.address = f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()


@contextlib.contextmanager
def serving(folder):
    """Yield a `Server` of `folder` that answers in a thread."""
    server = Server(folder)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield server
    finally:
        server.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        path = self.path.replace("/resolve/main", "").lstrip("/")
        name = path.rsplit("/", 1)[-1]
        server.asked.append(name)
        time.sleep(server.delay)
        if name in server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect[name])
            self.end_headers()
            return
        file = server.folder / path
        if not file.is_file():
            self.send_error(404)
            return
        content = server.spoil.get(name, bytes)(file.read_bytes())
        self._answer(content, server.cut.get(name))

    def do_POST(self):
        """Take a commit as the Hub does: what it needs, is asked, and stored below `folder`."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.headers["Authorization"]:
            self.send_error(401)
            return
        self.server.asked.append(self.path)
        answer = {"url": f"{self.server.address}/owner/repo", "errors": [], "warnings": []}
        if self.path.endswith("/validate-yaml"):
            header = yaml.safe_load(json.loads(body)["content"].split("---")[1])
            wrong = [name for name in header.get("datasets", []) if not HUB_NAME.fullmatch(name)]
            if wrong:
                answer["errors"] = [{"message": f'"{name}" is no dataset'} for name in wrong]
                self._answer(json.dumps(answer).encode(), status=400)
                return
        if self.path.endswith("/preupload/main"):
            names = [file["path"] for file in json.loads(body)["files"]]
            answer["files"] = [
                {"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names
            ]
        if self.path.endswith("/commit/main"):
            repo = self.path.removeprefix("/api/models/").removesuffix("/commit/main")
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    path = self.server.folder / repo / line["value"]["path"]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(base64.b64decode(line["value"]["content"]))
            url = f"{self.server.address}/{repo}/commit/{'0' * 40}"
            answer |= {"commitUrl": url, "commitOid": "0" * 40, "pullRequestUrl": None}
        self._answer(json.dumps(answer).encode())

    def _answer(self, content, cut=None, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:cut])
