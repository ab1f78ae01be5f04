#!/bin/sh
# Terraform compares this file's checksum with the lock file, so it stays as it is: the provider's own code lies in the
# stack's output, which is the working directory. Terraform shows the first line that a provider prints.
if [ ! -f provider/main.js ]; then
  echo "the provider's code is missing: provider/main.js does not exist in $PWD. Run cdktf synth, then terraform there"
  exit 1
fi
if ! command -v node >/dev/null 2>&1; then
  echo "node is not on the PATH: install Node 20.19 or newer"
  exit 1
fi
exec node provider/main.js
