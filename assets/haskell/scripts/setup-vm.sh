#!/usr/bin/env bash
# Imports an image into VirtualBox by hand, where no fleet is deployed. Runs on the host, as the user whose VM it becomes.
# Touches no VM that is there already. inject-keys.sh then gives the VM its keys.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: setup-vm.sh --ova FILE --name NAME [OPTION...]

  --ova FILE           the image
  --sha256 HEX         checksum of FILE, verified before anything else
  --name NAME          name of the VM, lowercase letters, digits and hyphens: haskell-build-alpha
  --memory MIB         default 8192
  --cpus N             default 4
  --network KIND       nat (default: the VM reaches this host as 10.0.2.2) or bridged
  --adapter NAME       adapter of a bridged VM; default is the first that is up, wired before wireless
  --base-folder DIR    directory for the VM's directory; default is VirtualBox's own
  --serial-log FILE    gets the VM's console; default ~/.local/state/buildfleet/NAME-console.log
USAGE
}

fail() {
  printf 'setup-vm: %s\n' "$*" >&2
  exit 1
}

misused() {
  printf 'setup-vm: %s (--help explains)\n' "$*" >&2
  exit 64
}

number_in() { # OPTION VALUE LOWEST HIGHEST
  if ! [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
    misused "$1 is $2, and must be a number from $3 to $4"
  fi
}

# Windows' VBoxManage ends lines with \r; without its kernel driver Debian's prints a warning first. Its language is what
# its user has chosen, and under C an error in another one would be an empty line.
vbox() {
  LC_ALL=C.UTF-8 VBoxManage "$@" | tr -d '\r'
}

# One a line, whether registered for long or just now. A VM whose files are gone has no name.
ids_of() { # NAME
  vbox list vms | sed -n "s/^\"$1\" {\\([0-9a-f-]\\{36\\}\\)}\$/\\1/p"
}

# VirtualBox stores an adapter that does not exist with no more than a warning. Of an adapter the last label, behind
# Wireless and Status, and those of addresses are the same in every language. The choice is that of a deploy.
bridge_adapter() { # WANTED, or nothing
  vbox list bridgedifs | awk -v wanted="$1" -v air="$(printf '%s ' /sys/class/net/*/wireless)" '
    { value = $0; sub(/^[^:]*: */, "", value) }
    /^IPAddress:/ { has_address = value != "" && value != "0.0.0.0" }
    /^VBoxNetworkName:/ {
      name = value
      sub(/^HostInterfaceNetworking-/, "", name)
      is_up = status == "Up" || (status != "Down" && has_address)
      is_wireless = wireless == "Yes" || (wireless != "No" && index(air, "/sys/class/net/" name "/wireless "))
      rank = (is_wireless ? 2 : 0) + !has_address
      if ((wanted != "" ? name == wanted : is_up) && (best == "" || rank < least)) { best = name; least = rank }
    }
    { wireless = status; status = value }
    END { print best }'
}

ova='' sha256='' name='' memory=8192 cpus=4 network=nat adapter='' base_folder='' serial_log=''
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --ova | --sha256 | --name | --memory | --cpus | --network | --adapter | --base-folder | --serial-log)
      [ $# -ge 2 ] || misused "$1 needs a value"
      variable=${1#--}
      printf -v "${variable//-/_}" '%s' "$2"
      shift 2
      ;;
    *) misused "$1 is not known" ;;
  esac
done

[ -n "$ova" ] || misused '--ova is missing'
[ -n "$name" ] || misused '--name is missing'
[[ $name =~ ^[a-z][a-z0-9-]{0,62}$ ]] || misused "--name is $name, and must match ^[a-z][a-z0-9-]{0,62}\$"
number_in --memory "$memory" 512 1048576
number_in --cpus "$cpus" 1 256
case $network in
  nat) [ -z "$adapter" ] || misused '--adapter is for a bridged VM' ;;
  bridged) ;;
  *) misused "--network is $network, and must be nat or bridged" ;;
esac
serial_log=${serial_log:-$HOME/.local/state/buildfleet/$name-console.log}
# VBoxManage takes what begins so for an option, and runs a daemon in another directory.
for variable in ova base_folder serial_log; do
  case ${!variable} in '' | /*) ;; *) printf -v "$variable" '%s' "$PWD/${!variable}" ;; esac
done

[ -f "$ova" ] || fail "there is no file $ova"
if [ -n "$sha256" ]; then
  [ "$(sha256sum <"$ova")" = "$sha256  -" ] || fail "$ova has another checksum than $sha256: fetch it again"
fi
command -v VBoxManage >/dev/null || fail 'VBoxManage is missing: install VirtualBox 7.0 or newer'
version=$(vbox --version | sed -n 's/^\([0-9]*\)\.[0-9]*\.[0-9].*/\1/p')
[ "${version:-0}" -ge 7 ] || fail 'VirtualBox is older than 7.0'
existing=$(ids_of "$name")
[ -z "$existing" ] || fail "there is a VM $name already ($existing), which is left alone: choose another name"
if [ "$network" = bridged ]; then
  found=$(bridge_adapter "$adapter")
  [ -n "$found" ] || fail "VirtualBox has no ${adapter:+such }adapter to bridge to${adapter:+ as $adapter}: see VBoxManage list bridgedifs"
  adapter=$found
fi

mkdir -p "$(dirname "$serial_log")"
folder=()
if [ -n "$base_folder" ]; then folder=(--basefolder "$base_folder"); fi
vbox import "$ova" --vsys 0 --vmname "$name" "${folder[@]}" --memory "$memory" --cpus "$cpus" ||
  fail "VirtualBox cannot import $ova: what it said stands above"
id=$(ids_of "$name")
[[ $id =~ ^[0-9a-f-]{36}$ ]] || fail "VirtualBox imported $ova, but lists no VM $name"
nic=(--nic1 bridged --bridge-adapter1 "$adapter")
# Without the last the host's loopback, where tunnels end, cannot be reached as 10.0.2.2.
if [ "$network" = nat ]; then nic=(--nic1 nat --nat-localhostreachable1 on); fi
vbox modifyvm "$id" "${nic[@]}" --nic-type1 virtio --cable-connected1 on --rtc-use-utc on \
  --boot1 disk --boot2 none --boot3 none --boot4 none --uart1 0x3F8 4 --uart-mode1 file "$serial_log"

cat <<NEXT
setup-vm: $name is imported, its console goes to $serial_log
Give it its keys:  inject-keys.sh --name $name ...
Then start it:     VBoxManage startvm $name --type headless
NEXT
