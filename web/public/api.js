// The HTTP API. The token is kept for this tab only and goes into a header, never into an address.

const key = 'sluice-token';

/** Takes a token out of the fragment (`#token=...`), keeps it for this tab, and removes it from the address. */
export const takeToken = () => {
  const given = /^#token=([^&]+)(?:&(.*))?$/.exec(location.hash);
  if (given === null) return;
  keepToken(decodeURIComponent(given[1]));
  history.replaceState(null, '', `${location.pathname}#${given[2] ?? '/'}`);
};

export const keepToken = (token) => sessionStorage.setItem(key, token);

const headers = () => {
  const token = sessionStorage.getItem(key);
  return token === null ? {} : { authorization: `Bearer ${token}` };
};

/** `status` 0: the server was not reached. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const reach = async (path, init) => {
  try {
    return await fetch(path, { ...init, headers: { ...headers(), ...init.headers }, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refused(0, 'the server cannot be reached');
  }
};

const refusal = async (response) => {
  const text = await response.text().catch(() => '');
  try {
    return new Refused(response.status, JSON.parse(text).error.message);
  } catch {
    return new Refused(response.status, `the server answered ${response.status}`);
  }
};

export const get = async (path, signal) => {
  const response = await reach(path, { signal });
  if (!response.ok) throw await refusal(response);
  return response.json();
};

export const post = async (path, body) => {
  const response = await reach(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  if (!response.ok) throw await refusal(response);
  return response.json();
};

/** The server says something every 15 s; three times as long without a word means that the connection is dead. */
const silenceMs = 45_000;

const pause = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });

/**
 * Server-sent events by fetch, because EventSource cannot carry the token in a header. A server that cannot keep a connection says when
 * to ask again (`retry`), and is asked for what is new since (`id`); one that does not ends this by ending its answer.
 */
export async function* follow(path, signal) {
  for (let position = { id: undefined, retryMs: 0 }; position.retryMs !== undefined && !signal.aborted; ) {
    // Who does not look need not know at once.
    if (position.retryMs > 0) await pause(document.hidden ? 5 * position.retryMs : position.retryMs, signal);
    position = { id: position.id, retryMs: undefined };
    yield* oneAnswer(path, signal, position);
  }
}

async function* oneAnswer(path, signal, position) {
  const quiet = new AbortController();
  let alarm = setTimeout(() => quiet.abort(), silenceMs);
  try {
    const headers = { accept: 'text/event-stream', ...(position.id === undefined ? {} : { 'last-event-id': position.id }) };
    const response = await reach(path, { signal: AbortSignal.any([signal, quiet.signal]), headers });
    if (!response.ok) throw await refusal(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    let data = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(alarm);
      alarm = setTimeout(() => quiet.abort(), silenceMs);
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines.map((one) => one.replace(/\r$/, ''))) {
        if (line.startsWith('data:')) data += line.slice(5).trimStart();
        else if (line.startsWith('id:')) position.id = line.slice(3).trim();
        else if (line.startsWith('retry:')) position.retryMs = Math.max(1, Number.parseInt(line.slice(6), 10) || 1);
        else if (line === '' && data !== '') {
          yield JSON.parse(data);
          data = '';
        }
      }
    }
  } finally {
    clearTimeout(alarm);
  }
}
