import json

import pytest

from applications.image_classification import study


@pytest.fixture
def run(fashion, tmp_path):
    def run(*options):
        argv = ["--data", str(fashion), "--size", "12", "--batch-size", "8"]
        argv += ["--arguments", "depth=8", "--epochs", "1", "--verbose", "0"]
        argv += ["--warmup-epochs", "0", "--output", str(tmp_path / "study")]
        return study.main([*argv, *options])

    return run


def lines_of(tmp_path):
    text = (tmp_path / "study" / "results.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_each_block_and_seed_has_a_line_also_after_a_stop(
    run, tmp_path, monkeypatch, capsys
):
    trained = []

    def train(config, *others):
        trained.append((config.attention, config.seed))
        if len(trained) == 2:
            raise KeyboardInterrupt
        return whole(config, *others)

    whole = study.train_model
    monkeypatch.setattr(study, "train_model", train)
    options = ("--attentions", "none", "eca", "--seeds", "0", "1")
    with pytest.raises(KeyboardInterrupt):
        run(*options)
    (first,) = lines_of(tmp_path)
    assert (first["attention"], first["seed"]) == ("none", 0)
    model = tmp_path / "study" / "none_0" / "model.keras"
    before = model.read_bytes()
    assert run(*options) == 0
    assert model.read_bytes() == before
    lines = lines_of(tmp_path)
    found = [(line["attention"], line["seed"]) for line in lines]
    assert found == [("none", 0), ("none", 1), ("eca", 0), ("eca", 1)]
    assert lines[0] == first
    # Three kernels of ECA with 3 numbers each.
    assert lines[2]["parameters"] == lines[0]["parameters"] + 9
    for line in lines:
        assert 0 <= line["test_accuracy"] <= 1 and line["seconds"] > 0
        assert line["network"] == "ResNetCIFAR" and line["epochs"] == 1
    *_, last, wrote, head, none, eca = capsys.readouterr().out.splitlines()
    assert json.loads(last) == lines[3] and wrote.startswith("wrote ")
    assert head.split()[:3] == ["block", "accuracy", "deviation"]
    assert none.split()[0] == "none" and eca.split()[0] == "eca"
    assert f"{lines[2]['parameters']:,}" in eca


def test_the_accuracy_is_that_of_the_test_images(
    run, tmp_path, fashion, monkeypatch
):
    assert run("--attentions", "none", "--seeds", "3") == 0
    (line,) = lines_of(tmp_path)
    from applications.common.datasets import read_data
    from applications.image_classification.loading import load_classifier

    classifier = load_classifier(tmp_path / "study" / "none_3")
    part = read_data(str(fashion), (12, 12, 1)).test
    predicted = classifier.predict(part.images).argmax(axis=1)
    right = sum(predicted == part.labels)
    assert line["test_accuracy"] == right / 20


def test_another_recipe_is_refused(run, capsys):
    assert run("--attentions", "none", "--seeds", "0") == 0
    again = ("--attentions", "none", "--seeds", "0", "--learning-rate", "0.1")
    assert run(*again) == 2
    assert "learning_rate is 0.004 there and 0.1" in capsys.readouterr().err
    assert run(*again, "--restart") == 0


def test_the_table_has_means_and_deviations_of_the_seeds():
    def line(attention, accuracy, seconds):
        return {
            "attention": attention,
            "test_accuracy": accuracy,
            "parameters": 1234,
            "seconds": seconds,
        }

    lines = [line("none", 0.5, 10.0), line("none", 0.7, None)]
    lines += [line("none", 0.9, 30.0), line("feature_act", 0.25, None)]
    head, none, other = study.table(lines).splitlines()
    words = ["block", "accuracy", "deviation", "seeds", "parameters", "seconds"]
    assert head.split() == words
    # The square root of (0.04 + 0 + 0.04) / 2.
    assert none.split() == ["none", "0.7000", "0.2000", "3", "1,234", "20.0"]
    assert other.split() == ["feature_act", "0.2500", "-", "1", "1,234", "-"]
    assert len({len(each) for each in (head, none, other)}) == 1


def test_a_result_of_another_run_in_the_folder_is_not_taken(
    run, tmp_path, fashion, capsys
):
    options = ("--attentions", "none", "--seeds", "0")
    assert run(*options) == 0
    folder = tmp_path / "study" / "none_0"
    # As if another command had since trained here.
    result = json.loads((folder / "result.json").read_text())
    result["test_accuracy"] = 2.0
    (folder / "result.json").write_text(json.dumps(result))
    assert run(*options) == 0
    assert "damaged, or of another run" in capsys.readouterr().err
    (line,) = lines_of(tmp_path)
    assert line["test_accuracy"] <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--attentions", "sea"), "--attentions must be among"),
        (("--network", "ViT"), "--network must be one of"),
    ],
)
def test_refuses(run, options, message, tmp_path, capsys):
    assert run(*options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
