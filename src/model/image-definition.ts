import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { z } from 'zod';
import { FleetError } from './errors';
import { type ImageFormat, type Hypervisor } from './hypervisor';
import { nameSchema, singleLineSchema } from './names';
import { describeIssues } from './zod-issue';

/** Grows whenever the builder makes another disk from the same definition. */
const IMAGE_FORMAT_VERSION = 1;

/** What a developer finds in every image. */
export const DEFAULT_IMAGE_PACKAGES = [
  'build-essential',
  'curl',
  'git',
  'libgmp-dev',
  'libffi-dev',
  'zlib1g-dev',
  'libncurses-dev',
  'libtinfo-dev',
  // types of terminals, such as alacritty
  'ncurses-term',
  'pkg-config',
  'openssh-server',
  'autossh',
  'jq',
  'rsync',
] as const;

/** What makes a Debian disk a machine, besides its kernel: boot loader, init, network, seed. Added by {@link imageDefinition}. */
const DEBIAN_SYSTEM_PACKAGES = [
  'ca-certificates',
  'cloud-init',
  'dbus',
  // its mke2fs writes the image's file system, independent of the workstation's version
  'e2fsprogs',
  'grub-pc-bin',
  'iproute2',
  'kmod',
  'less',
  'locales',
  'openssh-client',
  'procps',
  'python3-minimal',
  'systemd-resolved',
  'systemd-sysv',
  // finds the root file system in a tenth of the time that initramfs-tools takes, and follows kernel upgrades
  'tiny-initramfs',
  'tzdata',
  'udev',
] as const;

/** What differs from suite to suite: GHC and cabal-install as it has them, and its kernel. */
const DEBIAN_SUITES = {
  trixie: { ghc: '9.6.6', cabal: '3.10.3.0', kernel: 'linux-image-cloud-amd64' },
  // the cloud kernel of that time knows no AHCI, and so no CD with the seed
  bookworm: { ghc: '9.0.2', cabal: '3.4.1.0', kernel: 'linux-image-amd64' },
} as const;

/** A Debian release that an image can be made of. */
export type DebianSuite = keyof typeof DEBIAN_SUITES;
export const debianSuiteSchema = z.enum(Object.keys(DEBIAN_SUITES) as [DebianSuite, ...DebianSuite[]]);

/** The live server installer of the release; once a point release is out, its predecessor moves to the second address. */
export const UBUNTU_ISO = {
  '24.04': {
    urls: [
      'https://releases.ubuntu.com/24.04/ubuntu-24.04.5-live-server-amd64.iso',
      'https://old-releases.ubuntu.com/releases/24.04/ubuntu-24.04.5-live-server-amd64.iso',
    ],
    sha256: '97f3d7ffb032c3eb3b23d2c8be9cc76e60c2c1f2c0146ba5ba9fe01cafae0fd8',
  },
} as const;

/** GHCup and what it installs, unless an image says otherwise. */
export const DEFAULT_GHCUP_TOOLCHAIN = {
  kind: 'ghcup',
  ghcup: { version: '0.2.6.2', sha256: '9ed5da5449b48043a0d17e767c05d2ef585e25a639bb934329496c6d2fad9cf8' },
  ghc: '9.8.4',
  secondaryGhc: '9.6.6',
  cabal: '3.12.1.0',
  indexState: null,
} as const;

/** What GHCup and the compilers that it brings need of Debian, besides {@link DEBIAN_SYSTEM_PACKAGES}. */
const DEBIAN_GHCUP_PACKAGES = [
  'build-essential',
  'curl',
  'gpg',
  'libffi-dev',
  'libgmp-dev',
  'libncurses-dev',
  'pkg-config',
  'xz-utils',
] as const;

/** Plugins that Packer is given with each builder, unless an image says otherwise. */
export const PACKER_PLUGINS = {
  qemu: { version: '1.1.4' },
  virtualbox: { version: '1.1.5' },
} as const;

/** Room and processors of the machine that an Ubuntu image is installed on. */
export const UBUNTU_BUILD_MACHINE = { memoryMib: 8192, cpus: 4 } as const;

/** Order in which the scripts run inside the image, and where they lie in the copy of the assets. */
export const PROVISIONING_SCRIPTS = [
  'scripts/install-haskell.sh',
  'scripts/install-agent.sh',
  'scripts/generalize.sh',
] as const;

/** Scripts beside those, for people who import an image by hand: they run on the host and change no image. */
export const HOST_SCRIPTS = ['scripts/inject-keys.sh', 'scripts/setup-vm.sh'] as const;

/**
 * How `assets/` becomes the copy that lies beside a definition: everything below `from` (relative to `assets/`) stands
 * below `to` there. The provisioning scripts become the definition's `scripts`, all else its `files`, except for the
 * {@link HOST_SCRIPTS}.
 */
export const IMAGE_ASSET_DIRECTORIES = [
  { from: 'haskell/scripts', to: 'scripts' },
  { from: 'haskell/files', to: 'files' },
  { from: 'debian', to: 'debian' },
] as const;

// Debian policy 5.6.7; uppercase, underscore, comma and white space have no place in it, and a version or a suite none here
const packageSchema = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be the name of a Debian package');

const modeSchema = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'must be three octal digits without setuid, setgid or sticky bit, 0644')
  .transform((mode) => mode.padStart(4, '0'));

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lowercase hexadecimal digits');

/** Below the copy of the assets, `files/build-agent.py`. */
const assetPathSchema = singleLineSchema.refine(
  (path) => path !== '' && posix.normalize(path) === path && !posix.isAbsolute(path) && !/^\.\.?(\/|$)/.test(path),
  'must be a plain relative path',
);

/** In the image, `/etc/motd`. */
const targetSchema = singleLineSchema.refine(
  (path) => path.startsWith('/') && path !== '/' && posix.normalize(path) === path && !path.endsWith('/'),
  'must be a plain absolute path of a file',
);

const assetShape = { path: assetPathSchema, mode: modeSchema, sha256: sha256Schema };

const debianBaseSchema = z.strictObject({
  kind: z.literal('debian'),
  suite: debianSuiteSchema,
  architecture: z.enum(['amd64']),
  /** Archive to install from; null means the one that the workstation uses. */
  mirror: z
    .string()
    .regex(/^(https?|file):\/\/[^\s'"\\]+$/, 'must be an http, https or file URL')
    .pipe(singleLineSchema)
    .nullable(),
  /** Directory below the mirror that never changes, `20250520T000000Z`. */
  snapshot: z
    .string()
    .regex(/^\d{8}T\d{6}Z$/, 'must be a time such as 20250520T000000Z')
    .refine(
      (text) => isTime(text.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, '$1-$2-$3:$4:$5')),
      'must be a time that there is, such as 20250520T000000Z',
    )
    .nullable(),
});

/** What Packer runs the machine with that it installs on. A fleet need not have it as a hypervisor. */
export const packerBuilderSchema = z.enum(['qemu', 'virtualbox']);
export type PackerBuilder = z.infer<typeof packerBuilderSchema>;

/** Plugin of Packer: its version, and sha256 of the installed program where that is to be checked. */
export const packerPluginSchema = z.strictObject({
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be an exact version such as 1.1.4'),
  sha256: sha256Schema.optional(),
});
export type PackerPlugin = z.infer<typeof packerPluginSchema>;

const ubuntuBaseSchema = z.strictObject({
  kind: z.literal('ubuntu'),
  release: z.enum(['24.04']),
  architecture: z.enum(['amd64']),
  /** Installer, from the first address that has it. */
  iso: z.strictObject({
    urls: z.array(z.string().regex(/^(https?|file):\/\/[^\s'"\\]+$/, 'must be an http, https or file URL')).min(1),
    sha256: sha256Schema,
  }),
  /** What runs the machine that Packer installs on, and so the format that comes out: an OVA or a qcow2. */
  builder: packerBuilderSchema,
  /** Packer's plugins that are not to have the versions of {@link PACKER_PLUGINS}, or are to be checked. */
  plugins: z.partialRecord(packerBuilderSchema, packerPluginSchema).optional(),
  /** Values for further variables of the Packer template. */
  variables: z.record(
    z.string().regex(/^[a-z][a-z0-9_]*$/, 'must name a variable of the Packer template'),
    singleLineSchema,
  ),
});

export const versionSchema = z.string().regex(/^\d+(\.\d+)+$/, 'must be a version such as 9.8.4');

const webAddressSchema = z
  .string()
  .regex(/^https?:\/\/[^\s'"\\]+[^\s'"\\/]$/, 'must be an http or https URL without a slash at its end');

/** Where a build downloads from instead of GHCup's own hosts. What is downloaded is verified all the same. */
const ghcupMirrorSchema = z.strictObject({
  /** Has `VERSION/x86_64-linux-ghcup-VERSION`. */
  programs: webAddressSchema.optional(),
  /** List of downloads, with its signature beside it: URL.sig. */
  list: webAddressSchema.optional(),
  /** Answers `/pks/lookup`. */
  keyserver: webAddressSchema.optional(),
  /** Fingerprints of the keys of which one must have signed the list. */
  keys: z
    .array(z.string().regex(/^[0-9A-F]{40}$/, 'must be a fingerprint of 40 uppercase hexadecimal digits'))
    .min(1)
    .optional(),
});
export type GhcupMirror = z.input<typeof ghcupMirrorSchema>;

export const ghcupToolchainSchema = z.strictObject({
  kind: z.literal('ghcup'),
  ghcup: z.strictObject({ version: versionSchema, sha256: sha256Schema }),
  /** The default one. */
  ghc: versionSchema,
  /** Further ones: one, several, or null for none. */
  secondaryGhc: z
    .union([versionSchema, z.array(versionSchema).min(1)])
    // a list of one is that one, so that it is the same image
    .transform((versions) => (Array.isArray(versions) && versions.length === 1 ? (versions[0] ?? null) : versions))
    .nullable(),
  cabal: versionSchema,
  /** Moment of the package index, `2026-01-31T00:00:00Z`; null is the newest. */
  indexState: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'must be a time such as 2026-01-31T00:00:00Z')
    .refine(isTime, 'must be a time that there is, such as 2026-01-31T00:00:00Z')
    .nullable(),
  mirror: ghcupMirrorSchema.optional(),
});

const toolchainSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('distribution'), ghc: versionSchema, cabal: versionSchema }),
  ghcupToolchainSchema,
]);

/** Size of an image's disk. */
export const IMAGE_DISK_MIB = { least: 4096, most: 2_097_152 } as const;

/** Everything declared that can change the disk. Parsing normalises it, so that equal images have equal hashes. */
const imageDefinitionSchema = z
  .strictObject({
    formatVersion: z.literal(IMAGE_FORMAT_VERSION),
    name: nameSchema,
    base: z.discriminatedUnion('kind', [debianBaseSchema, ubuntuBaseSchema]),
    toolchain: toolchainSchema,
    /** Sorted, each once. */
    packages: z.array(packageSchema).transform((names) => [...new Set(names)].sort()),
    /** Run inside the image, in this order. */
    scripts: z.array(z.strictObject(assetShape)),
    /** What the scripts and the builder use, by path. One with a `target` is also installed there. */
    files: z
      .array(z.strictObject({ ...assetShape, target: targetSchema.nullable().default(null) }))
      .transform((files) => [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))),
    /** Installed over what packages and scripts made, in this order: a later one wins. */
    overlays: z.array(z.strictObject({ ...assetShape, target: targetSchema })),
    diskMib: z.number().int().min(IMAGE_DISK_MIB.least).max(IMAGE_DISK_MIB.most),
    locale: z.string().regex(/^[A-Za-z_]{1,16}\.UTF-8$/, 'must be a UTF-8 locale such as en_US.UTF-8'),
    keyboard: z.string().regex(/^[a-z]{2,8}$/, 'must be a keyboard layout such as us'),
    timezone: z.string().regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, 'must be a time zone such as Europe/Berlin'),
  })
  .superRefine((definition, context) => {
    for (const list of ['scripts', 'files', 'overlays'] as const) {
      const repeated = firstRepeated(definition[list].map((asset) => asset.path.toLowerCase()));
      if (repeated !== undefined) {
        context.addIssue({
          code: 'custom',
          path: [list],
          message: `${repeated} stands in it twice, letter case aside`,
        });
      }
    }
    const { base } = definition;
    if (base.kind === 'debian' && base.snapshot !== null && base.mirror === null) {
      context.addIssue({ code: 'custom', path: ['base', 'mirror'], message: 'must be given when a snapshot is' });
    }
  });

/** Whether `2026-01-31T00:00:00Z` is a day and an hour that there is: others become the next one, or nothing. */
function isTime(text: string): boolean {
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString() === text.replace('Z', '.000Z');
}

export type ImageDefinition = z.output<typeof imageDefinitionSchema>;
/** One that mmdebstrap builds. */
export type DebianImageDefinition = ImageDefinition & { readonly base: z.output<typeof debianBaseSchema> };
/** One that Packer builds. */
export type UbuntuImageDefinition = ImageDefinition & { readonly base: z.output<typeof ubuntuBaseSchema> };
export type ImageDefinitionInput = z.input<typeof imageDefinitionSchema>;
/** A file of the copy of the assets, as a definition lists it. */
export type ImageAsset = ImageDefinition['scripts'][number];

/** What {@link imageDefinition} fills in. */
type Defaulted =
  'formatVersion' | 'packages' | 'overlays' | 'diskMib' | 'locale' | 'keyboard' | 'timezone' | 'toolchain';

/** Props of an image description; those with a default are optional. */
export type ImageDefinitionProps = Omit<ImageDefinitionInput, Defaulted> & {
  readonly [P in Exclude<Defaulted, 'formatVersion'>]?: ImageDefinitionInput[P] | undefined;
};

/**
 * Completes a description: defaults, the packages of the system and the toolchain, normal form.
 *
 * @param props `packages` are those a developer wants (default {@link DEFAULT_IMAGE_PACKAGES}).
 * @param place construct path for errors
 * @throws FleetError naming everything that is wrong, or the GHC versions that the suite has.
 */
export function imageDefinition(props: ImageDefinitionProps, place?: string): ImageDefinition {
  const { base } = props;
  const toolchain = props.toolchain ?? (base.kind === 'debian' ? suiteToolchain(base.suite) : DEFAULT_GHCUP_TOOLCHAIN);
  const system = base.kind === 'debian' ? [...DEBIAN_SYSTEM_PACKAGES, suiteFacts(base.suite).kernel] : [];
  const compilers =
    toolchain.kind === 'distribution' ? ['ghc', 'cabal-install'] : base.kind === 'debian' ? DEBIAN_GHCUP_PACKAGES : [];
  return parseImageDefinition(
    {
      ...props,
      formatVersion: IMAGE_FORMAT_VERSION,
      toolchain,
      packages: [...(props.packages ?? DEFAULT_IMAGE_PACKAGES), ...system, ...compilers],
      overlays: props.overlays ?? [],
      diskMib: props.diskMib ?? 40_960,
      locale: props.locale ?? 'en_US.UTF-8',
      keyboard: props.keyboard ?? 'us',
      timezone: props.timezone ?? 'Europe/Berlin',
    },
    place,
  );
}

/**
 * Checks a definition, typically one read back from a file.
 *
 * @throws FleetError `image-definition-invalid`, with what is wrong; `toolchain-unknown`
 */
export function parseImageDefinition(value: unknown, place?: string): ImageDefinition {
  const parsed = imageDefinitionSchema.safeParse(value);
  if (!parsed.success) {
    const { problem, ...received } = describeIssues(parsed.error, { input: value });
    throw new FleetError({
      code: 'image-definition-invalid',
      problem: `the image definition is not valid: ${problem}`,
      ...received,
      place,
      remedy: 'correct what is listed',
    });
  }
  checkToolchain(parsed.data, place);
  return parsed.data;
}

/** What Ubuntu's archive has depends on the day; installing finds out. */
function checkToolchain({ base, toolchain }: ImageDefinition, place: string | undefined): void {
  if (base.kind !== 'debian' || toolchain.kind !== 'distribution') return;
  const available = suiteToolchain(base.suite);
  for (const tool of ['ghc', 'cabal'] as const) {
    if (toolchain[tool] !== available[tool]) {
      throw new FleetError({
        code: 'toolchain-unknown',
        problem: `Debian ${base.suite} does not have this ${tool}`,
        place,
        value: toolchain[tool],
        remedy: `use one of: ${available[tool]}`,
      });
    }
  }
}

/** Of a suite that does not exist those of another: the schema refuses it, together with all else that is wrong. */
function suiteFacts(suite: DebianSuite): (typeof DEBIAN_SUITES)[DebianSuite] {
  return DEBIAN_SUITES[Object.hasOwn(DEBIAN_SUITES, suite) ? suite : 'trixie'];
}

function suiteToolchain(suite: DebianSuite): ImageDefinition['toolchain'] {
  const { ghc, cabal } = suiteFacts(suite);
  return { kind: 'distribution', ghc, cabal };
}

/** GHC versions in the image, the default first. */
export function ghcVersionsOf({ toolchain }: ImageDefinition): readonly string[] {
  if (toolchain.kind === 'distribution') return [toolchain.ghc];
  return [toolchain.ghc, ...[toolchain.secondaryGhc ?? []].flat()];
}

/** Program that builds an image. */
export const imageBuilderSchema = z.enum(['mmdebstrap', 'packer']);
export type ImageBuilder = z.infer<typeof imageBuilderSchema>;

export function builderOf(definition: ImageDefinition): ImageBuilder {
  return isDebian(definition) ? 'mmdebstrap' : 'packer';
}

/** Hypervisor of the machine that an image is installed on; null for one that is built without a machine. */
export function buildHypervisorOf({ base }: ImageDefinition): Hypervisor | null {
  return base.kind === 'ubuntu' ? base.builder : null;
}

/** Format in which the disk comes out of its builder; the other one is made from it. */
export function builtFormat({ base }: ImageDefinition): ImageFormat {
  return base.kind === 'ubuntu' && base.builder === 'virtualbox' ? 'ova' : 'qcow2';
}

export function isDebian(definition: ImageDefinition): definition is DebianImageDefinition {
  return definition.base.kind === 'debian';
}

/** @throws Error for any other kind: callers choose the builder by the kind */
export function asDebian(definition: ImageDefinition): DebianImageDefinition {
  if (!isDebian(definition)) throw new Error(`${definition.name} is no Debian image`);
  return definition;
}

/** @throws Error for any other kind: callers choose the builder by the kind */
export function asUbuntu(definition: ImageDefinition): UbuntuImageDefinition {
  if (definition.base.kind !== 'ubuntu') throw new Error(`${definition.name} is no Ubuntu image`);
  return definition as UbuntuImageDefinition;
}

function firstRepeated(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

/**
 * JSON with keys sorted by code unit and no white space: equal values give equal text on every machine.
 *
 * @throws TypeError for what JSON cannot hold (undefined, functions, NaN, infinities).
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('JSON has no such number');
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`JSON cannot hold a ${typeof value}`);
  return text;
}

/** sha256 (hex) of the definition's canonical JSON: the identity of the image, the same on every machine. */
export function definitionHash(definition: ImageDefinition): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('hex');
}

const EPOCH_START = Date.UTC(2020, 0, 1) / 1000;
const EPOCH_END = Date.UTC(2026, 0, 1) / 1000;

/** SOURCE_DATE_EPOCH of an image in seconds: follows from the hash, lies in 2020 to 2025, never in the future. */
export function sourceDateEpoch(hash: string): number {
  return EPOCH_START + (parseInt(hash.slice(0, 12), 16) % (EPOCH_END - EPOCH_START));
}
