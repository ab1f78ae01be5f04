/** The steps that the script on the VM knows. */
export type RemoteStep = 'connected' | 'ghc-version' | 'compile' | 'execute';

/** A line that the script on the VM prints (assets/smoke/remote.sh). */
export type RemoteLine =
  | {
      readonly kind: 'step';
      readonly name: RemoteStep;
      readonly ok: boolean;
      readonly seconds: number;
      readonly detail: string;
    }
  | { readonly kind: 'result'; readonly content: string };

/** Reads one line of the script's output; undefined for what is none of its lines. */
export function parseRemoteLine(line: string): RemoteLine | undefined {
  const step = /^step (connected|ghc-version|compile|execute) (ok|failed) (\d{1,6}\.\d{3}) ?(.*)$/.exec(line);
  if (step !== null) {
    const [, name, verdict, seconds, detail = ''] = step;
    return {
      kind: 'step',
      name: name as RemoteStep,
      ok: verdict === 'ok',
      seconds: Number(seconds),
      detail: detail.trim(),
    };
  }
  const result = /^result ([A-Za-z0-9+/]*={0,2})$/.exec(line);
  return result === null
    ? undefined
    : { kind: 'result', content: Buffer.from(result[1] ?? '', 'base64').toString('utf8') };
}

/** What the program in assets/smoke/ writes for a nonce, which is ASCII. */
export function expectedResult(nonce: string): string {
  const n = 100;
  return `built for ${nonce.split('').reverse().join('')}\n${(n * (n + 1) * (2 * n + 1)) / 6}\n`;
}

/** The version in what `ghc --version` prints; undefined when there is none. */
export function ghcVersionOf(text: string): string | undefined {
  return /version (\d+(?:\.\d+)+)/.exec(text)?.[1];
}
