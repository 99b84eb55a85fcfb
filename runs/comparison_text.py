"""How is a comparison told: how bad each arm is, what each policy changes, what it costs, what may be said of it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from nobid.runs.causation import CLUSTER
from nobid.runs.contrasts import HEADLINE
from nobid.runs.estimate import FIRM_FROM, Estimate, significant, to_width
from nobid.runs.humps import humps
from nobid.runs.measures import MEASURES
from nobid.runs.months import month_label
from nobid.runs.paired import reach_of_missing
from nobid.runs.risk import hump_sentence
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import Block
from nobid.runs.summary_figures import BAND, BILLION, debt_at_start, shown_generations
from nobid.runs.tail import ENOUGH_PATHS, PATHS_FOR_TAIL

if TYPE_CHECKING:
    from nobid.runs.comparison import Comparison

Told = TypeVar("Told", bound=Estimate)

PERCENT: Final = 100.0
NOTHING: Final = "n/a"
HUMPED: Final = "lender_losses"  # the figure whose humps are told
PAID: Final = ("public_outlay", "public_loss", "private_outlay", "deferred")


def summarised(found: Comparison) -> Summary:
    """The comparison as blocks of text: how bad, what changes, verdicts, costs, what pairing saved."""
    blocks = [_how_bad(found)]
    if len(found.arms) > 1:
        changes = [_changes(found), _together(found), _verdicts(found)]
        blocks += [*changes, _markets(found), _costs(found), _prices(found), _pairing(found)]
    return Summary(_headline(found), tuple(blocks), found.luck, tuple(_remarks(found)), found.as_dict())


def _headline(found: Comparison) -> str:
    rules = found.order.scenario.parameters
    last = month_label(rules.start, rules.months - 1)
    about = f"{len(found.arms)} arms on the same {len(found.paths)} paths · seed {found.order.seed}"
    return f"{found.order.scenario.name} · {rules.start} … {last} · {about}"


def _money(found: Comparison) -> tuple[str, float]:
    """The unit in which this world's debt is read, and how many USD m it has."""
    return ("USD bn", BILLION) if debt_at_start(found.arms[0].run) >= BILLION else ("USD m", 1.0)


def _how_bad(found: Comparison) -> Block:
    """Levels of every arm: the chance of a cluster first, then the distribution."""
    unit, scale = _money(found)
    columns = (
        f"P(cluster of {CLUSTER}), %", "defaults: mean", "median (5–95 %)", f"losses, {unit}: mean",
        "median (5–95 %)", "ES95",
    )  # fmt: skip
    rows = []
    for label, figures in found.figures.items():
        tail = found.shortfalls[label]
        rows.append((
            label,
            cell(scaled(found.levels[label, "cluster"], 1.0 / PERCENT)),
            cell(found.levels[label, "defaults"], interval=False),
            _band(figures["defaults"].to_numpy(), 1.0),
            cell(scaled(found.levels[label, "lender_losses"], scale), interval=False),
            _band(figures["lender_losses"].to_numpy(), scale),
            NOTHING if tail is None else cell(scaled(tail, scale)),
        ))  # fmt: skip
    return Block("how bad it gets", columns, tuple(rows))


def _changes(found: Comparison) -> Block:
    """Paired differences of every policy, each with its interval alone."""
    scales = _scales(found)
    rows = []
    for label in list(found.figures)[1:]:
        changes = {name: found.contrasts[label, name].found for name in HEADLINE}
        cells = [cell(scaled(one, scales[name]), signed=True) if one.moved else "0" for name, one in changes.items()]
        tail = scaled(found.shortfall_differences[label], scales["lender_losses"])
        rows.append((label, *cells, cell(tail, signed=True)))
    return Block(f"change against {found.arms[0].label} (95 %)", (*_heads(found), "ES95 of losses"), tuple(rows))


def _together(found: Comparison) -> Block:
    """The intervals of all policies and figures that hold together."""
    scales, rows = _scales(found), []
    for label in list(found.figures)[1:]:
        both = ((found.contrasts[label, name].together, scales[name]) for name in HEADLINE)
        rows.append((label, *(NOTHING if one is None else _ends(scaled(one, scale)) for one, scale in both)))
    return Block("the same, all at once (95 %)", _heads(found), tuple(rows))


def _heads(found: Comparison) -> tuple[str, ...]:
    return "P(cluster), points", "defaults", f"lender losses, {_money(found)[0]}"


def _scales(found: Comparison) -> dict[str, float]:
    return {"cluster": 1.0 / PERCENT, "defaults": 1.0, "lender_losses": _money(found)[1]}


def _verdicts(found: Comparison) -> Block:
    rows = tuple(
        (label, *(found.contrasts[label, name].words for name in HEADLINE)) for label in list(found.figures)[1:]
    )
    return Block("what may be said", ("systemic cluster", "defaults", "lender losses"), rows)


def _markets(found: Comparison) -> Block:
    """Price trough and unsold machines of every arm, and what each policy changes of them."""
    shown = shown_generations(found.arms[0].run)[0]
    rows = []
    for label, figures in found.figures.items():
        cells = []
        for name, digits in (("trough", 2), ("unsold", 0)):
            one = found.contrasts.get((label, name))
            cells += [f"{figures[name].mean():,.{digits}f}" if len(figures) else NOTHING]
            cells += ["" if one is None else cell(one.found, signed=True)]
        rows.append((label, *cells))
    columns = (f"{shown} mark / V, low: mean", "change", "machines unsold, worst month: mean", "change")
    return Block("what machines fetched", columns, tuple(rows))


def _costs(found: Comparison) -> Block:
    """Who pays; what nobody pays in any arm is left out."""
    unit, scale = _money(found)
    contrasts = found.contrasts
    paid = [name for name in PAID if any(contrasts[label, name].found.moved for label in found.prices)]
    names = ["credit_extended", *paid]
    rows = tuple(
        (label, *(cell(scaled(contrasts[label, name].found, scale), signed=True) for name in names))
        for label in found.prices
    )
    return Block(f"what it costs, {unit} (change, 95 %)", tuple(name.replace("_", " ") for name in names), rows)


def _prices(found: Comparison) -> Block:
    """The price of a default and of a dollar of loss that is avoided."""
    columns = ("USD m per default avoided", "USD per USD of loss avoided", "credit forgone, USD m per default avoided")
    rows = tuple(
        (label, *(cell(one) for one in (price.a_default, price.a_dollar, price.credit_a_default)))
        for label, price in found.prices.items()
    )
    return Block("price of what is avoided (95 %)", columns, rows)


def _pairing(found: Comparison) -> Block:
    """How alike the arms are, and how many paths the same luck saved."""
    rows = []
    for label in list(found.figures)[1:]:
        cells: list[str] = []
        for name in ("defaults", "lender_losses"):
            one = found.contrasts[label, name].pairing
            known = [f"{one.correlation:.2f}" if np.isfinite(one.correlation) else NOTHING]
            if np.isfinite(one.variance_ratio):
                known += [significant(one.variance_ratio, 2), significant(one.paths_saved, 2)]
            cells += [*known, *["all"] * (3 - len(known))]
        rows.append((label, *cells))
    columns = tuple(f"{what}: {one}" for what in ("defaults", "losses") for one in ("corr.", "variance ×", "saved"))
    return Block("what the same luck saved (paths an arm)", columns, tuple(rows))


def _remarks(found: Comparison) -> Iterator[str]:
    """What has to be said beside the figures."""
    yield from _about_humps(found)
    if len(found.paths) < FIRM_FROM:
        yield f"with fewer than {FIRM_FROM} paths intervals are rough."
    if found.decision:
        yield found.decision
    if any(tail is None for tail in found.shortfalls.values()):
        again = found.with_paths(ENOUGH_PATHS)
        yield f"ES95, the mean of the worst 5 % of paths: n/a below {PATHS_FOR_TAIL} paths ({again})"
    own = found.order.scenario.founding.policies
    if own:
        yield f"in every arm, as the scenario has it: {' + '.join(map(str, own))}"
    yield from _about_prices(found)
    yield from _about_missing(found)
    if len(found.arms) > 1:
        yield (
            '"all at once": intervals that hold together for every arm and the three figures. '
            "A policy's cost in money: public loss and private outlay; credit not extended is told apart."
        )
    share = found.order.scenario.assumed_share
    yield f"{share:.0%} of the debt at the start stands on facilities with an assumed term."


def _about_humps(found: Comparison) -> Iterator[str]:
    """In which arms a mean of two outcomes would mislead."""
    parted = {label: humps(one[HUMPED].to_numpy(dtype=float)) for label, one in found.figures.items()}
    two = [label for label, one in parted.items() if one.two]
    if two:
        others = f" Two humps as well: {', '.join(two[1:])}." if two[1:] else ""
        yield f"{two[0]}: {hump_sentence(MEASURES[HUMPED].label, parted[two[0]])}.{others}"


def _about_prices(found: Comparison) -> Iterator[str]:
    """Why there is no price for what a policy avoids, policies with one reason together."""
    why: dict[str, list[str]] = {}
    for label, price in found.prices.items():
        for one in (price.a_default, price.a_dollar):
            if one.why:
                why.setdefault(one.why.partition(",")[0], []).append(label)
    for reason, labels in why.items():
        yield f"no price, {reason}: {', '.join(dict.fromkeys(labels))}"


def _about_missing(found: Comparison) -> Iterator[str]:
    base, *others = (one["defaults"].reindex(list(found.paths)).to_numpy() for one in found.figures.values())
    for label, one in zip(list(found.figures)[1:], others, strict=True):
        if words := reach_of_missing(one, base).words:
            yield f"{label}, change of defaults: {words}"


def scaled(found: Told, scale: float) -> Told:
    """The estimate in a unit that has `scale` of the old one."""
    return replace(found, value=found.value / scale, low=found.low / scale, high=found.high / scale)


def cell(found: Estimate, *, interval: bool = True, signed: bool = False) -> str:
    """The figure with its interval to two digits of the interval's half-width: "-1.94 (-2.65 to -1.23)".

    >>> cell(Estimate(0.5, 0.5, 0.5, 64, "same")), cell(Estimate(float("nan"), 0.0, 0.0, 64, "few"))
    ('0.5', 'n/a')
    """
    if not np.isfinite(found.value):
        return NOTHING
    known = np.isfinite(found.halfwidth) and found.halfwidth > 0.0
    text = to_width(found.value, found.halfwidth) if known else significant(found.value, 3)
    text = f"+{text}" if signed and found.value > 0.0 else text
    if known and interval:
        return f"{text} {_ends(found)}"
    return text if not interval or np.isfinite(found.halfwidth) else f"{text} (few differ)"


def _ends(found: Estimate) -> str:
    """The interval alone."""
    if not np.isfinite(found.halfwidth):
        return "few differ"
    if found.halfwidth <= 0.0:
        return significant(found.value, 3)
    return f"({to_width(found.low, found.halfwidth)} to {to_width(found.high, found.halfwidth)})"


def _band(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], scale: float) -> str:
    """Median and 5 to 95 % of the paths."""
    if not len(values):
        return NOTHING
    low, middle, high = (significant(float(one), 3) for one in np.quantile(values / scale, BAND))
    return f"{middle} ({low}–{high})"
