import type { VmInfo } from './report';

/** Facts of a machine that assets/cli/vm-facts.sh prints. */
export type RemoteFacts = Pick<
  VmInfo,
  | 'system'
  | 'kernel'
  | 'architecture'
  | 'ghcVersion'
  | 'ghcVersions'
  | 'cabalVersion'
  | 'cores'
  | 'memoryMib'
  | 'memoryFreeMib'
  | 'diskMib'
  | 'diskFreeMib'
  | 'load'
  | 'uptimeSeconds'
> & { readonly user: string | null };

const LONGEST = 200;

/** Reads lines of `name=value`. Missing and invalid values are null, other lines are ignored. */
export function parseFacts(output: string): RemoteFacts {
  const values = new Map(
    output.split('\n').flatMap((line) => {
      const [, name, value] = /^([a-z-]+)=(.+)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
  const text = (name: string) => {
    const value = values.get(name);
    return value !== undefined && value.length <= LONGEST && /^\P{Cc}+$/u.test(value) ? value : null;
  };
  const number = (name: string) => {
    const value = values.get(name) ?? '';
    return /^\d{1,12}(\.\d{1,2})?$/.test(value) ? Number(value) : null;
  };
  const version = (name: string) => (isVersion(values.get(name) ?? '') ? (values.get(name) ?? null) : null);
  const ghcVersion = version('ghc');
  const others = (values.get('ghcs') ?? '').split(',').filter((each) => isVersion(each) && each !== ghcVersion);
  return {
    ...{ system: text('system'), kernel: text('kernel'), architecture: text('architecture'), user: text('user') },
    ghcVersion,
    ghcVersions: [...(ghcVersion === null ? [] : [ghcVersion]), ...others],
    cabalVersion: version('cabal'),
    ...{ cores: number('cores'), memoryMib: number('memory'), memoryFreeMib: number('memory-free') },
    ...{ diskMib: number('disk'), diskFreeMib: number('disk-free') },
    ...{ load: number('load'), uptimeSeconds: number('uptime') },
  };
}

function isVersion(text: string): boolean {
  return /^\d{1,9}(\.\d{1,9}){1,5}$/.test(text);
}
