import gzip
from pathlib import Path

from router.web.built import built_files


def test_files_have_types_and_compressed_bytes(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    script = b"export const a = 1;\n" * 100
    (tmp_path / "web" / "view-D1Jo6hu9.js").write_bytes(script)
    (tmp_path / "web" / "icon.svg").write_bytes(b"<svg/>")
    (tmp_path / "index.html").write_bytes(b"<!doctype html>")
    files = built_files(tmp_path)
    assert {path: file.media_type for path, file in files.items()} == {
        "index.html": "text/html",
        "web/icon.svg": "image/svg+xml",
        "web/view-D1Jo6hu9.js": "text/javascript",
    }
    packed = files["web/view-D1Jo6hu9.js"].compressed
    assert packed is not None
    assert len(packed) < 100
    assert gzip.decompress(packed) == script
    assert files["web/icon.svg"].compressed is None
    assert [path for path, file in files.items() if file.is_hashed] == ["web/view-D1Jo6hu9.js"]


def test_a_page_that_was_not_built_has_no_files(tmp_path: Path) -> None:
    assert built_files(tmp_path / "none") == {}
