import { createHash } from 'node:crypto';
import type { Construct, IConstruct } from 'constructs';
import { z } from 'zod';
import { FleetError } from '../model/errors';
import {
  DEFAULT_IMAGE_PACKAGES,
  type ImageDefinition,
  PROVISIONING_SCRIPTS,
  definitionHash,
  imageDefinition,
  sourceDateEpoch,
} from '../model/image-definition';
import { singleLineSchema } from '../model/names';
import { imageShape } from '../model/resources/image';
import type { Size } from '../model/size';
import { imageAssets } from '../rendering/image-assets';
import { FleetConstruct } from './fleet-construct';
import type { IRendersFiles, RenderedFile } from './rendered-file';
import { ShapedResource } from './resource';
import { sizeSchema } from './schemas';

/** A disk image that VMs start from. */
export interface IBuildImage extends IConstruct {
  readonly id: string;
  /** sha256 of everything declared that can change the disk. */
  readonly definitionHash: string;
  /** Where the disk lies on the workstation; a reference, known at deploy. */
  readonly artifactPath: string;
  /** GHC versions in the image, the default first. */
  readonly ghcVersions: readonly string[];
  readonly cabalVersion: string;
}

export interface DebianImageProps {
  /** GHC from the distribution. @default the version that the suite has, 9.6.6 in trixie */
  readonly ghc?: string;
  /** Debian release. @default 'trixie' */
  readonly suite?: 'trixie';
  /** Archive to install from. @default the workstation's own, if that is a Debian mirror */
  readonly mirror?: string;
  /** Moment of the archive to install from, for mirrors that keep snapshots, `20250520T000000Z`. @default the present */
  readonly snapshot?: string;
  /** Packages that developers find in the image besides the toolchain. @default build tools and libraries that common packages need */
  readonly packages?: readonly string[];
  /** Size of the disk; only what is used takes space. @default 40 GiB */
  readonly disk?: Size;
  /** @default 'en_US.UTF-8' */
  readonly locale?: string;
  /** @default 'us' */
  readonly keyboard?: string;
  /** @default 'Europe/Berlin' */
  readonly timezone?: string;
}

const textSchema = singleLineSchema.optional();

const propsSchema = z.strictObject({
  ghc: textSchema,
  suite: z.enum(['trixie']).default('trixie').meta({ remedy: "use 'trixie'" }),
  mirror: textSchema,
  snapshot: textSchema,
  packages: z.array(singleLineSchema).optional(),
  disk: sizeSchema.optional(),
  locale: textSchema,
  keyboard: textSchema,
  timezone: textSchema,
});

/** An image's files lie in a directory of its name, beside these. */
const OTHER_DIRECTORIES = ['vms', 'ops-bridge', 'provider'];

/** An image with a Haskell toolchain, the agent and the tunnel, built once per definition. */
export class HaskellBuildImage extends FleetConstruct implements IBuildImage, IRendersFiles {
  /** Debian by mmdebstrap, toolchain from the distribution. */
  static debian(scope: Construct, id: string, props: DebianImageProps = {}): HaskellBuildImage {
    return new HaskellBuildImage(scope, id, props);
  }

  readonly definitionHash: string;
  /** Seconds since 1970 that stand for the time of the build; follows from the hash. */
  readonly sourceDateEpoch: number;
  readonly ghcVersions: readonly string[];
  readonly cabalVersion: string;
  private readonly definition: ImageDefinition | undefined;
  private readonly resource: ShapedResource<typeof imageShape>;

  private constructor(scope: Construct, id: string, props: DebianImageProps) {
    super(scope, id);
    const checked = this.check(propsSchema, props);
    if (OTHER_DIRECTORIES.includes(id)) {
      this.report({
        code: 'reserved-name',
        problem: `the stack's output has a directory of that name`,
        value: id,
        remedy: 'give the image another name',
      });
    }
    this.definition = this.valid ? this.define(checked) : undefined;
    this.definitionHash = this.definition ? definitionHash(this.definition) : '';
    this.sourceDateEpoch = sourceDateEpoch(this.definitionHash);
    this.ghcVersions = this.definition ? [this.definition.toolchain.ghc] : [];
    this.cabalVersion = this.definition?.toolchain.cabal ?? '';
    this.resource = new ShapedResource(this, 'Resource', imageShape, {
      attributes: () => ({
        name: this.id,
        definitionHash: this.definitionHash,
        definitionFile: `${this.id}/definition.json`,
      }),
    });
  }

  get artifactPath(): string {
    return this.resource.ref('artifactPath');
  }

  renderFiles(): readonly RenderedFile[] {
    return [
      { path: `${this.id}/definition.json`, content: `${JSON.stringify(this.definition, null, 2)}\n` },
      ...imageAssets().map(({ path, content, executable }) => ({ path: `${this.id}/${path}`, content, executable })),
    ];
  }

  private define(props: z.infer<typeof propsSchema>): ImageDefinition | undefined {
    const assets = imageAssets().map(({ path, content, executable }) => ({
      path,
      mode: executable ? '0755' : '0644',
      sha256: createHash('sha256').update(content).digest('hex'),
    }));
    const provisioning: readonly string[] = PROVISIONING_SCRIPTS;
    const complete = (toolchain?: ImageDefinition['toolchain']): ImageDefinition =>
      imageDefinition(
        {
          name: this.id,
          base: {
            kind: 'debian',
            suite: props.suite,
            architecture: 'amd64',
            mirror: props.mirror ?? null,
            snapshot: props.snapshot ?? null,
          },
          toolchain,
          packages: props.packages ?? [...DEFAULT_IMAGE_PACKAGES],
          scripts: provisioning.map((script) => {
            const asset = assets.find(({ path }) => path === script);
            if (asset === undefined) throw new Error(`assets hold no ${script}`);
            return asset;
          }),
          files: assets.filter(({ path }) => !provisioning.includes(path)),
          diskMib: props.disk?.toMebibytes(),
          locale: props.locale,
          keyboard: props.keyboard,
          timezone: props.timezone,
        },
        this.node.path,
      );
    try {
      const definition = complete();
      return props.ghc === undefined ? definition : complete({ ...definition.toolchain, ghc: props.ghc });
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      this.report(error);
      return undefined;
    }
  }
}
