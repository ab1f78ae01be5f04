/**
 * The library that starts programs, loaded with the first one: a plan starts none, and loading takes longer than the
 * rest of the provider does.
 */
export function execaLibrary(): typeof import('execa') {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would load it at once
  return require('execa') as typeof import('execa');
}
