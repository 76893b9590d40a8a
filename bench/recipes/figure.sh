# Read by the scripts of figures: trained NAME MODEL ARGUMENTS... makes sure that runs/NAME is complete.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

trained() {
  local name=$1 model=$2
  shift 2
  if [[ -f runs/$name/metrics.json ]] && grep -q '"completed": true' "runs/$name/metrics.json"; then return; fi
  if [[ -f runs/$name/checkpoint.safetensors ]]; then
    ./deepnative train --resume --name "$name" --train-error "$@"
  else
    # One that was stopped in its first epoch leaves no checkpoint.
    rm -rf "runs/$name"
    ./deepnative train "$model" --name "$name" --seed 1 --train-error "$@"
  fi
}
