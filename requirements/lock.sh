#!/bin/sh
# `make lock`: resolve requirements/*.txt anew from setup.py. Needs the network, and uv (installed when missing).
set -eu
python=$1
command -v uv >/dev/null || { "$python" -m pip install -qq uv && PATH="$(dirname "$python"):$PATH"; }

compile() { # python version, output, further arguments
  version=$1 output=$2
  shift 2
  uv pip compile --quiet --upgrade --no-header --no-annotate --no-emit-index-url \
    --python-version "$version" --output-file "$output" setup.py "$@"
}

for version in 3.11 3.12; do
  output="requirements/py$(echo $version | tr -d .).txt"
  echo "$output"
  compile $version "$output" --extra fit --extra speech --extra beam --extra dev \
    --override requirements/overrides.txt requirements/headless.in
done

# What an extra needs beyond the lock. parity.txt is kept by hand: only pip finds a CPU build of torch.
for extra in bench notebook; do
  echo "requirements/$extra.txt"
  compile 3.11 requirements/$extra.txt --extra $extra --constraint requirements/py311.txt
  grep -vxFf requirements/py311.txt requirements/$extra.txt >requirements/$extra.new
  mv requirements/$extra.new requirements/$extra.txt
done
