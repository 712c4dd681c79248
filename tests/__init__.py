"""Tests of abcgen, in the folders of its packages."""

from abcgen.system import limit_blas_threads

# As the command line does, before a test loads NumPy: sampling would take four times the work of
# the processors, for OpenBLAS's threads are busy while they wait for one another.
limit_blas_threads()
