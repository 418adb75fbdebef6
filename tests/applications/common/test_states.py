import json

import numpy as np
import pytest

from applications.common import states

ROW = {"epoch": 1, "learning_rate": 0.1, "loss": 1.0, "val_accuracy": 0.5}
STATE = states.State("state-0001.npz", 0.5, False, [ROW])


@pytest.fixture
def path(tmp_path):
    states.write_state(tmp_path, STATE, {"0:a": np.ones(3, "float32")})
    return tmp_path / "state.json"


def test_a_run_that_begins_has_no_state(tmp_path):
    assert states.read_state(tmp_path) == states.State()


def test_a_state_comes_back(path):
    assert states.read_state(path.parent, "val_accuracy") == STATE
    arrays = states.read_arrays(path.with_name("state-0001.npz"), [(3,)])
    np.testing.assert_array_equal(arrays, [np.ones(3)])


def test_only_the_last_arrays_are_kept(path):
    later = states.State(
        "state-0002.npz", 0.5, True, [ROW, {**ROW, "epoch": 2}]
    )
    states.write_state(path.parent, later, {})
    names = sorted(each.name for each in path.parent.iterdir())
    assert names == ["state-0002.npz", "state.json"]


def changed(**others):
    return {**json.loads(json.dumps(vars(STATE))), **others}


@pytest.mark.parametrize(
    "content",
    [
        *({}, [], None, 1, "text"),
        *(changed(arrays=x) for x in (None, 1, "../x.npz", "state-1.npy")),
        *(changed(best=x) for x in ("a", [], True)),
        *(changed(finished=x) for x in (None, 1, "no")),
        *(changed(history=x) for x in (None, {}, [], [1], [{}])),
        changed(history=[{**ROW, "loss": "low"}]),
        changed(history=[{**ROW, "epoch": 2}]),
        changed(history=[ROW, {"epoch": 2, "loss": 1.0}]),
        changed(history=[{x: ROW[x] for x in ROW if x != "val_accuracy"}]),
        {name: value for name, value in changed().items() if name != "best"},
    ],
)
def test_a_damaged_state_is_one_line_with_what_helps(path, content):
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError) as caught:
        states.read_state(path.parent, "val_accuracy")
    text = str(caught.value)
    assert text.startswith(f"{path}: not the state of a run (")
    assert text.endswith("). Start again with --restart") and "\n" not in text


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x02}", b"[" * 99_999])
def test_a_file_that_is_no_json_likewise(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="state.json: not the state of a run"):
        states.read_state(path.parent)


def test_the_best_value_is_that_of_the_rows(path):
    rows = [
        {**ROW, "epoch": i + 1, "val_accuracy": value}
        for i, value in enumerate((0.2, float("nan"), 0.7, 0.6))
    ]
    path.write_text(json.dumps(changed(best=-1.0, history=rows)))
    assert states.read_state(path.parent, "val_accuracy").best == 0.7


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "No data left"),
        (b"text", "not a file of arrays"),
        (None, "Is a directory"),
    ],
)
def test_damaged_arrays_are_one_line(tmp_path, content, words):
    path = tmp_path / "state-0001.npz"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        states.read_arrays(path, [(3,)])
    assert str(caught.value).startswith(f"{path}: cannot resume from this")
    assert "pickle" not in str(caught.value)


def test_arrays_of_words_are_refused(tmp_path):
    path = tmp_path / "state-0001.npz"
    np.savez(path, a=np.array(["a", "b", "c"]))
    with pytest.raises(ValueError, match="not numbers"):
        states.read_arrays(path, [(3,)])
