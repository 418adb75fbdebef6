from keras_attn.exporting.swap import new_neighbor
from tests.keras_attn.exporting.targets import listing


def test_moves_the_weights_of_a_file_too(tmp_path):
    with new_neighbor(tmp_path / "m.onnx") as neighbor:
        neighbor.path.write_text("names m.onnx.data")
        beside = neighbor.path.with_name("m.onnx.data")
        beside.write_text("weights")
        assert listing(tmp_path)[0].startswith(".m.onnx.")
        neighbor.replace()
    assert listing(tmp_path) == ["m.onnx", "m.onnx.data"]


def test_replaces_a_folder_of_any_name(tmp_path):
    for name in ("old", "m.old"):
        target = tmp_path / name
        target.mkdir()
        (target / "before").write_text("")
        with new_neighbor(target) as neighbor:
            neighbor.path.mkdir()
            (neighbor.path / "after").write_text("")
            neighbor.replace()
    assert listing(tmp_path) == ["m.old", "m.old/after", "old", "old/after"]
