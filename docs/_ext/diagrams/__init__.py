"""Diagrams of blocks, which their pages describe in YAML.

```
words: What the diagram shows, for readers who cannot see it.
letters: "The symbols used, if any: *k* the kernel size."
parts:
  x: {image: "*x*", at: 0}
  norm: {weights: batch normalisation, at: main 1, holds: normalization/}
  gate: {join: ×, at: trunk 2}
flows: |
  x > norm: h × w × c
  norm > gate
```

Each part has a kind with its text, and a position: a lane or a number, and a
row. See `parts.Part`. An image is a feature map on the trunk.
"""

import re

import yaml

from diagrams.draw import draw as draw
from diagrams.parts import KINDS, LANES, Part, Picture

# Raised by descriptions in any other form.
WRONG = (AttributeError, LookupError, TypeError, ValueError)
DIRECTIVE = re.compile(r"(?ms)^```\{block-diagram\} (\w+)\n(.*?)^```$")


def pictures(folder):
    """Returns all diagrams on the pages of a folder, by name."""
    return {
        name: read(text)
        for page in sorted(folder.glob("*.md"))
        for name, text in DIRECTIVE.findall(page.read_text())
    }


def read(text):
    """Returns the diagram that a text describes.

    Raises:
        ValueError: If the text is not a valid description.
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
            "A diagram must have words, parts and flows, as described in "
            f"diagrams/__init__.py. Received: {text!r}: {error}"
        ) from error
    picture.arrows  # noqa: B018 - raises
    return picture


def _part(at, holds=(), image=None, **described):
    """Returns a part from its description."""
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
