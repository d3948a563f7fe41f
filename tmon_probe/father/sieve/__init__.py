"""The sieve: which flow classes does a packet belong to? Filters become machine code when the configuration is loaded.

    filters -> intervals of each field -> formula of each class -> planes of words, a bit a class -> LLVM -> machine code

All classes are evaluated at once, bit by bit in 64-bit words, so that 64 classes cost little more than one. Making the code takes
10 to 400 ms, so it is kept on disk for the next start (`cache`).
"""

from collections.abc import Mapping, Sequence

from tmon_common.config.model import Filter
from tmon_probe.father.sieve.assembly import assembly_of
from tmon_probe.father.sieve.cache import cached
from tmon_probe.father.sieve.formula import Normaliser, predicates
from tmon_probe.father.sieve.intervals import condition_of, cuts_of, without_many_masks
from tmon_probe.father.sieve.machine import NAME, Sieve, assemble
from tmon_probe.father.sieve.planes import planes_of

MAX_CLASSES = 64

__all__ = ["MAX_CLASSES", "Sieve", "compile_sieve", "trivial_sieve", "write_sieve"]


def compile_sieve(filters: Sequence[Filter], interface_numbers: Mapping[str, int]) -> Sieve:
    """The sieve of classes with these filters; bit i of its mask tells whether a packet satisfies filters[i].

    interface_numbers   number in the records of each interface of the probe, by name; other names match no packet
    Raises ValueError for more than 64 filters or a field that packets do not have.
    """
    made_from = tuple(filters), sorted(interface_numbers.items())
    code = cached(made_from, lambda: assemble(write_sieve(filters, interface_numbers)))
    return Sieve(code, len(filters), trivial=not any(f.terms or f.negated for f in filters))


def write_sieve(filters: Sequence[Filter], interface_numbers: Mapping[str, int]) -> str:
    """The same as LLVM assembly, for the curious."""
    if len(filters) > MAX_CLASSES:
        raise ValueError(f"{len(filters)} flow classes: a probe observes {MAX_CLASSES} at most")
    distinct = list(dict.fromkeys(p for f in filters for p in predicates(f)))
    ready = without_many_masks(condition_of(p, interface_numbers) for p in distinct)
    conditions = dict(zip(distinct, ready, strict=True))
    cuts = cuts_of(conditions.values())
    normaliser = Normaliser(conditions.__getitem__, cuts)
    return assembly_of(planes_of([normaliser.formula(f) for f in filters], cuts), cuts, NAME)


def trivial_sieve(classes: int) -> Sieve:
    """The sieve of `classes` (0 to 64) classes without filters: every packet is in all of them."""
    return compile_sieve([Filter()] * classes, {})
