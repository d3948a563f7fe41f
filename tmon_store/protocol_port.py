"""Which service a port stands for: the table `protocol_port`, the same in every database.

Names are those of IANA's Service Name and Transport Protocol Port Number Registry, or of the program that made the port known where
it has none or another one than people know. Of the two ports of a flow, the one with the smaller precedence is the service's:

10  assigned below 1024, or a service that nearly every network has
20  registered, or widely used, by servers
30  as 20, but among the numbers that clients take for themselves, or used for different things
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tmon_store.schema import Field, Storage, Table

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

TABLE = Table("protocol_port", (Field("protocol", Storage.INTEGER), Field("port", Storage.INTEGER),
                                Field("service", Storage.NAME), Field("precedence", Storage.INTEGER)), ("protocol", "port"))
"""protocol: number of IP (6 TCP, 17 UDP, 33 DCCP, 132 SCTP)."""

_PROTOCOLS = {"t": 6, "u": 17, "s": 132, "d": 33}

_SERVICES = """
10 tu  echo 7, discard 9, daytime 13, qotd 17, chargen 19, time 37, tacacs 49, domain 53, gopher 70, finger 79, kerberos 88
10 t   ftp-data 20, ftp 21, ssh 22, telnet 23, smtp 25, whois 43, http 80, hostname 101, pop2 109, pop3 110, ident 113, nntp 119
10 u   bootps 67, bootpc 68, tftp 69
10 tus http 80, https 443
10 s   ssh 22
10 tu  sunrpc 111, sftp 115, ntp 123, epmap 135, netbios-ns 137, netbios-dgm 138, netbios-ssn 139, imap 143, snmp 161, snmptrap 162
10 tu  cmip-man 163, xdmcp 177, irc 194, smux 199, at-rtmp 201, z3950 210, imap3 220, link 245, ptp-event 319, ptp-general 320
10 tus bgp 179
10 tu  clearcase 371, ldap 389, svrloc 427, mobileip-agent 434, microsoft-ds 445, kpasswd 464, photuris 468, isakmp 500
10 tu  dhcpv6-client 546, dhcpv6-server 547, rtsp 554, nntps 563, ipp 631, ldaps 636, ldp 646, dhcp-failover 647, msdp 639
10 t   submissions 465, exec 512, login 513, shell 514, printer 515, efs 520, afpovertcp 548, submission 587, kerberos-adm 749
10 u   biff 512, who 513, syslog 514, talk 517, ntalk 518, router 520, ripng 521, timed 525, olsr 698
10 tu  netconf-ssh 830, iscsi 860, rsync 873, domain-s 853, ftps-data 989, ftps 990, telnets 992, imaps 993, pop3s 995
10 u   syslog 514, hcp-management 652
10 t   owamp-control 861, twamp-control 862, vmware-authd 902
10 u   twamp-test 862
20 tu  socks 1080, openvpn 1194, kazaa 1214, ms-sql-s 1433, ms-sql-m 1434, ica 1494, l2tp 1701
20 tu  h323gatedisc 1718, h323gatestat 1719, h323hostcall 1720, pptp 1723, radius 1812, radius-acct 1813, hsrp 1985, cisco-sccp 2000
20 tu  nfs 2049, zephyr-srv 2102, gris 2135, docker 2375, docker-s 2376, etcd-client 2379, etcd-server 2380, dicom 104
20 tu  netflow 2055, gtp-control 2123, gtp-user 2152, mgcp-gateway 2427, mgcp-callagent 2727, cvspserver 2401, m2ua 2904, m3ua 2905
20 s   m2ua 2904, m3ua 2905, sua 14001, s1ap 36412, x2ap 36422, ngap 38412, diameter 3868
20 tu  icslap 2869, pcanywheredata 5631, squid 3128, iscsi-target 3260, gc-ldap 3268, gc-ldaps 3269, mysql 3306
20 tu  ms-wbt-server 3389, stun 3478, stuns 5349, diameter 3868, svn 3690, efcp 3671, daap 3689, ipsec-nat-t 4500
20 u   teredo 3544, sflow 6343, wireguard 51820, vxlan 4789, geneve 6081, ipfix 4739, mdns 5353, llmnr 5355, ws-discovery 3702
20 t   ipfix 4739, llmnr 5355, vnc-http 5800, vnc 5900, x11 6000, redis 6379, ircd 6667, ircs-u 6697, bittorrent 6881
20 tu  sip 5060, sips 5061, xmpp-client 5222, xmpp-server 5269, postgresql 5432, amqps 5671, amqp 5672, coap 5683, coaps 5684
20 t   rfb 5901, wbem-http 5985, wbem-https 5986, couchdb 5984, kubernetes 6443, cassandra 7000, cassandra-cql 9042
20 u   afs3-fileserver 7000, afs3-callback 7001
20 t   http-alt 8000, http-alt 8008, http-alt 8080, http-alt 8081, http-alt 8888, https-alt 8443, puppet 8140, bitcoin 8333
20 t   influxdb 8086, mqtt 1883, secure-mqtt 8883, prometheus 9090, kafka 9092, jetdirect 9100, tor 9001, git 9418
20 t   elasticsearch 9200, elasticsearch-node 9300, zabbix-agent 10050, zabbix-trapper 10051, ndmp 10000, memcache 11211
20 u   netbackup 13724, memcache 11211, netflow 9996, netflow 9995, quake 26000, source-engine 27015, zabbix-agent 10050
20 t   bacula-dir 9101, bacula-fd 9102, bacula-sd 9103, amanda 10080, gitlab-registry 5050, nrpe 5666, nsca 5667, checkmk-agent 6556
20 t   mongodb 27017, hadoop 8020, salt-publish 4505, salt-return 4506
20 t   epmd 4369, grafana 3000, clickhouse 9440, zookeeper 2181, hbase 16000, glusterd 24007
20 u   ntske 4460
20 t   ntske 4460, rtmp 1935, rtmps 2935, icecast 8001, plex 32400, minecraft 25565, perforce 1666, rmiregistry 1099, jdwp 5005
20 t   oracle 1521, oracle-tcps 2484, db2 50000, informix 9088, gds-db 3050, sybase 4100, teradata 1025, vertica 5433, hana 30015
20 u   bfd-control 3784, bfd-echo 3785, lwapp-data 12222, lwapp-control 12223, capwap-control 5246, capwap-data 5247
20 tu  gdoi 848, rdp-gateway 3391, teamviewer 5938, anydesk 7070, nut 3493, ssdp 1900, syslog-tls 6514, netop 6502
30 t   dynamic-rpc 49152, gluster-brick 49153, xsan 49154
30 u   traceroute 33434, rtp 5004, rtcp 5005, dht 6881, zerotier 9993, tailscale 41641, turn-relay 49152, halflife 27005
"""
"""Precedence, transports (t, u, s, d), names with their ports. A later line does not change what an earlier one says."""


def rows() -> list[tuple[int, int, str, int]]:
    """(protocol, port, service, precedence), in order."""
    found: dict[tuple[int, int], tuple[str, int]] = {}
    for protocol, port, service, precedence in _parsed():
        found.setdefault((protocol, port), (service, precedence))
    return sorted((*key, *value) for key, value in found.items())


def fill(store: Backend) -> None:
    """Make the table if there is none, and fill it if it is empty: what is there stays, it may have been changed by hand.

    Not within a transaction.
    """
    import polars as pl

    store.ensure([TABLE])
    if store.query("SELECT count(*) FROM protocol_port") == [(0,)]:
        store.begin()
        store.append(TABLE, pl.DataFrame(rows(), schema=list(TABLE.names), orient="row"))
        store.commit()


def _parsed() -> Iterator[tuple[int, int, str, int]]:
    for line in _SERVICES.strip().splitlines():
        precedence, transports, services = line.split(maxsplit=2)
        for service in services.split(","):
            name, port = service.split()
            for transport in transports:
                yield _PROTOCOLS[transport], int(port), name, int(precedence)
