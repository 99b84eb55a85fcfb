"""Did all arms of a comparison meet the same luck, by the same rules and on the same numerics?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from nobid.runs.arms import Arm
from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.run import Run
from nobid.runs.run_directory import SHORT_HASH
from nobid.runs.run_record import RULES_RUN_ON, Stored, made_by
from nobid.runs.streams import Array, Finished, Index, finished, parts

EXOGENOUS: Final = ("stress", "demand")  # what the monthly table keeps of the world that no agent moves


def same_luck(arms: Sequence[Arm]) -> str:
    """That all arms had the same exogenous draws, bit for bit, and the same make; a sentence.

    Errors: InputError where an arm had other draws, was made otherwise, or has no path in common with the first.
    """
    base, paths = arms[0], finished(arms[0].run).paths
    makes = [_make(arm.run) for arm in arms]
    for arm, make in zip(arms[1:], makes[1:], strict=True):
        other = [f"{name} {make[name]}, not {value}" for name, value in makes[0].items() if make[name] != value]
        if other:
            raise InputError(
                f"arm {arm.label} was made with {', '.join(other)} as arm {base.label} was: their difference would "
                "not be the policy's alone: choose another --out."
            )
        _compared(arm, base, np.intersect1d(paths, finished(arm.run).paths))
    numerics = ", ".join(f"{name} {makes[0][name]}" for name in ("engine", *RULES_RUN_ON))
    return (
        f"same luck: {' and '.join(EXOGENOUS)} are the same bits in {len(arms)} arms, on every path that both "
        f"arms of a pair finished; same numerics: {numerics}."
    )


def _make(run: Run) -> Mapping[str, str]:
    """With which rules, libraries and processor the run was made; this process where it lies in no folder."""
    record: Mapping[str, Any] = (None if run.out is None else Stored(run.out).record()) or made_by()
    versions = {name: str(record["versions"].get(name)) for name in RULES_RUN_ON}
    features = record["processor"].get("features", ())
    return {
        "nobid": str(record["version"]),
        "engine": str(record["engine"])[:SHORT_HASH],
        **versions,
        "processor": f"{record['processor'].get('machine')} with {len(features)} features",
    }


def _compared(arm: Arm, base: Arm, common: Index) -> None:
    """The exogenous columns of both arms are the same bits on the common paths; InputError where they are not."""
    if not len(common):
        raise InputError(f"arm {arm.label}: no path was finished in it and in {base.label}: {arm.run.outcome}")
    one, other = (_world(run, Finished(common, 0)) for run in (arm.run, base.run))
    unlike = np.argwhere(one.view(np.int64) != other.view(np.int64))
    if len(unlike):
        path, month, column = unlike[0]
        when = month_label(arm.run.scenario.parameters.start, int(month))
        raise InputError(
            f"arm {arm.label} met other luck than {base.label}: {EXOGENOUS[column]} differs on path {common[path]} in "
            f"{when}: a policy may not change the world that both are compared in."
        )


def _world(run: Run, ended: Finished) -> Array:
    """The exogenous columns of these paths: (paths, months, columns)."""
    months = run.scenario.parameters.months
    found = np.full((len(ended.paths), months, len(EXOGENOUS)), np.nan)
    for piece in parts(run, "monthly", ("path", *EXOGENOUS)):
        place, good = ended.places(piece["path"])
        for number, name in enumerate(EXOGENOUS):
            found[place[good][::months], :, number] = piece[name].to_numpy()[good].reshape(-1, months)
    return found
