"""Which pictures of a run are there, what does each show, and into which files are they drawn?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from nobid.runs.charts.cascade import cascade
from nobid.runs.charts.comparison import forest, frontier
from nobid.runs.charts.contagion_tree import contagion_tree
from nobid.runs.charts.coverage import cover, ltv_three_ways
from nobid.runs.charts.credit_cycle import credit_cycle
from nobid.runs.charts.defaults import causes_by_month, defaults_by_month
from nobid.runs.charts.depth_curve import depth_curve
from nobid.runs.charts.fan import fan
from nobid.runs.charts.heat_map import heat_map
from nobid.runs.charts.loans import loan_cover, ltv_by_lender
from nobid.runs.charts.network import exposure_network
from nobid.runs.charts.prices import machines_for_sale, rents_and_prices
from nobid.runs.charts.spreads import spreads_of_run
from nobid.runs.charts.style import saved
from nobid.runs.charts.waterfall import waterfall
from nobid.runs.comparison import Comparison
from nobid.runs.errors import InputError
from nobid.runs.run import Run
from nobid.runs.scenario_files import did_you_mean


@dataclass(frozen=True)
class Chart:
    """A picture of a run. `shows`: what it shows and how to read it, in a sentence or two.

    one_path: it is drawn for one path (`path`, None: the worst one); one_month: for one month of it (`month`, None: the
    worst one).
    """

    draw: Callable[..., Figure]
    shows: str
    one_path: bool = False
    one_month: bool = False

    @property
    def takes(self) -> tuple[str, ...]:
        """What may be asked of it: "path", "month"."""
        return tuple(key for key, flag in (("path", self.one_path), ("month", self.one_month)) if flag)


def _over_paths(draw: Callable[..., Figure]) -> Callable[[Run], Figure]:
    """A chart of the monthly table over all paths."""
    return lambda run: draw(run.by_month, run.figure_meta)


CHARTS: Final[Mapping[str, Chart]] = {
    "rents_and_prices": Chart(
        _over_paths(rents_and_prices),
        "Rent of compute, and the mark, value, book value and list price of each GPU generation by month. Where the "
        "mark falls under the book value, a machine secures less than the accounts say.",
    ),
    "fan": Chart(
        _over_paths(fan),
        "Borrowers in default, debt defaulted and lender losses so far: median, 50 % and 90 % of paths, and the share "
        "of paths on which so many have failed.",
    ),
    "defaults_by_month": Chart(
        lambda run: defaults_by_month(run.by_month, run.figure_meta, causes_by_month(run)),
        "How many agents default in each month, by kind and by the cause of the last step, and how much debt that is. "
        "Hatched causes were passed on by others in distress, plain ones come from outside.",
    ),
    "ltv_three_ways": Chart(
        _over_paths(ltv_three_ways),
        "Debt over collateral at book value, at marks and at liquidation prices. Above the line at 1 the collateral "
        "does not cover the debt.",
    ),
    "ltv_by_lender": Chart(
        ltv_by_lender,
        "Secured debt over collateral by kind of lender on one path, at book value, at marks, at liquidation prices. "
        "Above the line at 1 the collateral does not cover the debt.",
        one_path=True,
    ),
    "depth_curve": Chart(
        depth_curve,
        "The price at which machines pledged to loans could be sold in one auction at the end of the month, by how "
        "many are sold, against value in use, list price, mark and book. In the hatched range nobody bids.",
        one_path=True,
        one_month=True,
    ),
    "exposure_network": Chart(
        exposure_network,
        "Who owes whom on one path: at the start, in the worst month and at the end, every agent in the same place. "
        "Who is in default is crossed out.",
        one_path=True,
        one_month=True,
    ),
    "cascade": Chart(
        cascade,
        "One month of one path round by round, every agent in the same place: who had to sell, what was called, who "
        "failed, and who held claims on the failed. Under each panel stands what happened.",
        one_path=True,
        one_month=True,
    ),
    "contagion_tree": Chart(
        contagion_tree,
        "Who brought down whom on one path: every default, from left to right by date, on the links that brought it "
        "about, back to the shocks outside. A link is as wide as its share of the default.",
        one_path=True,
    ),
    "waterfall": Chart(
        waterfall,
        "Debt defaulted by what brought it about in the last step: shocks from outside, then contagion (hatched), down "
        "to lender losses; all paths together, or one where it is named. The items add up to the totals.",
        one_path=True,
    ),
    "heat_map": Chart(
        heat_map,
        "Which lender lost how much on whom by the end of one path, recoveries deducted. The darker, the more; sums "
        "stand at the margins.",
        one_path=True,
    ),
    "cover": Chart(
        _over_paths(cover),
        "Income over debt service of firms and of loans by month, and the share of debt for which it does not suffice.",
    ),
    "loan_cover": Chart(
        loan_cover,
        "How debt service cover is spread over the loans of one path: bands hold 50 % and 90 % of the debt, columns "
        "the debt by class of cover. Below 1, income does not pay what falls due.",
        one_path=True,
    ),
    "machines_for_sale": Chart(
        _over_paths(machines_for_sale),
        "How many machines are offered, sold and left unsold in each month, and what was paid for them over their "
        "marks of the month before.",
    ),
    "spreads": Chart(
        spreads_of_run,
        "The spread that would have paid for the losses of each kind of loan, with its 95 % interval over paths, "
        "against the spread that the contract charges. A bar left of the interval does not pay for the losses.",
    ),
    "credit_cycle": Chart(
        credit_cycle,
        "New credit and demand for compute by month, and how many months earlier credit tops on each path. Credit pays "
        "for the growth of demand, so that some lead is there without any lender's doing.",
    ),
}
WITH_RUN: Final = (
    "fan", "rents_and_prices", "defaults_by_month", "ltv_three_ways", "machines_for_sale", "cover", "exposure_network",
)  # fmt: skip


OF_COMPARISON: Final[Mapping[str, Chart]] = {
    "forest": Chart(
        forest,
        "What each policy changes against none, path by path: a dot, a thick bar for its 95 % interval and a thin one "
        "that holds for all policies together. A filled dot is told from nought.",
    ),
    "frontier": Chart(
        frontier,
        "What each policy costs, and what credit it takes away, against the lender losses that it avoids. Hollow "
        "policies are beaten by another one in everything.",
    ),
}


def charts_of(shown: Run | Comparison) -> Mapping[str, Chart]:
    """The charts that there are of a run, or of a comparison.

    Errors: InputError for a comparison of one arm.
    """
    if isinstance(shown, Run):
        return CHARTS
    if len(shown.arms) < 2:
        raise InputError("a comparison of one arm has nothing to draw.")
    return OF_COMPARISON


def drawn(shown: Run | Comparison, name: str, path: int | None = None, *, month: str | None = None) -> Figure:
    """The chart of that name, of the path and month where it is a picture of one.

    Errors: InputError for a name that is none, for a path or month that the chart does not take or the run lacks.
    """
    asked = {"path": path, "month": month}
    chart = _checked(shown, [name], asked)[name]
    return chart.draw(shown, **{key: asked[key] for key in chart.takes})


def _checked(shown: Run | Comparison, names: Sequence[str], asked: Mapping[str, object]) -> dict[str, Chart]:
    """The charts of these names; InputError where there is none, or none takes what is asked."""
    charts = charts_of(shown)
    for name in names:
        if name not in charts:
            raise InputError(f'there is no chart "{name}"{did_you_mean(name, charts)} (nobid plot RUN --list)')
    for key, value in asked.items():
        if value is not None and not any(key in charts[name].takes for name in names):
            show = "shows" if len(names) == 1 else "show"
            raise InputError(f"{key} = {value}: {', '.join(names)} {show} all {key}s.")
    return {name: charts[name] for name in names}


def plot_files(
    shown: Run | Comparison,
    names: Sequence[str],
    folder: Path,
    *,
    formats: Sequence[str] = ("png",),
    path: int | None = None,
    month: str | None = None,
) -> list[Path]:
    """Each chart lies in the folder as NAME.png, NAME.svg …; `path` and `month` go to those that can take them.

    Errors: as `drawn`; before anything is drawn for a name that is none, or where none of them takes what was given.
    """
    asked = {"path": path, "month": month}
    jobs = {
        name: partial(chart.draw, shown, **{key: asked[key] for key in chart.takes})
        for name, chart in _checked(shown, names, asked).items()
    }
    return saved(jobs, folder, formats)


def save_standard(run: Run, folder: Path) -> list[Path]:
    """The charts that go with every run lie in the folder."""
    return plot_files(run, WITH_RUN, folder)
