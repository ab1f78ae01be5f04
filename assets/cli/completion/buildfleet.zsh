#compdef buildfleet
# Completion of buildfleet for zsh: sourced after compinit, or as a file _buildfleet in a directory of fpath.
# `buildfleet completion zsh` prints it.

_buildfleet() {
  local program='@PROGRAM@' line
  [[ -x $program ]] || program=buildfleet
  local -a lines values shown
  local -i width=0
  lines=("${(@f)$("$program" __complete zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  case ${lines[1]} in
    directories)
      compset -P 1 '--*='
      _files -/
      return
      ;;
    files)
      compset -P 1 '--*='
      _files
      return
      ;;
  esac
  values=("${(@)lines[2,-1]%%$'\t'*}")
  for line in "${values[@]}"; do (( ${#line} > width )) && width=${#line}; done
  for line in "${(@)lines[2,-1]}"; do
    if [[ -n ${line#*$'\t'} ]]; then
      shown+=("${(r:width:)${line%%$'\t'*}}  -- ${line#*$'\t'}")
    else
      shown+=("${line%%$'\t'*}")
    fi
  done
  compadd -l -d shown -a -- values
}

if [[ ${funcstack[1]-} == _buildfleet ]]; then
  _buildfleet "$@"
else
  compdef _buildfleet buildfleet
fi
