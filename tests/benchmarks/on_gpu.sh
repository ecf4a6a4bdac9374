#!/usr/bin/env bash
# What matters on a GPU, in under ten minutes, as one table: bash tests/benchmarks/on_gpu.sh FOLDER
# FOLDER holds CIFAR-10. AIRBENCH=FILE is the script of airbench94_muon, which is not part of this
# repository; without it that row is left out. On a machine without CUDA this is a rehearsal: few
# drawn pictures, one seed, and the same rows.
set -euo pipefail
cd "$(dirname "$0")/../.."
python -m pytest -q -n0 -p no:cacheprovider tests/training/engine/test_capture.py -k on_cuda
python tests/benchmarks/on_gpu.py "${@---rehearse}"
