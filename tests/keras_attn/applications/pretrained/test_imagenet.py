import pytest

from keras_attn import applications, layers
from keras_attn.applications.pretrained import constructors, entries, imagenet

pytestmark = pytest.mark.once


@pytest.fixture
def chosen(monkeypatch):
    """The weights that functions choose, instead of models."""
    monkeypatch.setattr(
        constructors, "create", lambda function, entry, given: entry.name
    )


@pytest.mark.parametrize(
    "function",
    [
        *("ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152"),
        *("ViTTiny16", "ViTSmall16", "ViTBase16", "ViTBase32", "ViTLarge16"),
    ],
)
def test_each_size_has_weights_that_its_docstring_names(function, chosen):
    function = getattr(applications, function)
    assert f'`"{function(weights="imagenet")}"`' in function.__doc__


def test_each_choice_is_that_of_its_form(chosen):
    for name in imagenet.PINNED:
        entry = entries.table()[name]
        function = getattr(applications, entry.function)
        assert function(weights="imagenet", **entry.arguments) == name


@pytest.mark.parametrize(
    "attention",
    ["se", layers.SE, {"class_name": "keras_attn>SE", "config": {}}],
)
def test_the_spelling_of_an_attention_does_not_matter(attention, chosen):
    for placement in (None, "block"):
        name = applications.ResNet50(
            weights="imagenet", attention=attention, placement=placement
        )
        assert name == "timm/seresnet50.a1_in1k"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"attention": "cbam"},
        {"attention": "se", "placement": "last"},
        {"attention": lambda name: layers.SE(ratio=8, name=name)},
        {"stem": "deep"},
        {"stride_in": "1x1"},
    ],
)
def test_other_forms_list_the_choices(kwargs, chosen):
    message = r"\n  timm/seresnet50.a1_in1k: blocks=.*, attention='se'"
    with pytest.raises(ValueError, match=message):
        applications.ResNet50(weights="imagenet", **kwargs)


def test_all_entries_can_be_compared():
    for entry in entries.table().values():
        if not entry.missing:
            constructor = constructors.CONSTRUCTORS[entry.function]
            every = {**constructor.form_arguments(), **entry.arguments}
            assert not constructor.contradictions(every, entry)
            # Different spellings are compared by what they mean.
            meant = constructor.form(every)
            assert meant.keys() >= entry.arguments.keys()
