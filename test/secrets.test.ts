import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sameSecret, verifyHmac } from '../infra/secrets/compare.ts';
import { localSecrets } from '../infra/secrets/local.ts';
import { secretRefSchema } from '../infra/secrets/reference.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const fileWith = async (content: string): Promise<string> => {
  const path = join(folder, `secret-${content.length}`);
  await writeFile(path, content);
  return `file:${path}`;
};

describe('a secret from the environment', () => {
  const secrets = localSecrets({ TOKEN: 's3cret ', EMPTY: '' });

  it('is read as it is', async () => {
    expect(await secrets.read('env:TOKEN')).toBe('s3cret ');
  });

  it('is an error when it is missing or empty', async () => {
    await expect(secrets.read('env:OTHER')).rejects.toThrow('secret env:OTHER: there is no environment variable OTHER');
    await expect(secrets.read('env:EMPTY')).rejects.toThrow('secret env:EMPTY: is empty');
    await expect(secrets.read('env:constructor')).rejects.toThrow('there is no environment variable');
  });
});

describe('a secret from a file', () => {
  const secrets = localSecrets({});

  it.each([
    ['s3cret\n', 's3cret'],
    ['s3cret\r\n', 's3cret'],
    ['s3cret', 's3cret'],
    ['line one\nline two\n\n', 'line one\nline two\n'],
  ])('loses one newline at the end: %j', async (content, value) => {
    expect(await secrets.read(await fileWith(content))).toBe(value);
  });

  it('is read through a link, as Kubernetes mounts it', async () => {
    const target = (await fileWith('mounted')).slice('file:'.length);
    await symlink(target, join(folder, 'link'));
    expect(await secrets.read(`file:${join(folder, 'link')}`)).toBe('mounted');
  });

  it('counts at once after a rotation', async () => {
    const ref = await fileWith('old');
    await secrets.read(ref);
    await writeFile(ref.slice('file:'.length), 'new');
    expect(await secrets.read(ref)).toBe('new');
  });

  it('is an error when there is no such file, a folder, nothing in it or far too much', async () => {
    await expect(secrets.read(`file:${folder}/none`)).rejects.toThrow(`secret file:${folder}/none: cannot be opened (ENOENT)`);
    await expect(secrets.read(`file:${folder}`)).rejects.toThrow('is not a regular file');
    await expect(secrets.read(await fileWith('\n'))).rejects.toThrow('is empty');
    await expect(secrets.read(await fileWith('x'.repeat(65_537)))).rejects.toThrow('found 65537 bytes, allowed are 65536');
  });
});

describe('a reference to a secret', () => {
  it.each(['env:TOKEN', 'env:_a1', 'file:/run/secrets/token'])('may be %s', (ref) => {
    expect(secretRefSchema.safeParse(ref).success).toBe(true);
  });

  it.each(['hunter2', 'env:', 'env:1A', 'env:A B', 'file:relative', 'file:', 'https://vault', 'env:A\n', 'file:/a\0b', ''])(
    'may not be %j, and the error does not repeat it',
    async (ref) => {
      expect(secretRefSchema.safeParse(ref).success).toBe(false);
      const error = await localSecrets({}).read(ref).then(() => undefined, (thrown: Error) => thrown.message);
      expect(error).toContain('allowed is env:NAME or file:/absolute/path');
      if (ref.length > 5) expect(error).not.toContain(ref);
    },
  );
});

describe('comparing secrets', () => {
  it('tells same from different, whatever the lengths', () => {
    expect(sameSecret('token', 'token')).toBe(true);
    expect(sameSecret('token', new TextEncoder().encode('token'))).toBe(true);
    expect(sameSecret('token', 'tokem')).toBe(false);
    expect(sameSecret('token', 'token2')).toBe(false);
    expect(sameSecret('token', '')).toBe(false);
  });
});

describe('signatures', () => {
  const body = '{"a":1}';
  const json = 'aa9e2e3575f5d7098b6caccd790888c36d5fdb63342a73bada2d6a51747a8494';

  it.each([
    ['GitHub', 'sha256', "It's a Secret to Everybody", 'Hello, World!', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'],
    ['JFrog and Grafana', 'sha256', 'secret', body, json],
    ['Grafana with a time', 'sha256', 'secret', `1700000000:${body}`, '4f0bff5cd8903c8149837f5187dd1ebbb1ba3fe7acd2a8b61cb3fb91e509a6ad'],
    ['CODING', 'sha1', 'token', body, 'sha1=f1f439b0057e737fa367eb06612055006154a7f2'],
    ['Teams', 'sha256', Buffer.from('dGVhbXMtc2VjcmV0', 'base64'), body, 'gtACVN8myAtYLF1IMNyrGE9WQZHwNv/fk2o83FH9e1s='],
    ['upper-case hex', 'sha256', 'secret', new TextEncoder().encode(body), json.toUpperCase()],
  ] as const)('of %s are recognised', (_, algorithm, key, signed, given) => {
    expect(verifyHmac({ algorithm, key, body: signed, given })).toBe(true);
    expect(verifyHmac({ algorithm, key, body: Buffer.from([...Buffer.from(signed), 0]), given })).toBe(false);
    expect(verifyHmac({ algorithm, key: Buffer.from([...Buffer.from(key), 1]), body: signed, given })).toBe(false);
  });

  it.each(['', 'sha256=', json.slice(1), `${json}0`, `sha1=${json}`, 'sha256=é', `sha256=sha256=${json}`])('%j is none', (given) => {
    expect(verifyHmac({ algorithm: 'sha256', key: 'secret', body, given })).toBe(false);
  });

  it('under an empty key are never right', () => {
    const given = 'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad';
    expect(verifyHmac({ algorithm: 'sha256', key: '', body: '', given })).toBe(false);
  });
});
