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

/** Server-sent events by fetch, because EventSource cannot carry the token in a header. Ends when the server ends it. */
export async function* follow(path, signal) {
  const quiet = new AbortController();
  let alarm = setTimeout(() => quiet.abort(), silenceMs);
  try {
    const response = await reach(path, { signal: AbortSignal.any([signal, quiet.signal]), headers: { accept: 'text/event-stream' } });
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
