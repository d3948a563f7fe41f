"""Kernels of the one-way reconciliation: arrays in, arrays out."""
