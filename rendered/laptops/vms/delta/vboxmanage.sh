#!/usr/bin/env bash
# What the first deploy of haskell-build-delta tells VirtualBox. ID is the id of its buildfleet_vm; a deploy also writes the seed.
# A deploy takes the first adapter that is up, wired before wireless.
# usage: vboxmanage.sh ID ADAPTER
set -euo pipefail
id=${1:?usage: vboxmanage.sh ID ADAPTER}
adapter=${2:?usage: vboxmanage.sh ID ADAPTER}

VBoxManage import "${HOME}/.cache/buildfleet/images/27035cb9a66d7b57bdb6686c940e0280f1a47bfcfdb41ae0f5b9059b355e1c1e/disk.ova" \
  --vsys 0 \
  --vmname haskell-build-delta \
  --basefolder "${HOME}/.local/state/buildfleet/laptops/vms/haskell-build-delta/virtualbox" \
  --memory 8192 \
  --cpus 4
machine=$(VBoxManage list vms | sed -n 's/^"haskell-build-delta" {\([0-9a-f-]*\)}$/\1/p')
VBoxManage setextradata "${machine}" buildfleet/owner "fleet=laptops vm=${id} image=27035cb9a66d7b57bdb6686c940e0280f1a47bfcfdb41ae0f5b9059b355e1c1e machine=${machine}"
VBoxManage modifyvm "${machine}" \
  --name haskell-build-delta \
  --cpus 4 \
  --memory 8192 \
  --nic1 bridged \
  --bridge-adapter1 "${adapter}" \
  --nic-type1 virtio \
  --mac-address1 52540044763E \
  --cable-connected1 on \
  --rtc-use-utc on \
  --boot1 disk \
  --boot2 none \
  --boot3 none \
  --boot4 none \
  --graphicscontroller vmsvga \
  --vram 16 \
  --audio-enabled off \
  --mouse ps2 \
  --keyboard ps2 \
  --usb-ohci off \
  --usb-ehci off \
  --usb-xhci off \
  --uart1 0x3F8 4 \
  --uart-mode1 file "${HOME}/.local/state/buildfleet/laptops/vms/haskell-build-delta/console.log"
VBoxManage storagectl "${machine}" --name 'SATA Controller' --portcount 2
VBoxManage storageattach "${machine}" \
  --storagectl 'SATA Controller' \
  --port 1 \
  --device 0 \
  --type dvddrive \
  --medium "${HOME}/.local/state/buildfleet/laptops/vms/haskell-build-delta/seed.iso"

VBoxManage startvm "${machine}" --type headless

read -r -p 'press return once the VM has registered: '
VBoxManage storageattach "${machine}" \
  --storagectl 'SATA Controller' \
  --port 1 \
  --device 0 \
  --type dvddrive \
  --medium emptydrive \
  --forceunmount
VBoxManage closemedium dvd "${HOME}/.local/state/buildfleet/laptops/vms/haskell-build-delta/seed.iso" \
  --delete
