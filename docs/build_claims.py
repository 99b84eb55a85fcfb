"""What says the model of the essay's sixteen claims, and by which rules? This script writes docs/claims.md.

`python docs/build_claims.py` tries every claim with all sweeps (512 paths: hours on two cores; what lies in out/ is not
run again), writes the results to docs/data/claims.json, a figure a claim to docs/img/, the page and the README's table.
`--paths N` tries them on so many, `--render` writes page and figures from the stored results alone; a test fails when
the page is stale, or when a rule was changed after the results.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from nobid.runs.essay.declaration import Claim, Criterion, World, declared, rules_hash
from nobid.runs.essay.figures import save
from nobid.runs.essay.result import Line, Swept, Trial, Trials, counted, trial_of
from nobid.runs.essay.text import effect, first_effect, told, turns
from nobid.runs.essay.trial import claims, default_folder
from nobid.runs.estimate import significant
from nobid.runs.run_record import made_by

DOCS = Path(__file__).resolve().parent
PAGE, RESULTS, PICTURES = DOCS / "claims.md", DOCS / "data" / "claims.json", DOCS / "img"
README = DOCS.parent / "README.md"
FROM, TO = "<!-- docs/build_claims.py writes this table -->", "<!-- until here -->"
SEED = 7
HEAD = """# The essay on trial: sixteen claims

Written by `python docs/build_claims.py` from `docs/data/claims.json`; a test fails when the page, the results and the
rules disagree. The essay (December 2025) argues that AI compute is financed like property and will fail like it. Each
of its claims is an experiment of two or more arms on the same luck, with a bound that was written down, and committed,
before any result was looked at (`runs/essay/claims/`, hash `{hash}`).

**How a verdict comes about.** *Supported*: the whole 95 % interval lies beyond the bound on the claimed side. *Not
supported*: none of it does. *Inconclusive*: the bound lies inside the interval; about how many more paths would settle
it is told. Where a claim has several tests, each must be supported. *Assumed*: what comes out was put in. A verdict is
that of the world named beside it: sourced terms (`baseline`, and `ten-thousand-h100`, which is `baseline` with a
seller), the model's own boom (`grown`), and for claim 12, which needs a systemic sale, the essay's terms and beliefs
(`mispriced`). Other worlds stand beside in each section and replace nothing.
The **null control** is the same rule on arms from which the mechanism was taken: where it came out *supported*, the
verdict could not be trusted. Intervals are over paths: how far other luck would move a figure, not other assumptions.
Those of medians are percentiles of the bootstrap: with the BCa intervals of the first full run, which turned out to
hold the truth in 70 to 80 of 100 samples only, claim 11 had been *supported*.

```
nobid claims --only 3,8 --workers 2     # 64 paths and the smaller sweeps: minutes
{command}         # what stands here
```

{count}, {paths} paths an arm, seed {seed}.

{table}
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in line) + " |" for line in lines
    )


def overview(trials: Sequence[Trial]) -> str:
    """A row a claim."""
    rows = [
        (
            f"[{one.number}](#{anchor(one)})",
            one.title,
            effect(one),
            f"**{one.verdict_words}**",
            f"`{one.scenario}`",
            turns(one),
            one.null or "–",
        )
        for one in trials
    ]
    return table(("", "claim", "effect (95 %)", "verdict", "world", "where it turns", "null control"), rows)


def link(one: Trial) -> str:
    """The claim's number as a link to its section."""
    return f"[{one.number}](#{anchor(one)})"


def anchor(one: Trial) -> str:
    """The heading's address in the page."""
    words = f"{one.number} {one.title}".lower()
    return "".join(sign for sign in words.replace(" ", "-") if sign.isalnum() or sign in "-_")


def section(claim: Claim, one: Trial) -> Iterator[str]:
    """One claim: what the essay says, by which rule it is judged, every figure, where it turns, the figure."""
    yield f"\n## {one.number} {one.title}\n"
    yield f"> {claim.says}\n"
    yield f"**{one.verdict_words[0].upper()}{one.verdict_words[1:]}.** {effect(one)}.\n"
    if one.verdict in ("not supported", "inconclusive"):
        yield f"It would hold if: {claim.holds_if}.\n"
    yield f"*Mechanism*: {claim.mechanism}. *World*: `{claim.scenario}`, {one.months} months.{_set(claim)}\n"
    yield "*Rule*: " + "; ".join(rule(test) for test in claim.tests) + ".\n"
    yield f"*Null control*: {null_words(claim.null) if claim.null is not None else claim.no_null}.\n"
    yield f"![Claim {one.number}: effects and where it turns](img/claim_{one.number:02d}.png)\n"
    yield lines_table(one.lines) + "\n"
    for sweep in one.sweeps:
        yield swept_table(sweep) + "\n"


def _set(claim: Claim) -> str:
    return f" Set in all arms: {settings(claim.set)}." if claim.set else ""


def settings(chosen: dict[str, object]) -> str:
    """Settings as they are given to --set."""
    return ", ".join(f"`{key}={json.dumps(value)}`" for key, value in chosen.items())


def rule(test: Criterion) -> str:
    """The rule of a test in words."""
    bound = "told, nothing is decided" if test.bound is None else f"supported where it lies {test.side} {test.bound:g}"
    if test.rule == "fact":
        return f"{test.what} ({test.fact}: {settings(test.given)})"
    arms = f" of {', '.join(test.arms)}" if test.arms else ""
    return f"{test.what} ({test.rule}{arms}), {bound}"


def null_words(null: World) -> str:
    """What the null control takes away."""
    swapped = ", ".join(f"{one} in the place of {other}" for other, one in null.replace.items())
    return null.why + "".join(f" ({part})" for part in (settings(null.set), swapped) if part)


def lines_table(lines: Sequence[Line]) -> str:
    """Every figure of the claim."""
    places = {"test": "**decides**", "null": "null control", "beside": "beside"}
    rows = []
    for line in lines:
        bound = "–" if line.bound is None else f"{line.side} {line.bound:g}"
        left_out = f" ({line.missing} paths left out)" if line.missing else ""
        rows.append((places.get(line.role, line.world), line.what, told(line) + left_out, bound, line.verdict))
        rows += [("", f"· {what}", figure, source, "") for what, figure, source in line.rows]
    return table(("", "figure", "value (95 %)", "bound", "verdict"), rows)


def swept_table(one: Swept) -> str:
    """The figure at every point of a sweep, and where it turns."""
    columns = one.labels[1] if len(one.labels) > 1 else ("",)
    rows = [
        (label, *("–" if value is None else significant(value, 3) for value in one.values[place]))
        for place, label in enumerate(one.labels[0])
    ]
    unit = f", {one.unit}" if one.unit else ""
    head = f"*{one.what}{unit}* ({' ↓, '.join(one.axes)}{' →' if len(one.axes) > 1 else ''})"
    turned = "".join(f"\n- {turn}" for turn in one.turns)
    return f"{head}\n\n{table((one.axes[0], *columns), rows)}\n{turned}"


def page(found: Trials) -> str:
    """The whole document from the results."""
    paths = " and ".join(str(one) for one in sorted({one.paths for one in found.trials}))
    seeds = " and ".join(str(one) for one in sorted({one.seed for one in found.trials}))
    command = f"nobid claims{' --full' if found.full else ''} --paths {paths} --workers 2"
    count = textwrap.fill(f"{len(found.trials)} claims: {counted(found.trials)}", 110)
    head = HEAD.format(
        hash=found.rules[:12], count=count, command=command, paths=paths, seed=seeds, table=overview(found.trials)
    )
    known = declared()
    return head + "\n".join(line for one in found.trials for line in section(known[one.number], one))


def in_short(found: Trials) -> str:
    """The README's table: a row a claim, the figure of the test that decides it first."""
    rows = [
        (
            str(one.number),
            one.title,
            one.tests[0].what,
            first_effect(one),
            f"**{one.verdict_words}**",
            f"`{one.scenario}`",
        )
        for one in found.trials
    ]
    return f"{FROM}\n{table(('', 'the essay says', 'what decides', 'effect (95 %)', 'verdict', 'world'), rows)}\n{TO}"


def within(text: str, found: Trials) -> str:
    """The README with the table of these results."""
    before, _, rest = text.partition(FROM)
    return before + in_short(found) + rest.partition(TO)[2]


def stored() -> Trials:
    """The results that were written last."""
    told_of = json.loads(RESULTS.read_text(encoding="utf-8"))
    return Trials(tuple(trial_of(one) for one in told_of["claims"]), told_of["rules"], None, told_of["full"])


def tried(paths: int | None, workers: int) -> None:
    """Every claim has been tried; the results lie in docs/data/."""
    folder = default_folder(SEED)
    found = claims(paths=paths, full=True, seed=SEED, workers=workers, out=folder)
    made = {name: made_by()[name] for name in ("version", "engine")}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({**found.as_dict(), **made}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--paths", type=int, default=None, help="paths an arm (else 512)")
    asks.add_argument("--workers", type=int, default=2)
    asks.add_argument("--render", action="store_true", help="page and figures from the stored results, run nothing")
    asked = asks.parse_args()
    if not asked.render:
        tried(asked.paths, asked.workers)
    results = stored()
    if results.rules != rules_hash():
        raise SystemExit("the rules were changed after these results: try the claims again.")
    for trial in results.trials:
        save(trial, PICTURES)
    PAGE.write_text(page(results), encoding="utf-8")
    README.write_text(within(README.read_text(encoding="utf-8"), results), encoding="utf-8")
