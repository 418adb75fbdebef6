import pytest

from applications.facial_expression import predict


@pytest.fixture
def files(folder, tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    good = sorted((folder / "test" / "above").iterdir())[:2]
    return [str(good[0]), str(tmp_path / "bad.png"), str(good[1])]


def test_prints_class_and_probability_of_each_file(trained, files, capsys):
    assert predict.main(["--model", str(trained), files[0], files[2]]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, file in zip(lines, (files[0], files[2]), strict=True):
        path, name, probability = line.split("\t")
        assert path == file and name in ("above", "below")
        assert 0.5 <= float(probability) <= 1


def test_top_prints_more_classes(trained, files, capsys):
    argv = ["--model", str(trained), "--top", "2", files[0]]
    assert predict.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split("\t")[1] for line in lines} == {"above", "below"}


def test_a_bad_file_is_named_or_skipped(trained, files, capsys):
    argv = ["--model", str(trained), *files]
    assert predict.main(argv) == 2
    error = capsys.readouterr().err
    assert "bad.png: not a readable image" in error
    assert predict.main([*argv, "--skip-bad"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert "skipped 1 bad items" in captured.err


def test_nothing_but_bad_files_is_an_error(trained, files, capsys):
    argv = ["--model", str(trained), "--skip-bad", files[1]]
    assert predict.main(argv) == 2
    assert "none of the files is an image" in capsys.readouterr().err
