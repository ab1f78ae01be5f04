#!/usr/bin/env bash
# Writes the seed that makes a machine of an image: its host key, its tunnel key, whom it trusts, who may log in, and the
# settings of tunnel and agent. Runs on the host; needs no password, no network and nothing inside the VM. It is the seed
# that a deploy would write, byte by byte.
set -euo pipefail
# Characters are bytes, and messages are in English.
export LC_ALL=C

usage() {
  cat <<'USAGE'
usage: inject-keys.sh --name NAME --relay-host HOST --tunnel-port PORT --tunnel-key FILE --host-key FILE
                      --relay-host-key FILE --developer-key FILE [OPTION...]

  --name NAME             name of the VM, and its host name
  --relay-host HOST       sshd that the VM dials, as seen from it: 10.0.2.2 is the host of a VM behind NAT;
                          '' dials nothing
  --tunnel-port PORT      port there that leads to the VM
  --tunnel-key FILE       private key that opens the tunnel, without passphrase
  --host-key FILE         private ed25519 host key of the VM, without passphrase
  --relay-host-key FILE   public host key of that sshd; can be repeated
  --developer-key FILE    public keys that may log in as build; can be repeated

  --relay-port PORT       default 12220
  --relay-user USER       default buildfleet-tunnel
  --hub-port PORT         port of the State Hub beside that sshd, default 8000
  --domain DOMAIN         domain of the VM's entry there, default railiance
  --heartbeat SECONDS     default 30
  --output FILE           only writes the seed there. Without it the seed is written to
                          ~/.local/state/buildfleet/seeds/NAME.iso and attached to the VM, which must be off
  --controller NAME       storage controller of the VM, default SATA Controller

New keys: ssh-keygen -t ed25519 -N '' -f FILE. The seed holds private keys: delete it once the VM has registered.
USAGE
}

fail() {
  printf 'inject-keys: %s\n' "$*" >&2
  exit 1
}

misused() {
  printf 'inject-keys: %s (--help explains)\n' "$*" >&2
  exit 64
}

must_match() { # OPTION VALUE PATTERN WHAT
  [[ $2 =~ $3 ]] || misused "$1 is $2, and must be $4"
}

must_be_number() { # OPTION VALUE HIGHEST
  if ! [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || [ "$2" -gt "$3" ]; then misused "$1 is $2, and must be a number from 1 to $3"; fi
}

# The lines of files with public keys; comments and empty lines are left out.
public_keys() { # OPTION FILE...
  local option=$1 file line any
  local pattern='^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}( .*)?$'
  shift
  for file in "$@"; do
    any=
    [ -f "$file" ] || fail "$option: there is no file $file"
    if ! iconv -f UTF-8 -t UTF-8 <"$file" >/dev/null 2>&1 || [ "$(tr -d '\0' <"$file" | wc -c)" != "$(wc -c <"$file")" ]; then
      fail "$option: $file is not text in UTF-8"
    fi
    # Blanks around a line are no part of it.
    while IFS=$' \t' read -r line || [ -n "$line" ]; do
      case $line in '' | '#'*) continue ;; esac
      # Control characters, line ends and marks of byte order: not every reader of YAML keeps them.
      if ! [[ $line =~ $pattern ]] || [[ $line =~ [[:cntrl:]] ]] ||
        [[ $line =~ $'\xef\xbb\xbf' || $line =~ $'\xef\xbf'[$'\xbe\xbf'] ]] ||
        [[ $line =~ $'\xc2'[$'\x80'-$'\x9f'] || $line =~ $'\xe2\x80'[$'\xa8\xa9'] ]]; then
        fail "$option: a line of $file is not an OpenSSH public key"
      fi
      printf '%s\n' "$line"
      any=1
    done <"$file"
    [ -n "$any" ] || fail "$option: $file holds no key"
  done
}

private_key() { # OPTION FILE
  [ -f "$2" ] || fail "$1: there is no file $2"
  awk 'NR == 1 { good = $0 == "-----BEGIN OPENSSH PRIVATE KEY-----"; next }
    $0 == "-----END OPENSSH PRIVATE KEY-----" { ended++; next }
    $0 !~ /^[A-Za-z0-9+\/=]+$/ || length > 76 || ended { good = 0 }
    END { exit !(good && ended == 1 && NR > 2) }' "$2" || fail "$1: $2 is not an OpenSSH private key"
  ssh-keygen -y -P '' -f "$2" >/dev/null || fail "$1: $2 cannot be used, it may have a passphrase"
}

# A YAML literal block. A first line that begins with a space would be taken for indentation unless that is given.
block() { # INDENT TEXT
  case $2 in ' '*) printf '|2\n' ;; *) printf '|\n' ;; esac
  printf '%s%s\n' "$1" "${2//$'\n'/$'\n'$1}"
}

quoted() { # TEXT
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

written_file() { # PATH PERMISSIONS CONTENT
  printf '  - path: "%s"\n    owner: "root:root"\n    permissions: "%s"\n    content: ' "$1" "$2"
  block '      ' "$3"
}

environment() {
  cat <<ENV
STATE_HUB_URL="http://127.0.0.1:18000"
STATE_HUB_DOMAIN="$domain"
SSH_RELAY_HOST="$relay_host"
SSH_RELAY_USER="$relay_user"
SSH_KEY_PATH="/etc/buildfleet/tunnel_key"
REMOTE_PORT="$tunnel_port"
SSH_RELAY_PORT="$relay_port"
STATE_HUB_PORT="$hub_port"
HEARTBEAT_SECONDS="$heartbeat"
BUILD_HOST_NAME="$name"
ENV
}

# OpenSSH looks a host up as name on port 22 and as [name]:port elsewhere.
known_hosts() {
  local line at=$relay_host
  if [ "$relay_port" != 22 ]; then at="[$relay_host]:$relay_port"; fi
  while IFS= read -r line; do printf '%s %s\n' "$at" "$line"; done <<<"$relay_keys"
}

user_data() {
  printf '#cloud-config\nhostname: "%s"\npreserve_hostname: false\ndisable_root: true\nssh_pwauth: false\n' "$name"
  printf 'ssh_deletekeys: true\nssh_keys:\n  ed25519_private: '
  block '    ' "$(cat "$host_key")"
  printf '  ed25519_public: '
  quoted "$host_public"
  printf '\nwrite_files:\n'
  written_file /etc/build-agent.env 0600 "$(environment)"
  written_file /etc/buildfleet/tunnel_key 0600 "$(cat "$tunnel_key")"
  written_file /etc/buildfleet/known_hosts 0644 "$(known_hosts)"
  written_file /etc/ssh/authorized_keys.d/build 0644 "$developer_keys"
}

# Another seed is another instance: cloud-init applies each once.
meta_data() {
  printf 'instance-id: "%s-%s"\nlocal-hostname: "%s"\n' "$name" "$(sha256sum <"$work/seed/user-data" | cut -c1-16)" "$name"
}

write_iso() { # FILE
  local program=() tool
  for tool in xorriso genisoimage mkisofs; do
    if ! command -v "$tool" >/dev/null; then continue; fi
    program=("$tool")
    if [ "$tool" = xorriso ]; then program+=(-no_rc -as mkisofs); fi
    break
  done
  [ ${#program[@]} -gt 0 ] || fail 'nothing here writes an ISO: install xorriso (or genisoimage, or mkisofs)'
  touch -d @315532800 "$work/seed/meta-data" "$work/seed/user-data" "$work/seed"
  SOURCE_DATE_EPOCH=315532800 TZ=UTC "${program[@]}" -quiet -volid CIDATA -joliet -rock -uid 0 -gid 0 \
    -output "$1" "$work/seed"
}

# Under C an error in another language, which VirtualBox's users can choose, would be an empty line.
vbox() {
  LC_ALL=C.UTF-8 VBoxManage "$@" | tr -d '\r'
}

find_machine() {
  local state
  command -v VBoxManage >/dev/null || fail 'VBoxManage is missing: with --output FILE the seed is only written'
  id=$(vbox list vms | sed -n "s/^\"$name\" {\\([0-9a-f-]\\{36\\}\\)}\$/\\1/p")
  [[ $id =~ ^[0-9a-f-]{36}$ ]] || fail "VirtualBox has no VM $name, or several: import it with setup-vm.sh"
  # The first counts: a VM's description may hold lines that look the same, and comes later.
  state=$(vbox showvminfo "$id" --machinereadable | awk -F '"' '/^VMState="/ && !seen++ { print $2 }')
  case $state in
    poweroff | aborted) ;;
    *) fail "the VM $name is ${state:-in an unknown state}, and must be off" ;;
  esac
}

name='' relay_host='' relay_port=12220 relay_user=buildfleet-tunnel tunnel_port='' tunnel_key='' host_key=''
hub_port=8000 domain=railiance heartbeat=30 output='' controller='SATA Controller'
relay_host_key=() developer_key=() given=' '
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --name | --relay-host | --relay-port | --relay-user | --tunnel-port | --tunnel-key | --host-key | --hub-port | \
      --domain | --heartbeat | --output | --controller | --relay-host-key | --developer-key)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case $1 in
        --relay-host-key) relay_host_key+=("$2") ;;
        --developer-key) developer_key+=("$2") ;;
        *)
          variable=${1#--}
          printf -v "${variable//-/_}" '%s' "$2"
          ;;
      esac
      given+="$1 "
      shift 2
      ;;
    *) misused "$1 is not known" ;;
  esac
done
for option in --name --relay-host --tunnel-port --tunnel-key --host-key --relay-host-key --developer-key; do
  case $given in *" $option "*) ;; *) misused "$option is missing" ;; esac
done
must_match --name "$name" '^[a-z][a-z0-9-]{0,62}$' 'lowercase letters, digits and hyphens, at most 63'
must_match --relay-host "$relay_host" '^([A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?)?$' 'a host name or an address'
must_match --relay-user "$relay_user" '^[A-Za-z_][A-Za-z0-9_.-]{0,63}$' 'an account name'
must_match --domain "$domain" '^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$' 'one word'
must_be_number --relay-port "$relay_port" 65535
must_be_number --tunnel-port "$tunnel_port" 65535
must_be_number --hub-port "$hub_port" 65535
must_be_number --heartbeat "$heartbeat" 86400
private_key --tunnel-key "$tunnel_key"
private_key --host-key "$host_key"
relay_keys=$(public_keys --relay-host-key "${relay_host_key[@]}")
developer_keys=$(public_keys --developer-key "${developer_key[@]}")
if [ -f "$host_key.pub" ]; then
  host_public=$(public_keys --host-key "$host_key.pub")
else
  host_public=$(ssh-keygen -y -P '' -f "$host_key")
fi
[[ $host_public == 'ssh-ed25519 '* && $host_public != *$'\n'* ]] || fail "--host-key: $host_key is not one ed25519 key"
# A public half of another key would lock everybody out.
[ "$(cut -d' ' -f1-2 <<<"$host_public")" = "$(ssh-keygen -y -P '' -f "$host_key" | cut -d' ' -f1-2)" ] ||
  fail "--host-key: $host_key.pub belongs to another key than $host_key"

# Programs take what begins with a hyphen for an option, and VirtualBox runs a daemon in another directory.
case $output in '' | /*) ;; *) output=$PWD/$output ;; esac
if [ -n "$output" ]; then
  [ ! -e "$output" ] || fail "$output is there already"
else
  find_machine
fi
umask 077
seed=${output:-$HOME/.local/state/buildfleet/seeds/$name.iso}
mkdir -p "$(dirname "$seed")"
# Beside the seed, so that it appears there complete or not at all.
work=$(mktemp -d "$(dirname "$seed")/.inject-keys.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/seed"
user_data >"$work/seed/user-data"
meta_data >"$work/seed/meta-data"
write_iso "$work/seed.iso"
mv "$work/seed.iso" "$seed"

if [ -n "$output" ]; then
  printf 'inject-keys: the seed of %s is %s; it holds private keys\n' "$name" "$seed"
  exit 0
fi
vbox storagectl "$id" --name "$controller" --portcount 2
vbox storageattach "$id" --storagectl "$controller" --port 1 --device 0 --type dvddrive --medium "$seed"
cat <<NEXT
inject-keys: the seed of $name is attached
Start it:                       VBoxManage startvm $name --type headless
Once it has registered, remove: VBoxManage storageattach $name --storagectl '$controller' --port 1 --device 0 --type dvddrive --medium emptydrive
                                VBoxManage closemedium dvd $seed --delete
NEXT
