"""Lists the tasks and their commands: `python -m applications`."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def commands() -> dict[str, dict[str, str]]:
    """Returns what each command of each task does, in a few words.

    Read and not imported: Keras would take its time.
    """
    return {
        task.parent.name: {
            path.stem: _title(path)
            for path in sorted(task.parent.glob("*.py"))
            if "\ndef main(" in path.read_text(encoding="utf-8")
        }
        for task in sorted(ROOT.glob("*/parsers.py"))
    }


def main() -> int:
    """Prints a line for each task and command."""
    for task, found in commands().items():
        print(f"{task}: {_title(ROOT / task / '__init__.py')}")
        for name, title in found.items():
            print(f"  {f'python -m applications.{task}.{name}':56}  {title}")
    print("Each of them has --help.")
    return 0


def _title(path: Path) -> str:
    """Returns the first line of a module's docstring, without the command."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return ast.get_docstring(tree).splitlines()[0].partition(": `")[0]


if __name__ == "__main__":
    raise SystemExit(main())
