"""A decoder as the tests of it use it."""

from tests.unit.collector.netflow.make import NOW_NS
from tmon_collector.netflow.decoder import Decoder
from tmon_collector.netflow.sessions import Exporters
from tmon_collector.netflow.statistics import NetflowStatistics


class Reader:
    def __init__(self, sampling=1, **exporters):
        self.statistics = NetflowStatistics()
        self.told = []
        self.exporters = Exporters(**exporters)
        self.decoder = Decoder(self.exporters, self.statistics, sampling, happened=lambda s, *w: self.told.append((s.name, *w)))

    def __call__(self, *datagrams, address="192.0.2.1", now_ns=NOW_NS):
        return self.decoder.handle([(d, address) for d in datagrams], now_ns)

    @property
    def bad(self):
        """What changed nothing, sets that wait for a template too."""
        self.decoder.close()
        return dict(self.statistics.not_understood)


def counts(flows):
    return [(int(f["octets"]), int(f["packets"])) for f in flows]
