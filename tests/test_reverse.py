"""Is the shock that a reverse stress test finds the nearest one, as far away and as rare as it says, and verified?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nobid.model.parameters import Parameters, Shock
from nobid.model.system import ComputeCreditModel
from nobid.runs import InputError, Reversal, open_run, reverse, scenario
from nobid.runs.cli import app
from nobid.runs.measures import MEASURES
from nobid.runs.order import Asked, ordered
from nobid.runs.reversal.nearest import Search, nearest, settles
from nobid.runs.reversal.shocks import FACTORS, Space, frequency, label, own_moves, shocked, space_of
from nobid.runs.reversal.targets import Target, base_of, target_of
from tests.documents import DOCS, builder
from tests.worlds import with_keys

Array = np.ndarray[Any, np.dtype[np.float64]]
SMALL: dict[str, Any] = {"paths": 4, "held_out": 3, "months": 5, "trials": 12, "month": "2026-02"}
SPACE = Space(FACTORS, 3, np.array([[0.04, 0.03, -0.02], [0.03, 0.0625, -0.01], [-0.02, -0.01, 0.0625]]))


# ---- the nearest point, where the answer is known


def linear(weights: Array, level: float) -> Any:
    """A target that is a weighted sum of the factors: the nearest point is in closed form."""
    return lambda points: [float(weights @ point - level) for point in points]


@pytest.mark.parametrize("weights", [(-1.0, -0.3, 0.5), (-0.1, -1.0, 0.0), (0.0, 0.2, 1.0), (-1.0, 0.4, 0.2)])
def test_the_nearest_point_of_a_plane_is_the_one_in_closed_form(weights: Sequence[float]) -> None:
    w, level = np.array(weights), 0.6
    length = float(np.sqrt(w @ SPACE.covariance @ w))
    known = SPACE.covariance @ w * level / length**2
    found = nearest(SPACE, linear(w, level), trials=80).best
    assert found is not None
    assert found.distance == pytest.approx(level / length, rel=0.02)
    assert found.distance >= level / length * (1.0 - 0.005), "nearer than the nearest, but for rounding"
    assert SPACE.distance(found.point - known) < 0.35


def test_the_nearest_point_of_a_ball_is_on_the_line_to_its_centre() -> None:
    """A ball of radius 2 around a centre 4 away, off every ray: the nearest point is 2 away, halfway to the centre."""
    centre = 4.0 * np.array([-0.6, -0.48, 0.64])

    def margins(points: Sequence[Array]) -> list[float]:
        return [2.0 - float(np.linalg.norm(np.linalg.solve(SPACE.root, point) - centre)) for point in points]

    found = nearest(SPACE, margins, trials=80).best
    assert found is not None
    assert found.distance == pytest.approx(2.0, rel=0.02)
    assert np.linalg.solve(SPACE.root, found.point) == pytest.approx(centre / 2.0, abs=0.3)


def test_a_cliff_without_any_slope_costs_some_of_the_distance_and_no_more() -> None:
    """Demand 26 % lower or not: nothing tells how far a point is from it. The nearest point is 1.5 away."""
    found = nearest(SPACE, lambda points: [0.5 if one[0] <= -0.3 else -0.5 for one in points], trials=60).best
    assert found is not None
    assert 1.5 * 0.995 <= found.distance <= 1.5 * 1.15


def test_where_nothing_is_needed_nothing_is_searched() -> None:
    search = nearest(SPACE, lambda points: [0.0] * len(points), trials=30)
    assert search.best is not None
    assert search.best.distance == 0.0
    assert len(search.tried) == 1


def test_what_cannot_be_reached_is_told_with_the_point_that_came_nearest() -> None:
    search = nearest(SPACE, linear(np.array([0.0, 0.0, 1.0]), 10.0), trials=30)
    assert search.best is None
    assert search.most.point[2] == 4.0, "as far as a window may be scripted"


def test_no_point_is_simulated_twice_and_no_more_than_were_allowed() -> None:
    asked: list[bytes] = []

    def margins(points: Sequence[Array]) -> list[float]:
        asked.extend(point.tobytes() for point in points)
        return linear(np.array([-1.0, -0.3, 0.5]), 0.6)(points)

    for trials in (2, 9, 33):
        asked.clear()
        search: Search = nearest(SPACE, margins, trials=trials)
        assert len(asked) == len({*asked}) == len(search.tried) <= trials


def test_the_length_is_settled_on_other_paths_and_the_direction_stays() -> None:
    """There 1.3 of the distance is needed: 1.5 is enough of the lengths tried, and two halvings come closer."""
    w, level = np.array([-1.0, -0.3, 0.5]), 0.6
    search = nearest(SPACE, linear(w, level), trials=60).best
    assert search is not None
    there = settles(SPACE, search, linear(w, 1.3 * level))
    assert there is not None
    assert there.distance / search.distance == pytest.approx(1.3, abs=0.07)
    assert there.margin >= 0.0
    assert there.point / search.point == pytest.approx(there.distance / search.distance, rel=0.01)
    assert settles(SPACE, search, linear(w, 4.0 * level)) is None


# ---- distance and frequency


def test_the_covariance_is_that_of_what_the_model_draws_in_stress() -> None:
    """Months of the model itself, in stress throughout and without trends; a coin without its mean jump."""
    p = with_keys({
        "regime.calm_to_stress": 1.0, "regime.stress_to_calm": 0.0, "regime.start_in_stress": True,
        "demand.growth_uncertainty": 0.0, "funding.feedback_on": False, "coin.impact_on": False, "months": 7,
    }, scenario("toy").parameters.model_copy(update={"regime": Parameters().regime}))  # fmt: skip
    founding = scenario("toy").founding.model_copy(
        update={"parameters": p, "paths": scenario("baseline").founding.paths}
    )
    m = ComputeCreditModel(founding, paths=range(4000))
    before = {name: getattr(m.world, name) + 0.0 for name in ("demand", "coin_log", "funding_own")}
    for _ in range(3):
        m.step()
    decayed = before["funding_own"] * p.funding.persistence**3
    moved = np.stack([m.world.demand - before["demand"], m.world.coin_log - before["coin_log"],
                      m.world.funding_own - decayed])  # fmt: skip
    known = space_of(p, FACTORS, 3).covariance
    scale = np.sqrt(np.diag(known))
    assert np.cov(moved) / np.outer(scale, scale) == pytest.approx(known / np.outer(scale, scale), abs=0.08)


def test_what_is_drawn_from_the_own_world_in_stress_has_that_covariance() -> None:
    p = with_keys({"regime.calm_to_stress": 1.0, "regime.stress_to_calm": 0.0, "coin.drift_stress": 0.3,
                   "demand.growth_stress": 0.32})  # fmt: skip
    drawn = own_moves(p, 3, windows=200_000, seed=1)
    assert np.cov(drawn.T) == pytest.approx(space_of(p, FACTORS, 3).covariance, rel=0.05, abs=2e-4)
    assert np.abs(drawn.mean(axis=0)).max() < 0.002


def test_a_move_of_the_funding_window_alone_is_as_rare_as_the_normal_law_says() -> None:
    """Without stress the window is a sum of normal draws: two deviations or more in 2.28 % of quarters."""
    p = with_keys({"regime.calm_to_stress": 0.0})
    space = space_of(p, ("funding",), 3)
    found = frequency(p, space, 2.0 * space.deviations, seed=7)
    assert found.share.value == pytest.approx(0.02275, rel=0.03)
    assert found.years == pytest.approx(0.25 / 0.02275, rel=0.03)
    assert found.words.startswith("about once in 11 years")
    assert "less often than once in" in frequency(p, space, 9.0 * space.deviations, seed=7).words


def test_a_factor_that_never_moves_cannot_be_asked_for() -> None:
    with pytest.raises(InputError, match=r"factors: coin never moves by itself in this world: leave it out"):
        space_of(with_keys({"coin.volatility": 0.0, "coin.jump_probability": 0.0}), FACTORS, 3)
    with pytest.raises(InputError, match=r"nothing moves by itself"):
        space_of(with_keys({"regime.stochastic": False}), FACTORS, 3)


def test_a_shock_is_scripted_with_three_digits_and_its_point_is_that_of_the_digits() -> None:
    point = SPACE.rounded(np.array([np.log(0.58763), np.log(0.5), 1.2345]))
    shock = SPACE.shock(point, "2026-07")
    assert (shock.demand, shock.coin, shock.funding) == (-0.412, -0.5, 1.23)
    assert point[0] == pytest.approx(np.log1p(-0.412))
    assert SPACE.rounded(np.array([-0.0, 0.0, -0.0])).tobytes() == np.zeros(3).tobytes(), "one nought, not two"
    assert label(shock) == "demand=-0.412,coin=-0.5,funding=1.23"


def test_a_shocked_world_is_another_one_and_does_what_the_file_would() -> None:
    world, shock = scenario("toy"), Shock(month="2026-02", demand=-0.3)
    other = shocked(world, shock)
    assert other.hash != world.hash
    assert other.hash == scenario("toy", set={"shock": [{"month": "2026-02", "demand": -0.3}]}).hash


# ---- the target


def test_a_target_is_a_share_of_debt_on_machines_unless_it_says_otherwise() -> None:
    order = ordered(Asked("toy", 1, None, None, None, None, None, None, "cohort", None, 64, ()))
    assert target_of("lender_losses >= 0.25") == Target("lender_losses", 0.25, True, "machine_debt")
    assert target_of("lender_losses>=25%") == target_of("lender_losses >= 0.25")
    assert target_of("lender_losses / lender_equity >= .1").base == "lender_equity"
    assert target_of("lender_losses >= 4.8bn") == Target("lender_losses", 4800.0, True)
    assert target_of("trough <= 0.3") == Target("trough", 0.3, False)
    assert base_of(target_of("lender_losses >= 0.25"), order) == 26.0
    assert base_of(target_of("lender_losses/debt >= 0.25"), order) == 32.0
    assert base_of(target_of("lenders >= 2"), order) == 1.0


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("lender_loses >= 0.25", "there is no measure \"lender_loses\": did you mean lender_losses?"),
        ("lender_losses > 0.25", 'target = "lender_losses > 0.25": write it as MEASURE >= NUMBER'),
        ("cluster/debt >= 1", "cluster is no sum of money, and has no share of debt"),
        ("lender_losses/dept >= 1", 'there is no "dept" to take a share of: did you mean debt?'),
        ("lenders >= 2bn", "bn is a unit of money; lenders has none"),
        ("lender_losses >= -1", '"-1" must be a number of at least 0'),
    ],
)  # fmt: skip
def test_a_target_that_means_nothing_is_refused_in_a_sentence(target: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        target_of(target)
    assert told in str(error.value)


def test_a_target_is_reached_by_half_exactly_where_its_margin_is_not_negative() -> None:
    draw = np.random.default_rng(5)
    for asked in ("lender_losses >= 0.5", "trough <= 0.5", "cluster >= 1"):
        target = target_of(asked)
        for number in (5, 8, 31):
            figures = np.round(draw.random(number), 1) if MEASURES[target.measure].over_paths == "mean" else (
                draw.random(number) < 0.5).astype(float)  # fmt: skip
            enough = target.reached(figures).mean() >= 0.5
            assert (target.margin(figures, "half") >= 0.0) == enough
    assert target_of("lender_losses >= 0.5").margin(np.array([0.9, 0.8, 0.1, 0.1]), "half") > 0.0, "exactly half"
    assert target_of("trough <= 0.5").margin(np.array([0.2, 0.7]), "mean") > 0.0
    assert target_of("lender_losses >= 0.5").margin(np.array([]), "half") == -1.5


# ---- the whole of it, small


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Reversal:
    out = tmp_path_factory.mktemp("reverse") / "out"
    return reverse("everything", "lender_losses >= 0.01", factors="demand,coin", out=out, **SMALL)


def test_the_shock_is_verified_on_paths_that_no_trial_has_seen(found: Reversal) -> None:
    assert found.shock is not None
    assert found.shock.funding == 0.0
    assert found.best is not None
    assert found.distance == pytest.approx(found.found.space.distance(found.best.point))
    assert [arm.run.paths for arm in found.held_out.values()] == [(8, 9, 10), (8, 9, 10)], (
        "0 to 3 search, 4 to 7 settle"
    )
    with_, without = found.reached(), found.reached(with_shock=False)
    assert with_ is not None
    assert without is not None
    assert with_.method == "wilson"
    assert with_.value >= without.value


def test_the_finding_is_told_in_words_and_the_paths_it_takes(found: Reversal) -> None:
    text = str(found)
    assert "the most plausible shock that is enough for lender losses: at least 1 % of debt on machines" in text
    assert "standard deviations of a 3-month move in stress" in text
    assert "the model's own world moves as far in this direction within 3 months" in text
    told = found.told
    assert [*told][-1] == "worst"
    assert next(iter(told)).startswith("median")
    assert all(path in (8, 9, 10) for path, _ in told.values())
    assert any("fails first, in 2026-" in sentence for _, words in told.values() for sentence in words)


def test_what_was_found_lies_in_a_folder_and_the_same_words_read_it_again(found: Reversal) -> None:
    assert found.out is not None
    record = json.loads((found.out / "reverse.json").read_text())
    assert record["status"] == "done"
    assert record["shock"]["demand"] == found.shock.demand  # type: ignore[union-attr]
    assert len(record["tried"]) == len(found.found.tried) <= SMALL["trials"]
    arm = next(iter(found.held_out.values()))
    assert open_run(found.out / "held-out" / arm.folder).scenario.parameters.shock[-1] == found.shock
    parts = {file: file.stat().st_mtime_ns for file in found.out.rglob("*.parquet")}
    again = reverse("everything", "lender_losses >= 0.01", factors="demand,coin", out=found.out, **SMALL)
    assert again.as_dict() == found.as_dict()
    assert {file: file.stat().st_mtime_ns for file in found.out.rglob("*.parquet")} == parts, "nothing ran again"


def test_two_workers_find_the_same_as_one() -> None:
    few = {**SMALL, "months": 3, "trials": 3, "held_out": 2}
    one, two = (reverse("everything", "lender_losses >= 0.001", factors="coin", workers=n, **few) for n in (1, 2))
    assert one.as_dict() == two.as_dict()
    assert one.shock is not None


def test_a_target_out_of_reach_and_one_that_needs_nothing_are_told() -> None:
    never = reverse("everything", "lender_losses >= 9000bn", factors="coin", **{**SMALL, "trials": 3})
    assert never.shock is None
    assert str(never.outcome).startswith(
        "not reached by any shock within the limits: lender losses: at least 9,000,000"
    )
    nothing = reverse("everything", "lender_losses >= 0", factors="coin", **{**SMALL, "trials": 3})
    assert nothing.outcome.startswith("reached without any shock")
    assert not nothing.held_out


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"factors": "demand,coins"}, 'factors: there is no "coins": did you mean coin?'),
        ({"month": "2031-01"}, "month = 2031-01: must be a month of the run, 2026-01 to 2026-05."),
        ({"month": "May"}, "month = May: must be a month of the run"),
        ({"by": "most"}, 'by = "most": must be half or mean.'),
        ({"trials": 1, "window": 0}, "window = 0: must be a whole number of at least 1."),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_runs(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        reverse("everything", **{**SMALL, **asked})
    assert told in str(error.value)


def test_the_verb_prints_numbers_and_takes_another_folder_for_no_mistake(tmp_path: Path) -> None:
    words = ["reverse", "toy", "--target", "lenders >= 1", "--paths", "2", "--trials", "4", "--json", "--quiet"]
    told = CliRunner().invoke(app, [*words, "--set", "regime.stochastic=true", "--out", str(tmp_path / "a")])
    assert told.exit_code == 0, told.stderr
    assert json.loads(told.stdout)["target"] == "lenders >= 1"
    bad = CliRunner().invoke(app, ["reverse", "toy", "--target", "lenders > 1"])
    assert bad.exit_code == 2
    assert "write it as MEASURE >= NUMBER" in bad.stderr


def test_the_figure_shows_every_shock_that_is_near_and_both_arms_on_held_out_paths(found: Reversal) -> None:
    assert found.out is not None
    assert (found.out / "figures" / "shocks.png").is_file()
    left, right = found.plot().axes
    *tried, star = left.collections
    twice = 2.0 * max(found.distance, found.found.best.distance if found.found.best else 0.0)
    near = [one for one in found.found.tried.values() if one.distance <= twice]
    shown = [len(np.asarray(one.get_offsets())) for one in tried]
    assert shown == [sum(not one.reaches for one in near), sum(one.reaches for one in near)]
    assert found.shock is not None
    told = [100.0 * found.shock.demand, 100.0 * found.shock.coin]
    assert np.asarray(star.get_offsets()).ravel().tolist() == pytest.approx(told)
    assert "demand" in left.get_xlabel()
    assert "coin" in left.get_ylabel()
    steps = {line.get_label(): line for line in right.lines}
    arm = next(iter(found.held_out))
    assert sorted(found.values(arm).tolist()) == list(steps["with the shock"].get_xdata())
    assert found.target.number in right.lines[2].get_xdata()


@pytest.mark.parametrize("target", ["lender_losses >= 9000bn", "lender_losses >= 0"])
def test_the_figure_of_a_search_that_found_nothing_or_needed_nothing_says_so(target: str) -> None:
    _, right = reverse("everything", target, factors="coin", **{**SMALL, "trials": 3}).plot().axes
    assert [text.get_text() for text in right.texts] == ["no shock was told on held-out paths"]


def test_the_page_is_of_the_search_that_its_script_runs() -> None:
    script, text = builder("build_reverse"), (DOCS / "reverse.md").read_text(encoding="utf-8")
    assert text.startswith(script.HEAD)
    for name in script.SCENARIOS:
        assert f"$ {script.command(name)}\n" in text
        assert "the most plausible shock" in text.partition(f"## {name}\n")[2]
    assert f"![{script.SHOWS}](img/{script.PICTURE.name})" in text
    assert script.PICTURE.is_file()
