import numpy as np
import pytest

from keras_attn.explain import plot_features

pytestmark = pytest.mark.once


def pictures(count, *sizes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(*sizes[i % len(sizes)], 3)) for i in range(count)]


def images_of(rows):
    return [
        [np.full(each.shape, 10 * i, "uint8") for i, each in enumerate(row)]
        for row in rows
    ]


def panels(figure):
    return [axes.images[0].get_array() for axes in figure.axes]


def test_draws_mosaics_beside_each_other():
    rows = [pictures(9, (5, 7), (4, 7)), pictures(3, (6, 6))]
    figure = plot_features(rows, images_of(rows), ["map 1", "map 2"])
    found = panels(figure)
    shapes = [each.shape for each in found]
    # 3 x 3 of 5 x 7, and 2 x 2 of 6 x 6, with 2 pixels between them.
    assert shapes == [(19, 25, 3)] * 2 + [(14, 14, 3)] * 2
    right = np.asarray(found[1])
    assert (right[:5, :7] == 0).all() and (right[:5, 7:9] == 255).all()
    # The second picture is smaller, so its cell has a border below.
    assert (right[:4, 9:16] == 10).all() and (right[4, 9:16] == 255).all()
    assert (right[14:, 18:] == 80).all()
    texts = [text.get_text() for text in figure.texts]
    assert texts == ["reconstructions", "images", "map 1", "map 2"]


def test_zero_is_the_middle_of_grey():
    picture = np.zeros((1, 3, 1))
    picture[0, :, 0] = [0.0, -0.2, 0.1]
    figure = plot_features([[picture]], [[np.zeros((1, 3, 1), "uint8")]])
    assert np.asarray(panels(figure)[0])[0, :, 0].tolist() == [128, 0, 191]


def test_writes_a_file(tmp_path):
    rows = [pictures(4, (5, 5))]
    plot_features(rows, images_of(rows), path=tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").stat().st_size > 1000


GOOD = [pictures(2, (4, 4))]


@pytest.mark.parametrize(
    ("rows", "patches", "options", "message"),
    [
        ([], [], {}, "There must be at least one map"),
        (GOOD, [], {}, "as many patches as reconstructions"),
        (GOOD, [images_of(GOOD)[0][:1]], {}, "as many patches as"),
        (GOOD, images_of([pictures(2, (4, 5))]), {}, "must have the same size"),
        ([pictures(1, (0, 0))], [[np.zeros((0, 0, 3))]], {}, "must be an arr"),
        ([[np.full((2, 2, 3), np.nan)]], [[GOOD]], {}, "finite numbers"),
        (GOOD, images_of(GOOD), {"titles": "map"}, "a list of 1 strings"),
        (GOOD, images_of(GOOD), {"path": "a.gif"}, "`path` must end in"),
    ],
)
def test_refuses(rows, patches, options, message):
    with pytest.raises(ValueError, match=message):
        plot_features(rows, patches, **options)
