#!/bin/bash
# Runs a command on a build machine for `buildfleet exec`: supervise.sh COMMAND [ARGUMENT…]
# Without a terminal sshd tells nobody that the client has gone. It does end its own process then, which the caller
# (setpriv --pdeathsig TERM) has the kernel turn into a TERM for this shell, and this shell ends the whole job.

# A process group of its own for the command, which also leaves its SIGINT as it was.
set -m
(
  set +m
  exec -- "$@"
) <&0 &
job=$!
# sshd waits until nobody holds the connection's ends, and the shell's remarks are not the command's output.
exec </dev/null >/dev/null 2>&1

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
  kill -0 "$job" || exit "$status"
done
