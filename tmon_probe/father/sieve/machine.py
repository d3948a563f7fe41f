"""From LLVM assembly to machine code of this process."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

NAME = "sieve"


class Sieve:
    """Compiled filters. `address` (int) goes into a kernel (`sieve_call`); it is valid while this object lives, in this process.

    classes     how many classes the mask tells
    trivial     every packet belongs to every class: nothing is looked at
    """

    def __init__(self, assembly: str, classes: int, *, trivial: bool) -> None:
        self.classes = classes
        self.trivial = trivial
        self.assembly = assembly
        self._engine = _assemble(assembly)
        self.address: int = self._engine.get_function_address(NAME)

    def __reduce__(self):
        raise TypeError("a sieve is machine code of one process: compile it where it is used")


def _assemble(assembly: str) -> llvm.ExecutionEngine:
    machine = _target_machine()
    module = llvm.parse_assembly(assembly)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, _new_target_machine())  # which becomes its owner
    engine.finalize_object()
    return engine


@cache
def _target_machine() -> llvm.TargetMachine:
    return _new_target_machine()


def _new_target_machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )
