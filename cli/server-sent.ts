/**
 * The `data` of each server-sent event (WHATWG HTML, section "Server-sent events"): lines end with LF, CRLF or CR, several `data`
 * lines are joined by LF, lines that begin with a colon are comments. `heard` is called whenever anything arrives, `told` for each
 * `id` and `retry`.
 */
export async function* serverSentData(body: AsyncIterable<Uint8Array>, heard: () => void, told: (field: 'id' | 'retry', value: string) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of body) {
    heard();
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the very end may be half of a CRLF.
    const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
    const lines = whole.split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '') + rest.slice(whole.length);
    for (const line of lines) {
      if (line === '' && data.length > 0) {
        yield data.join('\n');
        data = [];
        continue;
      }
      const [, field, value = ''] = /^(data|id|retry): ?(.*)$/s.exec(line) ?? [];
      if (field === 'data') data.push(value);
      else if (field === 'id' || field === 'retry') told(field, value);
    }
  }
}
