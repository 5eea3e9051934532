import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Connection } from './connection.ts';
import { serverSentData } from './server-sent.ts';
import { exitCodes, Failure } from './exit.ts';

/** The HTTP API as the commands use it. Every failure is a `Failure` that says what to do. */
export interface Api {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  send<T>(method: 'POST' | 'PUT', path: string, body: object): Promise<T>;
  /**
   * Server-sent events until the signal aborts, or the server ends them without having said when to ask again (`retry`): one that
   * cannot keep a connection answers with what is new, and is asked for more.
   */
  follow<T>(path: string, signal: AbortSignal): AsyncIterable<T>;
}

const answerMs = 15_000;
/** The server says something every 15 s; three times as long without a word means that the connection is dead. */
const silenceMs = 45_000;

const errorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    mistakes: z.array(z.object({ line: z.number(), column: z.number(), field: z.string(), message: z.string() })).optional(),
  }),
});

export const apiOf = ({ url, token }: Connection): Api => {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const reach = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(`${url}${path}`, { ...init, headers: { ...headers, ...(init.headers as Record<string, string> | undefined) }, redirect: 'error' });
    } catch (error) {
      throw unreachable(url, error);
    }
  };
  const call = async <T>(path: string, init: RequestInit): Promise<T> => {
    const response = await reach(path, { ...init, signal: AbortSignal.timeout(answerMs) });
    const text = await response.text().catch((error: unknown) => {
      throw unreachable(url, error);
    });
    if (!response.ok) throw refusal(response.status, text, token === undefined);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new Failure(exitCodes.failed, 'notSluice', `${url}${path} did not answer with JSON; is this Sluice?`);
    }
  };
  return {
    url,
    get: (path) => call(path, {}),
    send: (method, path, body) => call(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    async *follow<T>(path: string, signal: AbortSignal) {
      let lastId = '';
      for (let askAgainMs: number | undefined = 0; askAgainMs !== undefined && !signal.aborted; ) {
        if (askAgainMs > 0) await sleep(askAgainMs, undefined, { signal }).catch(() => undefined);
        askAgainMs = undefined;
        const quiet = new AbortController();
        let alarm = setTimeout(() => quiet.abort(), silenceMs);
        const heard = (): void => {
          clearTimeout(alarm);
          alarm = setTimeout(() => quiet.abort(), silenceMs);
        };
        try {
          const response = await reach(path, { headers: { accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) }, signal: AbortSignal.any([signal, quiet.signal]) });
          if (!response.ok) throw refusal(response.status, await response.text(), token === undefined);
          if (response.body === null) return;
          for await (const data of serverSentData(response.body, heard, (field, value) => {
            if (field === 'id') lastId = value;
            else if (/^\d{1,9}$/.test(value)) askAgainMs = Math.max(1, Number(value));
          }))
            yield JSON.parse(data) as T;
        } catch (error) {
          if (signal.aborted) return;
          throw error instanceof Failure ? error : unreachable(url, error);
        } finally {
          clearTimeout(alarm);
        }
      }
    },
  };
};

const unreachable = (url: string, error: unknown): Failure => {
  const cause = error instanceof Error ? ((error.cause ?? error) as { readonly code?: string; readonly message?: string }) : undefined;
  const why = error instanceof Error && error.name === 'TimeoutError' ? `no answer within ${answerMs / 1000} s` : (cause?.code ?? cause?.message ?? String(error));
  return new Failure(exitCodes.unreachable, 'unreachable', `cannot reach ${url} (${why}); start it with \`npm start\` or \`sluice serve\`, or name another by --url or SLUICE_URL`);
};

const refusal = (status: number, text: string, anonymous: boolean): Failure => {
  const parsed = errorSchema.safeParse(readJson(text));
  if (!parsed.success) return new Failure(exitCodes.failed, `http${status}`, `the server answered ${status}${text === '' ? '' : `: ${text.slice(0, 200)}`}`);
  const { code, message, mistakes = [] } = parsed.data.error;
  const hint = status === 401 ? `; ${anonymous ? 'give one by --token or SLUICE_TOKEN' : 'the token given is not one of its own'}` : '';
  const exit = mistakes.length > 0 ? exitCodes.mistakes : exitCodes.failed;
  return new Failure(exit, code, `${message}${hint}`, mistakes);
};

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
