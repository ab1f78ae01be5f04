import type { Category, Finding } from './report';

/**
 * How a summary counts findings: for one, and for several. What has no words of its own here follows from something that
 * has, and is only told where nothing else is.
 */
const WORDS: Readonly<Record<Category, readonly [one: string, many: string]>> = {
  'fleet-removed': ['fleet is no longer described', 'fleets are no longer described'],
  'state-moved': ['setting of where state lies changes', 'settings of where state lies change'],
  'fleet-added': ['new fleet', 'new fleets'],
  'image-rebuilt': ['image is rebuilt', 'images are rebuilt'],
  'vm-destroyed': ['VM is destroyed', 'VMs are destroyed'],
  'vm-replaced': ['VM is replaced', 'VMs are replaced'],
  access: ['change of access', 'changes of access'],
  'vm-restarted': ['VM is restarted', 'VMs are restarted'],
  workstation: ['change of the workstation', 'changes of the workstation'],
  'vm-created': ['VM is created', 'VMs are created'],
  'tunnel-key': ['tunnel key changes', 'tunnel keys change'],
  'vm-updated': ['VM is changed in place', 'VMs are changed in place'],
  keys: ['key pair changes', 'key pairs change'],
  'image-added': ['image is new', 'images are new'],
  'image-converted': ['image is wanted in other formats', 'images are wanted in other formats'],
  'image-removed': ['image leaves', 'images leave'],
  'port-taken': ['port is taken', 'ports are taken'],
  'port-moved': ['port changes hands', 'ports change hands'],
  'port-freed': ['port is freed', 'ports are freed'],
  'port-reserved': ['port stays reserved', 'ports stay reserved'],
  'default-vm': ['change of the default VM', 'changes of the default VM'],
  host: ['VM is listed on another host', 'VMs are listed on another host'],
  provider: ['provider changes', 'providers change'],
  capability: ['entry of the State Hub changes', 'entries of the State Hub change'],
  resource: ['other resource changes', 'other resources change'],
  tunnel: ['tunnel catalog entry changes', 'tunnel catalog entries change'],
  'ssh-config': ['ssh configuration changes', 'ssh configurations change'],
  'smoke-test': ['change of smoke tests', 'changes of smoke tests'],
  file: ['change of files', 'changes of files'],
  settings: ['Terraform setting changes', 'Terraform settings change'],
};

/** What follows from other findings. It makes a summary only where it stands alone. */
const MINOR: readonly Category[] = ['tunnel-key', 'tunnel', 'ssh-config', 'smoke-test', 'file', 'settings'];

/** `1 image is rebuilt, 2 VMs are replaced`; findings are sorted by weight. */
export function summarize(findings: readonly Finding[]): string {
  const major = findings.filter(({ category }) => !MINOR.includes(category));
  const counted = major.length > 0 ? major : findings;
  const categories = [...new Set(counted.map(({ category }) => category))];
  return categories
    .map((category) => {
      const count = counted.filter((finding) => finding.category === category).length;
      const [one, many] = WORDS[category];
      if (category === 'fleet-added' || category === 'fleet-removed') return one;
      return `${count} ${count === 1 ? one : many}`;
    })
    .join(', ');
}
