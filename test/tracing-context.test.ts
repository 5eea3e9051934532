import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLog, logLevel } from '../infra/tracing/log.ts';
import { childOf, formatTraceparent, newTrace, parseTraceparent, traceIdOf } from '../infra/tracing/traceparent.ts';

const id = (digits: number) => fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: digits, maxLength: digits }).filter((text) => /[^0]/.test(text));
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('W3C Trace Context, level 1', () => {
  it('what is written is read again, whatever it says', () => {
    fc.assert(
      fc.property(fc.record({ traceId: id(32), spanId: id(16), sampled: fc.boolean() }), (parent) => {
        expect(parseTraceparent(formatTraceparent(parent))).toEqual(parent);
      }),
    );
  });

  it('of all flags only the one that is known is read', () => {
    for (let flags = 0; flags < 256; flags++) expect(parseTraceparent(`00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`)?.sampled).toBe(flags % 2 === 1);
  });

  it.each([
    ['nothing', ''],
    ['upper case', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['version ff', `ff-${traceId}-${spanId}-01`],
    ['a short trace', `00-${traceId.slice(1)}-${spanId}-01`],
    ['flags that are no hex', `00-${traceId}-${spanId}-0x`],
    ['more than version 00 has', `00-${traceId}-${spanId}-01-more`],
    ['more without a dash, in a later version', `01-${traceId}-${spanId}-01more`],
    ['two headers joined', `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
    ['a space before', ` 00-${traceId}-${spanId}-01`],
    ['a line break after', `00-${traceId}-${spanId}-01\n`],
  ])('%s is no traceparent', (_, text) => expect(parseTraceparent(text)).toBeUndefined());

  it.each([`01-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-01-what-the-future-brings`])('of the later version %s the first four parts are read', (text) => {
    expect(parseTraceparent(text)).toEqual({ traceId, spanId, sampled: true });
  });

  it('no text whatsoever makes reading throw, and what is read is valid', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('0', 'a', '-', 'f', '1'), minLength: 50, maxLength: 60 })), (text) => {
        const read = parseTraceparent(text);
        if (read !== undefined) expect(parseTraceparent(formatTraceparent(read))).toEqual(read);
      }),
    );
  });

  it('a child has the trace of its parent and a place of its own; without a valid parent it begins a trace', () => {
    const parent = `00-${traceId}-${spanId}-01`;
    expect(parseTraceparent(childOf(parent))).toMatchObject({ traceId, sampled: true });
    expect(parseTraceparent(childOf(parent))?.spanId).not.toBe(spanId);
    for (const given of [undefined, 'nonsense']) expect(parseTraceparent(childOf(given))?.sampled).toBe(false);
    expect(new Set(Array.from({ length: 1_000 }, () => traceIdOf(newTrace()))).size).toBe(1_000);
  });
});

describe('a line of the log', () => {
  const lines = (level: Parameters<typeof jsonLog>[0]) => {
    const written: string[] = [];
    return { written, log: jsonLog(level, (line) => written.push(line)) };
  };

  it('is one line of JSON with level, time, message, the id of the trace and the release', () => {
    const { written, log } = lines('info');
    log('info', 'two\nlines', { trace: `00-${traceId}-${spanId}-01`, document: 'release/pro/demo/7', ms: 3, absent: undefined });
    expect(written.join('')).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(written.join(''))).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/) as string, msg: 'two\nlines', trace: traceId, document: 'release/pro/demo/7', release: 7, ms: 3 });
  });

  it('is not written below the level', () => {
    const { written, log } = lines('warn');
    log('info', 'no', {});
    log('warn', 'yes', {});
    expect(written).toHaveLength(1);
  });

  it.each([
    ['a bearer token', 'server said: Authorization: Bearer abc.def-123456 is wrong', 'abc.def-123456'],
    ['a password of basic authentication', 'header "Basic dXNlcjpwYXNzd29yZA==" refused', 'dXNlcjpwYXNzd29yZA'],
    ['a password in a URL', 'https://user:hunter2@example.com/x is down', 'hunter2'],
  ])('never holds %s, even where somebody else wrote it into an error', (_, reason, secret) => {
    const { written, log } = lines('info');
    log('error', 'failed', { reason });
    expect(written.join('')).toContain('[redacted]');
    expect(written.join('')).not.toContain(secret);
    expect(() => JSON.parse(written.join('')) as unknown).not.toThrow();
  });

  it('has a level that exists', () => {
    expect(logLevel('debug')).toBe('debug');
    expect(logLevel('')).toBe('warn');
    expect(() => logLevel('loud')).toThrow('SLUICE_LOG: found "loud", allowed are trace, debug, info');
  });
});
