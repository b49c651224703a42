"""Addresses and ports at which nobody's SMS service answers, whatever the version of Python thinks of them.

`ipaddress` learns of special addresses with each patch release: 3.11.7 takes 192.0.0.192, where Oracle's cloud keeps
its metadata, for public. So the registries of IANA are written out here (as of November 2026):
https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry
"""

import ipaddress

SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        # Private, shared, link-local and loopback; protocols' own; documentation and benchmarks; multicast; reserved.
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # Public by number, but a cloud's own within it: Azure's wire server, IBM's infrastructure and its endpoints.
        "168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14",
        # Of IPv6, what lies in the one block that is given out, 2000::/3, and is special there.
        "2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip
GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
"""Whatever of IPv6 lies outside is local, translated, multicast or nobody's yet."""

BLOCKED_PORTS = frozenset(
    (
        # The Fetch standard's: no browser speaks HTTP to these either (https://fetch.spec.whatwg.org/#port-blocking).
        0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
        531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
        5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
        # Databases, queues, caches and what governs machines: SMB, SQL Server, Oracle, ZooKeeper, Docker, etcd, MySQL,
        # RDP, PostgreSQL, AMQP, CouchDB, WinRM, VNC, Redis, Kubernetes, Cassandra, Kafka, Elasticsearch, kubelet,
        # Memcached, MongoDB.
        445, 1433, 1434, 1521, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5671, 5672, 5984, 5985, 5986, 5900, 6379,
        6380, 6443, 9042, 9092, 9200, 9300, 10250, 11211, 27017, 27018, 27019,
    )
)  # fmt: skip
