# Types keys into an interactive zsh, then Enter, and prints what comes until a line END.
# usage: type-into-zsh.zsh RC-FILE KEYS
zmodload zsh/zpty
zpty -b shell "PS1= PS2= zsh -f -i"

print_until() {
  local chunk
  zpty -r -m shell chunk "*$1*" && print -r -- "$chunk"
}

zpty -w shell "source ${(q)1}"
print_until READY >/dev/null
zpty -w -n shell "$2"$'\n'
print_until END
zpty -d shell
