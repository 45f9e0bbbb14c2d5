"""Public files are taken from a local folder if one is named, and are believed only by their content."""

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from thalutils import fetch
from thalutils.errors import ImageError
from thalutils.segmenters import real_heads

PATH = "training_seg_01.nii.gz"
CONTENT = bytes(range(256)) * 4096  # 1 MiB, so that a download is cut in its middle


def test_changed_content_is_refused(tmp_path, monkeypatch):
    (tmp_path / "label_maps").mkdir()
    (tmp_path / "label_maps" / PATH).write_bytes(b"something else")
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(ImageError, match="its content is not the published one"):
        fetch.fetch("label_maps", PATH)


def test_the_known_content_is_taken(tmp_path, monkeypatch):
    (tmp_path / "label_maps").mkdir()
    (tmp_path / "label_maps" / PATH).write_bytes(b"a\n")
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path))
    # git hash-object of a file that holds "a" and a newline
    known = {f"data/training_label_maps/{PATH}": "78981922613b2afb6025042ff6bd878ac1994e85"}
    monkeypatch.setattr(fetch, "_blob_ids", lambda collection: known)
    assert fetch.fetch("label_maps", PATH).read_bytes() == b"a\n"


def test_what_is_at_hand_lies_in_the_named_folder_and_is_of_the_collection(tmp_path, monkeypatch):
    folder = tmp_path / "label_maps"
    folder.mkdir()
    for name in (PATH, "notes.txt"):
        (folder / name).write_bytes(CONTENT)
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path))
    assert fetch.at_hand("label_maps") == {PATH: folder / PATH}
    assert fetch.at_hand("open_ms") == {}
    monkeypatch.delenv(fetch.DATA_VARIABLE)
    assert fetch.at_hand("label_maps") == {}


def test_every_public_scan_of_the_real_heads_is_one_that_is_at_hand_when_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path))
    sources = [source for head in real_heads.HEADS for source in (head.t1w, head.flair, head.lesions)]
    wanted = [source[1] for source in sources if source[:1] == ("open_ms",)]
    for name in wanted:
        path = tmp_path / "open_ms" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert len(wanted) == 10
    assert set(fetch.at_hand("open_ms")) == set(wanted)


def test_no_network_is_said_with_the_way_out(checkout, monkeypatch):
    monkeypatch.delenv(fetch.DATA_VARIABLE, raising=False)
    with pytest.raises(ImageError, match=r"cannot be downloaded .*THALUTILS_DATA"):
        fetch.fetch("label_maps", PATH)


class Server:
    """A server of one collection that answers as it is told: whole, cut off, other content, or not at all."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = "whole"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if outer.answers == "absent":
                    self.send_error(404)
                    return
                content = b"<html>Please log in</html>" if outer.answers == "other" else CONTENT
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if outer.answers == "cut" else content)

            def log_message(self, *words: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(checkout, monkeypatch):
    found = Server()
    monkeypatch.delenv(fetch.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(
        fetch, "ADDRESS", f"http://127.0.0.1:{found.http.server_port}/{{repository}}/raw/{{commit}}/{{path}}"
    )
    blob = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT, usedforsecurity=False).hexdigest()
    known = {f"data/training_label_maps/{PATH}": blob}
    monkeypatch.setattr(fetch, "_blob_ids", lambda collection: known)
    yield found
    found.http.shutdown()
    found.http.server_close()


def kept(checkout) -> list[str]:
    return [path.name for path in (checkout / "data" / "public").rglob("*") if path.is_file()]


def test_a_file_is_downloaded_once_from_its_address(server, checkout):
    for _ in range(2):
        assert fetch.fetch("label_maps", PATH).read_bytes() == CONTENT
    commit = fetch.COLLECTIONS["label_maps"]["commit"]
    assert server.asked == [f"/BBillot/SynthSeg/raw/{commit}/data/training_label_maps/{PATH}"]
    assert kept(checkout) == [PATH]


def test_without_a_checkout_it_is_kept_among_the_users_data(server, tmp_path, monkeypatch):
    monkeypatch.setenv("THALUTILS_ROOT", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = fetch.fetch("label_maps", PATH)
    assert found == tmp_path / "data" / "thalutils" / "public" / "label_maps" / PATH
    assert found.read_bytes() == CONTENT


def test_a_collection_has_an_address_for_people():
    commit = fetch.COLLECTIONS["label_maps"]["commit"]
    address = fetch.address("label_maps")
    assert address == f"https://github.com/BBillot/SynthSeg/tree/{commit}/data/training_label_maps/"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("cut", "cannot be downloaded"),
        ("absent", "cannot be downloaded (HTTPError)"),
        ("other", "is not what was published, and was removed"),
    ],
)
def test_what_did_not_come_whole_is_not_kept_and_is_asked_for_again(server, checkout, answers, words):
    server.answers = answers
    with pytest.raises(ImageError) as told:
        fetch.fetch("label_maps", PATH)
    assert words in str(told.value)
    assert kept(checkout) == []
    server.answers = "whole"
    assert fetch.fetch("label_maps", PATH).read_bytes() == CONTENT
    assert len(server.asked) == 2
