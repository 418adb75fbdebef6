from pathlib import Path

from applications.common.results import Result, accuracies, report

ROWS = [
    {"epoch": 1, "accuracy": 0.5, "val_accuracy": 0.75},
    {"epoch": 2, "accuracy": 0.625, "val_accuracy": 0.5},
]


def test_accuracies_are_the_last_and_the_best():
    assert accuracies(Result(ROWS, was_finished=False)) == [
        "epoch 2: train accuracy 0.6250",
        "best validation accuracy 0.7500; its model was saved",
    ]


def test_without_validation_nothing_is_said_of_it():
    rows = [{"epoch": 1, "accuracy": 0.5}]
    lines = accuracies(Result(rows, was_finished=False))
    assert lines == ["epoch 1: train accuracy 0.5000"]


def test_report_says_whether_there_was_anything_to_do(capsys):
    report(Result(ROWS, was_finished=False), Path("runs"), ["a line"])
    new = capsys.readouterr().out
    assert new.splitlines() == ["a line", "wrote runs/model.keras and log.csv"]
    report(Result(ROWS, was_finished=True), Path("runs"), ["a line"])
    again = capsys.readouterr().out.splitlines()
    assert again[0].endswith("already finished; --restart starts it again")
    assert again[1:] == new.splitlines()
