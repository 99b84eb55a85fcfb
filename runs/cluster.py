"""How is a run worked off by a Dask cluster, with the same bits as on one machine, or a sentence that says why not?"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import ExitStack
from typing import Any, Final

from nobid.model.outcome import ModelStopped
from nobid.runs.block_run import BlockResult
from nobid.runs.errors import InputError
from nobid.runs.run import Order
from nobid.runs.run_directory import Block
from nobid.runs.run_record import differences, made_by, package_version
from nobid.runs.workers import Runner, packed, stored_block, unpacked

try:
    from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, rpc
    from distributed.comm import CommClosedError
    from distributed.utils import LoopRunner, sync
except ImportError as missing:
    raise InputError(f"cluster: needs Dask ({missing}): pip install 'nobid[cluster]'.") from missing

LOCAL: Final = "local:"
PATIENCE: Final = 30.0  # seconds to wait for a scheduler, and for its first worker
IN_STORE: Final = 2  # blocks with the scheduler for each thread of a worker: none of them waits for the next
ALSO: Final = ("pyarrow",)  # writes the workers' parts
NO_ANSWER: Final = (OSError, TimeoutError, ValueError, MemoryError)  # the last: what came were no words of Dask's
LOST: Final = (CancelledError, CommClosedError, OSError, TimeoutError)


class Cluster:
    """A Dask cluster whose workers were found to be of this make: same nobid, numpy, rules, processor features."""

    def __init__(self, address: str, order: Order, *, keep_agents: bool, mixed: bool) -> None:
        self.address, self.mixed, self.keep_agents = address, mixed, keep_agents
        self.given = _Given(packed(order))
        self.about: dict[str, Any] = {"cluster": address}
        self._open = ExitStack()

    def __enter__(self) -> Cluster:
        """The cluster answers, and every worker knows the order; InputError where it may not be used."""
        with ExitStack() as opening:
            self._client = opening.enter_context(_client(self.address, opening))
            self._check(_makers(self._client, self.address))
            self._client.register_plugin(self.given, name=self.given.name)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """The cluster is left; one that was started here is gone."""
        self._open.close()

    def _check(self, makers: Mapping[str, Mapping[str, Any]]) -> None:
        """Every worker computes the same bits as this process, or the run is marked where that was asked for."""
        other = {worker: differences(maker, also=ALSO) for worker, maker in sorted(makers.items())}
        found = [f"{worker}: {', '.join(unlike)}" for worker, unlike in other.items() if unlike]
        if found and not self.mixed:
            raise InputError(
                f"cluster = {self.address}: {len(found)} of {len(makers)} workers would not compute the same bits "
                f"({found[0]}): use workers of one make, or --cluster-mixed, which marks the run."
            )
        if found:
            self.about["mixed"] = sorted({*self.about.get("mixed", ()), *found})

    def results(self, blocks: Sequence[Block], look: Callable[[], None]) -> Generator[BlockResult, None, None]:
        """The result of every block as it comes, its tables as bytes; Dask itself retries where a worker dies.

        Errors: ModelStopped where a block loses worker after worker, or the scheduler is lost.
        """
        window = IN_STORE * sum(self._client.nthreads().values())
        runner = Runner(lambda: self._client.get_executor(pure=False), self._submit, window, _leave)
        try:
            for result in runner.results(blocks, look):
                self._check({"a worker that has joined": result.maker})
                yield result
        except KilledWorker as error:
            words = f"worker after worker died over one block ({error}): is their memory short?"
            raise ModelStopped(f"cluster = {self.address}: {words} The same command continues.") from error
        except LOST as error:
            raise ModelStopped(f"the scheduler at {self.address} was lost: the same command continues.") from error

    def _submit(self, executor: Executor, block: Block) -> Future[BlockResult]:
        return executor.submit(work, self.given.name, block, self.keep_agents)


def _leave(executor: Executor) -> None:
    executor.shutdown(wait=False)


def _client(address: str, opening: ExitStack) -> Client:
    """A client of the scheduler at the address, or of as many workers on this machine as `local:N` says."""
    if address.startswith(LOCAL):
        number = address.removeprefix(LOCAL)
        if not number.isdecimal() or int(number) < 1:
            raise InputError(f"cluster = {address}: must be local:N with N workers, or the address of a scheduler.")
        asked = {"n_workers": int(number), "threads_per_worker": 1, "processes": True, "dashboard_address": None}
        return Client(opening.enter_context(LocalCluster(**asked)))
    try:
        _answers(address)
        return Client(address, timeout=PATIENCE)
    except NO_ANSWER as error:
        raise InputError(f"cluster = {address}: no Dask scheduler answers there (tcp://HOST:PORT, local:N).") from error


def _answers(address: str) -> None:
    """A scheduler has answered in time; TimeoutError or OSError where none does (a client would wait for ever)."""
    runner = LoopRunner()
    runner.start()
    try:
        sync(runner.loop, _asked, address, callback_timeout=PATIENCE)
    finally:
        runner.stop()


async def _asked(address: str) -> None:
    async with rpc(address, timeout=PATIENCE) as scheduler:
        await scheduler.identity()


def _makers(client: Client, address: str) -> dict[str, dict[str, Any]]:
    """What every worker is made by; InputError where there is none, one without nobid, or an unlike scheduler."""
    try:
        there, here = client.run_on_scheduler(package_version), package_version()
    except ImportError as error:
        raise InputError(
            f"cluster = {address}: the scheduler has not this nobid ({error}): install it there."
        ) from error
    if there != here:
        raise InputError(f"cluster = {address}: its scheduler has nobid {there}, this is {here}: take one of them.")
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        found: dict[str, dict[str, Any]] = client.run(made_by)
    except TimeoutError as error:
        raise InputError(f"cluster = {address}: the scheduler has no workers: start some.") from error
    except ImportError as error:
        raise InputError(f"cluster = {address}: a worker has not this nobid ({error}): install it there.") from error
    return found


# ---- inside a worker

_ORDERS: dict[str, bytes | Order] = {}


class _Given(WorkerPlugin):  # type: ignore[misc]
    """The order, handed to every worker that is there or joins later."""

    def __init__(self, order: bytes) -> None:
        self.order = order
        self.name = f"nobid-{hash(order):x}"

    def setup(self, worker: object) -> None:
        """The worker has the order."""
        del worker
        _ORDERS[self.name] = self.order


def work(name: str, block: Block, keep_agents: bool) -> BlockResult:
    """The block is done; its tables come back as the bytes of their parts, for the worker may share no disk."""
    order = _ORDERS[name]
    if isinstance(order, bytes):
        order = _ORDERS[name] = unpacked(order)
    result = stored_block(order, block, keep_agents=keep_agents, told=_silent, directory=None)
    result.maker = made_by()
    return result


def _silent(months: float, defaults: float) -> None:
    """A cluster's progress is told block by block."""
