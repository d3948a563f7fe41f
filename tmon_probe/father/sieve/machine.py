"""From LLVM assembly to machine code, and machine code into this process."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

NAME = "sieve"


class Sieve:
    """Compiled filters. `address` (int) goes into a kernel (`sieve_call`); it is valid in this process, as long as that lives.

    classes     how many classes the mask tells
    trivial     every packet belongs to every class: nothing is looked at
    """

    def __init__(self, machine_code: bytes, classes: int, *, trivial: bool) -> None:
        self.classes = classes
        self.trivial = trivial
        self.address: int = _loaded(machine_code).get_function_address(NAME)

    def __reduce__(self):
        raise TypeError("a sieve is machine code of one process: compile it where it is used")


def target() -> str:
    """What machine code is made for: it runs where this is the same."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} {llvm.llvm_version_info}"


def assemble(assembly: str) -> bytes:
    """Machine code (an object file) of LLVM assembly.

    The assembly is written as optimisers leave it, so none of LLVM's passes but those of code generation run on it.
    """
    machine = _machine()
    module = llvm.parse_assembly(assembly)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    return machine.emit_object(module)


@cache  # so that equal filters share their code, and no address in a kernel's hands ever goes stale
def _loaded(machine_code: bytes) -> llvm.ExecutionEngine:
    """Kept for ever: some 10 to 100 kB for each version of the configuration that a process has seen."""
    machine = _machine()
    empty = llvm.parse_assembly("")
    empty.triple = machine.triple
    empty.data_layout = str(machine.target_data)
    engine = llvm.create_mcjit_compiler(empty, machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code))
    engine.finalize_object()
    return engine


def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )
