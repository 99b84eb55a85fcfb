"""Does a sweep run what was asked, on one luck, in one order, and does it see a tipping point only where one is?"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from nobid.model.policies_of_credit import TenorCap
from nobid.model.policies_of_markets import BuyerOfLastResort, RepoFacility
from nobid.runs import compare, simulate, sweep
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.estimate import luck
from nobid.runs.sweep_ranges import Range, grid, lines, ranges, values_of
from nobid.runs.sweep_result import Sweep
from nobid.runs.sweep_tipping import steps, tippings
from tests.ensembles import hashes

Array = NDArray[np.float64]

WORLD, MONTHS, PATHS = "everything", 4, 4
FLOORS = "floor=0.2,0.9"
ASKED: dict[str, Any] = {"paths": PATHS, "months": MONTHS, "chunk": 2}
SEED = luck(7, "tipping")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Two floors of the buyer of last resort in a crisis, stored."""
    return sweep(WORLD, FLOORS, "buyer_of_last_resort", out=tmp_path_factory.mktemp("out") / "s", **ASKED)


# ---- ranges


def test_a_range_holds_both_ends_and_a_list_comes_in_order_of_size() -> None:
    assert values_of("capacity", "0:10000:11") == tuple(1000.0 * n for n in range(11))
    assert values_of("haircut", "0:0.6:7") == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # no 0.09999999999999999
    assert values_of("haircut", "0.8, 0.2,0.5") == values_of("haircut", [0.8, 0.2, 0.5]) == (0.2, 0.5, 0.8)
    assert values_of("capacity", "10:0:3") == (0.0, 5.0, 10.0)


def test_whole_number_settings_are_rounded_and_it_is_told() -> None:
    (months,), remarks = ranges("months=12:24:6", (TenorCap(),))
    assert months.values == (12, 14, 17, 19, 22, 24)
    assert all(isinstance(one, int) for one in months.values)
    assert remarks == ("months is a whole number: 12, 14.4, 16.8, 19.2, 21.6, 24 became 12, 14, 17, 19, 22, 24.",)
    (joined,), remarks = ranges("months=12,12.3,13", (TenorCap(),))
    assert joined.values == (12, 13)
    assert ranges("months=12,13", (TenorCap(),))[1] == ()


def test_a_setting_belongs_to_its_policy_and_any_other_key_to_the_scenario() -> None:
    policies = (BuyerOfLastResort(), RepoFacility())
    found, _ = ranges(["capacity=0,1", "lenders.capital_multiple=1,2"], policies)
    assert [(one.key, one.policy, one.unit) for one in found] == [
        ("capacity", 1, "USD m"),
        ("lenders.capital_multiple", None, "ratio"),
    ]


def test_the_last_setting_of_a_grid_moves_fastest_and_neighbours_differ_in_one_setting() -> None:
    two = (Range("a", (1.0, 2.0)), Range("b", (3.0, 4.0, 5.0)))
    points = grid(two)
    assert [(one["a"], one["b"]) for one in points] == [(1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5)]
    assert lines(two) == [[0, 3], [1, 4], [2, 5], [0, 1, 2], [3, 4, 5]]
    for line in lines(two):
        for one, other in pairwise(line):
            assert sum(points[one][key] != points[other][key] for key in "ab") == 1


WRONG: list[tuple[Any, str, str]] = [
    ("capcity=0:1:2", "repo_facility", "capcity: repo_facility has no such setting: did you mean capacity?"),
    ("capacity=0:1:1", "repo_facility", "capacity=0:1:1: COUNT must be a whole number of at least 2."),
    ("capacity=0:1", "repo_facility", 'capacity=0:1: "0:1" is no number: write it as KEY=FROM:TO:COUNT or KEY='),
    ("capacity=a,b", "repo_facility", 'capacity=a,b: "a" is no number'),
    ("capacity=5,5", "repo_facility", "capacity=5,5: needs at least two values, all of them different."),
    ("capacity=1:1:3", "repo_facility", "capacity=1:1:3: needs at least two values, all of them different."),
    ("capacity", "repo_facility", "--over capacity: write it as KEY=FROM:TO:COUNT or KEY=VALUE,VALUE,…."),
    ([], "repo_facility", "--over is given 0 times: give one range, or two for a grid"),
    (["rate=0,1", "rate=1,2"], "repo_facility", "rate is given twice: a grid has two settings."),
    ("haircut=0.5:1.5:3", "repo_facility", "repo_facility: haircut = 1.5: haircut on the mark, in share: must be"),
    ("capacity=-1,-2", "repo_facility", "repo_facility: capacity = -1.0"),
    ("payer=0,1", "lender_capital", "payer: must be one of market, public: only numbers are swept"),
    ("budget=0,1", "buyer_of_last_resort + vendor_buyback", "budget: buyer_of_last_resort and vendor_buyback have"),
    ("months=12.1,12.2", "tenor_cap", "months=12.1,12.2: whole numbers are wanted, and there is only 12 among these."),
    ("lender.capital_multipel=1,2", None, "unknown key lender.capital_multipel: did you mean lenders.capital_multiple"),
    ("lenders.capital_multiple=-1,1", None, "at lenders.capital_multiple=-1: "),
    ("months=12,24", None, "months: all points need the same months"),
    ("lenders.mark=1,2", None, "lenders.mark: must be one of"),
]


@pytest.mark.parametrize(("over", "policy", "sentence"), WRONG, ids=[sentence[:40] for _, _, sentence in WRONG])
def test_a_mistake_at_any_point_is_a_sentence_before_anything_runs(
    over: Any, policy: str | None, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        sweep("toy", over, policy, paths=2, out=tmp_path / "s")
    assert sentence in str(error.value)
    assert not (tmp_path / "s").exists()


def test_differences_are_refused_from_a_run_that_there_is_not() -> None:
    with pytest.raises(InputError, match=r"a key of the scenario is swept, so that there is no run without it"):
        sweep("toy", "lenders.capital_multiple=1,2", paths=2, against="none")
    with pytest.raises(InputError, match="must be none or first"):
        sweep("toy", "floor=0,1", "buyer_of_last_resort", paths=2, against="last")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="paths = 1: a sweep needs at least 2"):
        sweep("toy", "floor=0,1", "buyer_of_last_resort", paths=1)


# ---- points


def test_every_point_is_the_run_that_its_own_command_makes(swept: Sweep) -> None:
    for arm, floor in zip(swept.points, (0.2, 0.9), strict=True):
        alone = simulate(WORLD, policy=f"buyer_of_last_resort:floor={floor}", figures=False, **ASKED)
        pd.testing.assert_frame_equal(arm.run.monthly, alone.monthly, check_exact=True)
    assert not swept.points[0].run.monthly.equals(swept.points[1].run.monthly)


def test_the_differences_are_those_of_a_comparison_on_the_same_luck(swept: Sweep) -> None:
    policies = [f"buyer_of_last_resort:floor={floor}" for floor in (0.2, 0.9)]
    other = compare(WORLD, policies, **ASKED).table()
    got = swept.table()
    for column in ("cluster", "defaults_difference", "lender_losses_difference_low", "public_loss", "credit_extended"):
        assert got[column].tolist() == pytest.approx(other[column].tolist()[1:], nan_ok=True), column
    assert got["lender_losses_difference"].abs().max() > 0.0
    assert "stress and demand are the same bits in 3 arms" in swept.luck
    assert np.isnan(got["lender_losses_es95"]).all()  # below 500 paths


def test_without_a_policy_differences_are_from_the_first_point_and_founding_keys_may_move() -> None:
    found = sweep("toy", {"lenders.capital_multiple": [1.0, 0.1]}, paths=2)
    assert found.table().index.tolist() == [0.1, 1.0]
    assert found.arms[0].label == "lenders.capital_multiple=0.1"
    assert np.isnan(found.table()["lender_losses_difference"].iloc[0])
    changed = simulate("toy", set={"lenders.capital_multiple": 0.1}, paths=2, figures=False)
    pd.testing.assert_frame_equal(found.points[0].run.monthly, changed.monthly, check_exact=True)


def test_a_stored_sweep_is_read_again_and_more_points_run_only_what_is_missing(swept: Sweep) -> None:
    assert swept.out is not None
    before = hashes(swept.out)
    times = {file: (swept.out / file).stat().st_mtime_ns for file in before}
    wider = sweep(WORLD, "floor=0.2,0.5,0.9", "buyer_of_last_resort", out=swept.out, **ASKED)
    assert {file: (swept.out / file).stat().st_mtime_ns for file in before} == times
    assert {Path(file).parts[0] for file in {*hashes(swept.out)} - {*before}} == {"floor=0.5"}
    record = json.loads((swept.out / "sweep.json").read_text(encoding="utf-8"))
    assert (record["status"], [row["floor"] for row in record["points"]]) == ("done", [0.2, 0.5, 0.9])
    pd.testing.assert_series_equal(wider.table().loc[0.9], swept.table().loc[0.9], check_exact=False)
    assert (swept.out / "figures" / "sweep.png").stat().st_size > 10_000


def test_a_folder_of_another_sweep_is_refused(swept: Sweep, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a sweep of another scenario, policy or seed"):
        sweep(WORLD, FLOORS, "buyer_of_last_resort:budget=1", out=swept.out, **ASKED)
    with pytest.raises(InputError, match="holds a run and no sweep"):
        sweep("toy", "lenders.capital_multiple=1,2", paths=2, out=swept.points[0].run.out)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files \(note.txt\) and no sweep"):
        sweep("toy", "lenders.capital_multiple=1,2", paths=2, out=tmp_path)


def test_the_command_line_sweeps_a_grid_and_says_what_to_type_next(tmp_path: Path) -> None:
    words = ["sweep", "toy", "--over", "lenders.capital_multiple=0.1,1", "--over", "rental.power_cost=0.05:0.2:2"]
    answer = CliRunner().invoke(app, [*words, "--paths", "2", "--out", str(tmp_path / "g"), "--json"])
    assert answer.exit_code == 0, answer.output
    points = [
        (row["lenders.capital_multiple"], row["rental.power_cost"]) for row in json.loads(answer.stdout)["points"]
    ]
    assert points == [(0.1, 0.05), (0.1, 0.2), (1.0, 0.05), (1.0, 0.2)]
    assert "tipping points: n/a below 20 paths" in answer.stderr
    assert CliRunner().invoke(app, ["sweep", "toy"]).exit_code == 2


# ---- tipping points


def losses(hit: Array, rng: np.random.Generator) -> Array:
    """Ten, or a hundred where the path is hit, and a spread of three around either."""
    found: Array = 10.0 + 90.0 * hit + rng.normal(0.0, 3.0, hit.shape)
    return found


def response(chances: list[float], paths: int = 200) -> tuple[Array, Array]:
    """Points with these chances of a cluster on one luck: a path is hit at all points whose chance is high enough."""
    rng = np.random.default_rng(5)
    hit = (rng.random(paths)[None, :] < np.array(chances)[:, None]).astype(float)
    return hit, losses(hit, rng)


def test_a_response_that_jumps_from_calm_to_crisis_tips_where_it_jumps() -> None:
    cluster, outcome = response([0.05, 0.05, 0.35, 0.9, 0.9])
    found = steps(cluster, outcome, [range(5)], seed=SEED)
    assert [one.tips for one in found] == [False, True, True, False]
    (one,) = tippings(found, cluster)
    assert one.points == (1, 2, 3)
    assert (one.steepest.first, one.steepest.second) == (2, 3)
    assert one.change.value == pytest.approx(float(np.mean(cluster[3] - cluster[1])))
    assert one.change.low < one.change.value < one.change.high


def test_a_sure_change_with_one_hump_is_a_slope_and_no_tipping_point() -> None:
    cluster, _ = response([0.05, 0.35, 0.9])
    smooth = np.random.default_rng(6).normal(0.0, 1.0, cluster.shape) + np.arange(3.0)[:, None]
    found = steps(cluster, smooth, [range(3)], seed=SEED)
    assert all(one.change.clear_of_zero for one in found)
    assert tippings(found, cluster) == []


def test_two_humps_that_do_not_move_are_no_tipping_point() -> None:
    cluster, outcome = response([0.4, 0.4, 0.41])
    found = steps(cluster, outcome, [range(3)], seed=SEED)
    assert all(one.two for one in found)
    assert tippings(found, cluster) == []


def test_steps_of_other_lines_or_directions_are_ranges_of_their_own() -> None:
    cluster, outcome = response([0.05, 0.5, 0.05, 0.5])
    there_and_back = tippings(steps(cluster, outcome, [[0, 1, 2]], seed=SEED), cluster)
    assert [one.points for one in there_and_back] == [(0, 1), (1, 2)]
    two_lines = tippings(steps(cluster, outcome, [[0, 1], [2, 3]], seed=SEED), cluster)
    assert [one.points for one in two_lines] == [(0, 1), (2, 3)]
    cluster, outcome = response([0.05, 0.5, 0.95])
    corner = tippings(steps(cluster, outcome, [[0, 1], [1, 2]], seed=SEED), cluster)
    assert [one.points for one in corner] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("chances", [[0.0, 0.5], [0.5, 0.0]])
def test_two_humps_at_one_end_of_a_step_are_enough(chances: list[float]) -> None:
    cluster, outcome = response(chances)
    assert len(tippings(steps(cluster, outcome, [range(2)], seed=SEED), cluster)) == 1


def test_a_change_is_sure_only_where_it_holds_together_with_all_other_steps() -> None:
    """Chance alone: 40 sweeps of ten steps in which nothing tips; told one by one, steps err in a third of them."""
    rng, false = np.random.default_rng(8), 0
    for number in range(40):
        cluster = (rng.random((11, 60)) < 0.4).astype(float)
        found = steps(cluster, np.zeros_like(cluster), [range(11)], seed=luck(number, "t"))
        false += any(one.change.clear_of_zero for one in found)
    assert false <= 6  # 5 % of 40, and three standard deviations


def test_a_path_that_failed_at_one_point_is_left_out_of_all_steps() -> None:
    cluster, outcome = response([0.05, 0.9])
    cluster[0, 3] = outcome[0, 3] = np.nan
    (one,) = steps(cluster, outcome, [range(2)], seed=SEED)
    assert (one.change.paths, one.change.missing) == (199, 1)


def test_what_is_told_of_tipping_names_the_range_or_says_that_there_is_none(swept: Sweep) -> None:
    from nobid.runs.sweep_text import tipping_sentences

    chances = [0.05, 0.05, 0.6, 0.9]
    many = by_hand(chances)
    (sentence,) = tipping_sentences(many)
    assert sentence.startswith("tipping range: floor 0.2 … 0.4: P(cluster) ")
    (sentence,) = tipping_sentences(by_hand([0.4, 0.4, 0.4, 0.4]))
    assert sentence == "tipping points: none found: P(cluster) is the same at all points."
    assert tipping_sentences(swept) == ["tipping points: n/a below 20 paths"]


def by_hand(chances: list[float]) -> Sweep:
    """A sweep of floors whose points have these chances of a cluster."""
    floors = ",".join(f"{0.1 * (n + 1):g}" for n in range(len(chances)))
    found = sweep("toy", f"floor={floors}", "buyer_of_last_resort", paths=2, months=1)
    found.order = type(found.order)(found.order.scenario, 7, tuple(range(200)))
    cluster, outcome = response(chances)
    for place, arm in enumerate(found.points):
        arm.figures = pd.DataFrame({"cluster": cluster[place], "lender_losses": outcome[place], "defaults": 0.0,
                                    **dict.fromkeys(("public_loss", "credit_extended"), 0.0)})  # fmt: skip
    return found


def test_the_figures_show_every_point_and_where_it_tips() -> None:
    one = by_hand([0.05, 0.05, 0.6, 0.9])
    for arm in one.arms:  # what the text needs and the picture does not
        arm.figures.attrs["failed"] = []
    chance, _ = one.plot().axes
    shades = [patch for patch in chance.patches if patch.get_alpha()]
    assert len(shades) == 2  # the range, and its steepest step
    levels = [one.comparison.levels[arm.label, "cluster"].value for arm in one.points]
    assert chance.lines[0].get_xydata()[:, 1].tolist() == pytest.approx(levels)
    two = sweep("toy", ["floor=0.2,0.5", "budget=0,1,2"], "buyer_of_last_resort", paths=2, months=1)
    numbers = [text.get_text() for text in two.plot().axes[0].texts]
    assert numbers == ["0"] * 6
    assert two.shaped(range(6)).tolist() == [[0, 1, 2], [3, 4, 5]]
