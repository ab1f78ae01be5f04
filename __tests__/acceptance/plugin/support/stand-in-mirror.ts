import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { run } from '../../../../src/process/run';
import { createServerIdentity } from '../../../../src/provider/plugin/wire/certificate';

/** A provider that the mirror has: all are `stand-in-null-provider.ts`, under another address. */
export interface MirroredProvider {
  /** With host: `registry.terraform.io/hashicorp/null`. */
  readonly source: string;
  readonly versions: readonly string[];
}

/** Speaks Terraform's provider network mirror protocol on loopback, with packages made for the test. */
export class StandInMirror {
  private constructor(
    private readonly server: Server,
    private readonly certificateFile: string,
    private readonly configurationFile: string,
    /** Paths that were asked for. */
    readonly requests: readonly string[],
  ) {}

  static async start(directory: string, providers: readonly MirroredProvider[]): Promise<StandInMirror> {
    const code = join(directory, 'code');
    buildSync({
      ...{ entryPoints: [join(__dirname, 'stand-in-null-provider.ts')], outfile: join(code, 'main.js') },
      ...{ bundle: true, platform: 'node', target: 'node20', logLevel: 'silent', external: ['node-sqlite3-wasm'] },
    });
    for (const provider of providers) await writeProvider(directory, code, provider);

    const { key, certificate } = createServerIdentity();
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
    const certificateFile = join(directory, 'mirror.pem');
    writeFileSync(certificateFile, pem);
    const requests: string[] = [];
    const server = createServer(
      { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: pem },
      (request, response) => {
        requests.push(request.url ?? '');
        try {
          const content = readFileSync(join(directory, 'files', request.url ?? ''));
          const type = request.url?.endsWith('.json') === true ? 'application/json' : 'application/zip';
          response.writeHead(200, { 'content-type': type }).end(content);
        } catch {
          response.writeHead(404).end();
        }
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const configurationFile = join(directory, 'terraformrc');
    writeFileSync(
      configurationFile,
      [
        'provider_installation {',
        '  filesystem_mirror {',
        '    path    = "terraform.d/plugins"',
        '    include = ["buildfleet.local/*/*"]',
        '  }',
        '  network_mirror {',
        `    url     = "${url}"`,
        '    exclude = ["buildfleet.local/*/*"]',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
    return new StandInMirror(server, certificateFile, configurationFile, requests);
  }

  /** For the process that runs Terraform: the mirror is all that it reaches. */
  get environment(): Record<string, string> {
    return {
      TF_CLI_CONFIG_FILE: this.configurationFile,
      SSL_CERT_FILE: this.certificateFile,
      HTTPS_PROXY: 'http://127.0.0.1:1',
      NO_PROXY: 'localhost',
    };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Writes a provider's indexes and packages below `files/`, where the protocol says they are. */
async function writeProvider(directory: string, code: string, { source, versions }: MirroredProvider): Promise<void> {
  const place = join(directory, 'files', source);
  mkdirSync(place, { recursive: true });
  const index = { versions: Object.fromEntries(versions.map((version) => [version, {}])) };
  writeFileSync(join(place, 'index.json'), JSON.stringify(index));
  const platform = `linux_${process.arch === 'x64' ? 'amd64' : process.arch}`;
  for (const version of versions) {
    const name = `terraform-provider-${source.split('/').at(-1) ?? ''}_v${version}`;
    const packaged = join(directory, 'packages', source, version, name);
    mkdirSync(dirname(packaged), { recursive: true });
    writeFileSync(packaged, `#!/bin/sh\nexec node '${code}/main.js'\n`, { mode: 0o755 });
    const archive = `${name}_${platform}.zip`;
    const zip = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").write(sys.argv[2], sys.argv[3])';
    await run('python3', ['-c', zip, join(place, archive), packaged, name]);
    writeFileSync(join(place, `${version}.json`), JSON.stringify({ archives: { [platform]: { url: archive } } }));
  }
}
