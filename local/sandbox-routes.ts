import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { SandboxRoutes } from '../functions/http/served.ts';
import { sameSecret } from '../infra/secrets/compare.ts';

const largestBody = 65_536;

const answer = (response: ServerResponse, status: number, body: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

const pushOf = async (request: IncomingMessage): Promise<{ image: string; tag: string; env: Record<string, string> } | undefined> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > largestBody) return undefined;
    chunks.push(chunk as Buffer);
  }
  try {
    const { image, tag, env = {} } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { image?: unknown; tag?: unknown; env?: Record<string, string> };
    return typeof image === 'string' && typeof tag === 'string' ? { image, tag, env } : undefined;
  } catch {
    return undefined;
  }
};

/**
 * What `npm start` serves of its sandbox, for `npm run local`: functions on AWS know of no sandbox, so this process answers in front of
 * them. Only for whoever has the operator's token.
 */
export const besideSandbox = (sandbox: SandboxRoutes, operator: string): ((path: string) => RequestListener | undefined) => {
  const guarded = (handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): RequestListener => (request, response) => {
    const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!sameSecret(operator, given)) return answer(response, 401, { error: { code: 'unauthenticated', message: 'this needs the token of this run' } });
    handle(request, response).catch(() => response.destroy());
  };
  const routes: Readonly<Record<string, RequestListener>> = {
    '/api/sandbox': guarded(async (_request, response) => answer(response, 200, await sandbox.traffic())),
    '/api/sandbox/push': guarded(async (request, response) => {
      const push = await pushOf(request);
      if (push === undefined) return answer(response, 400, { error: { code: 'bad-body', message: 'expected image, tag and env' } });
      answer(response, 202, await sandbox.push(push.image, push.tag, push.env));
    }),
  };
  return (path) => (Object.hasOwn(routes, path) ? routes[path] : undefined);
};
