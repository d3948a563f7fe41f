"""Small compiled helpers. Kernels take arrays and give arrays; they import nothing but numpy and numba."""
