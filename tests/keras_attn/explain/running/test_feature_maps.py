import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import explain
from keras_attn.explain.running.targets import OwnScore, Target, best_class
from tests.cases import explained


@keras.saving.register_keras_serializable("tests")
class ClassToken(layers.Layer):
    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")

    def call(self, x):
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([ops.cast(token, x.dtype), x], axis=1)


def vision_transformer(pool, size=(32, 24), patches="convolution"):
    """Returns a small ViT with named blocks."""
    inputs = keras.Input((*size, 3))
    if patches == "convolution":
        x = layers.Conv2D(16, 8, 8, name="patches")(inputs)
        rows = x.shape[1] * x.shape[2]
        x = layers.Reshape((rows, 16), name="tokens")(x)
    else:
        x = ops.image.extract_patches(inputs, 8)
        rows = x.shape[1] * x.shape[2]
        x = layers.Dense(16, name="tokens")(ops.reshape(x, (-1, rows, 192)))
    x = ClassToken(name="with_class")(x)
    for i in range(2):
        y = layers.LayerNormalization(name=f"norm{i}")(x)
        y = layers.MultiHeadAttention(2, 8, name=f"attention{i}")(y, y)
        x = layers.Add(name=f"middle{i}")([x, y])
        y = layers.LayerNormalization(name=f"second_norm{i}")(x)
        y = layers.Dense(16, activation="gelu", name=f"dense{i}")(y)
        x = layers.Add(name=f"block{i}")([x, y])
    x = layers.LayerNormalization(name="norm")(x)
    if pool == "class":
        x = layers.Lambda(lambda x: x[:, 0], name="first")(x)
    else:
        x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(5)(x))


def images(size=(32, 24)):
    random = np.random.default_rng(0)
    return random.normal(size=(2, *size, 3)).astype("float32")


def place(cam, given):
    _, (found,) = cam.places(cam.network.check(given), Target(best_class))
    return found


@pytest.mark.once
class TestTokens:
    @pytest.mark.parametrize("patches", ["convolution", "extracted"])
    def test_the_grid_is_that_of_the_patches(self, patches):
        model = vision_transformer("mean", patches=patches)
        cam = explain.GradCAM(model, "block1")
        assert place(cam, images()).grid == (4, 3)
        assert cam(images()).shape == (2, 32, 24)

    def test_the_class_token_is_left_out(self):
        model = vision_transformer("mean")
        found = place(explain.GradCAM(model, "block1"), images())
        tokens = np.arange(2 * 13 * 16).reshape(2, 13, 16).astype("float32")
        read = ops.convert_to_numpy(found.read(ops.convert_to_tensor(tokens)))
        np.testing.assert_array_equal(read, tokens[:, 1:].reshape(2, 4, 3, 16))

    def test_the_last_map_is_the_one_before_the_last_attention(self):
        # After it, the score depends only on the class token.
        cam = explain.GradCAM(vision_transformer("class"))
        assert place(cam, images()).path == "norm1"
        assert cam(images()).max() > 0.9

    def test_the_last_map_is_the_last_where_all_are_read(self):
        cam = explain.GradCAM(vision_transformer("mean"))
        assert place(cam, images()).path == "norm"

    def test_a_map_that_is_not_used_raises_a_warning(self):
        cam = explain.GradCAM(vision_transformer("class"), "block1")
        with pytest.warns(UserWarning, match="'block1'.*does not depend"):
            assert cam(images()).max() == 0.0

    def test_tokens_without_a_grid_are_rejected(self):
        inputs = keras.Input((32, 24, 3))
        x = layers.Reshape((64, 36), name="odd")(inputs)
        x = layers.Dense(4, name="dense")(x)
        model = keras.Model(inputs, layers.GlobalAveragePooling1D()(x))
        with pytest.raises(ValueError, match="64 tokens.*pass `reshape=`"):
            explain.GradCAM(model, "dense")(images())
        cam = explain.GradCAM(
            model, "dense", reshape=lambda x: ops.reshape(x, (-1, 8, 8, 4))
        )
        assert cam(images()).shape == (2, 32, 24)

    def test_a_reshape_requires_a_layer(self):
        with pytest.raises(ValueError, match="`reshape` must be combined with"):
            explain.GradCAM(vision_transformer("mean"), reshape=lambda x: x)

    def test_the_last_map_may_be_that_of_a_callable(self):
        inner = vision_transformer("class")
        x = keras.Input((32, 24, 3))
        model = keras.Model(x, [inner(x), layers.Flatten()(x)])
        cam = explain.GradCAM(model)
        maps = cam(images(), lambda outputs: outputs[0][:, 1])
        assert maps.max() > 0.9

    def test_the_last_map_depends_on_what_is_asked(self):
        inner = vision_transformer("class")
        inputs = keras.Input((32, 24, 3))
        norm = keras.Model(inner.input, inner.get_layer("norm").output)
        tokens = norm(inputs)
        model = keras.Model(inputs, [tokens[:, 0], ops.mean(tokens, 1)])
        cam = explain.GradCAM(model)
        given = cam.network.check(images())
        paths = []
        for i in (0, 1, 0):
            target = Target(OwnScore(lambda outputs, i=i: outputs[i][:, 0]))
            paths += [each.path for each in cam.places(given, target)[1]]
        # A normalised class token uses no other token; a mean uses all.
        assert paths[0] == paths[2] != paths[1]
        assert paths[0].endswith("/norm1")

    def test_a_reshape_to_another_rank_is_rejected(self):
        model = vision_transformer("mean")
        cam = explain.GradCAM(model, "block1", reshape=lambda x: x[:, 1:])
        with pytest.raises(ValueError, match="`reshape` must return.*Received"):
            cam(images())


class TestMaps:
    @pytest.mark.parametrize("layer", ["gap", "fc"])
    def test_a_layer_without_a_map_is_rejected(self, layer):
        model = explained.functional()
        with pytest.raises(ValueError, match="output a map.*relu2.*conv2"):
            explain.GradCAM(model, layer)(explained.images())

    def test_one_pixel_is_not_a_map(self):
        inputs = keras.Input((32, 24, 3))
        x = layers.Conv2D(4, 3, name="conv")(inputs)
        x = layers.GlobalMaxPooling2D(keepdims=True, name="one")(x)
        model = keras.Model(inputs, layers.Flatten()(x))
        with pytest.raises(ValueError, match="Received: 'one'"):
            explain.GradCAM(model, "one")(images())

    def test_a_model_without_any_map_is_rejected(self):
        inputs = keras.Input((32, 24, 3))
        x = layers.Dense(4)(layers.Flatten()(inputs))
        with pytest.raises(ValueError, match="no layer of the model"):
            explain.GradCAM(keras.Model(inputs, x))(images())

    def test_the_last_map_of_a_segmentation_precedes_the_scores(self):
        cam = explain.GradCAM(explained.segmentation())
        assert place(cam, explained.images()).path == "relu2"

    @pytest.mark.once
    def test_of_a_known_network(self):
        model = keras.applications.MobileNetV2(
            (64, 64, 3), 0.35, weights=None, classes=4
        )
        cam = explain.GradCAM(model)
        assert place(cam, images((64, 64))).path == "out_relu"
