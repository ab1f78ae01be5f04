#!/bin/bash
# Holds a workspace of a build machine for one user of it: session.sh ROOT WORKSPACE WHO NOW [PROBE [PROJECT]]
# WORKSPACE may be NAME.repl-ID: a prompt, which keeps no other session from the workspace NAME and is ended by none. It has
# books of its own, which go with it.
# Prints `waiting WHO` while another session has it, then `clock BEGAN TIME [ANSWER]` and `ready`, and keeps it until its
# input ends. NOW, BEGAN and TIME are microseconds since 1970: what the client's clock said when it asked, and what this
# one said when this began and says at last. ANSWER is that of build-clock.py, which is asked where they differ.
# PROBE is a script that sees these arguments and prints the machine's state. With one, a workspace that is not there
# is not made: this prints `gone`. PROJECT says which project it is of.
# Once a day the workspaces that were not used for EXPIRE days are removed.
# In ROOT/.buildfleet are, of each workspace: .lock, held by this script; .who, its user, the time and the project; .run,
# open in all that is built (run.sh); .group, its process group, empty when nothing is; .exit, how the last run ended;
# .clock, the last step back of the clock that its files have been mended for.
# A build waits for this script, and each program that it starts takes an emulated machine a while.
set -u
began=${EPOCHREALTIME//[!0-9]/}
root=$1 workspace=$2 who=$3 now=$4 probe=${5-} project=${6-}
readonly EXPIRE=30

refuse() {
  # of blocks, or of inodes: the shell's own words go to standard error, which is not waited for
  case $(stat -f -c '%a %d' "$root") in '0 '* | *' 0') set -- "No space left on device: $*" ;; esac
  echo "refused $*"
  exit 1
}

directory=$root/${workspace%%.*}
case ${workspace/.repl-/-} in '' | *[!a-z0-9-]*) refuse "$workspace is no name of a workspace" ;; esac
if [ -n "$probe" ] && [ ! -d "$directory" ]; then
  echo gone
  exit 0
fi
books=$root/.buildfleet
[ -d "$books" ] || mkdir -p "$books" || refuse "$books cannot be made"
if [ -L "$directory" ] || { [ -e "$directory" ] && [ ! -d "$directory" ]; }; then
  refuse "$directory is not a directory"
fi

# Sets `workers` to the processes that work in the workspace, if there are any.
find_workers() {
  local held pid
  workers=()
  for held in /proc/[0-9]*/fd/8; do
    [ "$held" -ef "$books/$workspace.run" ] || continue
    pid=${held#/proc/}
    workers+=("${pid%%/*}")
  done
  [ "${#workers[@]}" -gt 0 ]
}

# Ends what works in the workspace, with everything that it started.
end_workers() {
  local signal deadline group=''
  read -r group 2>/dev/null <"$books/$workspace.group"
  case $group in *[!0-9]*) group='' ;; esac
  for signal in TERM KILL; do
    # The group's number may be another one's by now, unless something of ours is left.
    find_workers || return 0
    kill -s "$signal" -- ${group:+"-$group"} "${workers[@]}" 2>/dev/null
    deadline=$((SECONDS + 5))
    while find_workers && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
  done
  ! find_workers
}

# Prints what build-clock.py answers. It asks the workstation itself: no time goes from here to there.
ask_for_the_time() {
  python3 -ISBc '
import socket
with socket.socket(socket.AF_UNIX) as clock:
    clock.settimeout(30)
    clock.connect("/run/buildfleet/clock.sock")
    print(clock.makefile().readline().strip())' 2>/dev/null || echo 'failed nothing here can set it'
}

# Gives what was built by a clock that has been put back the times at which it was built: newer than sources that are
# edited from now on it would never be built again.
mend_times() { # FILE with a line `FROM TO` for each step back, in microseconds since 1970
  local seen=''
  local -a steps=()
  mapfile -t steps 2>/dev/null <"$1" && [ ${#steps[@]} -gt 0 ] || return 0
  read -r seen 2>/dev/null <"$books/${workspace%%.*}.clock"
  [ "$seen" != "${steps[-1]}" ] || return 0
  python3 -ISBc '
import os, sys
root, seen, *steps = sys.argv[1:]
fresh = steps[steps.index(seen) + 1:] if seen in steps else steps
steps = [[int(word) * 1000 for word in step.split()] for step in fresh]
for directory, subdirectories, files in os.walk(root):
    for name in files + subdirectories:
        path = os.path.join(directory, name)
        try:
            status = os.lstat(path)
            time = status.st_mtime_ns
            for late, early in steps:
                time -= late - early if early < time <= late else 0
            if time != status.st_mtime_ns:
                os.utime(path, ns=(time, time), follow_symlinks=False)
        except OSError:
            pass' "$directory" "$seen" "${steps[@]}" && printf '%s\n' "${steps[-1]}" >"$books/${workspace%%.*}.clock"
}

# Removes the workspaces that were last used before a time, unless they are held; and what is left of killed prompts.
expire() { # SECONDS
  local book name used
  for book in "$books"/*.who; do
    name=${book##*/} name=${name%.who}
    { read -r _ && read -r used; } <"$book"
    case $used in '' | *[!0-9]*) continue ;; esac
    [ "$used" -lt "$1" ] || continue
    (
      flock --nonblock 9 || exit
      { read -r _ && read -r used; } <"$book" && [ "$used" -lt "$1" ] || exit
      for prompt in "$books/$name".repl-*.lock; do
        [ ! -e "$prompt" ] || flock --nonblock --shared "$prompt" true || exit
      done
      case $name in
        *.repl-*) rm -f "$books/$name".lock ;;
        *-*) rm -rf "${root:?}/$name" || { chmod -R u+rwX "$root/$name" && rm -rf "${root:?}/$name"; } || exit ;;
        *) exit ;;
      esac
      rm -f "$book" "$books/$name".{run,group,exit,clock,sent}
      case $name in *.*) ;; *) rm -rf "$books/$name".kept "$books/$name".aside-* ;; esac
    ) 9>>"$books/$name.lock"
  done
}

exec 9>>"$books/$workspace.lock" || refuse "$books/$workspace.lock cannot be opened"
[ -z "$probe" ] || eval "$probe"
# The last holder ended without waiting for its session to release the lock.
if ! flock --wait 0.5 9; then
  read -r holder 2>/dev/null <"$books/$workspace.who" || holder='an unknown user'
  echo "waiting $holder"
  until flock --wait 1 9; do
    read -r -t 0.01 _
    # Up to 128: the input has ended, so no client waits any more.
    [ $? -gt 128 ] || exit 0
  done
fi
if [ -z "$project" ]; then { read -r _ && read -r _ && read -r project; } 2>/dev/null <"$books/$workspace.who"; fi
printf '%s\n%(%s)T\n%s\n' "$who" -1 "$project" >"$books/$workspace.who"

# Processes found here belong to a lost connection, or left the process group that ended with its command.
end_workers || refuse "an earlier build in $directory does not end"
if ! { [ -d "$directory" ] || mkdir -p "$directory"; }; then
  refuse "$directory cannot be made"
fi
# drain.sh looks at our lock after it has taken its own, so one of us sees the other.
if [ -e "$books/draining" ] && ! flock --nonblock --shared "$books/draining" true; then
  echo draining
  exit 0
fi
# A clock that is ahead cannot be told from an ssh that took long, up to some seconds.
answer=''
if [ $((began - now)) -lt -500000 ] || [ $((began - now)) -gt 3000000 ]; then answer=$(ask_for_the_time); fi
mend_times "${BUILD_CLOCK_STEPS:-/var/lib/build-clock/steps}"
echo "clock $began ${EPOCHREALTIME//[!0-9]/}${answer:+ $answer}"
echo ready
# The input ends with the connection. A build that takes longer than a lock is shown to others: probe.sh and the agent look
# at the lock of .run.
exec 7>>"$books/$workspace.run"
printf -v now '%(%s)T' -1
read -r expired 2>/dev/null <"$books/expired" || expired=0
if [ "$((now - expired))" -gt 86400 ]; then
  echo "$now" >"$books/expired"
  expire "$((now - EXPIRE * 86400))" </dev/null >/dev/null 2>&1 7>&- 9>&- &
fi
while read -r -t 1 _; [ $? -gt 128 ]; do
  [ -s "$books/$workspace.group" ] && flock --nonblock 7 && break
done
while read -r _; do :; done
if read -r group 2>/dev/null <"$books/$workspace.group" && [ -n "$group" ]; then
  # A search for its members would delay every command that has ended as usual.
  if kill -0 -- "-$group" 2>/dev/null; then end_workers; fi
  : >"$books/$workspace.group"
fi
case $workspace in *.*) rm -f "$books/$workspace".{lock,who,run,group,exit} ;; esac
