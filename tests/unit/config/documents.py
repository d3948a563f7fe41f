"""A correct configuration to start from, and ways to spoil it."""

from pathlib import Path

import pytest

from tmon_common.config.problems import ConfigurationError, Problem
from tmon_common.config.read import read

GOOD = """<!DOCTYPE trafmon SYSTEM "trafmon.dtd">
<trafmon>
  <diagnostics level="info"><module name="tmon_probe.father" level="debug" destination="file:probe.log"/></diagnostics>
  <histograms>
    <histogram name="sizes" bounds="64 1k 1500"/>
    <histogram name="delays" unit="ns" bounds="1ms 1s"/>
  </histograms>
  <flow_classes>
    <flow_class name="web">
      <filter>
        <match field="protocol" is="tcp"/>
        <any>
          <match field="port" in="80 443 8000-8100"/>
          <all>
            <match field="interface" is="lan"/>
            <match field="src_addr" in="10.0.0.0/8 2001:db8::/32"/>
          </all>
        </any>
      </filter>
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters"/>
      <analysis kind="ip_sizes" histogram="sizes" interval="5s"/>
    </flow_class>
    <flow_class name="rest">
      <flow name="hosts" fields="src_addr dst_addr"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="central" host="collector.example.org" port="9000">
      <spool directory="spool"/>
    </collector>
  </collectors>
  <probes>
    <probe name="p1">
      <interface name="lan" device="eth0"/>
      <publish collector="central"/>
    </probe>
  </probes>
  <store database="trafmon.duckdb"/>
</trafmon>
"""


def write(directory: Path, text: str | bytes = GOOD, name: str = "tmon.xml") -> Path:
    """The path of a file with that text."""
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def spoiled(old: str, new: str, text: str = GOOD) -> tuple[str, int]:
    """The text with its only `old` replaced by `new`, and the line where `new` begins."""
    assert text.count(old) == 1, f"{old} stands {text.count(old)} times in the document"
    return text.replace(old, new), text[: text.index(old)].count("\n") + 1


def problems_of(path: Path) -> list[Problem]:
    """What `read` complains of."""
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    return caught.value.problems
