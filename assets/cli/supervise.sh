#!/bin/bash
# Runs a command on a build machine that has no terminal to hang up: supervise.sh COMMAND [ARGUMENT…]
# sshd sends no signal when the client has gone, least of all when several commands share one connection. It does close
# its end of the command's output, which GNU tail notices at once: then the whole job is ended.

# The shell's remarks on jobs are not the command's output.
exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1
# A process group of its own for the command, which also leaves its SIGINT as it was.
set -m
(
  set +m
  exec <&3 >&4 2>&5 3<&- 4>&- 5>&-
  exec -- "$@"
) &
job=$!
(
  tail --follow /dev/null >&4
  kill -TERM $$
) 3<&- 5>&- &
watcher=$!
# sshd waits until no process holds the connection's ends.
exec 3<&- 4>&- 5>&-

# shellcheck disable=SC2317 # the trap calls it
end_job() {
  trap '' TERM HUP
  kill -TERM -- "-$job"
  (
    sleep 5
    kill -KILL -- "-$job"
  ) &
}
trap end_job TERM HUP

# wait comes back early when the trap ran.
while :; do
  wait "$job"
  status=$?
  kill -0 "$job" || break
done
kill -KILL -- "-$watcher"
exit "$status"
