"""Pictures of blocks, which their pages describe in YAML.

```
words: What it shows, for those who do not see it.
letters: "What its letters stand for, if it needs any: *k* the kernel size."
parts:
  x: {image: "*x*", at: 0}
  norm: {weights: batch normalisation, at: main 1, holds: normalization/}
  gate: {join: ×, at: trunk 2}
flows: |
  x > norm: h × w × c
  norm > gate
```

Each part is its kind with what is written in it, and a lane or a number with a
row; more in `parts.Part`. An image is a feature map on the trunk.
"""

import re

import yaml

from diagrams.draw import draw as draw
from diagrams.parts import KINDS, LANES, Part, Picture

# What a description that has another form leads to.
WRONG = (AttributeError, LookupError, TypeError, ValueError)
DIRECTIVE = re.compile(r"(?ms)^```\{block-diagram\} (\w+)\n(.*?)^```$")


def pictures(folder):
    """Returns all pictures on the pages of a folder, by their names."""
    return {
        name: read(text)
        for page in sorted(folder.glob("*.md"))
        for name, text in DIRECTIVE.findall(page.read_text())
    }


def read(text):
    """Returns the picture that a text describes.

    Raises:
        ValueError: If it describes none.
    """
    try:
        found = yaml.safe_load(text)
        parts = {name: _part(**each) for name, each in found["parts"].items()}
        flows = tuple(found["flows"].splitlines())
        picture = Picture(
            found["words"], found.get("letters", ""), parts, flows
        )
    except (yaml.YAMLError, *WRONG) as error:
        raise ValueError(
            "A picture has words, parts and flows, as diagrams/__init__.py has "
            f"them. Received: {text!r}, of which {error}"
        ) from error
    picture.arrows  # noqa: B018 - raises
    return picture


def _part(at, holds=(), image=None, **described):
    """Returns a part as it is described."""
    if image is not None:
        at = f"trunk {at}"
        described = {"map": image, "note": "h × w × c", **described}
    lane, row = at.split()
    (kind,) = described.keys() & KINDS
    return Part(
        kind,
        described.pop(kind),
        LANES.get(lane) or float(lane),
        float(row),
        holds=(holds,) if isinstance(holds, str) else tuple(holds),
        **described,
    )
