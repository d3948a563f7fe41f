"""What is known beside the counters, as statements see it: names of ports, places of addresses."""

from tmon_store.ip_info.schema import IP_INFO
from tmon_store.protocol_port import TABLE
from tmon_store.tables import sql

protocol_port = sql(TABLE)
ip_info = sql(IP_INFO)
