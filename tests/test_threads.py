"""One thread and one seed, whatever the user has exported: a second thread changes tables in the last digit."""

import os
import subprocess
import sys

VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "ANTS_RANDOM_SEED",
)  # fmt: skip
CODE = f"import os, thalutils; print(*(os.environ[name] for name in {VARIABLES}))"


def test_exported_threads_and_seeds_do_not_count():
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | dict.fromkeys(VARIABLES, "8"), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1"] * len(VARIABLES)
