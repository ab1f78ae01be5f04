import { X509Certificate, createPrivateKey } from 'node:crypto';
import { createServerIdentity } from '../../../../../src/provider/plugin/wire/certificate';

test('the certificate is what a TLS client expects of localhost', () => {
  const { certificate, key } = createServerIdentity();
  const parsed = new X509Certificate(certificate);
  expect(parsed.checkHost('localhost')).toBe('localhost');
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect(parsed.checkPrivateKey(createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })))).toBe(true);
  expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(parsed.subject).toBe('CN=localhost');
  expect(parsed.ca).toBe(false);
});

test('it is valid now and for a year, also where the century needs another time format', () => {
  const parsed = new X509Certificate(createServerIdentity(new Date('2049-06-01T00:00:00Z')).certificate);
  expect(new Date(parsed.validFrom).toISOString()).toBe('2049-05-31T00:00:00.000Z');
  expect(new Date(parsed.validTo).toISOString()).toBe('2050-06-01T00:00:00.000Z');
});

test('no two are alike', () => {
  const serials = new Set(
    Array.from({ length: 20 }, () => new X509Certificate(createServerIdentity().certificate).serialNumber),
  );
  expect(serials.size).toBe(20);
});
