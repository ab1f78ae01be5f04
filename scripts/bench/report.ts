import { type Figure, allowed, isMissed } from './figure';

/** One line for the terminal. */
export function figureLine(figure: Figure): string {
  const { what, peer } = figure;
  const most = allowed(figure);
  return [
    `${what}: ${amount(figure, figure.value)}`,
    ...(peer === undefined ? [] : [`${peer.what} ${amount(figure, peer.value)}, ratio ${ratio(figure)}`]),
    ...(most === null ? [] : [`at most ${amount(figure, most)}: ${verdict(figure)}`]),
  ].join('; ');
}

/** `docs/performance.md`: the machine, the figures, and how they come about. Has no date. */
export function renderReport(machine: Readonly<Record<string, string>>, figures: readonly Figure[]): string {
  return [
    '# Performance',
    'Written by `make bench`, which fails when a limit is missed. Every ratio compares two things that were measured in ' +
      'turn within one run on one machine; absolute numbers are those of that machine. A part that is measured alone, as ' +
      'with `node --require ./scripts/ts-node.cjs scripts/bench/main.ts plan`, renews its rows.',
    '## Machine',
    table(['', ''], Object.entries(machine)),
    '## Figures',
    table(['figure', 'measured', 'compared with', 'ratio', 'limit', 'verdict'], figures.map(row)),
    METHOD,
  ].join('\n\n');
}

/**
 * The report with the rows of these figures anew, and all others as they were.
 *
 * @throws Error when the report is another machine's, or has no such row: then all have to be measured
 */
export function renewRows(
  report: string,
  machine: Readonly<Record<string, string>>,
  figures: readonly Figure[],
): string {
  const lines = report.split('\n');
  // A formatter may have padded the report's cells.
  const cells = (text: string) => text.split('|').map((cell) => cell.trim());
  const place = (name: string) => lines.findIndex((text) => cells(text)[1] === name);
  for (const [name, value] of Object.entries(machine)) {
    if (cells(lines[place(name)] ?? '')[2] !== value) throw new Error(`the report has not ${name} ${value}`);
  }
  for (const figure of figures) {
    const index = place(figure.what);
    if (index === -1) throw new Error(`the report has no row for ${figure.what}`);
    lines[index] = line(row(figure));
  }
  return lines.join('\n');
}

const METHOD = `## How they are measured

- **Plan.** \`terraform plan\` in the stack's output, where \`cdktf diff\` runs it, with nothing to change: the provider reads everything it manages and the plan says "No changes". The VMs are real QEMU processes of 16 MiB, made by the provider's driver, whose disks hold a boot sector that halts. Compared with a plan of as many built-in \`terraform_data\` resources. Five rounds in turn; medians. The \`null_resource\` are served by the same provider, which only hands their state back: what a plan of as many resources costs before anything is looked at. \`cdktf diff\` is the whole command: it synthesizes, initializes and plans.
- **Deploy.** From the start of \`terraform apply\` to the line that says that the second of two VMs is complete, which means that its tunnel answers and its entry is in the State Hub. The image is in the cache, and what the machine's acceleration is worth is known; everything else is made. Compared with two bare QEMU processes started at the same moment on empty overlays of the same disk, with the same CPUs, memory and accelerator, until both ssh banners have been read. Two rounds in turn; means.
- **Warm start.** From Terraform's line that a VM's creation begins to the end of a login with the pinned key, after its tunnel answers and its entry is in the State Hub. What it needs of the workstation is there. The snapshot was made by \`buildfleet image warm\`. One VM, then four at once, three rounds in turn; medians. Processor time is that of QEMU at that moment, which holds on a busy machine as well; memory is its PSS. Compared with one boot before.
- **Image.** \`terraform apply\` of the image alone with an empty cache. Compared with \`mmdebstrap --variant=minbase\` of exactly the packages that the image holds into a tar file, plus \`mke2fs -d\` of the unpacked tree to a file system of the same size; unpacking is not counted. Both download every package. Two rounds in turn; means.
- **OVA.** The fleet's image written as an OVA, descriptor and manifest included. Compared with \`qemu-img convert\` of the same disk to a streamOptimized VMDK. Two rounds in turn; medians.
- **VirtualBox, refresh.** The provider's driver, new each time as in each Terraform command, asked for every VM, ten at a time. The VMs were imported by the driver from an appliance with a disk of one MiB, carry the owner tag and are off. Compared with one \`VBoxManage list -l vms\` of the same VMs. Fifteen rounds in turn; medians.
- **VirtualBox, nothing to change.** \`terraform apply\` and \`cdktf deploy fleet\` with ten VMs of VirtualBox, compared with \`vagrant status\` and then \`vagrant up\` of ten VMs of Debian's Vagrant, imported from a box of the same appliance, without box check, synced folder, key exchange and provisioners. Both say that there is nothing to do. No VM can run without VirtualBox's kernel driver, and one that is off does need something. So the VMs are off, and both sides call a VBoxManage whose answers are passed through \`sed\`: it says "running" instead of "powered off", and 7.0 instead of its own version, because this Vagrant knows no newer one. That costs both sides some milliseconds a call. Without Vagrant, the comparison is with \`VBoxManage showvminfo\` of each VM in a row, and has no limit. Three rounds in turn; medians. Each side has a VBoxSVC of its own, which has ended when its next turn comes.
- **Disk.** Blocks allocated for the keys, the record, the disk and the seed of one more VM before it starts.
- **Synth.** The program that the cdktf command starts, \`node --require ./scripts/ts-node.cjs main.ts\`, with 100 VMs. Five runs; median.
- **Status.** \`buildfleet status\` while both VMs of the deploy run. Five runs; median. With ten VMs: eight real sshd of this machine stand in for VMs, one port is closed, and one accepts connections and says nothing, as a VM that hangs does; the hub is real, and every heartbeat is fresh. Compared with an empty node, and then one \`ssh\` a VM that checks the host key, all side by side, the last of which is given up after as long a silence. Nine rounds in turn; medians.
- **Work.** The CLI on VMs, over an SSH connection that is open already and that the bare ssh and rsync use as well: the fleet that BUILDFLEET_FLEET names, else one that is deployed for it. A build with nothing to do is \`buildfleet build\` of a program of one module, which asks the VM that built last whether it will do, takes the workspace, synchronises and runs cabal, compared with \`cabal build all\` in that workspace. Synchronised are 10,000 files of 2 kB in 100 directories to one VM given by \`--vm\`, compared with rsync with the same filters to a directory beside the workspace. Five rounds in turn, two for the first synchronisation; medians.
- **Dead VM.** From the start of \`buildfleet build\` to the first line of a cabal that is a stand-in and does nothing, on three sshd of this machine that stand in for VMs. Nothing is known of where the project was built last, so all of them are asked. The third is then replaced by a listener that accepts connections and says nothing, and the same is done twice. Five rounds in turn; medians. The limit of the next build allows for chance: what a second build with all three alive differs by from the first one of its round, median of the rounds.
`;

function row(figure: Figure): string[] {
  const { what, value, peer, limit } = figure;
  return [
    what,
    amount(figure, value),
    peer === undefined ? '' : `${peer.what}: ${amount(figure, peer.value)}`,
    peer === undefined ? '' : ratio(figure),
    limit === undefined ? '' : limitText(figure),
    limit === undefined ? 'reported' : verdict(figure),
  ];
}

function limitText(figure: Figure): string {
  const { plus, factor } = figure.limit ?? { plus: 0 };
  const most = amount(figure, allowed(figure) ?? 0);
  if (factor === undefined) return most;
  return `${factor} × ${plus === 0 ? '' : `+ ${plus} ${figure.unit} `}= ${most}`;
}

function ratio({ value, peer }: Figure): string {
  return (value / (peer?.value ?? Number.NaN)).toFixed(2);
}

function amount({ unit }: Figure, value: number): string {
  return `${value.toFixed(2)} ${unit}`;
}

function verdict(figure: Figure): string {
  return isMissed(figure) ? '**missed**' : 'kept';
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map(line).join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
