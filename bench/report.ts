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

/** `docs/performance.md`: the machine, the figures, and how they come about. Says nothing of when it was written. */
export function renderReport(machine: Readonly<Record<string, string>>, figures: readonly Figure[]): string {
  return [
    '# Performance',
    'Written by `make bench`, which fails when a limit is missed. Every ratio compares two things that were measured in ' +
      'turn within one run on one machine; absolute numbers are those of that machine.',
    '## Machine',
    table(['', ''], Object.entries(machine)),
    '## Figures',
    table(['figure', 'measured', 'compared with', 'ratio', 'limit', 'verdict'], figures.map(row)),
    METHOD,
  ].join('\n\n');
}

const METHOD = `## How they are measured

- **Plan.** \`terraform plan\` in the stack's output, where \`cdktf diff\` runs it, with nothing to change: the provider reads everything it manages and the plan says "No changes". The VMs are real QEMU processes of 16 MiB, made by the provider's driver, whose disks hold a boot sector that halts. Compared with a plan of as many built-in \`terraform_data\` resources. Five rounds in turn; medians. \`cdktf diff\` is the whole command: it synthesizes, initializes and plans.
- **Deploy.** From the start of \`terraform apply\` to the line that says that the second of two VMs is complete, which means that its tunnel answers and its entry is in the State Hub. The image is in the cache, and what the machine's acceleration is worth is known; everything else is made. Compared with two bare QEMU processes started at the same moment on empty overlays of the same disk, with the same CPUs, memory and accelerator, until both ssh banners have been read. Two rounds in turn; means.
- **Image.** \`terraform apply\` of the image alone with an empty cache. Compared with \`mmdebstrap --variant=minbase\` of exactly the packages that the image holds into a tar file, plus \`mke2fs -d\` of the unpacked tree to a file system of the same size; unpacking is not counted. Both download every package. Two rounds in turn; means.
- **Disk.** Blocks allocated for the keys, the record, the disk and the seed of one more VM before it starts.
- **Synth.** The program that the cdktf command starts, \`node --require ts-node/register main.ts\`, with 100 VMs. Five runs; median.
- **Status.** \`buildfleet status\` while both VMs of the deploy run. Five runs; median.
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
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
