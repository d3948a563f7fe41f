"""trafMon plug-in: the server names that TLS clients ask for."""
