"""Helper package of an open, executable study of thalamic atrophy in multiple sclerosis."""

import os

# One thread per process and several processes: set before numpy, torch and ITK are loaded,
# since each of them reads its variable once. A second thread would also change sums in the
# last digit, and with them the tables; so what the user has exported does not count.
for _variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
):
    os.environ[_variable] = "1"
os.environ["ANTS_RANDOM_SEED"] = "1"

__version__ = "0.1.0"
