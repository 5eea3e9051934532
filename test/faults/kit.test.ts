import { describe, expect, test } from 'vitest';
import { killAt } from './classes/kill.ts';
import { embedded } from './kit/embedded.ts';
import { differs, objectsOf } from './kit/end.ts';
import { aborted, promoted } from './kit/histories.ts';
import { endUnder, harmless, referenceOf, tryCase, unsound, type Case } from './kit/trial.ts';
import { makeWorld } from './kit/world.ts';

// What tries the product must itself be able to fail.

const run = async (one: Case): Promise<string | undefined> => (await tryCase(embedded, one)).problem;

describe('a world sees', () => {
  test('a message that is lost: killed, and nobody brings back what it had in hand', async () => {
    const reference = await referenceOf(embedded, promoted);
    const lost = harmless('lost', reference, () => ({
      hand: async (call, inner) => {
        if (call.n !== 4) return inner();
        // As a queue that forgets: what the dead one had not saved is gone.
        call.invocation.keepsWhatItTook();
        return killAt(4, 'before')(call, inner);
      },
      recovery: 'tick',
    }));
    expect(await run(lost)).toMatch(/instead of|nothing/);
  });

  test('a write that is lost', async () => {
    const reference = await referenceOf(embedded, promoted);
    const [write] = reference.calls.filter(({ verb, about }) => verb === 'patch' && about === 'IngressRoute').slice(-1);
    const swallowed = harmless('swallowed', reference, () => ({ hand: async (call, inner) => (call.n === write?.n ? ({} as never) : inner()) }));
    expect(await run(swallowed)).toMatch(/instead of/);
  });

  test('users who get no answer, and a canary that is shown without a release', async () => {
    const meddled: Case = {
      name: 'meddled',
      history: aborted,
      run: async (world) => {
        const end = await endUnder(world, aborted, {
          hand: async (call, inner) => {
            const result = await inner();
            if (call.verb === 'delete') await world.watched.cluster.patch({ apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', namespace: 'pro', name: 'demo' }, [{ op: 'replace', path: '/spec/routes/0/services', value: [{ name: 'demo', port: 8080, weight: 40 }, { name: 'demo-canary', port: 8080, weight: 60 }] }]);
            return result;
          },
        });
        expect(end.broken.join()).toContain('the canary is shown 60 percent while release/pro/demo/1 is retiring');
        expect(end.lostUsers).toBeGreaterThan(0);
        return unsound(end);
      },
    };
    expect(await run(meddled)).toContain('broken');
  });
});

describe('R68: outside a release every object is as the user wrote it', () => {
  const before = async (): Promise<unknown> => {
    const world = await makeWorld(embedded, promoted.definition);
    const objects = await objectsOf(world);
    await world.close();
    return objects;
  };

  test('after an abort nothing at all has changed', async () => {
    expect(differs(await before(), (await referenceOf(embedded, aborted)).end.objects)).toBeUndefined();
  });

  test('after a promotion the image has changed, and nothing else', async () => {
    const after = JSON.stringify((await referenceOf(embedded, promoted)).end.objects);
    const [digest] = /@sha256:[0-9a-f]{64}/.exec(after) ?? [];
    expect(digest).toBeDefined();
    expect(JSON.parse(after.replace(digest ?? '', ':1.0.0'))).toEqual(await before());
  });
});
