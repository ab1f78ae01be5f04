import { createHash } from 'node:crypto';
import { type ImageDefinitionProps, PROVISIONING_SCRIPTS } from '../../src/model/image-definition';
import type { RenderedFile } from './rendered-file';

/** An image as its kind sees it. */
export interface ImagePlace {
  readonly name: string;
  /** Construct path, for errors. */
  readonly path: string;
  /** Where `main.ts` lies. */
  readonly projectDirectory: string;
}

/** What a kind of image is made from. */
export interface ImageSource {
  readonly definition: ImageDefinitionProps;
  /** GHC that must come with the toolchain, if one was asked for. */
  readonly ghc?: string | undefined;
  /** Files that lie beside the definition; paths are relative to it. */
  readonly files: readonly RenderedFile[];
}

/** How a definition lists the files that it is made with. */
export function listed(files: readonly RenderedFile[]): Pick<ImageDefinitionProps, 'scripts' | 'files'> {
  const assets = files.map(({ path, content, executable }) => ({
    path,
    mode: executable === true ? '0755' : '0644',
    sha256: createHash('sha256').update(content).digest('hex'),
  }));
  const order: readonly string[] = PROVISIONING_SCRIPTS;
  return {
    scripts: order.map((script) => {
      const asset = assets.find(({ path }) => path === script);
      if (asset === undefined) throw new Error(`assets hold no ${script}`);
      return asset;
    }),
    files: assets.filter(({ path }) => !order.includes(path)),
  };
}
