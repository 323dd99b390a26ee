#!/usr/bin/env bash
# sbatch slurm.sh: the same training on 2 machines with 4 GPUs each
#SBATCH --job-name=birds
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --time=01:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

# The first machine of the job is where all others ask for their place.
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)

# One torchrun a machine; each starts a process a GPU. Sent in again after it was ended, the job
# goes on from the checkpoint in its folder, which every machine must see.
srun torchrun \
    --nnodes="$SLURM_NNODES" \
    --nproc-per-node="${GPUS_PER_NODE:-4}" \
    --rdzv-id="$SLURM_JOB_ID" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="$first:29500" \
    birds.py "$@"
