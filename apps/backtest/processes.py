"""Runs subtasks in this process, or divided among several: the same subtasks, the same batches, the same decisions."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import Any, Literal, NamedTuple, Protocol

from apps.backtest.outcome import Outcome, join
from apps.backtest.source import Batch
from apps.backtest.subtask import Messages, Subtask, SubtaskOptions, check_model, load_model
from udfs.stages.envelope import encode_envelope
from udfs.warmup import warm_up

StageName = Literal["users", "devices", "merchants"]
_POLL_S = 1.0
_END_S = 5.0


class StageWork(NamedTuple):
    """Input of one stage for a batch.

    Attributes:
        stage: method of ``Subtask``.
        inputs: records, or messages by pipeline, by number of the subtask.
        control: encoded control records by pipeline.
        now_ms: the wall clock, epoch milliseconds.
    """

    stage: StageName
    inputs: dict[int, Any]
    control: list[list[bytes]]
    now_ms: int


class WorkerEndedError(Exception):
    """A process of the backtest was ended from outside; the message says what to do."""


class WorkerFailedError(Exception):
    """A stage raised an exception in another process: a bug. The message is its traceback."""


class Workers(Protocol):
    """Subtasks somewhere; work is done in the order in which it is submitted."""

    def submit(self, work: StageWork) -> None:
        """Begin a stage of a batch in all subtasks that have input."""

    def collect(self) -> dict[int, Any]:
        """Results by subtask of the oldest work that was not collected."""


class _Here:
    """Subtasks in this process."""

    def __init__(self, options: SubtaskOptions) -> None:
        warm_up()
        model = load_model(options)
        self._subtasks = [Subtask(number, options, model) for number in range(options.subtasks)]
        self._results: deque[dict[int, Any]] = deque()

    def submit(self, work: StageWork) -> None:
        self._results.append(_run(self._subtasks, work))

    def collect(self) -> dict[int, Any]:
        return self._results.popleft()


class _Elsewhere:
    """Subtasks divided among processes, subtask ``i`` in process ``i % n``."""

    def __init__(self, options: SubtaskOptions, processes: int) -> None:
        # Not fork: threads of the progress bar and of Kafka's client may hold locks.
        context = multiprocessing.get_context("spawn")
        self._work: list[Queue[StageWork | None]] = [context.Queue() for _ in range(processes)]
        self._results: list[Queue[Any]] = [context.Queue() for _ in range(processes)]
        self._submitted: deque[list[int]] = deque()
        self._processes: list[BaseProcess] = [
            context.Process(target=_serve, args=(options, number, processes, work, results), daemon=True)
            for number, (work, results) in enumerate(zip(self._work, self._results, strict=True))
        ]
        for process in self._processes:
            process.start()

    def submit(self, work: StageWork) -> None:
        busy = sorted({number % len(self._work) for number in work.inputs})
        for process in busy:
            inputs = {number: each for number, each in work.inputs.items() if number % len(self._work) == process}
            self._work[process].put(work._replace(inputs=inputs))
        self._submitted.append(busy)

    def collect(self) -> dict[int, Any]:
        results: dict[int, Any] = {}
        for process in self._submitted.popleft():
            results |= self._next(process)
        return results

    def _next(self, number: int) -> dict[int, Any]:
        while True:
            try:
                result = self._results[number].get(timeout=_POLL_S)
            except queue.Empty:
                if self._processes[number].is_alive():
                    continue
                raise WorkerEndedError(
                    f"process {number} of the backtest ended with {self._processes[number].exitcode}: "
                    "is there memory enough? --processes 1 needs the least"
                ) from None
            if isinstance(result, str):
                raise WorkerFailedError(result)
            return result  # type: ignore[no-any-return]

    def close(self, *, abandon: bool) -> None:
        """End all processes: when they have done their work, or at once if the backtest is abandoned."""
        for process, work in zip(self._processes, self._work, strict=True):
            if abandon:
                process.terminate()
            else:
                work.put(None)
        for process in self._processes:
            process.join(_END_S)
            if process.is_alive():
                process.kill()
                process.join()
        for each in (*self._work, *self._results):
            each.cancel_join_thread()
            each.close()


def _run(subtasks: Sequence[Subtask | None], work: StageWork) -> dict[int, Any]:
    return {
        number: getattr(subtasks[number], work.stage)(each, work.control, work.now_ms)
        for number, each in sorted(work.inputs.items())
    }


def _serve(
    options: SubtaskOptions, number: int, processes: int, work: Queue[StageWork | None], results: Queue[Any]
) -> None:
    """Do work until None comes; a failure is sent as text."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its processes

    def end(*_: object) -> None:
        results.cancel_join_thread()  # the parent has stopped reading
        sys.exit()  # runs the exit handlers of libraries

    signal.signal(signal.SIGTERM, end)
    try:
        warm_up()
        model = load_model(options)
        subtasks = [
            Subtask(each, options, model) if each % processes == number else None for each in range(options.subtasks)
        ]
        while (next_work := work.get()) is not None:
            results.put(_run(subtasks, next_work))
    except Exception:  # the parent reports it
        results.put(traceback.format_exc())


@contextmanager
def workers(options: SubtaskOptions, processes: int) -> Iterator[Workers]:
    """Start subtasks, in this process if one is asked for, and end their processes afterwards.

    Raises:
        ArtefactError: the model is damaged, or made for other features.
    """
    check_model(options)
    if processes <= 1:
        yield _Here(options)
        return
    elsewhere = _Elsewhere(options, min(processes, options.subtasks))
    try:
        yield elsewhere
    except BaseException:
        elsewhere.close(abandon=True)
        raise
    elsewhere.close(abandon=False)


def decide(batches: Iterable[Batch], subtasks: Workers, options: SubtaskOptions) -> Iterator[Outcome]:
    """Decide batches; while one is in its last stage, the next is read and begun.

    Args:
        batches: in order.
        subtasks: which process them.
        options: of the subtasks.
    """
    pending = False
    for batch in batches:
        control = _control(batch, options)
        every = range(options.subtasks)
        subtasks.submit(StageWork("users", dict(zip(every, batch.records, strict=True)), control, batch.now_ms))
        if pending:
            yield _collected(subtasks)
        users = subtasks.collect()
        to_devices, to_merchants = (_routed([users[number][to] for number in every], options) for to in (0, 1))
        if _has_work(control, to_devices):
            subtasks.submit(StageWork("devices", to_devices, control, batch.now_ms))
            devices = subtasks.collect()
            onward = _routed([devices[number] for number in every], options)
            to_merchants = {
                number: [[*direct, *via] for direct, via in zip(to_merchants[number], onward[number], strict=True)]
                for number in every
            }
        subtasks.submit(StageWork("merchants", to_merchants, control, batch.now_ms))
        pending = True
    if pending:
        yield _collected(subtasks)


def _has_work(control: Sequence[Sequence[bytes]], messages: dict[int, list[list[bytes]]]) -> bool:
    """Whether a stage has anything to do for a batch."""
    return any(control) or any(any(received) for received in messages.values())


def _collected(subtasks: Workers) -> Outcome:
    outcomes = subtasks.collect()
    return join([outcomes[number] for number in sorted(outcomes)])


def _routed(sent: Sequence[Messages], options: SubtaskOptions) -> dict[int, list[list[bytes]]]:
    """Messages by receiving subtask and pipeline, in the order of the sending subtasks."""
    pipelines = len(sent[0])
    routed: dict[int, list[list[bytes]]] = {
        number: [[] for _ in range(pipelines)] for number in range(options.subtasks)
    }
    for messages in sent:
        for pipeline, of_pipeline in enumerate(messages):
            for each in of_pipeline:
                routed[each.subtask][pipeline].append(each.message)
    return routed


def _control(batch: Batch, options: SubtaskOptions) -> list[list[bytes]]:
    """Encoded control records by pipeline, without the kinds that its policy brings along."""
    if not options.alone:
        return [[] for _ in options.groups]
    kinds = [(each.key or b"").decode(errors="replace") for each in batch.control]
    return [
        [encode_envelope(each) for each, kind in zip(batch.control, kinds, strict=True) if kind not in policy.fixed]
        for policy in options.policies
    ]
