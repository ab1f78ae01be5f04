#!/usr/bin/env bash
# Removes a stack's local Terraform state once nothing is left in it. A state that still holds something stays.
# usage: remove-empty-state.sh STACK
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."

stack=${1:?usage: remove-empty-state.sh STACK}
state=terraform.$stack.tfstate
[ -e "$state" ] || exit 0

# OpenTofu can read the state that it has encrypted, and the file itself tells nothing
if grep -q '"encrypted_data"' "$state"; then
  left=$("${TERRAFORM_BINARY_NAME:-tofu}" -chdir="cdktf.out/stacks/$stack" state list | wc -l)
else
  left=$(node -e 'console.log(JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).resources.length)' "./$state")
fi
if [ "$left" -eq 0 ]; then
  rm -f "$state" "$state.backup"
else
  printf '%s still holds %s resources\n' "$state" "$left" >&2
  exit 1
fi
