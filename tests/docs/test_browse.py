"""The check of the site in a browser finds planted faults."""

import pathlib

import pytest

from tests.docs import browse

PAGE = """<!DOCTYPE html><html lang="en"><head><title>A page</title>
<link rel="icon" href="data:,"></head><body><article>
<h1 id="here">A page</h1><p>Words.</p>{}</article></body></html>"""
TABLE = """<div style="overflow-x: auto; {}"><table><tr><td>
<div style="width: {}px">x</div></td></tr></table></div>"""
FAULTS = {
    "no such page": '<a href="gone.html">x</a>',
    "no such anchor": '<a href="index.html#gone">x</a>',
    "no image": '<img src="gone.png" alt="">',
    "console": '<script>console.error("x")</script>',
    "error": "<script>gone()</script>",
    "requests another server": '<script src="http://192.0.2.1/x.js"></script>',
    "too wide": '<p style="width: 2000px">x</p>',
    "cut off": TABLE.format("background: linear-gradient(red, blue)", 2000),
    "scrolls without a shadow": TABLE.format("", 600),
    "contrast": '<p style="color: #999">x</p>',
}
GOOD = {
    "links": '<a href="index.html#here">x</a><a href="https://a.org">y</a>',
    "a table that scrolls on a phone": TABLE.format(
        "background: linear-gradient(#fff, #eee)", 600
    ),
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
    @pytest.mark.parametrize("page", GOOD)
    def test_finds_nothing_in_a_good_page(self, page, tmp_path, monkeypatch):
        assert read(tmp_path, GOOD[page], monkeypatch) == []

    @pytest.mark.parametrize("fault", FAULTS)
    def test_finds_a_fault(self, fault, tmp_path, monkeypatch):
        found = read(tmp_path, FAULTS[fault], monkeypatch)
        assert any(fault in line for line in found)


def test_a_folder_without_pages_is_an_error(tmp_path):
    pytest.importorskip("playwright")
    with pytest.raises(ValueError, match="must contain pages"):
        browse.faults(tmp_path, "http://127.0.0.1")
