"""What is measured. Each scenario is a function of the bench; its docstring describes it."""

from collections.abc import Callable

from benchmarks.bench import Bench, Results
from benchmarks.scenarios.backlog import accounts, backlog
from benchmarks.scenarios.causes import causes
from benchmarks.scenarios.comparisons import journal, metrics, opentelemetry, settings, slow
from benchmarks.scenarios.cores import cores
from benchmarks.scenarios.curve import curve
from benchmarks.scenarios.endurance import held, memory
from benchmarks.scenarios.fetch import fetch
from benchmarks.scenarios.flood import flood
from benchmarks.scenarios.idle import idle
from benchmarks.scenarios.light import light
from benchmarks.scenarios.moving import moving
from benchmarks.scenarios.pods import pods
from benchmarks.scenarios.queue_types import queue_types
from benchmarks.scenarios.scan import scan
from benchmarks.scenarios.servers import servers
from benchmarks.scenarios.shards import shards
from benchmarks.scenarios.sizes import sizes
from benchmarks.scenarios.splitting import splitting
from benchmarks.scenarios.status import status
from benchmarks.scenarios.stomp import stomp
from benchmarks.scenarios.storm import storm
from benchmarks.scenarios.transfers import burst, from_one, lone, opening, steady, to_one, zipf

SCENARIOS: dict[str, Callable[[Bench], Results]] = {
    "idle": idle,
    "light": light,
    "pods": pods,
    "opening": opening,
    "burst": burst,
    "to_one": to_one,
    "from_one": from_one,
    "zipf": zipf,
    "lone": lone,
    "steady": steady,
    "curve": curve,
    "causes": causes,
    "settings": settings,
    "metrics": metrics,
    "journal": journal,
    "slow": slow,
    "opentelemetry": opentelemetry,
    "shards": shards,
    "fetch": fetch,
    "backlog": backlog,
    "accounts": accounts,
    "scan": scan,
    "sizes": sizes,
    "status": status,
    "storm": storm,
    "stomp": stomp,
    "cores": cores,
    "servers": servers,
    "queue_types": queue_types,
    "flood": flood,
    "held": held,
    "memory": memory,
    "moving": moving,
    "splitting": splitting,
}
ASKED_FOR = (
    *("curve", "causes", "stomp", "cores", "servers", "queue_types", "flood"),
    *("moving", "splitting"),
)
"""Scenarios that take long, or need other people's programs."""
