"""Entries at an address, fetched once into a cache and from then on there without a network.

    https://example.org/zoo/vae_digits        the folder that holds entry.json
    hf://owner/repo[@revision][/subfolder]    a repository of the Hugging Face Hub
    ...#sha256=DIGEST                         pinned: entry.json must have this SHA-256

entry.json names the other files and their SHA-256, and no file takes its place in the cache that
has another. So its own digest stands for the entry, whoever serves it:

    CACHE/<digest>/<name>/       an entry; its entry.json comes last
    CACHE/addresses/<hash>       the digest that an address had when it last answered

CACHE is TFGEN_CACHE, else XDG_CACHE_HOME/tfgen, else ~/.cache/tfgen.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import urllib.parse
from collections.abc import Callable

from absl import logging

from tfgen import manifest
from tfgen.errors import UserError
from tfgen.export.atomic import NotWritten, clear_scratch, reason_of, written_beside
from tfgen.lock import locked

TIMEOUT = (10, 60)  # seconds to connect, and between two pieces
MANIFEST_LIMIT = 16 * 2**20
HUB = re.compile(
    r"hf://(?P<repo>[^/@#]+/[^/@#]+)(@(?P<revision>[^/#]+))?(/(?P<subfolder>[^#]+?))?/*"
)
LOCAL = ("localhost", "127.0.0.1", "::1")


class NotReachable(UserError):
    """An address did not answer, or not with the file."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an entry's files are.

    Attributes:
        address: as the user gave it, without the pin.
        name: the entry's.
        url: a function, of a file's name.
        headers: of the requests.
        pin: SHA-256 that entry.json must have, or None.
    """

    address: str
    name: str
    url: Callable
    headers: dict
    pin: str | None

    def stream(self, file, limit):
        """Yield the bytes of a file, in pieces, `limit` of them at most."""
        import requests

        url, received = self.url(file), 0
        try:
            with requests.get(url, headers=self.headers, stream=True, timeout=TIMEOUT) as answer:
                answer.raise_for_status()
                for hop in [*answer.history, answer]:
                    self._check_encrypted(hop.url)
                for piece in answer.iter_content(2**16):
                    received += len(piece)
                    if received > limit:
                        raise UserError(f"{url} is refused: it is larger than {limit:,} bytes.")
                    yield piece
        except requests.RequestException as error:
            raise NotReachable(f"{url} cannot be fetched: {_reason(error)}.") from error

    def _check_encrypted(self, url):
        parts = urllib.parse.urlsplit(url)
        if not (self.pin or parts.scheme == "https" or parts.hostname in LOCAL):
            raise UserError(
                f"{url} is not encrypted, so that others could change what it sends; use https://, "
                "or pin the entry: #sha256=DIGEST, the SHA-256 of its entry.json."
            )


def fetch(address):
    """Return the path of the entry.json of an entry at an address, all its files beside it.

    An address that does not answer is served from the cache; a pinned one that is in the cache is
    not asked at all. Raises `UserError`, and keeps nothing that is not what entry.json states.
    """
    place = locate(address)
    cache = cache_folder()
    if place.pin and _is_whole(kept := cache / place.pin / place.name):
        return kept / "entry.json"
    note = cache / "addresses" / hashlib.sha256(place.address.encode()).hexdigest()
    try:
        text = b"".join(place.stream("entry.json", MANIFEST_LIMIT))
    except NotReachable as error:
        kept = cache / _noted(note) / place.name
        if place.pin or not _is_whole(kept):
            raise
        logging.warning("%s Its copy in %s is used.", error, cache)
        return kept / "entry.json"
    digest = hashlib.sha256(text).hexdigest()
    if place.pin not in (None, digest):
        raise UserError(
            f"{place.address} cannot be trusted: the SHA-256 of its entry.json is {digest}, "
            f"not the {place.pin} that it is pinned to."
        )
    info = manifest.parse(text, place.url("entry.json"))
    folder = cache / digest / place.name
    if not _is_whole(folder):
        _bring(place, text, info, folder)
    if _noted(note) != digest:
        try:
            with written_beside(note) as beside:
                beside.write_text(digest, encoding="utf-8")
        except NotWritten as error:  # such as of a cache that others fill
            logging.info("%s Without a network, %s will not be found.", error, place.address)
    return folder / "entry.json"


def locate(address):
    """Return the `Place` of an address; raises `UserError` if it is none."""
    base, _, fragment = address.partition("#")
    pin = re.fullmatch("sha256=([0-9a-f]{64})", fragment.lower())
    if fragment and not pin:
        raise UserError(f"address '{address}' must end in #sha256= and 64 hexadecimal digits.")
    pin = pin and pin[1]
    if base.startswith("hf://"):
        return _on_hub(base, pin)
    try:
        parts = urllib.parse.urlsplit(base)
        is_web = parts.scheme in ("https", "http") and parts.hostname
    except ValueError:  # such as a bracket that does not close
        is_web = False
    if not is_web:
        raise UserError(f"'{address}' is no address of an entry: use https:// or hf://owner/repo.")
    path = parts.path.rstrip("/").removesuffix("/entry.json")

    def url(file):
        return parts._replace(path=f"{path}/{file}").geturl()

    return Place(base, _entry_name(path, address), url, {}, pin)


def cache_folder():
    """Return the folder of the cache; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    chosen = os.environ.get("TFGEN_CACHE") or os.path.join(base, "tfgen")
    return pathlib.Path(chosen).expanduser()


def hub():
    """Import and return `huggingface_hub`; raises `UserError` without it."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError(
            "hf:// addresses need the package huggingface_hub: pip install 'tfgen[hub]'."
        ) from error
    return huggingface_hub


def hub_parts(address):
    """Return (repo, revision or None, subfolder or None) of an hf:// address."""
    found = HUB.fullmatch(address)
    if not found or not _may_be_repository(found["repo"]):
        raise UserError(
            f"'{address}' is no address on the Hub: use hf://owner/repo[@revision][/subfolder]."
        )
    revision = found["revision"] and urllib.parse.unquote(found["revision"])
    return found["repo"], revision, found["subfolder"]


def _may_be_repository(name):
    hub()
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def _on_hub(address, pin):
    repo, revision, subfolder = hub_parts(address)
    library = hub()
    from huggingface_hub.utils import build_hf_headers

    def url(file):
        return library.hf_hub_url(repo, file, subfolder=subfolder, revision=revision)

    # With the token of the user's login, if there is one; requests drops it at other hosts.
    headers = build_hf_headers(library_name="tfgen")
    return Place(address, _entry_name(subfolder or repo, address), url, headers, pin)


def _entry_name(path, address):
    name = urllib.parse.unquote(path).rsplit("/", 1)[-1]
    if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise UserError(f"'{address}' must end in the name of an entry's folder.")
    return name


def _is_whole(folder):
    """Tell whether a folder of the cache holds the entry of its digest, undamaged."""
    if manifest.damage(folder / "entry.json", {"sha256": folder.parent.name, "bytes": 0}):
        return False
    files = manifest.read(folder / "entry.json").info["files"]
    return not any(manifest.damage(folder / name, file) for name, file in files.items())


def _noted(note):
    with contextlib.suppress(OSError, ValueError):
        return note.read_text(encoding="utf-8")
    return "none"


def _bring(place, text, info, folder):
    """Fetch what is missing or damaged in the `folder` of an entry, one process at a time."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent / "lock"):
            for place_of_files in {folder, *((folder / name).parent for name in info["files"])}:
                clear_scratch(place_of_files)
            missing = {n: f for n, f in info["files"].items() if manifest.damage(folder / n, f)}
            size = sum(file["bytes"] for file in missing.values())
            logging.info("fetching %s: %d files, %s bytes", place.name, len(missing), f"{size:,}")
            for name, file in missing.items():
                _bring_file(place, name, file, folder / name)
            with written_beside(folder / "entry.json") as beside:
                beside.write_bytes(text)
    except NotWritten:
        raise
    except OSError as error:
        raise NotWritten(folder, reason_of(error)) from error


def _bring_file(place, name, expected, path):
    with written_beside(path) as beside:
        with open(beside, "wb") as file:
            for piece in place.stream(name, expected["bytes"]):
                file.write(piece)
        if found := manifest.damage(beside, expected):
            raise UserError(
                f"{place.url(name)} cannot be trusted: it is {found} (its SHA-256 is not that of "
                "entry.json); try again, and if it stays so, tell who serves it."
            )


def _reason(error):
    """Return why a request failed, in a few words."""
    import requests

    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off; the same command goes on with this file"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return str(error).splitlines()[0]
