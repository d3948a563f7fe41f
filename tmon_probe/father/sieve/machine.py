"""From LLVM assembly to machine code of this process."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

NAME = "sieve"


class Sieve:
    """Compiled filters. `address` (int) goes into a kernel (`sieve_call`); it is valid in this process, as long as that lives.

    classes     how many classes the mask tells
    trivial     every packet belongs to every class: nothing is looked at
    assembly    the LLVM code, for the curious
    """

    def __init__(self, assembly: str, classes: int, *, trivial: bool) -> None:
        self.classes = classes
        self.trivial = trivial
        self.assembly = assembly
        self.address: int = _machine_code(assembly).get_function_address(NAME)

    def __reduce__(self):
        raise TypeError("a sieve is machine code of one process: compile it where it is used")


@cache  # so that equal filters share their code, and no address in a kernel's hands ever goes stale
def _machine_code(assembly: str) -> llvm.ExecutionEngine:
    """The code is written as optimisers leave it, so none of LLVM's passes but those of code generation run on it.

    Kept for ever: some 10 to 100 kB for each version of the configuration that a process has seen.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )
    module = llvm.parse_assembly(assembly)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
