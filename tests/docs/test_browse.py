"""What the reading of the site in a browser finds, on pages made for it."""

import pathlib

import pytest

from tests.docs import browse

PAGE = """<!DOCTYPE html><html lang="en"><head><title>A page</title>
<link rel="icon" href="data:,"></head><body><article>
<h1 id="here">A page</h1><p>Words.</p>{}</article></body></html>"""
FAULTS = {
    "no page": '<a href="gone.html">x</a>',
    "no such place": '<a href="index.html#gone">x</a>',
    "no image": '<img src="gone.png" alt="">',
    "console": '<script>console.error("x")</script>',
    "error": "<script>gone()</script>",
    "asks another server": '<script src="http://192.0.2.1/x.js"></script>',
    "too wide": '<p style="width: 2000px">x</p>',
    "contrast": '<p style="color: #999">x</p>',
}


def read(site, body, monkeypatch):
    if not pathlib.Path(browse.CHROMIUM).exists():
        pytest.skip(f"no browser at {browse.CHROMIUM}")
    pytest.importorskip("playwright")
    monkeypatch.setattr(browse, "SEARCHES", {})
    (site / "index.html").write_text(PAGE.format(body))
    with browse.served(site) as address:
        return browse.faults(site, address)


@pytest.mark.slow
class TestBrowse:
    def test_finds_nothing_in_a_good_page(self, tmp_path, monkeypatch):
        body = '<a href="index.html#here">x</a><a href="https://a.org">y</a>'
        assert read(tmp_path, body, monkeypatch) == []

    @pytest.mark.parametrize("fault", FAULTS)
    def test_finds_a_fault(self, fault, tmp_path, monkeypatch):
        found = read(tmp_path, FAULTS[fault], monkeypatch)
        assert any(fault in line for line in found)


def test_refuses_a_folder_without_pages(tmp_path):
    pytest.importorskip("playwright")
    with pytest.raises(ValueError, match="There must be pages"):
        browse.faults(tmp_path, "http://127.0.0.1")
