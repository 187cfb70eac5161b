"""Images, reconstructions, filters and feature maps in grids."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import fastnn
from fastnn.plots import feature_maps, filters, images, panels, reconstructions
from fastnn.plots.mosaics import default_columns

SIDE = 28


@pytest.fixture
def pictures(rng):
    return rng.integers(0, 256, (7, SIDE, SIDE), dtype=np.uint8)


def mosaic_of(panel):
    (image,) = panel.images
    return image, np.asarray(image.get_array())


def tiles_of(panel):
    """What the mosaic holds inside each frame, and each frame's left, top, right and bottom."""
    (frames,) = [c for c in panel.collections if isinstance(c, PolyCollection)]
    boxes = [path.get_extents() for path in frames.get_paths()]
    _, mosaic = mosaic_of(panel)
    tiles = [mosaic[round(b.y0 + 0.5) : round(b.y1 + 0.5), round(b.x0 + 0.5) : round(b.x1 + 0.5)] for b in boxes]
    return tiles, boxes


def test_every_image_stands_in_its_place(pictures):
    (panel,) = images(pictures, columns=3).axes
    tiles, boxes = tiles_of(panel)
    assert len(tiles) == 7
    for tile, picture in zip(tiles, pictures, strict=True):
        np.testing.assert_allclose(tile, picture / 255)
    assert [b.x0 for b in boxes[:3]] == [b.x0 for b in boxes[3:6]]
    assert len({b.y0 for b in boxes[:3]}) == 1
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[0].y1 < boxes[3].y0 < boxes[6].y0
    image, mosaic = mosaic_of(panel)
    assert np.isfinite(mosaic).sum() == pictures.size  # nothing but the images
    assert image.get_interpolation() == "nearest"
    assert (image.get_cmap().name, image.norm.vmin, image.norm.vmax) == ("gray_r", 0, 1)
    assert image.get_cmap()(0.0)[:3] == (1, 1, 1)  # paper
    assert not panel.axison


def test_all_forms_of_images_look_alike(pictures):
    expected = mosaic_of(images(pictures).axes[0])[1]
    for form in (pictures.reshape(7, -1), pictures[..., np.newaxis], pictures / 255, (pictures / 255).reshape(7, -1)):
        np.testing.assert_allclose(mosaic_of(images(form).axes[0])[1], expected)


@pytest.mark.parametrize(
    ("scale", "limits"),
    [(np.array([[[0.2, 0.7]]]), (0, 1)), (np.array([[[-2.0, 3.0]]]), (-2, 3)), (np.array([[[0, 16]]]), (0, 16))],
)
def test_numbers_beyond_0_and_1_have_a_scale_of_their_own(scale, limits):
    image, _ = mosaic_of(images(scale, cmap="gray").axes[0])
    assert (image.norm.vmin, image.norm.vmax) == limits
    assert image.get_cmap().name == "gray"


def test_captions_stand_above_their_images(pictures):
    (panel,) = images(pictures, labels=["$a", "b\nc", *range(5)]).axes
    _, boxes = tiles_of(panel)
    assert [text.get_text() for text in panel.texts] == ["$a", "b\nc", "0", "1", "2", "3", "4"]
    for text, box in zip(panel.texts, boxes, strict=True):
        x, y = text.get_position()
        assert x == pytest.approx((box.x0 + box.x1) / 2)
        assert box.y0 - 5 < y < box.y0


@pytest.mark.parametrize("count", [1, 4, 16, 25, 100])
@pytest.mark.parametrize("given", [False, True])
def test_captions_are_neither_cut_off_nor_overlap(count, given):
    axes = panels(1, 2)[1][0, 0] if given else None
    figure = images(np.zeros((count, SIDE, SIDE)), [f"four → nine {i}" for i in range(count)], axes=axes)
    figure.draw_without_rendering()
    extents = [text.get_window_extent() for text in figure.axes[0].texts]
    for extent in extents:
        assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= extent.y0 < extent.y1 <= figure.bbox.y1
        assert sum(extent.overlaps(other) for other in extents) == 1  # itself
    _, boxes = tiles_of(figure.axes[0])
    to_screen = figure.axes[0].transData
    for extent, box in zip(extents, boxes[default_columns(count) :], strict=False):
        assert extent.y0 > to_screen.transform((0, box.y0))[1]  # not on the next row
    width, height = figure.get_size_inches()
    assert 2 < width < 21
    assert 2 < height < 21


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (7, 3), (8, 4), (10, 5), (16, 4), (25, 5), (100, 10)]
)
def test_grids_are_about_square(count, columns):
    assert default_columns(count) == columns


def test_images_draw_on_given_axes(pictures):
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert images(pictures, axes=axes[1]) is figure
    assert len(figure.axes) == 2
    assert len(axes[0].images) == 0
    assert len(axes[1].images) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ({"images": np.zeros((3, 10))}, ValueError, r"images must hold square images, received 10 pixels per image"),
        ({"images": np.zeros((0, 4, 4))}, ValueError, r"images must be images .* received shape \(0, 4, 4\)"),
        ({"images": np.zeros((2, 4, 4, 3))}, ValueError, r"images must be images .* shape \(2, 4, 4, 3\)"),
        ({"images": np.zeros(4)}, ValueError, r"images must be images .* received shape \(4,\)"),
        ({"images": [[["a"]]]}, TypeError, "images must be an array of numbers"),
        ({"images": np.full((1, 2, 2), np.nan)}, ValueError, "images must be finite, received nan"),
        ({"labels": [1, 2]}, ValueError, "labels must have one entry for each image, 3 in all, received 2"),
        ({"labels": "abc"}, TypeError, "labels must be a list with one string for each image, received 'abc'"),
        ({"labels": np.zeros((3, 2))}, TypeError, "labels must be a list with one string for each image"),
        ({"columns": 0}, ValueError, "columns must be at least 1, received 0"),
        ({"columns": 1.5}, TypeError, "columns must be an integer"),
        ({"cmap": "grey_x"}, ValueError, "unknown cmap 'grey_x'; did you mean 'grey"),
    ],
)
def test_images_that_cannot_be_drawn_are_refused(arguments, error, expected):
    figure, axes = panels()
    with pytest.raises(error, match=expected):
        images(**{"images": np.zeros((3, 4, 4)), "axes": axes} | arguments)
    assert not figure.axes[0].images


def test_filters_are_the_columns_of_a_dense_kernel(rng):
    kernel = rng.normal(size=(SIDE * SIDE, 20)).astype(np.float32)
    figure = filters(kernel)
    panel, bar = figure.axes
    tiles, _ = tiles_of(panel)
    assert len(tiles) == 16
    for unit, tile in enumerate(tiles):
        np.testing.assert_array_equal(tile, kernel[:, unit].reshape(SIDE, SIDE))
    image, _ = mosaic_of(panel)
    assert image.norm.vmax == -image.norm.vmin == np.abs(kernel[:, :16]).max()
    assert bar.get_ylabel() == "weight"


def test_small_filters_of_a_convolution_are_enlarged(rng):
    kernel = rng.normal(size=(3, 2, 4, 5))
    for channel in (0, 3):
        tiles, _ = tiles_of(filters(kernel, channel=channel).axes[0])
        assert len(tiles) == 5
        for index, tile in enumerate(tiles):
            assert tile.shape == (24, 16)
            np.testing.assert_array_equal(tile, np.kron(kernel[:, :, channel, index], np.ones((8, 8))))


def test_filters_of_another_shape_and_count():
    kernel = np.arange(60.0).reshape(12, 5)
    tiles, _ = tiles_of(filters(kernel, shape=(2, 6), count=3, columns=1).axes[0])
    assert len(tiles) == 3
    np.testing.assert_array_equal(tiles[1][::4, ::4], kernel[:, 1].reshape(2, 6))


def test_filters_of_zeros_are_grey():
    image, _ = mosaic_of(filters(np.zeros((4, 2))).axes[0])
    assert (image.norm.vmin, image.norm.vmax) == (-1, 1)
    red, green, blue, _ = image.get_cmap()(0.5)
    assert red == pytest.approx(green, abs=0.02) == pytest.approx(blue, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"weights": np.zeros(4)}, r"weights must be a kernel of shape \(inputs, units\) or .* received shape \(4,\)"),
        ({"weights": np.zeros((4, 0))}, r"weights must be a kernel"),
        ({"weights": np.zeros((5, 2))}, "weights must hold square images, received 5 pixels per image"),
        ({"shape": (3, 2)}, "weights must hold images of 3 x 2 pixels, received 4 pixels per image"),
        ({"shape": 4}, r"shape must be \(height, width\), received 4"),
        ({"channel": 1}, "channel must be 0 for a dense layer's weights, received 1"),
        ({"weights": np.zeros((2, 2, 3, 1)), "channel": 3}, r"channel must be in \[0, 3\), received 3"),
        ({"weights": np.zeros((2, 2, 3, 1)), "shape": (2, 2)}, "shape must be None for a convolution"),
        ({"count": 0}, "count must be at least 1, received 0"),
        ({"weights": np.full((4, 2), np.inf)}, "weights must be finite"),
    ],
)
def test_filters_that_cannot_be_drawn_are_refused(arguments, expected):
    with pytest.raises(ValueError, match=expected):
        filters(**{"weights": np.zeros((4, 2))} | arguments)


@pytest.mark.parametrize("with_noise", [False, True])
def test_reconstructions_stand_below_their_originals(pictures, with_noise):
    made, noisy = (pictures / 200).reshape(7, -1), 1.5 - pictures / 255
    (panel,) = reconstructions(pictures, made, noisy if with_noise else None, count=5).axes
    tiles, boxes = tiles_of(panel)
    rows = [pictures / 255, *([noisy] if with_noise else []), pictures / 200]
    for tile, picture in zip(tiles, np.concatenate([row[:5] for row in rows]), strict=True):
        np.testing.assert_allclose(tile, picture)
    assert [b.x0 for b in boxes[:5]] == [b.x0 for b in boxes[-5:]]
    names = ["original", *(["noisy input"] if with_noise else []), "reconstruction"]
    assert [text.get_text() for text in panel.texts] == names
    for text, box in zip(panel.texts, boxes[::5], strict=True):
        assert box.y0 < text.get_position()[1] < box.y1
    image, _ = mosaic_of(panel)
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)  # of the originals, whatever goes beyond


@pytest.mark.parametrize("given", [False, True])
def test_names_of_rows_are_not_cut_off(pictures, given):
    axes = panels(1, 2, size=(6, 3))[1][0, 1] if given else None
    figure = reconstructions(pictures, pictures, pictures, axes=axes)
    figure.draw_without_rendering()
    panel = figure.axes[-1]
    _, boxes = tiles_of(panel)
    for text in panel.texts:
        extent = text.get_window_extent()
        assert extent.x0 >= (panel.get_window_extent().x0 if given else 0) - 1
        assert extent.x1 < panel.transData.transform((boxes[0].x0, 0))[0]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"noisy": np.zeros((3, 4, 5))}, r"noisy must have the shape of .* \(3, 4, 4\), received \(3, 4, 5\)"),
        ({"reconstructed": np.zeros((2, 16))}, r"reconstructed must have the shape of .* received \(2, 4, 4\)"),
        ({"reconstructed": np.zeros((3, 15))}, "reconstructed must hold images of 4 x 4 pixels, received 15"),
        ({"count": 0}, "count must be at least 1, received 0"),
    ],
)
def test_reconstructions_that_do_not_fit_are_refused(changed, expected):
    with pytest.raises(ValueError, match=expected):
        reconstructions(**{"originals": np.zeros((3, 4, 4)), "reconstructed": np.zeros((3, 4, 4))} | changed)


def test_rows_of_images_that_are_not_square_take_the_originals_shape():
    tiles, _ = tiles_of(reconstructions(np.zeros((2, 4, 6)), np.ones((2, 24))).axes[0])
    assert {tile.shape for tile in tiles} == {(16, 24)}


def test_feature_maps_are_the_channels_of_one_image(rng):
    maps = rng.normal(size=(14, 12, 6)).astype(np.float32)
    for given in (maps, maps[np.newaxis]):
        panel, bar = feature_maps(given).axes
        tiles, _ = tiles_of(panel)
        assert len(tiles) == 6
        for channel, tile in enumerate(tiles):
            np.testing.assert_array_equal(tile[::2, ::2], maps[:, :, channel])
        image, _ = mosaic_of(panel)
        assert (image.norm.vmin, image.norm.vmax) == (maps.min(), maps.max())
        assert bar.get_ylabel() == "activation"
    with pytest.raises(
        ValueError, match=r"maps must have the shape \(height, width, channels\) .* received \(2, 3, 3, 1\)"
    ):
        feature_maps(np.zeros((2, 3, 3, 1)))


def test_dead_feature_maps_are_drawn():
    assert len(tiles_of(feature_maps(np.zeros((4, 4, 3))).axes[0])[0]) == 3


@pytest.mark.parametrize(
    "draw", [lambda axes: filters(np.eye(9), axes=axes), lambda axes: feature_maps(np.ones((5, 5, 8)), axes=axes)]
)
@pytest.mark.parametrize("layout", ["constrained", None])
def test_colour_bars_stay_in_the_figure(draw, layout):
    figure = Figure((9, 4), layout=layout)
    axes = figure.subplots(1, 2)
    assert draw(axes[1]) is figure
    figure.draw_without_rendering()
    assert len(figure.axes) == 3
    bar = figure.axes[2].get_tightbbox()
    assert bar.x1 <= figure.bbox.x1
    assert bar.x0 >= axes[1].get_window_extent().x1


def test_arguments_stay_as_they_are(pictures, rng):
    before, kernel = pictures.copy(), rng.normal(size=(9, 4))
    floats, kernel_before = pictures / 255, kernel.copy()
    floats_before = floats.copy()
    for given in (pictures, floats):
        images(given)
        reconstructions(given, given, given)
        feature_maps(given)
    filters(kernel)
    np.testing.assert_array_equal(pictures, before)
    np.testing.assert_array_equal(floats, floats_before)
    np.testing.assert_array_equal(kernel, kernel_before)


def test_filters_of_two_networks_on_one_scale(rng):
    weights = rng.normal(size=(9, 4))
    for limit in (None, 2.5):
        image = filters(weights, limit=limit).axes[0].images[0]
        expected = limit or np.abs(weights).max()
        assert image.get_clim() == pytest.approx((-expected, expected))
    with pytest.raises(ValueError, match="limit must be a finite number >= "):
        filters(weights, limit=0)


def test_filters_and_feature_maps_have_matching_numbers(rng):
    """Filter i finds in an image what feature map i shows."""
    layer = fastnn.layers.Conv2D(12, 3)
    maps = layer.forward(rng.random((1, 9, 9, 1)))
    for panel, drawn, which in (
        (filters(layer.weights[0]).axes[0], np.moveaxis(layer.weights[0][:, :, 0], 2, 0), "filters"),
        (feature_maps(maps).axes[0], np.moveaxis(maps[0], 2, 0), "maps"),
    ):
        tiles, boxes = tiles_of(panel)
        for tile, box, text in zip(tiles, boxes, panel.texts, strict=True):
            x, y = text.get_position()
            assert box.x0 < x < box.x1, which
            assert box.y0 - 6 < y <= box.y0, which
            enlarged = len(tile) // drawn.shape[1]
            np.testing.assert_allclose(tile[::enlarged, ::enlarged], drawn[int(text.get_text())], rtol=1e-6)


def test_the_units_of_a_dense_layer_have_numbers(rng):
    panel = filters(rng.normal(size=(16, 30)), count=5).axes[0]
    assert [text.get_text() for text in panel.texts] == ["0", "1", "2", "3", "4"]
