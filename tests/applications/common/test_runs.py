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
    with pytest.raises(ValueError, match=f"holds another run: {words}"):
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


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match="run.json: not the facts"):
        runs.read(tmp_path)
