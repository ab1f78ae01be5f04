/** What the keywords of a machine's entry say. */
export interface AgentFacts {
  readonly ghcVersions: readonly string[];
  readonly hostName: string;
  readonly tunnelPort: number;
}

/** The keywords that `build-agent.py` registers a machine with; its test holds both together. */
export function agentKeywords({ ghcVersions, hostName, tunnelPort }: AgentFacts): string[] {
  const compilers = ghcVersions.map((version) => `ghc-${version}`);
  return ['haskell', 'ghc', ...compilers, 'build-agent', 'cabal', `host:${hostName}`, `tunnel-port:${tunnelPort}`];
}
