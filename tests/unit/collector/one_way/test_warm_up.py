"""Every kernel of the join is compiled before the first packet: a collector that compiles acknowledges nothing for seconds."""

import subprocess
import sys

LOOK = """
import importlib
import pkgutil

from numba.core.dispatcher import Dispatcher

import tmon_collector.one_way as package
from tmon_collector.one_way.warm_up import warm_up

modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
kernels = {id(f): f for m in modules for f in vars(m).values() if isinstance(f, Dispatcher)}
inner = {id(f) for k in kernels.values() for name in k.py_func.__code__.co_names
         if isinstance(f := k.py_func.__globals__.get(name), Dispatcher)}  # compiled with these
warm_up()
print(len(kernels), *(f"{k.__module__}.{k.__name__}" for k in kernels.values() if not k.signatures and id(k) not in inner))
"""


def test_no_kernel_is_left_out():
    """Asked in a program of its own: here others may have compiled them."""
    found = subprocess.run([sys.executable, "-c", LOOK], check=True, capture_output=True, text=True, timeout=300)
    count, *cold = found.stdout.split()
    assert int(count) > 20
    assert [] == cold
