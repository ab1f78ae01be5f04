import { z } from 'zod';

/** Fixed names that users, scripts and other fleets' hubs rely on. */
export const VM_NAME_PREFIX = 'haskell-build';
export const GUEST_USER = 'build';

/** What may become a VM, host, image or fleet name: it reaches file names, argv and host names. */
export const NAME_PATTERN = /^[a-z][a-z0-9-]{0,62}$/;

export const nameSchema = z.string().regex(NAME_PATTERN, `must match ${String(NAME_PATTERN)}`);

/** Text that reaches a file or an argv: one line, no way out of a directory. */
export const singleLineSchema = z
  .string()
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain newlines or other control characters')
  .refine((text) => !text.split('/').includes('..'), 'must not contain a ../ step');

/** A place on the workstation. A path that begins elsewhere would depend on where the provider is started. */
export const workstationPathSchema = singleLineSchema.regex(/^(~\/|\/)./, 'must be absolute or begin with ~/');

/** URL of a State Hub. */
export const hubUrlSchema = singleLineSchema.refine(
  (text) => URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol),
  'must be an http:// or https:// URL',
);

/** VM name, host name and first Host alias of the VM with this id: `alpha` is `haskell-build-alpha`. */
export function vmName(id: string): string {
  return `${VM_NAME_PREFIX}-${id}`;
}

/** The Host aliases of a VM, most specific first. The fleet's default VM is also plain `haskell-build`. */
export function hostAliases(id: string, isDefault: boolean): readonly string[] {
  return [vmName(id), id, ...(isDefault ? [VM_NAME_PREFIX] : [])];
}
