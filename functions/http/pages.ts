import { readFile, readdir } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

const folder = fileURLToPath(new URL('../../web/public/', import.meta.url));
const types: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml' };

/** The page itself: files without any data, so they need no token. Nothing from elsewhere is loaded, and nobody may frame it. */
const headers = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
};

/** Serves exactly the files that are in the folder now; a path is only ever compared, never joined. */
export const pageRoutes = async (app: FastifyInstance): Promise<void> => {
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const type = types[extname(file)];
    if (type === undefined) continue;
    const send = async (_request: unknown, reply: { headers(values: object): { type(type: string): { send(body: Buffer): unknown } } }) => reply.headers(headers).type(type).send(await readFile(`${folder}${file}`));
    app.get(`/page/${file}`, send as never);
    if (file === 'index.html') app.get('/', send as never);
  }
};
