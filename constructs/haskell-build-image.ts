import type { Construct, IConstruct } from 'constructs';
import type { z } from 'zod';
import { FleetError } from '../src/model/errors';
import type { Hypervisor, ImageFormat } from '../src/model/hypervisor';
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
import { FleetConstruct } from './private/fleet-construct';
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
export class HaskellBuildImage extends FleetConstruct implements IBuildImage, IRendersFiles {
  /** Debian by mmdebstrap, toolchain from the distribution. */
  static debian(scope: Construct, id: string, props: DebianImageProps = {}): HaskellBuildImage {
    return new HaskellBuildImage(scope, id, debianImagePropsSchema, props, debianImage);
  }

  /** Ubuntu LTS by its own installer in a virtual machine that Packer runs, toolchain by GHCup. */
  static ubuntu(scope: Construct, id: string, props: UbuntuImageProps = {}): HaskellBuildImage {
    return new HaskellBuildImage(scope, id, ubuntuImagePropsSchema, props, ubuntuImage);
  }

  readonly definitionHash: string;
  readonly builder: ImageBuilder;
  readonly buildHypervisor: Hypervisor | null;
  /** Seconds since 1970 that stand for the time of the build; follows from the hash. */
  readonly sourceDateEpoch: number;
  readonly ghcVersions: readonly string[];
  readonly cabalVersion: string;
  private readonly definition: ImageDefinition | undefined;
  private readonly files: readonly RenderedFile[] = [];
  private readonly artifacts = new Map<ImageFormat, ShapedResource<typeof imageShape>>();

  private constructor(
    scope: Construct,
    id: string,
    schema: z.ZodObject,
    props: object,
    sourceOf: (image: ImagePlace, props: never) => ImageSource,
  ) {
    super(scope, id);
    const checked = this.check(schema, props);
    if (OTHER_DIRECTORIES.includes(id)) {
      this.report({
        code: 'reserved-name',
        problem: `the stack's output has a directory of that name`,
        value: id,
        remedy: 'give the image another name',
      });
    }
    try {
      if (this.valid) {
        const { projectDirectory } = fleetOf(this);
        const source = sourceOf({ name: this.id, path: this.node.path, projectDirectory }, checked as never);
        this.definition = this.define(source);
        this.files = source.files;
      }
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      this.report(error);
    }
    this.definitionHash = this.definition ? definitionHash(this.definition) : '';
    this.builder = this.definition ? builderOf(this.definition) : 'mmdebstrap';
    this.buildHypervisor = this.definition ? buildHypervisorOf(this.definition) : null;
    this.sourceDateEpoch = sourceDateEpoch(this.definitionHash);
    this.ghcVersions = this.definition ? ghcVersionsOf(this.definition) : [];
    this.cabalVersion = this.definition?.toolchain.cabal ?? '';
    // what comes out of the builder is provided also where no VM uses it yet
    if (this.definition) this.artifact('Resource', builtFormat(this.definition));
  }

  artifactPath(format: ImageFormat): string {
    return (this.artifacts.get(format) ?? this.artifact(format, format)).ref('artifactPath');
  }

  renderFiles(): readonly RenderedFile[] {
    return [
      { path: 'definition.json', content: `${JSON.stringify(this.definition, null, 2)}\n` },
      ...this.files,
      ...hostScripts(),
    ].map((file) => ({ ...file, path: `${this.id}/${file.path}` }));
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

  private define({ definition, ghc }: ImageSource): ImageDefinition {
    const complete = imageDefinition(definition, this.node.path);
    if (ghc === undefined) return complete;
    return imageDefinition({ ...definition, toolchain: { ...complete.toolchain, ghc } }, this.node.path);
  }
}
