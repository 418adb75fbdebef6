import json

import pytest

from applications.common import runs

FACTS = {"settings": {"seed": 0, "shape": (2, 3)}, "class_names": ["a", "b"]}


def test_the_same_run_is_opened_again(tmp_path):
    for _ in range(2):
        runs.open_run(tmp_path / "run", FACTS, restart=False)
    assert runs.read(tmp_path / "run")["settings"]["shape"] == [2, 3]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"settings": {"seed": 1, "shape": (2, 3)}}, "seed is 0 there and 1"),
        ({"settings": {"seed": 0}}, r"shape is \[2, 3\] there and None"),
        ({"class_names": ["a"]}, "class_names is"),
    ],
)
def test_another_run_is_refused_by_what_differs(tmp_path, changed, words):
    runs.open_run(tmp_path, FACTS, restart=False)
    with pytest.raises(ValueError, match=f"contains another run: {words}"):
        runs.open_run(tmp_path, {**FACTS, **changed}, restart=False)


def test_restart_removes_the_files_of_the_run_alone(tmp_path):
    runs.open_run(tmp_path, FACTS, restart=False)
    for name in ("state.json", "state-0001.npz", "model.keras", "notes.txt"):
        (tmp_path / name).write_text("")
    changed = {**FACTS, "class_names": ["x"]}
    runs.open_run(tmp_path, changed, restart=True)
    left = sorted(each.name for each in tmp_path.iterdir())
    assert left == ["notes.txt", "run.json"]
    assert runs.read(tmp_path)["class_names"] == ["x"]


@pytest.mark.parametrize(
    "facts",
    [
        *({}, [], {"settings": []}, {"settings": {}}),
        *({**FACTS, "class_names": x} for x in ("ab", [], [1], None)),
        {**FACTS, "settings": None},
    ],
)
def test_damaged_facts_are_one_line_with_what_helps(tmp_path, facts):
    (tmp_path / "run.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError) as caught:
        runs.read(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'run.json'}: not the facts of a run")
    assert text.endswith("or train again with --restart") and "\n" not in text


def test_a_state_whose_facts_are_gone_is_not_gone_on_with(tmp_path):
    runs.open_run(tmp_path, FACTS, restart=False)
    (tmp_path / "run.json").rename(tmp_path / "state.json")
    with pytest.raises(ValueError, match="run.json: missing, but state.json"):
        runs.open_run(tmp_path, FACTS, restart=False)
    runs.open_run(tmp_path, FACTS, restart=True)


def test_a_thousand_classes_are_not_all_printed(tmp_path):
    many = {**FACTS, "class_names": [str(i) for i in range(1000)]}
    runs.open_run(tmp_path, many, restart=False)
    with pytest.raises(ValueError, match="class_names is") as caught:
        runs.open_run(tmp_path, FACTS, restart=False)
    assert len(str(caught.value)) < 600


class TestResult:
    FOUND = {"accuracy": 0.1 + 0.2, "seconds": None, "name": "a"}

    @pytest.fixture
    def folder(self, tmp_path):
        runs.open_run(tmp_path, FACTS, restart=False)
        runs.write_result(tmp_path, "result.json", self.FOUND)
        return tmp_path

    def test_comes_back(self, folder, capsys):
        assert runs.read_result(folder, "result.json") == self.FOUND
        assert runs.read_result(folder, "other.json") is None
        assert capsys.readouterr() == ("", "")

    def test_of_another_run_is_none(self, folder, capsys):
        changed = {**FACTS, "data_digest": "of other images"}
        runs.open_run(folder, changed, restart=True)
        assert runs.read_result(folder, "result.json") is None
        assert "result.json: damaged, or of another" in capsys.readouterr().err

    @pytest.mark.parametrize("content", ["", "[]", "{}", "0.3", "\0"])
    def test_that_is_damaged_is_none(self, folder, content, capsys):
        path = folder / "result.json"
        # Even a single digit.
        text = content if content != "0.3" else path.read_text()
        path.write_text(text.replace("0.3", "0.4"))
        assert runs.read_result(folder, "result.json") is None
        error = capsys.readouterr().err
        assert error.startswith(f"{path}: ") and error.count("\n") == 1


def test_data_that_have_changed_are_reported(tmp_path, capsys):
    runs.open_run(tmp_path, {**FACTS, "data_digest": "a"}, restart=False)
    runs.check_data(tmp_path, "a")
    assert capsys.readouterr().err == ""
    runs.check_data(tmp_path, "b")
    assert "have changed since this run" in capsys.readouterr().err


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match="run.json: not the facts"):
        runs.read(tmp_path)
