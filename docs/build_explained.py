"""What does `nobid explain` say? This script writes docs/explained.md.

`python docs/build_explained.py` simulates one path of `mispriced` (seed 7, path 41: the one with the most failures) and
asks why a neo-cloud and a miner failed on it; a test fails while the document and the engine disagree.
"""

from __future__ import annotations

from pathlib import Path

from nobid.runs import simulate

PAGE = Path(__file__).resolve().parent / "explained.md"
SCENARIO, SEED, PATH = "mispriced", 7, 41
AGENTS = {"CRWV": "A neo-cloud that failed", "CIFR": "A miner that failed"}
HEAD = f"""# Why it failed, as a user sees it

Written by `python docs/build_explained.py`; a test fails when it is stale. The run is

```
nobid run {SCENARIO} --seed {SEED} --path {PATH} --out out/crisis
```

the path with the most failures among the first 64. `mispriced` is the essay's world, not a forecast: machines marked to
market, calls due at once, thin lenders; most of the debt stands on terms that nobody published. How causes are shared
out is told in `docs/odd.md`; "made safe" means that money from outside pays whatever the agent owes.
"""
TAIL = """
## Who is systemic

`nobid explain out/crisis` without an agent, on the same single path; over many paths (`nobid run … --paths 64`) the
table carries 95 % intervals, and `--twins` adds what would not have happened without contagion.

```
{text}
```
"""


def page() -> str:
    """The whole document."""
    run = simulate(SCENARIO, seed=SEED, path=PATH, figures=False)
    parts = [HEAD]
    for agent, title in AGENTS.items():
        text = run.explain(agent)
        parts.append(f"\n## {title}\n\n```\n$ nobid explain out/crisis --agent {agent}\n{text}\n```\n")
    return "".join(parts) + TAIL.format(text=run.explain())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
