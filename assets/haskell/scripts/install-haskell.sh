#!/usr/bin/env bash
# Makes sure that GHC and cabal are there in the wanted versions, and makes the account that builds.
# Runs as root inside the image, first. A second run changes nothing and downloads nothing.
#
# TOOLCHAIN=distribution: checks what the packages brought. Environment: GHC_PRIMARY_VERSION, CABAL_VERSION.
# TOOLCHAIN=ghcup: installs in the account's home. GHC_SECONDARY_VERSION comes on top, one or several with spaces between
# them; the rest has defaults:
#   GHCUP_VERSION, GHCUP_SHA256     which GHCup, and the checksum of its program
#   GHCUP_BASE_URL                  where that is downloaded
#   GHCUP_METADATA_URL              GHCup's list of downloads, if not its own default; URL.sig is its signature
#   GHCUP_KEYSERVER                 where the keys that sign this list are downloaded
#   GHCUP_KEYS                      their fingerprints
#   GHCUP_DOWNLOADS                 directory with downloads of earlier builds, which gets those of this one, too
#   HACKAGE_INDEX_STATE             state of the package index, 2025-01-31T00:00:00Z; without it the newest
#   HACKAGE_TIMEOUT                 seconds after which the package index is given up
set -euo pipefail

home=/home/build
bin=$home/.ghcup/bin

note() {
  printf 'install-haskell: %s\n' "$*"
}

fail() {
  printf 'install-haskell: %s\n' "$*" >&2
  exit 1
}

check_version() { # PROGRAM WANTED
  local found
  found=$("$1" --numeric-version)
  if [ "$found" != "$2" ]; then
    printf '%s is %s, but the image was declared with %s\n' "$1" "$found" "$2" >&2
    exit 1
  fi
}

make_account() {
  # An installer's own account may have the number that is ours elsewhere.
  local number=(--uid 1000)
  if getent passwd 1000 >/dev/null; then number=(); fi
  getent passwd build >/dev/null || useradd "${number[@]}" --user-group --create-home --shell /bin/bash build
  # A locked password: keys are the only way in.
  case $(passwd --status build) in
    'build L '*) ;;
    *) usermod --lock build ;;
  esac
  install -d -o build -g build -m 0755 /build
}

# A file with this text, which only root can change. One that is as it should be keeps its date.
root_file() { # PATH TEXT
  if [ ! -f "$1" ] || [ "$(cat "$1")" != "$2" ]; then
    rm -f "$1"
    printf '%s' "${2:+$2$'\n'}" >"$1"
  fi
  chown root:root "$1"
  chmod 0644 "$1"
}

# What shells, sshd, PAM and the account's systemd manager read before or beside a command is root's, and stands in
# directories in which the account can make files and cannot remove these: else a line that one build leaves there would
# run in all later sessions (ADR 20).
set_up_home() {
  local name
  install -d -o root -g build -m 1770 "$home"
  for name in .config .local .local/share .ghcup; do
    install -d -o root -g build -m 1775 "$home/$name"
  done
  for name in .ssh .config/environment.d .config/systemd .local/share/systemd .local/share/bash-completion; do
    install -d -o root -g root -m 0755 "$home/$name"
  done
  for name in .bash_aliases .bash_completion .bash_login .bash_logout .bashrc .inputrc .pam_environment \
    .config/bash_completion; do
    root_file "$home/$name" ''
  done
  root_file /etc/profile.d/buildfleet.sh "$(
    cat <<'PROFILE'
# Puts what GHCup and cabal install on the PATH, behind the system's programs: no file of a build stands for one of them.
case ":$PATH:" in
  *":$HOME/.cabal/bin:"*) ;;
  *) PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}:$HOME/.ghcup/bin:$HOME/.local/bin:$HOME/.cabal/bin" ;;
esac
export PATH
# A type of terminal that is newer than this system's list nearly always does what this one does.
case ${TERM:-dumb} in
  dumb | */*) ;;
  *)
    for buildfleet_types in ~/.terminfo /etc/terminfo /usr/lib/terminfo /usr/share/terminfo ''; do
      [ ! -e "$buildfleet_types/${TERM%"${TERM#?}"}/$TERM" ] || break
    done
    [ -n "$buildfleet_types" ] || export TERM=xterm-256color
    unset buildfleet_types
    ;;
esac
PROFILE
  )"
  # bash reads the first of its three for a log-in, and other shells the last.
  root_file "$home/.bash_profile" '. ~/.profile'
  root_file "$home/.profile" '. /etc/profile.d/buildfleet.sh'
  # For scripts that read this file wherever GHCup may be.
  root_file "$home/.ghcup/env" '. /etc/profile.d/buildfleet.sh'
}

# Runs a command as build. Of this script's environment it sees nothing but how to reach the network.
as_build() {
  local variable clean=(HOME="$home" USER=build LOGNAME=build SHELL=/bin/bash LC_ALL=C.UTF-8 PATH="$bin:/usr/bin:/bin")
  for variable in http_proxy https_proxy no_proxy; do
    if [ -n "${!variable:-}" ]; then clean+=("$variable=${!variable}"); fi
  done
  # Not runuser or su: they need PAM, and with -l they wipe what is set here.
  setpriv --reuid=build --regid=build --init-groups env --chdir="$home" -i "${clean[@]}" "$@" </dev/null
}

# curl's limits: 20 s to connect, then a minute below a kilobyte a second.
download() { # URL FILE [OPTION...]
  as_build curl --fail --silent --show-error --location --proto '=http,https' --connect-timeout 20 \
    --speed-limit 1000 --speed-time 60 "${@:3}" --output "$2" "$1"
}

# Downloads URL to FILE, which appears complete and verified or not at all. What an interrupted run or attempt left
# beside it is continued.
fetch_verified() { # URL SHA256 FILE
  local part=$3.part attempt status found kept=${GHCUP_DOWNLOADS:+$GHCUP_DOWNLOADS/${1##*/}}
  if [ -n "$kept" ] && [ -f "$kept" ] && [ "$(sha256sum <"$kept")" = "$2  -" ]; then as_build cp "$kept" "$part"; fi
  for attempt in 1 2 3 4 5; do
    if [ -e "$part" ] && [ "$(sha256sum <"$part")" = "$2  -" ]; then break; fi
    status=0
    download "$1" "$part" --continue-at - || status=$?
    if [ "$status" -eq 0 ]; then break; fi
    # A complete part is answered with "range not satisfiable", and so is one that is longer than the file.
    if [ -e "$part" ] && [ "$(sha256sum <"$part")" = "$2  -" ]; then break; fi
    # An answer other than the file, or one that cannot be continued.
    case $status in 22 | 33 | 36) rm -f "$part" ;; esac
    if [ "$attempt" -eq 5 ]; then fail "$1 cannot be downloaded, curl's last code is $status"; fi
    note "download of $1 was cut off (curl's code $status), trying again"
    sleep "$attempt"
  done
  found=$(sha256sum <"$part")
  if [ "$found" != "$2  -" ]; then
    rm -f "$part"
    fail "$1 has the checksum ${found%  -} instead of $2: it is not used"
  fi
  as_build chmod 0755 "$part"
  as_build mv "$part" "$3"
  if [ -n "$kept" ]; then install -m 0644 "$3" "$kept"; fi
}

install_ghcup() {
  local default=0.2.6.2 default_sha256=9ed5da5449b48043a0d17e767c05d2ef585e25a639bb934329496c6d2fad9cf8
  local version=${GHCUP_VERSION:-$default} sha256=${GHCUP_SHA256:-}
  if [ -z "$sha256" ]; then
    [ "$version" = "$default" ] || fail "GHCUP_VERSION is $version, so GHCUP_SHA256 must be given"
    sha256=$default_sha256
  fi
  if [ -x "$bin/ghcup" ] && [ "$(sha256sum <"$bin/ghcup")" = "$sha256  -" ]; then return; fi
  as_build mkdir -p "$bin"
  note "downloading GHCup $version"
  fetch_verified "${GHCUP_BASE_URL:-https://downloads.haskell.org/~ghcup}/$version/x86_64-linux-ghcup-$version" \
    "$sha256" "$bin/ghcup"
}

# GHCup asks gpg, with the keyring of whoever runs it, whether its list of downloads is signed by one of these.
import_keys() {
  local key file found
  local keys=${GHCUP_KEYS:-7D1E8AFD1D4A16D71FADA2F2CCC85C0E40C06A8C 88B57FCF7DB53B4DB3BFA4B1588764FBE22D19C4 EAF2A9A722C0C96F2B431CA511AAD8CEDEE0CAEF}
  local server=${GHCUP_KEYSERVER:-https://keyserver.ubuntu.com}
  as_build mkdir -p -m 0700 "$home/.gnupg"
  file=$home/.gnupg/received.asc
  for key in $keys; do
    if as_build gpg --batch --quiet --list-keys "$key" >/dev/null 2>&1; then continue; fi
    if ! download "$server/pks/lookup?op=get&options=mr&search=0x$key" "$file" --max-time 60 --retry 3; then
      note "the key $key cannot be downloaded from $server"
      continue
    fi
    found=$(as_build gpg --batch --with-colons --show-keys "$file" |
      awk -F: '$1 == "pub" { main = 1 } $1 == "fpr" && main { print $10; main = 0 }')
    if [ "$found" != "$key" ]; then
      rm -f "$file"
      fail "$server answers with the key ${found:-(none)} instead of $key"
    fi
    # No agent: public keys need none, it may not be installed, and it would go on running.
    as_build gpg --batch --quiet --no-autostart --import "$file"
    rm -f "$file"
  done
  rm -f "$file"
  as_build gpg --batch --quiet --list-keys --with-colons | grep -q '^pub:' ||
    fail "none of the keys that sign GHCup's list of downloads can be had from $server"
}

# The list of downloads counts only if its signature does. A list whose signature was refused stays in GHCup's cache and
# would be believed for five minutes, so the cache is off, and there is no falling back on it.
run_ghcup() {
  local options=(--gpg strict --metadata-caching 0 --metadata-fetching-mode Strict)
  if [ -n "${GHCUP_DOWNLOADS:-}" ]; then options+=(--cache); fi
  if [ -n "${GHCUP_METADATA_URL:-}" ]; then options+=(--url-source "$GHCUP_METADATA_URL"); fi
  as_build "$bin/ghcup" "${options[@]}" "$@"
}

is_version() { # PROGRAM VERSION
  [ -x "$1" ] && [ "$(as_build "$1" --numeric-version 2>/dev/null)" = "$2" ]
}

# GHCup verifies the checksum of a download, also of one that an earlier build left, and begins anew when it was cut off.
install_tool() { # PROGRAM TOOL VERSION OPTION...
  local attempt
  if is_version "$1" "$3"; then return; fi
  import_keys
  # For those who add another version later.
  as_build "$bin/ghcup" config set gpg-setting GPGStrict
  note "installing $2 $3"
  for attempt in 1 2 3; do
    if run_ghcup install "$2" "${@:4}" "$3"; then break; fi
    [ "$attempt" -lt 3 ] || fail "GHCup cannot install $2 $3: what it said stands above"
    # It refuses what was damaged meanwhile, and does not download that again.
    rm -rf "$home/.ghcup/cache"
    sleep "$attempt"
  done
  is_version "$1" "$3" || fail "GHCup installed $2 $3, but $1 is not that version"
  if [ -z "${GHCUP_DOWNLOADS:-}" ]; then rm -rf "$home/.ghcup/cache"; fi
  rm -rf "$home/.ghcup/logs" "$home/.ghcup/tmp" "$home/.ghcup/trash"
}

# GHCup looks for downloads in its cache only. Its own program has been taken.
take_downloads() {
  as_build mkdir -p "$home/.ghcup/cache"
  find "$GHCUP_DOWNLOADS" -maxdepth 1 -type f ! -name '*-linux-ghcup-*' -exec mv {} "$home/.ghcup/cache/" ';'
  chown -R build:build "$home/.ghcup/cache"
}

# All but the list of downloads, which has to be of the day.
keep_downloads() {
  find "$home/.ghcup/cache" -maxdepth 1 -type f ! -name '*.yaml' ! -name '*.yaml.*' ! -name '*.sig' \
    -exec install -m 0644 {} "$GHCUP_DOWNLOADS/" ';'
  rm -rf "$home/.ghcup/cache"
}

# Compiles and runs a program.
prove() { # GHC VERSION
  local directory said
  is_version "$1" "$2" || fail "$1 is not GHC $2"
  directory=$(as_build mktemp --directory /tmp/prove-ghc.XXXXXX)
  # shellcheck disable=SC2016 # build's shell reads it
  as_build sh -c 'printf "main :: IO ()\nmain = putStrLn \"GHC %s works\"\n" "$1" >"$2/Main.hs"' sh "$2" "$directory"
  said=$(as_build "$1" -v0 -outputdir "$directory" -o "$directory/main" "$directory/Main.hs" && as_build "$directory/main") ||
    said=${said:-nothing}
  rm -rf "$directory"
  [ "$said" = "GHC $2 works" ] || fail "what GHC $2 compiles does not run, it says: $said"
  note "$said"
}

update_package_index() {
  local mark=$home/.ghcup/package-index-state wanted=${HACKAGE_INDEX_STATE:-newest} index=()
  case $wanted in
    newest) ;;
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z) index=("hackage.haskell.org,$wanted") ;;
    *) fail "HACKAGE_INDEX_STATE is $wanted, and must be a time such as 2025-01-31T00:00:00Z" ;;
  esac
  if [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ]; then return; fi
  # If this directory exists cabal keeps all in it; otherwise the index would lie in .cache, which images lose.
  as_build mkdir -p "$home/.cabal"
  if as_build timeout --kill-after=10 "${HACKAGE_TIMEOUT:-300}" "$bin/cabal" update "${index[@]}"; then
    # shellcheck disable=SC2016 # build's shell reads it
    as_build sh -c 'printf "%s\n" "$1" >"$2"' sh "$wanted" "$mark"
  else
    note 'Hackage does not answer: there is no package index until somebody runs cabal update'
  fi
}

install_with_ghcup() {
  local program version primary=${GHC_PRIMARY_VERSION:?} secondary cabal=${CABAL_VERSION:?}
  read -ra secondary <<<"${GHC_SECONDARY_VERSION:-}"
  for program in curl gpg setpriv sha256sum awk; do
    command -v "$program" >/dev/null || fail "$program is missing: add its package to the image"
  done
  install_ghcup
  if [ -n "${GHCUP_DOWNLOADS:-}" ]; then take_downloads; fi
  install_tool "$bin/ghc-$primary" ghc "$primary" --set
  is_version "$bin/ghc" "$primary" || run_ghcup set ghc "$primary"
  for version in "${secondary[@]}"; do install_tool "$bin/ghc-$version" ghc "$version"; done
  install_tool "$bin/cabal" cabal "$cabal" --set
  if [ -n "${GHCUP_DOWNLOADS:-}" ]; then keep_downloads; fi
  is_version "$bin/ghc" "$primary" || fail "the default GHC is not $primary"
  for version in "$primary" "${secondary[@]}"; do prove "$bin/ghc-$version" "$version"; done
  update_package_index
}

# The compilers of the image become root's. build can add others beside them, and GHCup can lead the names of a minor
# version, such as ghc-9.8, to a newer one.
keep_toolchain() {
  set_up_home
  for name in bin ghc; do install -d -o root -g build -m 1775 "$home/.ghcup/$name"; done
  chown -R --no-dereference root:root "$home"/.ghcup/ghc/*
  find "$bin" -mindepth 1 ! -regex '.*-[0-9]+\.[0-9]+' -exec chown --no-dereference root:root {} +
}

case ${TOOLCHAIN:?} in
  distribution)
    check_version ghc "${GHC_PRIMARY_VERSION:?}"
    check_version cabal "${CABAL_VERSION:?}"
    make_account
    set_up_home
    ;;
  ghcup)
    make_account
    set_up_home
    chown -R build:build "$home/.ghcup"
    install_with_ghcup
    keep_toolchain
    # What build's login shell finds, too.
    as_build sh -c '. ~/.ghcup/env && ghc --numeric-version && cabal --numeric-version' >/dev/null
    ;;
  *)
    printf 'toolchain %s is not known here: use distribution or ghcup\n' "$TOOLCHAIN" >&2
    exit 1
    ;;
esac
