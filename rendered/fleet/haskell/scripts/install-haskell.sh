#!/usr/bin/env bash
# Makes sure that GHC and cabal are there in the wanted versions, and makes the account that builds.
# Runs as root inside the image, first. Environment: TOOLCHAIN, GHC_PRIMARY_VERSION, CABAL_VERSION.
set -euo pipefail

check_version() { # PROGRAM WANTED
  local found
  found=$("$1" --numeric-version)
  if [ "$found" != "$2" ]; then
    printf '%s is %s, but the image was declared with %s\n' "$1" "$found" "$2" >&2
    exit 1
  fi
}

case ${TOOLCHAIN:?} in
  distribution)
    check_version ghc "${GHC_PRIMARY_VERSION:?}"
    check_version cabal "${CABAL_VERSION:?}"
    ;;
  *)
    printf 'toolchain %s is not known here: use distribution\n' "$TOOLCHAIN" >&2
    exit 1
    ;;
esac

# A locked password: keys are the only way in.
getent passwd build >/dev/null || useradd --uid 1000 --user-group --create-home --shell /bin/bash build
usermod --lock build
install -d -o build -g build -m 0755 /build /home/build/.ghcup

# Scripts source this file whatever installed GHC; the distribution's is in /usr/bin.
cat >/home/build/.ghcup/env <<'ENV'
# Puts GHC, cabal and what cabal installs on the PATH.
case ":$PATH:" in
  *":$HOME/.cabal/bin:"*) ;;
  *) PATH="$HOME/.local/bin:$HOME/.cabal/bin:$PATH" ;;
esac
case ":$PATH:" in
  *:/usr/bin:*) ;;
  *) PATH="$PATH:/usr/bin" ;;
esac
export PATH
ENV
chmod 0644 /home/build/.ghcup/env
# shellcheck disable=SC2016 # $HOME is for the shell that reads .profile
line='. "$HOME/.ghcup/env"'
grep -qxF "$line" /home/build/.profile || printf '%s\n' "$line" >>/home/build/.profile
chown -R build:build /home/build
