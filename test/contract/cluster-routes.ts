import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../infra/cluster/port.ts';
import { failureOf, field, refOf, unique, type Place } from './cluster-subject.ts';

/** What Sluice relies on for the objects that routes are made of, where their CRDs are installed. */
export const routeObjectsContract = ({ namespace, under }: Place): void => {
  describe('route objects', () => {
    const ingressRoute = (): KubeObject => ({
      apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', metadata: { name: unique('route'), namespace, annotations: { team: 'shop' } },
      spec: { entryPoints: ['web'], routes: [{ kind: 'Rule', match: `Host(\`${unique('host')}.test\`)`, services: [{ name: 'stable', port: 80 }] }] },
    });
    const addCanary = [
      { op: 'test', path: '/spec/routes/0/services/0/name', value: 'stable' },
      { op: 'add', path: '/spec/routes/0/services/0/weight', value: 90 },
      { op: 'add', path: '/spec/routes/0/services/-', value: { name: 'canary', port: 80, weight: 10 } },
    ] as const;

    test('an IngressRoute is kept as written, and a patch changes nothing else', async ({ skip }) => {
      skip(!under().installed?.includes('traefik.io/v1alpha1'), 'Traefik is not installed');
      const given = ingressRoute();
      const made = await under().cluster.create(given);
      expect(made['spec']).toEqual(given['spec']);
      const after = await under().cluster.patch(refOf(made), addCanary);
      expect(field(after, 'spec', 'routes', 0, 'services')).toEqual([{ name: 'stable', port: 80, weight: 90 }, { name: 'canary', port: 80, weight: 10 }]);
      const back = await under().cluster.patch(refOf(made), [{ op: 'remove', path: '/spec/routes/0/services/1' }, { op: 'remove', path: '/spec/routes/0/services/0/weight' }]);
      expect(back['spec']).toEqual(given['spec']);
      expect(await failureOf(under().cluster.create({ ...ingressRoute(), spec: {} }))).toBe('invalid');
    });

    test('its generation moves with the spec only, and a stale resourceVersion is a conflict', async ({ skip }) => {
      skip(!under().installed?.includes('traefik.io/v1alpha1'), 'Traefik is not installed');
      const made = await under().cluster.create(ingressRoute());
      const ref = refOf(made);
      expect(made.metadata.generation).toBe(1);
      const marked = await under().cluster.patch(ref, [{ op: 'add', path: '/metadata/annotations/sluice.dev~1demo', value: '1' }]);
      expect(marked.metadata.generation).toBe(1);
      expect(Number(marked.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
      expect(await failureOf(under().cluster.patch(ref, [{ op: 'replace', path: '/metadata/resourceVersion', value: made.metadata.resourceVersion ?? '' }, ...addCanary]))).toBe('conflict');
      expect((await under().cluster.patch(ref, addCanary)).metadata.generation).toBe(2);
      expect(await failureOf(under().cluster.patch(ref, [{ op: 'test', path: '/metadata/annotations/sluice.dev~1demo', value: '2' }, { op: 'remove', path: '/spec/routes/0/services/1' }]))).toBe('invalid');
      const bare = await under().cluster.patch(ref, [{ op: 'remove', path: '/metadata/annotations/sluice.dev~1demo' }, { op: 'remove', path: '/metadata/annotations/team' }]);
      expect(bare.metadata).not.toHaveProperty('annotations');
      expect(bare.metadata.generation).toBe(2);
    });

    test('an HTTPRoute gets the defaults of its CRD', async ({ skip }) => {
      skip(!under().installed?.includes('gateway.networking.k8s.io/v1'), 'Gateway API is not installed');
      const made = await under().cluster.create({
        apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: unique('route'), namespace },
        spec: { parentRefs: [{ name: 'gw' }], hostnames: [`${unique('host')}.test`], rules: [{ backendRefs: [{ name: 'stable', port: 80 }] }] },
      });
      expect(field(made, 'spec', 'parentRefs')).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }]);
      expect(field(made, 'spec', 'rules', 0)).toEqual({ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ group: '', kind: 'Service', name: 'stable', port: 80, weight: 1 }] });
      const noPort = under().cluster.patch(refOf(made), [{ op: 'remove', path: '/spec/rules/0/backendRefs/0/port' }]);
      expect(await failureOf(noPort)).toBe('invalid');
    });

    test('a GRPCRoute gets the defaults of its CRD, and no match where none is written', async ({ skip }) => {
      skip(!under().installed?.includes('gateway.networking.k8s.io/v1'), 'Gateway API is not installed');
      const made = await under().cluster.create({
        apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute', metadata: { name: unique('route'), namespace },
        spec: {
          parentRefs: [{ name: 'gw' }], hostnames: [`${unique('host')}.test`],
          rules: [{ matches: [{ method: { service: 'shop.Orders' }, headers: [{ name: 'x', value: 'y' }] }], backendRefs: [{ name: 'stable', port: 80 }] }, { backendRefs: [] }],
        },
      });
      expect(field(made, 'spec', 'parentRefs')).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }]);
      expect(field(made, 'spec', 'rules')).toEqual([
        { matches: [{ method: { type: 'Exact', service: 'shop.Orders' }, headers: [{ type: 'Exact', name: 'x', value: 'y' }] }], backendRefs: [{ group: '', kind: 'Service', name: 'stable', port: 80, weight: 1 }] },
        { backendRefs: [] },
      ]);
    });
  });
};
