import * as fc from 'fast-check';
import { z } from 'zod';
import { FleetError } from '../../../src/model/errors';
import { describeIssues, type IssueContext, parseFailure } from '../../../src/model/zod-issue';

const relay = z.strictObject({ host: z.string().regex(/^[a-z]+$/, 'must be a host name'), port: z.number().min(1) });
const schema = z.strictObject({ relay, keys: z.array(z.string()).min(1).optional() });

function describe(input: unknown, context: Omit<IssueContext, 'input'> = {}, checked: z.ZodType = schema) {
  const { error } = checked.safeParse(input);
  if (error === undefined) throw new Error('nothing is wrong');
  return describeIssues(error, { input, ...context });
}

test('one issue is place and message, with the value apart', () => {
  expect(describe({ relay: { host: 'a b', port: 1 } })).toEqual({
    problem: 'relay.host: must be a host name',
    value: 'a b',
  });
});

test('several issues stand in one sentence, each with its value', () => {
  expect(describe({ relay: { host: 'a b', port: 0 } })).toEqual({
    problem:
      'relay.host: must be a host name (received "a b"); relay.port: too small: expected number to be >=1 (received 0)',
  });
});

test('an error reads the same with one issue and with several', () => {
  const parts = describe({ relay: { host: 'a b', port: 1 } });
  const error = new FleetError({ code: 'guest-environment', ...parts, place: 'alpha', remedy: 'correct it' });
  expect(error.message).toBe('alpha: relay.host: must be a host name (received "a b"): correct it');
});

test('the whole is a document, unless it has another name', () => {
  expect(describe(7).problem).toMatch(/^document: invalid input: expected object, received number$/);
  expect(describe(7, { place: (path) => path || 'body' }).problem).toMatch(/^body: /);
});

test('what is missing is told once', () => {
  expect(describe({ relay: { host: 'a' } })).toEqual({
    problem: 'relay.port: invalid input: expected number, received undefined',
  });
});

test('lists are shown, sections and what they hold are not', () => {
  expect(describe({ relay: { host: 'a', port: 1 }, keys: [] })).toMatchObject({ value: [] });
  const section = { relay: { host: 'a', port: 1, password: 'SECRET' } };
  expect(describe(section)).toEqual({ problem: 'relay: unrecognized key: "password"' });
});

test('a long text is cut, and so is a long list of issues', () => {
  const long = describe({ relay: { host: 'A'.repeat(1000), port: 1 } }).value;
  expect(long).toBe(`${'A'.repeat(200)}…`);
  const many = describe(
    Array.from({ length: 12 }, () => 'x'),
    {},
    z.array(z.number()),
  );
  expect(many.problem).toMatch(/^0: .* \(received "x"\); .*; 9: [^;]*; and 2 more$/);
});

test('a secret is never shown, nor any value without what was checked', () => {
  const { error } = schema.safeParse({ relay: { host: 'SECRET SECRET', port: 1 } });
  expect(JSON.stringify(describeIssues(error!))).not.toContain('SECRET');
  const secret = fc.string({ minLength: 4 }).map((text) => `SECRET ${text}`);
  fc.assert(
    fc.property(secret, fc.integer({ max: 1 }), fc.array(secret), (host, port, keys) => {
      const input = { relay: { host, port }, keys };
      const told = describe(input, { isSecret: ([key]) => key !== 'keys' });
      expect(JSON.stringify(told)).not.toContain('SECRET');
    }),
  );
});

test('parseFailure says in one line what JSON or the schema does not allow', () => {
  const failureOf = (text: string): string => {
    try {
      schema.parse(JSON.parse(text));
    } catch (cause) {
      return parseFailure(cause);
    }
    throw new Error('nothing is wrong');
  };
  expect(failureOf('{"relay": {"host": "a", "port": 0}}')).toBe('relay.port: too small: expected number to be >=1');
  expect(failureOf('{')).toMatch(/^Expected .* JSON [^\n]*$/);
});
