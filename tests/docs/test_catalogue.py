"""The tables of layers on the site and in the README."""

import re

import pytest

from keras_attn import layers

pytest.importorskip("sphinx", reason="only the docs extra installs it")
catalogue = pytest.importorskip("catalogue")
records = pytest.importorskip("records")

INDEX = records.CATALOGUE.read_text()


def named():
    """Returns the names of blocks by the names of their classes."""
    return {type(layers.get(name)).__name__: name for name in layers.names()}


class TestTables:
    def test_each_layer_is_on_a_page(self):
        assert catalogue.described().keys() == catalogue.public().keys()

    def test_each_layer_is_in_one_table_with_a_link(self):
        tables = [catalogue.table(kind) for kind in ("blocks", "others")]
        for name, identifier in named().items():
            assert f"\n| [{name}]({identifier}.md) | " in tables[0]
        rows = "\n".join(tables)
        for name in catalogue.public():
            (found,) = re.findall(rf"\[{name}\]\(([\w.]+)(?:#([^)]+))?\)", rows)
            page, anchor = found
            text = (catalogue.PAGES / page).read_text()
            titles = re.findall(r"(?m)^##+ (.+)$", text)
            slugs = {title.lower().replace(" ", "-") for title in titles}
            assert not anchor or anchor in slugs
        for table, columns in zip(tables, (3, 2), strict=True):
            for row in table.split("\n"):
                assert len(re.findall(r"[^\\]\|", row)) == columns

    def test_costs_are_those_that_were_recorded(self):
        rows = records.dicts(catalogue.table("costs"))
        names = [re.match(r"\[(\w+)\]", row["Block"])[1] for row in rows]
        assert sorted(names) == sorted(named())
        se = rows[names.index("SE")]
        recorded = records.costs(INDEX)["rows"]["se"]
        assert recorded["parameters"] == "2,530,992"
        assert se["Parameters"] == "2.5 M"
        for mode in records.MODES:
            values = [recorded[f"{b}, {mode}"] for b in records.BACKENDS]
            low, high = min(values, key=float), max(values, key=float)
            assert se[mode.capitalize()] == f"{low}–{high}"
        soca = rows[names.index("SOCA")]
        assert soca["Training"] == soca["Inference"] == ""

    @pytest.mark.parametrize(
        ("count", "text"),
        [(86, "86"), (60416, "60 k"), (2530992, "2.5 M")],
    )
    def test_large_numbers_are_short(self, count, text):
        assert catalogue.short(count) == text

    @pytest.mark.parametrize(
        ("values", "text"),
        [([], ""), (["1.10"], "1.10"), (["1.1", "0.9", "1"], "0.9–1.1")],
    )
    def test_a_range_has_two_ends(self, values, text):
        assert catalogue.span(values) == text

    def test_the_reference_has_each_layer_once(self):
        listed = re.findall(r"(?m)^   (\w+)$", catalogue.reference())
        assert sorted(listed) == sorted({"get", "names", *catalogue.public()})


class TestIndex:
    def test_the_guide_is_on_top_and_mentions_each_block(self):
        first, guide, *_ = re.split(r"(?m)^## ", INDEX)
        assert guide.startswith("Which block should I pick?\n")
        linked = set(re.findall(r"\[(\w+)\]\(\w+\.md", guide))
        assert set(named()) <= linked <= catalogue.public().keys()
        assert "|" not in first

    def test_tables_fit_a_phone(self):
        for page in catalogue.PAGES.glob("*.md"):
            # The measurements by backend are folded.
            text = re.sub(r"(?s)<details>.*?</details>", "", page.read_text())
            for head in re.findall(r"(?m)^\|(.*)\|\n\|---", text):
                assert head.count("|") < 5, (page.name, head)


class TestReadme:
    def test_has_a_line_for_each_block(self):
        written = catalogue.readme_table()
        for name, identifier in named().items():
            link = rf"\| \[{name}\]\(docs/layers/{identifier}\.md\)"
            cell = r"\| [^|]+ "
            end = r"\| [^|]* \| [^|]* \|$"
            assert re.search(rf"(?m)^{link} {cell}{end}", written), name
        times = records.slowdowns(records.costs(INDEX)["rows"]["se"])
        cell = " / ".join(times["training"].values())
        assert f" | 2.5 M | {cell} |" in written
        assert all(len(line) < 140 for line in written.split("\n"))

    def test_shows_the_table_as_it_is_now(self):
        text = catalogue.README.read_text()
        assert [text.count(mark) for mark in catalogue.MARKS] == [1, 1]
        between = text.split(catalogue.MARKS[0])[1]
        between = between.split(catalogue.MARKS[1])[0]
        # If this fails: PYTHONPATH=. python docs/_ext/catalogue.py --readme
        assert between.strip("\n") == catalogue.readme_table()

    def test_the_command_writes_it(self, tmp_path, monkeypatch):
        readme = tmp_path / "README.md"
        monkeypatch.setattr(catalogue, "README", readme)
        first, last = catalogue.MARKS
        readme.write_text(f"# a\n\n{first}\n\nold\n\n{last}\n\nb\n")
        for _ in range(2):
            catalogue.write_readme()
            expected = f"{first}\n{catalogue.readme_table()}\n{last}"
            assert readme.read_text() == f"# a\n\n{expected}\n\nb\n"
        readme.write_text("# a\n")
        with pytest.raises(ValueError, match="Received: a README without"):
            catalogue.write_readme()
