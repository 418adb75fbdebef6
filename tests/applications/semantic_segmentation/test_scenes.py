import dataclasses
import pickle

import numpy as np
import pytest

from applications.semantic_segmentation.palette import voc_colormap
from applications.semantic_segmentation.scenes import Scene, Scenes


def array_scene(value, mask=0):
    """A scene in memory."""
    image = np.full((2, 3, 3), value, "uint8")
    labels = np.full((2, 3), mask, "uint8")
    return Scene(f"scene {value}", lambda: image, lambda: labels, (2, 3))


def scenes(names=("a", "b"), **parts):
    return Scenes(list(names), voc_colormap(len(names)), **parts)


def test_sizes_are_words():
    one, two = array_scene(1), array_scene(2)
    found = scenes(train=[one, two], test=[one])
    assert found.sizes() == "train 2, validation none, test 1"
    assert list(found.parts()) == ["train", "validation", "test"]


def test_digest_depends_on_content_order_and_part():
    one, two = array_scene(1), array_scene(2)
    found = [
        scenes(train=[one, two]),
        scenes(train=[two, one]),
        scenes(train=[one], validation=[two]),
        scenes(train=[one], test=[two]),
        scenes(train=[one, array_scene(3)]),
        scenes(train=[one, array_scene(2, mask=1)]),
        scenes(("a", "c"), train=[one, two]),
    ]
    assert len({each.digest() for each in found}) == len(found)
    again = scenes(train=[array_scene(1), array_scene(2)])
    assert found[0].digest() == again.digest()
    assert len(again.digest()) == 16


def test_digest_depends_on_the_size():
    scene = array_scene(1)
    turned = Scene(
        scene.source,
        lambda: scene.image().reshape(3, 2, 3),
        lambda: scene.mask().reshape(3, 2),
        (3, 2),
    )
    assert scenes(train=[scene]).digest() != scenes(train=[turned]).digest()


class TestFiles:
    @pytest.fixture
    def scene(self, tmp_path):
        files = tmp_path / "a.png", tmp_path / "b.png"
        for path, text in zip(files, ("picture", "mask"), strict=True):
            path.write_text(text)
        # The bytes are enough, so nothing is decoded.
        return dataclasses.replace(
            array_scene(1), image=None, mask=None, files=files
        )

    @pytest.mark.parametrize("index", [0, 1])
    def test_digest_sees_each_byte(self, scene, index):
        before = scenes(train=[scene]).digest()
        assert scenes(train=[scene]).digest() == before
        path = scene.files[index]
        path.write_text(path.read_text()[:-1] + "x")
        assert scenes(train=[scene]).digest() != before

    def test_digest_sees_where_a_file_ends(self, scene):
        before = scenes(train=[scene]).digest()
        scene.files[0].write_text("picturem")
        scene.files[1].write_text("ask")
        assert scenes(train=[scene]).digest() != before

    def test_digest_reads_large_files_to_their_end(self, scene):
        content = bytes(3 << 20)
        scene.files[0].write_bytes(content)
        before = scenes(train=[scene]).digest()
        scene.files[0].write_bytes(content[:-1] + b"x")
        assert scenes(train=[scene]).digest() != before

    def test_digest_does_not_see_the_place(self, scene, tmp_path):
        before = scenes(train=[scene]).digest()
        moved = tmp_path / "moved.png"
        scene.files[0].rename(moved)
        scene = dataclasses.replace(scene, files=(moved, scene.files[1]))
        assert scenes(train=[scene]).digest() == before


def test_a_scene_without_arrays_can_go_to_another_process():
    scene = Scene("a", np.zeros, np.ones, (2, 3))
    assert pickle.loads(pickle.dumps(scene)) == scene
