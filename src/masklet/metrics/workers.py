"""Units of work in processes of their own: results as they come, nothing left running.

Processes are started afresh (spawn), so that they share no state with the caller and none of its threads.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import cv2
import numpy as np
import torch

from masklet.metrics.protocols.base import EvaluationProtocol, Unit
from masklet.metrics.results import Score

Work = Generator[tuple[Unit, Sequence[Score]], None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a unit's arithmetic depends on: threads of this process, and the seed that each unit starts with."""

    threads: int
    seed: int


def evaluate(protocol: EvaluationProtocol, unit: Unit, setup: Setup) -> Sequence[Score]:
    """One unit, from the seed on, whatever came before it in this process."""
    random.seed(setup.seed)
    np.random.seed(setup.seed)  # noqa: NPY002 (for libraries that draw from the global generator)
    torch.manual_seed(setup.seed)
    return protocol.evaluate(unit)


def in_turn(protocol: EvaluationProtocol, units: Sequence[Unit], setup: Setup) -> Work:
    """All units in this process, in order."""
    with _threads(setup.threads):
        for unit in units:
            yield unit, evaluate(protocol, unit, setup)


def in_processes(protocol: EvaluationProtocol, units: Sequence[Unit], setup: Setup, workers: int) -> Work:
    """All units, in the order in which they are finished. Leaving the loop, by an error too, ends the processes.

    Raises
    ------
    ChildProcessError: a process died. Whatever else `evaluate` raised there.
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(units))
    processes: dict[Any, BaseProcess] = {}
    busy: dict[Any, Unit] = {}
    try:
        for _ in range(min(workers, len(units))):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, protocol, setup))
            process.start()
            there.close()
            processes[here] = process
            busy[here] = waiting.pop()
            here.send(busy[here])
        while busy:
            ready: list[Any] = wait(list(busy))
            for here in ready:
                unit = busy.pop(here)
                try:
                    answer = here.recv()
                except EOFError:
                    processes[here].join()
                    raise ChildProcessError(
                        f"the process that worked on {unit.key} died (exit code {processes[here].exitcode})"
                    ) from None
                if isinstance(answer, BaseException):
                    raise answer
                if waiting:
                    busy[here] = waiting.pop()
                    here.send(busy[here])
                yield unit, answer
    finally:
        for here, process in processes.items():
            here.close()
            process.terminate()
        for process in processes.values():
            process.join()


def _serve(there: Connection, protocol: EvaluationProtocol, setup: Setup) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    # The pipe is broken where the first process is gone: killed, or done with this one.
    with _threads(setup.threads), suppress(EOFError, BrokenPipeError):
        while True:
            unit = there.recv()
            try:
                answer = list(evaluate(protocol, unit, setup))
            except Exception as error:  # raised again by the first process
                answer = error
            there.send(answer)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
