"""What is known beside the counters, as statements see it: names of ports, places of addresses."""

import sqlalchemy as sa

protocol_port = sa.table("protocol_port", sa.column("protocol", sa.BigInteger()), sa.column("port", sa.BigInteger()),
                         sa.column("service", sa.String()), sa.column("precedence", sa.BigInteger()))
ip_info = sa.table("ip_info", *(sa.column(name, sa.String()) for name in ("address", "activity", "location", "country")))
