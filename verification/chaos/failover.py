"""The leader of two PostgreSQL servers dies, freezes, or is replaced."""

import signal
from collections.abc import Callable

from agentkit.waiting import wait_until
from verification.chaos.cluster import Cluster, send
from verification.chaos.persisting import persist
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step

_HOLD = "the leader of PostgreSQL"
_TAKEOVER_SECONDS_MAX = 60.0


def _cluster(place: Place) -> Cluster:
    assert isinstance(place.servers, Cluster)
    return place.servers


def _kill(cluster: Cluster, member: int) -> None:
    """As if its machine were gone."""
    patroni = cluster.patroni_pid(member)
    send(signal.SIGSTOP, [patroni])  # so that it cannot mend anything
    send(signal.SIGKILL, cluster.postgres_pids(member))
    send(signal.SIGKILL, [patroni])


def kill(place: Place, step: Step) -> None:
    cluster = _cluster(place)
    _be_without(place, step, cluster.wait_whole())


def kill_standby(place: Place, step: Step) -> None:
    """Until Patroni lets the leader go on alone, commits wait."""
    cluster = _cluster(place)
    _be_without(place, step, cluster.other(cluster.wait_whole()))


def _be_without(place: Place, step: Step, member: int) -> None:
    cluster = _cluster(place)
    _kill(cluster, member)
    place.wait(step.seconds)
    cluster.run("patroni-start", str(member))
    cluster.wait_whole()


def crash(place: Place, step: Step) -> None:
    """Patroni starts the leader again."""
    cluster = _cluster(place)
    send(signal.SIGKILL, cluster.postgres_pids(cluster.wait_whole())[:1])
    place.wait(step.seconds)
    cluster.wait_whole()


def switch_over(place: Place, step: Step) -> None:
    cluster = _cluster(place)
    persist(lambda: cluster.switch_over(cluster.wait_whole()))
    place.wait(step.seconds)
    cluster.wait_whole()


def freeze(place: Place, step: Step) -> None:
    """As if its machine stood still: when it goes on, it believes that it is the leader."""
    cluster = _cluster(place)
    leader = cluster.wait_whole()
    pids = [cluster.patroni_pid(leader), *cluster.postgres_pids(leader)]
    _freeze(place, pids, step.seconds)
    cluster.wait_whole()


def freeze_patroni(place: Place, step: Step) -> None:
    """The old leader goes on all the time, beside the new one."""
    cluster = _cluster(place)
    _freeze(place, [cluster.patroni_pid(cluster.wait_whole())], step.seconds)
    cluster.wait_whole()


def _freeze(place: Place, pids: list[int], seconds: float) -> None:
    send(signal.SIGSTOP, pids)
    try:
        place.wait(seconds)
    finally:
        send(signal.SIGCONT, pids)


def lag(place: Place, step: Step) -> None:
    """The standby receives nothing for a while; then the leader dies, with what was on its way."""
    cluster = _cluster(place)
    leader = cluster.wait_whole()
    standby = cluster.other(leader)
    receiver = wait_until(lambda: cluster.receiver_pids(standby), what="the standby receives")
    send(signal.SIGSTOP, receiver)
    try:
        place.wait(step.seconds)
        _kill(cluster, leader)
    finally:
        # In this order, it ends before it reads what the kernel has received for it.
        send(signal.SIGTERM, receiver)
        send(signal.SIGCONT, receiver)
    try:
        # The old leader would keep its lock if it came back before.
        wait_until(lambda: cluster.leader() == standby, _TAKEOVER_SECONDS_MAX, "another leader")
    finally:
        cluster.run("patroni-start", str(leader))
    cluster.wait_whole()


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind(
        "pg-failover",
        "the leader and its Patroni are killed; they come back",
        (2.0, 12.0),
        (),
        _HOLD,
    ): kill,
    Kind("pg-switchover", "another leader is asked for", (0.0, 1.0), (), _HOLD): switch_over,
    Kind(
        "pg-leader-freeze",
        "the leader and its Patroni are stopped by SIGSTOP, and continue",
        (3.0, 14.0),
        (),
        _HOLD,
    ): freeze,
    Kind(
        "pg-patroni-freeze",
        "the leader's Patroni alone is stopped by SIGSTOP, and continues",
        (3.0, 14.0),
        (),
        _HOLD,
    ): freeze_patroni,
    Kind(
        "pg-leader-crash",
        "the leader alone is killed: Patroni starts it again",
        (0.0, 1.0),
        (),
        _HOLD,
    ): crash,
    Kind(
        "pg-standby-kill",
        "the standby and its Patroni are killed; they come back",
        (0.0, 6.0),
        (),
        _HOLD,
    ): kill_standby,
    Kind(
        "pg-lag",
        "the standby receives nothing for a while, and takes over",
        (0.5, 3.0),
        (),
        _HOLD,
    ): lag,
}
