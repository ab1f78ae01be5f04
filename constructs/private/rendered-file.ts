import type { IConstruct } from 'constructs';
import { Fn } from './cdktf';

/** A file that synth writes. */
export interface RenderedFile {
  /** Below the stack's output directory, with forward slashes. */
  readonly path: string;
  readonly content: string;
  /**
   * Whether the file is a program.
   * @default false
   */
  readonly executable?: boolean;
}

/** A construct that contributes files to the synthesized stack. */
export interface IRendersFiles {
  /** Called once the fleet has been found valid. */
  renderFiles(): readonly RenderedFile[];
}

/** The text of a rendered file, read by Terraform in the stack's output when it plans: the plan's input does not repeat it. */
export function contentOf(path: string): string {
  return Fn.file(path);
}

/** Everything that a construct and those below it contribute, in the order of their paths. */
export function renderedFilesOf(root: IConstruct): RenderedFile[] {
  return root.node
    .findAll()
    .flatMap((construct) => (rendersFiles(construct) ? construct.renderFiles() : []))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function rendersFiles(construct: unknown): construct is IRendersFiles {
  return typeof (construct as Partial<IRendersFiles>).renderFiles === 'function';
}
