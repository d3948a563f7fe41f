"""The sieve: which flow classes does a packet belong to? Filters become machine code when the configuration is loaded."""

from tmon_probe.father.sieve.machine import NAME, Sieve

MAX_CLASSES = 64

__all__ = ["MAX_CLASSES", "Sieve", "trivial_sieve"]


def trivial_sieve(classes: int) -> Sieve:
    """The sieve of `classes` (0 to 64) classes without filters: every packet is in all of them."""
    mask = (1 << classes) - 1
    return Sieve(f"define i64 @{NAME}(ptr %record) {{ ret i64 {mask} }}", classes, trivial=True)
