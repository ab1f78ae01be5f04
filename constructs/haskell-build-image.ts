import type { Construct, IConstruct } from 'constructs';
import { isFleetError } from '../src/model/errors';
import type { ImageFormat, Hypervisor } from '../src/model/hypervisor';
import {
  buildHypervisorOf,
  builderOf,
  builtFormat,
  definitionHash,
  ghcVersionsOf,
  type ImageBuilder,
  type ImageDefinition,
  imageDefinition,
  sourceDateEpoch,
} from '../src/model/image-definition';
import { imageShape } from '../src/model/resources/image';
import { hostScripts } from '../src/images/assets';
import { type DebianImageProps, debianImage, debianImagePropsSchema } from './private/debian-image';
import { fleetOf } from './private/fleet';
import { FleetConstruct, type Problem } from './private/fleet-construct';
import type { ImagePlace, ImageSource } from './private/image-source';
import type { IRendersFiles, RenderedFile } from './private/rendered-file';
import { ShapedResource } from './private/resource';
import { type UbuntuImageProps, ubuntuImage, ubuntuImagePropsSchema } from './private/ubuntu-image';

/** A disk image that VMs start from. */
export interface IBuildImage extends IConstruct {
  readonly id: string;
  /** sha256 of everything declared that can change the disk. */
  readonly definitionHash: string;
  /** Program that builds it where no cache has it. */
  readonly builder: ImageBuilder;
  /** Hypervisor of the machine that it is installed on; null where it is built without one. */
  readonly buildHypervisor: Hypervisor | null;
  /** Where the image lies on the workstation in that format; a reference, known at deploy. Makes the deploy provide it. */
  artifactPath(format: ImageFormat): string;
  /** GHC versions in the image, the default first. */
  readonly ghcVersions: readonly string[];
  readonly cabalVersion: string;
}

/** An image's files lie in a directory of its name, beside these. */
const OTHER_DIRECTORIES = ['vms', 'ops-bridge', 'provider'];

/** An image with a Haskell toolchain, the agent and the tunnel, built once per definition. */
export abstract class HaskellBuildImage extends FleetConstruct implements IBuildImage, IRendersFiles {
  /** Debian by mmdebstrap, toolchain from the distribution or by GHCup. */
  static debian(scope: Construct, id: string, props: DebianImageProps = {}): HaskellBuildImage {
    return new DebianImage(scope, id, props);
  }

  /** Ubuntu LTS by its own installer in a virtual machine that Packer runs, toolchain by GHCup. */
  static ubuntu(scope: Construct, id: string, props: UbuntuImageProps = {}): HaskellBuildImage {
    return new UbuntuImage(scope, id, props);
  }

  private described: { readonly definition: ImageDefinition; readonly hash: string } | undefined;
  private files: readonly RenderedFile[] = [];
  private readonly artifacts = new Map<ImageFormat, ShapedResource<typeof imageShape>>();

  protected constructor(scope: Construct, id: string) {
    super(scope, id);
    if (OTHER_DIRECTORIES.includes(id)) {
      this.report({
        code: 'reserved-name',
        problem: `the stack's output has a directory of that name`,
        value: id,
        remedy: 'give the image another name',
      });
    }
    this.addCheck(() => this.sharedName());
  }

  get definitionHash(): string {
    return this.described?.hash ?? '';
  }

  get builder(): ImageBuilder {
    return this.described ? builderOf(this.described.definition) : 'mmdebstrap';
  }

  get buildHypervisor(): Hypervisor | null {
    return this.described ? buildHypervisorOf(this.described.definition) : null;
  }

  /** Seconds since 1970 that stand for the time of the build; follows from the hash. */
  get sourceDateEpoch(): number {
    return sourceDateEpoch(this.definitionHash);
  }

  get ghcVersions(): readonly string[] {
    return this.described ? ghcVersionsOf(this.described.definition) : [];
  }

  get cabalVersion(): string {
    return this.described?.definition.toolchain.cabal ?? '';
  }

  artifactPath(format: ImageFormat): string {
    return (this.artifacts.get(format) ?? this.artifact(format, format)).ref('artifactPath');
  }

  renderFiles(): readonly RenderedFile[] {
    return [
      { path: 'definition.json', content: `${JSON.stringify(this.described?.definition, null, 2)}\n` },
      ...this.files,
      ...hostScripts(),
    ].map((file) => ({ ...file, path: `${this.id}/${file.path}` }));
  }

  /** Called by each kind of image once it has checked its props; `source` is called if they are sound. */
  protected describe(source: (image: ImagePlace) => ImageSource): void {
    if (!this.valid) return;
    const { path } = this.node;
    const { projectDirectory } = fleetOf(this);
    try {
      const { definition, ghc, files } = source({ name: this.id, path, projectDirectory });
      let complete = imageDefinition(definition, path);
      if (ghc !== undefined) {
        complete = imageDefinition({ ...definition, toolchain: { ...complete.toolchain, ghc } }, path);
      }
      this.described = { definition: complete, hash: definitionHash(complete) };
      this.files = files;
      // what comes out of the builder is provided also where no VM uses it yet
      this.artifact('Resource', builtFormat(complete));
    } catch (error) {
      if (!isFleetError(error)) throw error;
      this.report(error);
    }
  }

  /** The later one of two images reports the name that they share. */
  private sharedName(): Problem[] {
    const images = fleetOf(this)
      .node.findAll()
      .filter((other) => other instanceof HaskellBuildImage);
    const named = images.slice(0, images.indexOf(this)).find(({ id }) => id === this.id);
    if (named === undefined || named.node.scope === this.node.scope) return [];
    return [
      {
        code: 'duplicate-name',
        problem: `${named.node.path} has the same name`,
        value: this.id,
        remedy: 'give one of the two another name, or use one image for both',
      },
    ];
  }

  private artifact(id: string, format: ImageFormat): ShapedResource<typeof imageShape> {
    const resource = new ShapedResource(this, id, imageShape, {
      attributes: () => ({
        name: this.id,
        definitionHash: this.definitionHash,
        definitionFile: `${this.id}/definition.json`,
        format,
      }),
    });
    this.artifacts.set(format, resource);
    return resource;
  }
}

class DebianImage extends HaskellBuildImage {
  constructor(scope: Construct, id: string, props: DebianImageProps) {
    super(scope, id);
    const checked = this.check(debianImagePropsSchema, props);
    this.describe((image) => debianImage(image, checked));
  }
}

class UbuntuImage extends HaskellBuildImage {
  constructor(scope: Construct, id: string, props: UbuntuImageProps) {
    super(scope, id);
    const checked = this.check(ubuntuImagePropsSchema, props);
    this.describe((image) => ubuntuImage(image, checked));
  }
}
