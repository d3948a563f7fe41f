"""A small network in namespaces where real programs talk over the emulated link, recorded at both of its ends.

`packages` (what has to be installed), `topology` (hosts and addresses), `servers` (daemons), `operations` (running one
client program and what it said), one file per kind of client (`ftp_clients`, `dns_clients`, `icmp_clients`,
`udp_clients`, `management_clients`, `http_clients`), `plan` (who does what in which phase), `record` (the command).
"""
