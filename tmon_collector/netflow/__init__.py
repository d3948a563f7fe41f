"""NetFlow v5, NetFlow v9 and IPFIX of routers and flow meters, as observations of the kind `netflow`, minute by minute."""
