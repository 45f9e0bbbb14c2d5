"""Record what niwrap's typed wrappers of FSL (niwrap-fsl 1.1.0) make of the options that the study uses.

Run it in an environment with ``pip install niwrap-fsl==1.1.0 styxdefs==0.7.0``; its dry runner starts nothing:

    python tests/oracles/niwrap_commands.py > tests/oracles/niwrap_commands.json
"""

import json
import sys
import tempfile
from pathlib import Path

from niwrap import fsl
from styxdefs import DryRunner, set_global_runner


def main() -> None:
    """Write the command lines as JSON, input files by their bare names."""
    runner = DryRunner()
    set_global_runner(runner)
    found = {}

    def record(name: str, wrapper, **options) -> None:
        wrapper(**options)
        found[name] = [Path(part).name if part.startswith("/") else part for part in runner.last_cargs]

    with tempfile.TemporaryDirectory() as folder:
        path = {
            name: Path(folder) / name
            for name in ("t1w.nii", "r1.nii", "flair.nii", "brain.nii", "out_rigid.mat")
        }
        for one in path.values():
            one.touch()
        r1 = {"in_file": path["r1.nii"], "reference": path["t1w.nii"]}
        flair = r1 | {"in_file": path["flair.nii"]}
        both = {"out_file": "out", "out_matrix_file": "out.mat"}
        ncc = {"dof": 6, "cost": "normcorr", "cost_func": "normcorr"}
        record(
            "flirt-mi refine",
            fsl.flirt,
            **r1,
            **both,
            dof=12,
            cost="mutualinfo",
            no_search=True,
            in_matrix_file=path["out_rigid.mat"],
            interp="spline",
        )
        record(
            "flirt-ncc-masked", fsl.flirt, **r1, **both, **ncc, ref_weight=path["brain.nii"], interp="spline"
        )
        record("flirt-ncc", fsl.flirt, **flair, **both, **ncc, interp="trilinear")
        record("reorient", fsl.fslreorient2std, input_image=path["t1w.nii"], output_image="oriented.nii.gz")
        record(
            "first",
            fsl.run_first_all,
            input_image=path["brain.nii"],
            output_image="first",
            structure="L_Thal,R_Thal",
            brainextract_flag=True,
        )
        record("siena", fsl.siena, input1=path["t1w.nii"], input2=path["r1.nii"], output_dir="out")
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
