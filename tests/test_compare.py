"""Do arms share their luck and nothing else, and is what is told of their differences what the numbers say?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nobid.model.policies import Policy
from nobid.runs.arms import arms_of, labelled, under
from nobid.runs.comparing import COMPARISON, compare
from nobid.runs.comparison import Comparison
from nobid.runs.contrasts import contrasts, frontier, prices
from nobid.runs.errors import InputError
from nobid.runs.measures import MEASURES
from nobid.runs.order import Asked, ordered
from nobid.runs.progress import Progress
from nobid.runs.scenarios import scenario
from nobid.runs.simulation import Interrupted, resume, simulate
from nobid.runs.stored_run import open_run
from tests.ensembles import hashes
from tests.own_policies import Draws, Impostor, Nothing, OtherWorld

WEAK = "vendor_buyback:budget=20"
SHORT: dict[str, Any] = {"paths": 6, "months": 5, "seed": 7}


def short(*policies: Any, **asked: Any) -> Comparison:
    """Six paths of five months of a world in which things go wrong at once."""
    return compare("everything", policies, **{**SHORT, **asked})


# ---- which arms there are


def test_no_policy_is_always_the_first_arm() -> None:
    assert list(labelled(["ltv_cap"])) == ["none", "ltv_cap"]
    assert list(labelled(["none", "ltv_cap", "none"])) == ["none", "ltv_cap"]


def test_a_label_is_the_same_for_policies_in_any_order_and_leaves_out_defaults() -> None:
    (one,) = list(labelled(["tenor_cap:months=24 + ltv_cap:max=0.4"]))[1:]
    (other,) = list(labelled(["ltv_cap:max=0.4 + tenor_cap"]))[1:]
    assert one == other == "ltv_cap:max=0.4 + tenor_cap"


def test_every_mistake_in_a_policy_is_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        labelled(["ltv_cap:max=7", "tenor_cup", "standstill", "standstill"])
    assert [word in str(told.value) for word in ("max = 7", "tenor_cap?", "standstill is asked for twice")] == [
        True
    ] * 3


def test_an_arm_is_the_run_that_simulate_makes_under_the_policy(tmp_path: Path) -> None:
    found = short(WEAK, out=tmp_path / "c")
    alone = simulate("everything", policy=WEAK, out=tmp_path / "alone", figures=False, **SHORT)
    assert found.arms[1].run.scenario.hash == alone.scenario.hash
    assert hashes(tmp_path / "c" / found.arms[1].folder) == hashes(tmp_path / "alone")
    assert under(scenario("toy"), ()).hash == scenario("toy").hash


def test_the_scenarios_own_policies_hold_in_every_arm(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('extends = "toy"\n[[policy]]\nname = "standstill"\n', encoding="utf-8")
    found = compare(file, ["ltv_cap"], paths=2)
    assert [[one.name for one in arm.run.scenario.founding.policies] for arm in found.arms] == [
        ["standstill"],
        ["standstill", "ltv_cap"],
    ]
    assert "in every arm, as the scenario has it: standstill" in str(found)


# ---- the same luck


def test_a_policy_that_does_nothing_changes_nothing_and_neither_does_one_that_draws_a_thousand_numbers() -> None:
    Draws.drawn.clear()
    found = short(Nothing(), Draws())
    assert Draws.drawn == [1000] * SHORT["months"]
    assert found.figures["none"]["defaults"].nunique() > 1  # there was something to change
    for label in ("nothing", "draws"):
        pd.testing.assert_frame_equal(found.figures[label], found.figures["none"], check_exact=True)
    for one in found.contrasts.values():
        assert (one.found.value, one.found.moved) == (0.0, 0)
        assert one.told.kind == "no effect"
    for price in found.prices.values():
        assert price.cost.value == 0.0
        assert "no defaults avoided" in price.a_default.why


def test_two_workers_one_worker_and_an_interruption_give_the_same_bytes(tmp_path: Path) -> None:
    class Enough(KeyboardInterrupt):
        """Ctrl-C."""

    def stops(now: Progress) -> None:
        if now.done >= now.total // 2:
            raise Enough

    asked: dict[str, Any] = {"chunk": 2}
    whole = short(WEAK, out=tmp_path / "whole", **asked)
    with pytest.raises(Interrupted, match=r"\d of 12 paths in 2 arms are kept; the same command continues"):
        short(WEAK, out=tmp_path / "cut", progress=stops, **asked)
    record = json.loads((tmp_path / "cut" / COMPARISON).read_text(encoding="utf-8"))
    assert record["status"] == "interrupted"
    kept = len(hashes(tmp_path / "cut"))
    assert 0 < kept < len(hashes(tmp_path / "whole"))
    again = short(WEAK, out=tmp_path / "cut", workers=2, **asked)
    assert hashes(tmp_path / "cut") == hashes(tmp_path / "whole")
    pd.testing.assert_frame_equal(again.table(), whole.table(), check_exact=True)
    assert again.luck == whole.luck


def test_both_arms_are_stopped_at_nearly_the_same_path(tmp_path: Path) -> None:
    def stops(now: Progress) -> None:
        if now.done > now.total // 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        short(WEAK, out=tmp_path / "c", chunk=1, progress=stops)
    folders = (tmp_path / "c" / name / "parts" / "outcomes" for name in ("none", "vendor_buyback-budget=20"))
    assert [len(list(folder.glob("*"))) for folder in folders] == [3, 3]


def test_more_paths_extend_a_comparison_and_nothing_is_run_twice(tmp_path: Path) -> None:
    short(WEAK, out=tmp_path / "c", paths=4)
    before = hashes(tmp_path / "c")
    told: list[Progress] = []
    more = short(WEAK, out=tmp_path / "c", progress=told.append)
    assert told[-1].total == 2 * SHORT["months"] * 2  # two paths more in two arms
    assert before.items() <= hashes(tmp_path / "c").items()
    pd.testing.assert_frame_equal(more.table(), short(WEAK).table(), check_exact=True)


def test_another_policy_is_added_without_running_the_first_arms_again(tmp_path: Path) -> None:
    short(WEAK, out=tmp_path / "c")
    told: list[Progress] = []
    short(WEAK, "standstill", out=tmp_path / "c", progress=told.append)
    assert told[-1].total == SHORT["months"] * SHORT["paths"]


def test_a_policy_that_changes_the_world_is_refused() -> None:
    with pytest.raises(InputError, match="other_world met other luck than none: demand differs on path 1 in 2026-03"):
        short(OtherWorld())


def test_arms_of_another_make_are_not_compared(tmp_path: Path) -> None:
    short(WEAK, out=tmp_path / "c")
    file = tmp_path / "c" / "none" / "run.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    record["versions"]["numpy"] = "1.0"
    file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=r"budget=20 was made with numpy .*, not 1\.0 as arm none was"):
        short(WEAK, out=tmp_path / "c")


# ---- folders


def test_each_arm_is_a_run_directory_that_opens_resumes_and_goes_on_alone(tmp_path: Path) -> None:
    found = short(WEAK, out=tmp_path / "c")
    folder = tmp_path / "c" / found.arms[1].folder
    run = open_run(folder)
    assert str(run.scenario.founding.policies[0]) == WEAK
    for part in folder.glob("parts/*/*"):
        part.unlink()
    assert resume(folder, figures=False).status == "done"
    pd.testing.assert_frame_equal(short(WEAK, out=tmp_path / "c").table(), found.table(), check_exact=True)


@pytest.mark.parametrize(("own", "name"), [(Nothing(), "nothing"), (Impostor(), "ltv_cap")])
def test_a_run_under_an_own_policy_says_that_its_class_is_needed(own: Policy, name: str, tmp_path: Path) -> None:
    simulate("toy", policy=own, out=tmp_path / "r", figures=False)
    with pytest.raises(InputError) as told:
        open_run(tmp_path / "r")
    (sentence,) = str(told.value).splitlines()
    assert f"{name}: tests.own_policies.{type(own).__name__}" in sentence
    assert simulate("toy", policy=own, out=tmp_path / "r", figures=False).status == "done"  # who has it goes on


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: simulate("toy", out=folder, figures=False), "holds a run and no comparison"),
        (lambda folder: folder.mkdir() or (folder / "notes.txt").write_text("mine"), r"other files \(notes.txt\)"),
        (lambda folder: compare("toy", ["ltv_cap"], paths=2, seed=8, out=folder), "another scenario or seed"),
        (lambda folder: folder.mkdir() or (folder / COMPARISON).write_text("[]"), "not one of nobid"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused(
    spoil: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    spoil(tmp_path / "c")
    with pytest.raises(InputError, match=words):
        compare("toy", ["ltv_cap"], paths=2, out=tmp_path / "c")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"policies": ["ltv_cop"]}, 'no policy "ltv_cop": did you mean ltv_cap'),
        ({"policies": ["ltv_cap:from=2040-01"]}, "after the end of the run"),
        ({"policies": ["ltv_cap:max=0.4 + ltv_cap:max=0.5"]}, "leave one of them out"),
        ({"paths": 1}, "a comparison needs at least 2"),
        ({"paths": 0}, "paths = 0"),
        ({"workers": 0}, "workers = 0"),
        ({"until": "halfwidth=7"}, "above 0 and at most 1"),
        ({"until": "halfwidth=wide"}, "above 0 and at most 1"),
        ({"until": "width=0.2"}, "must be halfwidth=SHARE"),
        ({"until": "halfwidth=0.2,measure=defalts"}, "did you mean defaults"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(asked: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        compare("toy", **{"policies": ["ltv_cap"], "paths": 2, "out": tmp_path / "c", **asked})
    assert not (tmp_path / "c").exists()


# ---- what is told, by hand


def by_hand(**arms: dict[str, list[float]]) -> dict[str, pd.DataFrame]:
    """Figures of arms: what is not named is nought."""
    nothing = dict.fromkeys(MEASURES, [0.0] * 8)
    return {label: pd.DataFrame({**nothing, **columns}) for label, columns in arms.items()}


DEFAULTS = [4.0, 6.0, 0.0, 2.0, 8.0, 4.0, 0.0, 8.0]
NONE = {"defaults": DEFAULTS, "lender_losses": [10.0 * one for one in DEFAULTS]}
HALF = {"defaults": [one / 2.0 for one in DEFAULTS], "lender_losses": [5.0 * one for one in DEFAULTS]}


def test_half_the_defaults_are_a_difference_of_minus_two_with_its_t_interval() -> None:
    found = contrasts(by_hand(none=NONE, half=HALF), range(8), seed=7)["half", "defaults"]
    differences = [-2.0, -3.0, 0.0, -1.0, -4.0, -2.0, 0.0, -4.0]
    mean = sum(differences) / 8.0
    deviation = math.sqrt(sum((one - mean) ** 2 for one in differences) / 7.0)
    assert found.found.value == mean == -2.0
    assert found.found.halfwidth == pytest.approx(2.364624 * deviation / math.sqrt(8.0), rel=1e-6)  # t(7) at 97.5 %
    assert found.pairing.correlation == pytest.approx(1.0)
    assert found.pairing.variance_ratio == pytest.approx(5.0)  # (1 + 1/4) / (1/4)
    assert found.together is not None
    assert found.together.halfwidth >= found.found.halfwidth


def test_verdicts_know_which_direction_is_good() -> None:
    more = {"trough": [0.5 + 0.01 * n for n in range(8)], "credit_extended": [100.0 + n for n in range(8)], **HALF}
    found = contrasts(by_hand(none=NONE, more=more), range(8), seed=7)
    kinds = {name: found["more", name].told.kind for name in ("defaults", "trough", "credit_extended", "unsold")}
    assert kinds == {"defaults": "better", "trough": "better", "credit_extended": "more", "unsold": "no effect"}


def test_what_is_told_alone_but_not_with_all_others_says_so() -> None:
    few = {"defaults": [value - (1.0 if n < 6 else -0.5) for n, value in enumerate(DEFAULTS)]}
    many = {f"arm{n}": {"defaults": list(np.random.default_rng(n).normal(4.0, 3.0, 8))} for n in range(6)}
    words = contrasts(by_hand(none=NONE, few=few, **many), range(8), seed=7)["few", "defaults"].words
    assert words == "better (indicative only: 8 paths); not all at once"
    less = {"defaults": [value - 1.0 - n / 90.0 for n, value in enumerate(DEFAULTS)]}
    surely = contrasts(by_hand(none=NONE, less=less), range(8), seed=7)
    assert surely["less", "defaults"].words == "better (indicative only: 8 paths)"


def test_a_default_avoided_costs_public_loss_and_private_outlay_together() -> None:
    costly = {**HALF, "public_loss": [30.0] * 8, "private_outlay": [10.0] * 8, "public_outlay": [500.0] * 8}
    found = prices(by_hand(none={**NONE, "credit_extended": [90.0] * 8}, costly=costly), range(8))["costly"]
    assert found.cost.value == 40.0
    assert found.a_default.value == pytest.approx(20.0)  # USD 40 m for 2 defaults
    assert found.a_dollar.value == pytest.approx(2.0)  # USD 40 m for 20 m of losses
    assert found.credit.value == 90.0
    assert found.credit_a_default.value == pytest.approx(45.0)


def test_a_policy_is_dominated_by_one_that_is_no_worse_in_anything_and_surely_better_in_something() -> None:
    dear = {**HALF, "public_loss": [10.0, 11.0] * 4}
    useless = {**NONE, "private_outlay": [1.0, 2.0] * 4}
    tight = {**{name: [0.0] * 8 for name in NONE}, "credit_extended": [-5.0, -6.0] * 4}
    table = frontier(by_hand(none=NONE, half=HALF, dear=dear, useless=useless, tight=tight), range(8))
    assert table["dominated_by"].to_dict() == {"half": "", "dear": "half", "useless": "none", "tight": ""}
    assert table.loc["dear", ["cost", "losses_avoided", "credit_not_extended"]].to_list() == [10.5, 20.0, 0.0]


def test_chance_alone_makes_nobody_dominated() -> None:
    lucky = {**NONE, "lender_losses": [one - (8.0 if n == 0 else 0.0) for n, one in enumerate(NONE["lender_losses"])]}
    assert frontier(by_hand(none=NONE, lucky=lucky, nothing=NONE), range(8))["dominated_by"].to_list() == ["", ""]


def test_paths_that_one_arm_did_not_finish_are_left_out_of_the_pairs() -> None:
    arms = by_hand(none=NONE, half=HALF)
    arms["half"] = arms["half"].drop(index=[0, 4])
    found = contrasts(arms, range(8), seed=7)["half", "defaults"].found
    assert (found.paths, found.missing, found.value) == (6, 2, pytest.approx(-10.0 / 6.0))


# ---- until the interval is narrow enough


def test_paths_are_added_until_the_difference_is_known_well_enough_or_the_most_is_reached() -> None:
    found = short(WEAK, until="halfwidth=0.01,measure=lender_losses", paths=70, months=3)
    assert len(found.paths) == 70
    assert found.decision.startswith(f"stopped at 70 paths, the most allowed: {WEAK}, lender_losses")
    enough = short(Nothing(), until=0.2, paths=200, months=2, workers=1)
    assert len(enough.paths) == 128  # a difference of nought is not believed before 100 paths
    assert enough.decision.startswith("narrow enough after 128 paths")
    assert enough.decision in str(enough)


# ---- how it is told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return short(WEAK, "buyer_of_last_resort + standstill", paths=24, out=tmp_path_factory.mktemp("told") / "c")


def test_the_table_leads_with_the_chance_of_a_cluster_and_warns_of_two_humps(told: Comparison) -> None:
    lines = str(told).splitlines()
    assert lines[0] == "everything · 2026-01 … 2026-05 · 3 arms on the same 24 paths · seed 7"
    assert lines[2].split("  ")[0] == "how bad it gets"
    assert "P(cluster of 4), %" in lines[2]
    assert "same luck: stress and demand are the same bits in 3 arms" in str(told)


def test_the_tail_of_few_paths_is_not_told_but_the_command_that_would(told: Comparison) -> None:
    text = str(told)
    assert "n/a below 500 paths (compare(\"everything\", ['vendor_buyback:budget=20', " in text
    assert np.isnan(told.table()["lender_losses_es95"]).all()
    argv = ("compare", "toy", "--paths", "9", "--policy", "a + b", "--paths=3")
    typed = Comparison(told.order, told.arms, "", argv=argv)
    assert typed.with_paths(1000) == "nobid compare toy --policy 'a + b' --paths 1000"


def test_the_table_has_a_row_an_arm_with_levels_differences_and_verdicts(told: Comparison) -> None:
    table = told.table()
    assert list(table.index) == ["none", WEAK, "buyer_of_last_resort + standstill"]
    assert table.loc["none", "defaults"] == told.figures["none"]["defaults"].mean()
    gap = told.figures[WEAK]["defaults"].mean() - told.figures["none"]["defaults"].mean()
    assert table.loc[WEAK, "defaults_difference"] == pytest.approx(gap)
    assert table.loc[WEAK, "defaults_verdict"] == told.contrasts[WEAK, "defaults"].words
    assert set(told.differences()["measure"]) == set(MEASURES)


def test_the_folder_tells_what_came_of_it_in_plain_numbers_and_pictures(told: Comparison) -> None:
    assert told.out is not None
    record = json.loads((told.out / COMPARISON).read_text(encoding="utf-8"))
    assert record["status"] == "done"
    assert [arm["folder"] for arm in record["arms"]] == [arm.folder for arm in told.arms]
    assert all((told.out / arm["folder"] / "run.json").is_file() for arm in record["arms"])
    assert record["versions"]["numpy"] == np.__version__
    assert {row["measure"] for row in record["differences"]} == set(MEASURES)
    assert sorted(file.name for file in (told.out / "figures").iterdir()) == ["forest.png", "frontier.png"]
    json.dumps(told.as_dict(), allow_nan=False)


def test_the_figures_show_every_policy(told: Comparison) -> None:
    drawn = told.plot()
    assert isinstance(drawn, dict)
    labels = [one.get_text() for one in drawn["forest"].axes[0].get_yticklabels()]
    assert [label.replace("\n", " ") for label in labels] == list(told.figures)[1:]
    key = drawn["frontier"].axes[2].texts[0].get_text()
    assert all(label.split(" + ")[0] in key for label in list(told.figures)[1:])
    with pytest.raises(InputError, match="did you mean forest"):
        told.plot("forrest")


def test_a_notebook_gets_a_table_and_a_comparison_of_nothing_says_so(told: Comparison) -> None:
    html = told._repr_html_()
    assert html.count("<table>") == len(told.summary().blocks)
    alone = short("none")
    assert [block.heading for block in alone.summary().blocks] == ["how bad it gets"]
    with pytest.raises(InputError, match="one arm"):
        alone.plot()


def test_long_labels_make_folders_that_a_file_system_takes() -> None:
    label = " + ".join(f"ltv_cap:max=0.{n:04d},from=2026-{n:02d},until=2026-{n:02d}" for n in range(1, 13))
    base = ordered(Asked("toy", 2, None, 7, 24, None, None, None, "cohort", None, 64, ()))
    (arm,) = arms_of(base, {label: labelled([label]).popitem()[1]})
    assert len(arm.folder) <= 107
    assert set(arm.folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.=+-")
