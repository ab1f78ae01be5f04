#!/bin/bash
# Runs a command with the environment variables of a file, which is deleted first: with-env.sh FILE COMMAND [ARGUMENT…]
# Values are in no command line, where every account of the machine could read them. Each ends with a null byte.
BUILDFLEET_FILE=$1
shift
mapfile -d '' -t BUILDFLEET_VARIABLES <"$BUILDFLEET_FILE" || exit 1
rm -f -- "$BUILDFLEET_FILE"
export -- "${BUILDFLEET_VARIABLES[@]}" || exit 1
exec -- "$@"
