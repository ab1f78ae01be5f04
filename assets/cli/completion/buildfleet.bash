# shellcheck shell=bash
# Completion of buildfleet for bash, with or without bash-completion. `buildfleet completion bash` prints it.

_buildfleet() {
  local program='@PROGRAM@' reply
  [[ -x $program ]] || program=buildfleet
  # The line as typed: COMP_WORDS is cut at every = and :, and only the answer knows how to quote what replaces $2.
  mapfile -t reply < <("$program" __complete bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
  case ${reply[0]-} in
    directories) compopt -o dirnames ;;
    files) compopt -o default ;;
  esac
  COMPREPLY=("${reply[@]:1}")
}

complete -F _buildfleet buildfleet
