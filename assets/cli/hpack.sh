#!/bin/bash
# Makes the .cabal files of packages that have only a package.yaml; run.sh evaluates it, with the variables that
# src/cli/work/hpack.ts puts in front: hpack_directories, relative to the workspace, and hpack_vm.
# What hpack made stays in the workspace as long as it would make the same: a newer file has cabal configure anew.
set -u
if ! type hpack >/dev/null 2>&1; then
  echo "there is a package.yaml and no .cabal file, and hpack is not installed on $HOSTNAME: \`buildfleet add-package --vm $hpack_vm hpack\` installs it" >&2
  exit 1
fi
for hpack_directory in "${hpack_directories[@]}"; do
  (
    cd "${books%/.buildfleet}/$workspace/$hpack_directory" || exit 1
    # A file that was sent before, and which is gone here, would keep hpack from writing.
    grep --files-without-match --null --no-messages 'generated from package.yaml by hpack' ./*.cabal |
      xargs --null --no-run-if-empty rm --
    hpack --silent || exit 1
    # The package may have got another name.
    ls -t ./*.cabal | tail -n +2 | xargs --no-run-if-empty rm --
  ) || exit 1
done
