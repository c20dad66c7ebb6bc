"""Who runs, and what time it is: threads that hand over a baton, by the numbers of a seed."""

import hashlib
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

STEPS_COUNT_MAX = 30_000
"""A run that takes more steps does not come to an end."""
# How often a step takes time at all.
_STEP_SHARE = 0.06
_STEP_SECONDS = 0.001
_TRACE_COUNT_MAX = 20_000


class Killed(BaseException):
    """The process is gone. Nothing may catch it, and nothing done meanwhile has an effect."""


class EndlessError(Exception):
    """The workers never come to rest."""


@dataclass(eq=False)
class Actor:
    """A thread of a process, which runs only while it has the baton."""

    name: str
    process: str
    baton: threading.Lock = field(default_factory=threading.Lock)
    is_ready: Callable[[], bool] = bool
    deadline: float = 0.0
    is_killed: bool = False
    is_finished: bool = False
    weight: float = 1.0
    thread: threading.Thread | None = None


class Clock:
    """The time of the program, which nobody sets, and that of the database, which days can jump."""

    def __init__(self, start: datetime) -> None:
        self.monotonic = 1000.0
        self._start = start
        self._offset = timedelta(0)

    @property
    def now(self) -> datetime:
        """The time of the database."""
        return self._start + self._offset + timedelta(seconds=round(self.monotonic - 1000.0, 6))

    def text(self) -> str:
        """The same, as it is written in messages."""
        return self.now.isoformat()

    def jump(self, duration: timedelta) -> None:
        """Let time pass for the database, and not for the program."""
        self._offset += duration


class Trace:
    """What has happened, line by line, and the digest of all of it."""

    def __init__(self, clock: Clock) -> None:
        self.lines: list[str] = []
        self._clock = clock
        self._digest = hashlib.sha256()

    def note(self, who: str, what: str) -> None:
        line = f"{self._clock.monotonic - 1000:10.4f} {who:24} {what}"
        self._digest.update(line.encode())
        if len(self.lines) < _TRACE_COUNT_MAX:
            self.lines.append(line)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class Kernel:
    """Runs actors one at a time."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.random = Random(seed)
        self.clock = clock
        self.trace = Trace(clock)
        self.steps_count = 0
        self.switches_count = 0
        self.failure: BaseException | None = None
        """What a worker has died of."""
        self.current: Actor | None = None
        self._actors: list[Actor] = []
        self._is_ending = False
        self._ended = threading.Lock()
        # how often the same actor goes on, though others could
        self._stickiness = self.random.choice((0.0, 0.3, 0.8))

    # -- actors ---------------------------------------------------------------

    def spawn(self, name: str, process: str, run: Callable[[], None], delay: float = 0.0) -> Actor:
        """Make an actor, which begins after a time."""
        actor = Actor(name, process, deadline=self.clock.monotonic + delay)
        actor.weight = self.random.choice((0.2, 1.0, 1.0, 5.0))
        actor.baton.acquire()
        actor.thread = threading.Thread(
            target=self._live, args=(actor, run), name=name, daemon=True
        )
        self._actors.append(actor)
        actor.thread.start()
        return actor

    def _live(self, actor: Actor, run: Callable[[], None]) -> None:
        actor.baton.acquire()
        try:
            if not actor.is_killed:
                self.current = actor
                run()
        except Killed:
            pass
        except BaseException as error:
            if not actor.is_killed:
                self.failure = self.failure or error
        finally:
            actor.is_finished = True
            self._actors.remove(actor)
            if self._is_ending or not self._actors:
                self._ended.release()
            else:
                self._hand_over()

    def run(self, name: str, main: Callable[[], None]) -> None:
        """Run until `main` returns, then end the others. Raises what it raises."""
        self._ended.acquire()
        errors: list[BaseException] = []

        def run_main() -> None:
            try:
                main()
            except BaseException as error:
                errors.append(error)
            finally:
                self._is_ending = True

        first = self.spawn(name, name, run_main)
        self.current = first
        first.baton.release()
        self._ended.acquire()
        while self._actors:
            actor = self._actors[0]
            actor.is_killed = True
            self.current = actor
            actor.baton.release()
            self._ended.acquire()
        self.current = None
        if errors:
            raise errors[0]

    def kill(self, process: str) -> None:
        """End the actors of a process, where they are."""
        for actor in self._actors:
            if actor.process == process:
                actor.is_killed = True
                actor.is_ready = bool
                actor.deadline = -math.inf

    # -- the baton --------------------------------------------------------------

    def wait(self, seconds_max: float | None, is_ready: Callable[[], bool] = bool) -> None:
        """Let others run until something holds, or for a time (None: for ever)."""
        actor = self._alive()
        until = math.inf if seconds_max is None else self.clock.monotonic + max(seconds_max, 0.0)
        actor.is_ready, actor.deadline = is_ready, until
        self._switch(actor)

    def switch(self) -> None:
        """Let others run, perhaps."""
        actor = self._alive()
        actor.deadline = -math.inf
        if self.random.random() >= self._stickiness:
            self._switch(actor)

    def _alive(self) -> Actor:
        actor = self.current
        assert actor is not None
        if actor.is_killed:
            raise Killed
        return actor

    def _switch(self, actor: Actor) -> None:
        self.steps_count += 1
        if self.steps_count > STEPS_COUNT_MAX:
            if actor.process == "agents":
                raise EndlessError(f"no end after {self.steps_count} steps")
            # let the agents say it
            actor.deadline = math.inf
            actor.is_ready = bool
        chosen = self._choose()
        if chosen is not actor:
            self.switches_count += 1
            self.current = chosen
            chosen.baton.release()
            actor.baton.acquire()
            self.current = actor
        if actor.is_killed:
            raise Killed
        if self.failure is not None and actor.process == "agents":
            raise self.failure

    def _hand_over(self) -> None:
        chosen = self._choose()
        self.current = chosen
        chosen.baton.release()

    def _choose(self) -> Actor:
        clock = self.clock
        if self.random.random() < _STEP_SHARE:
            clock.monotonic += self.random.choice((0.1, 1.0, 3.0)) * _STEP_SECONDS
        while True:
            if self.failure is not None:
                return next(a for a in self._actors if a.process == "agents")
            ready = [a for a in self._actors if a.deadline <= clock.monotonic or a.is_ready()]
            if len(ready) == 1:
                return ready[0]
            if ready:
                return self.random.choices(ready, [a.weight for a in ready])[0]
            clock.monotonic = min(a.deadline for a in self._actors)
