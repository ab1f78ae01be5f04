import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** Name of the file that describes a project to stack, which cabal does not read. */
export const STACK_FILE = 'stack.yaml';

const schema = z.object({ packages: z.array(z.string()).default(['.']) });

/** Directories of the packages of a project for stack, as its file has them; none where it cannot be understood. */
export function stackPackages(directory: string): readonly string[] {
  try {
    return schema.parse(parse(readFileSync(join(directory, STACK_FILE), 'utf8'))).packages;
  } catch {
    return [];
  }
}
