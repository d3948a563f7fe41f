"""What probe, collector and store must agree on: configuration, observation kinds, PDUs, compiled helpers."""

from tmon_common.kernels.cache import keep_kernels

keep_kernels()  # before the first kernel is decorated, whoever imports it
