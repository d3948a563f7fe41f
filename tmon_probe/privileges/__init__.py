"""What a probe may do that others may not, and who does it: sockets on devices, offloads, the clock of a NIC.

Nobody who looks at packets has any privilege. What takes one is asked of the keeper, a process of its own, forked before anything
is opened (docs/decisions/0026):

    main process --- request, a socket for the answer ---> keeper    capabilities of Linux: CAP_NET_RAW, perhaps CAP_NET_ADMIN
    other fathers                                             |
       (the child has no way there)  <--- answer, descriptor -+

`OWN` are those of the process that asks, for programs that keep theirs.
"""

from tmon_probe.privileges.own import OWN, Own, Privileges

__all__ = ["OWN", "Own", "Privileges"]
