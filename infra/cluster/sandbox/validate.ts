import type { Json } from '../../../events/input.ts';
import { ClusterError, type KubeObject } from '../port.ts';
import { at, fieldsAt, isFields, listAt, numberAt, sameJson, textAt, textsAt } from './fields.ts';
import type { KindSpec } from './kinds.ts';
import { selectorMatches } from './selector.ts';

/** Reports one thing that the API server would refuse. */
type Report = (path: string, problem: string) => void;

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const serviceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const keyName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const percent = /^\d+%$/;

const qualified = (key: string): boolean => {
  const slash = key.indexOf('/');
  return slash < 0 ? keyName.test(key) : subdomain.test(key.slice(0, slash)) && slash <= 253 && keyName.test(key.slice(slash + 1));
};

const wholeNumber = (value: Json | undefined, least = 0): boolean => typeof value === 'number' && Number.isInteger(value) && value >= least;

const metadata = (object: KubeObject, report: Report): void => {
  const { name } = object.metadata;
  const fits = object.kind === 'Namespace' ? label.test(name) : object.kind === 'Service' ? serviceName.test(name) : subdomain.test(name) && name.length <= 253;
  if (!fits) report('metadata.name', `invalid value "${name}": must be a lowercase DNS name`);
  for (const [key, value] of Object.entries(fieldsAt(object, 'metadata', 'labels'))) {
    if (!qualified(key)) report('metadata.labels', `invalid key "${key}": name part must be at most 63 letters, digits, '-', '_' or '.'`);
    if (typeof value !== 'string' || !labelValue.test(value)) report(`metadata.labels[${key}]`, `invalid value ${JSON.stringify(value)}: must be at most 63 letters, digits, '-', '_' or '.'`);
  }
  for (const [key, value] of Object.entries(fieldsAt(object, 'metadata', 'annotations'))) {
    if (!qualified(key.toLowerCase())) report('metadata.annotations', `invalid key "${key}": name part must be at most 63 letters, digits, '-', '_' or '.'`);
    if (typeof value !== 'string') report(`metadata.annotations[${key}]`, `invalid value ${JSON.stringify(value)}: must be a string`);
  }
  listAt(object, 'metadata', 'ownerReferences').forEach((owner, i) => {
    for (const field of ['apiVersion', 'kind', 'name', 'uid']) if (!textAt(owner, field)) report(`metadata.ownerReferences[${i}].${field}`, 'must not be empty');
  });
};

const podSpec = (spec: Json | undefined, path: string, report: Report): void => {
  const containers = listAt(spec, 'containers');
  if (containers.length === 0) report(`${path}.containers`, 'required value');
  containers.forEach((container, i) => {
    const name = textAt(container, 'name') ?? '';
    if (!label.test(name)) report(`${path}.containers[${i}].name`, `invalid value "${name}": must be a lowercase DNS label`);
    if (containers.findIndex((other) => textAt(other, 'name') === name) < i) report(`${path}.containers[${i}].name`, `duplicate value "${name}"`);
    if (!textAt(container, 'image')) report(`${path}.containers[${i}].image`, 'required value');
  });
};

const podTemplate = (object: KubeObject, report: Report): void => {
  podSpec(at(object, 'spec', 'template', 'spec'), 'spec.template.spec', report);
};

const owningWorkload = (object: KubeObject, before: KubeObject | undefined, report: Report): void => {
  const selector = at(object, 'spec', 'selector');
  if (!wholeNumber(at(object, 'spec', 'replicas'))) report('spec.replicas', `invalid value ${JSON.stringify(at(object, 'spec', 'replicas'))}: must be a whole number, 0 or more`);
  if (!isFields(selector) || Object.keys(selector).length === 0) report('spec.selector', 'required value');
  else if (!selectorMatches(selector, textsAt(object, 'spec', 'template', 'metadata', 'labels'))) report('spec.template.metadata.labels', '`selector` does not match template `labels`');
  if (before && !sameJson(at(before, 'spec', 'selector'), selector)) report('spec.selector', 'field is immutable');
  podTemplate(object, report);
  if (textAt(object, 'spec', 'template', 'spec', 'restartPolicy') !== 'Always') report('spec.template.spec.restartPolicy', 'unsupported value: allowed is "Always"');
};

const deployment = (object: KubeObject, before: KubeObject | undefined, report: Report): void => {
  owningWorkload(object, before, report);
  const type = textAt(object, 'spec', 'strategy', 'type');
  if (type !== 'RollingUpdate' && type !== 'Recreate') report('spec.strategy.type', `unsupported value "${type}": allowed are "Recreate", "RollingUpdate"`);
  const rolling = at(object, 'spec', 'strategy', 'rollingUpdate');
  if (type === 'Recreate' && rolling !== undefined) report('spec.strategy.rollingUpdate', 'may not be specified when strategy `type` is "Recreate"');
  for (const field of ['maxSurge', 'maxUnavailable']) {
    const value = at(rolling, field);
    if (value !== undefined && !wholeNumber(value) && !(typeof value === 'string' && percent.test(value))) report(`spec.strategy.rollingUpdate.${field}`, `invalid value ${JSON.stringify(value)}: must be a whole number or a percentage`);
  }
  const isZero = (value: Json | undefined): boolean => value === 0 || value === '0%';
  if (isZero(at(rolling, 'maxSurge')) && isZero(at(rolling, 'maxUnavailable'))) report('spec.strategy.rollingUpdate.maxUnavailable', 'may not be 0 when `maxSurge` is 0');
};

const job = (object: KubeObject, before: KubeObject | undefined, report: Report): void => {
  podTemplate(object, report);
  const policy = textAt(object, 'spec', 'template', 'spec', 'restartPolicy');
  if (policy !== 'Never' && policy !== 'OnFailure') report('spec.template.spec.restartPolicy', `required value: allowed are "OnFailure", "Never"`);
  if (before && !sameJson(at(before, 'spec', 'template'), at(object, 'spec', 'template'))) report('spec.template', 'field is immutable');
};

const service = (object: KubeObject, before: KubeObject | undefined, report: Report): void => {
  const ports = listAt(object, 'spec', 'ports');
  if (ports.length === 0 && textAt(object, 'spec', 'clusterIP') !== 'None' && textAt(object, 'spec', 'type') !== 'ExternalName') report('spec.ports', 'required value');
  ports.forEach((port, i) => {
    const number = numberAt(port, 'port');
    if (number === undefined || !Number.isInteger(number) || number < 1 || number > 65535) report(`spec.ports[${i}].port`, 'must be between 1 and 65535');
    if (ports.length > 1 && !textAt(port, 'name')) report(`spec.ports[${i}].name`, 'required value');
  });
  if (before && textAt(before, 'spec', 'clusterIP') !== textAt(object, 'spec', 'clusterIP')) report('spec.clusterIP', 'may not change once set');
};

const autoscaler = (object: KubeObject, report: Report): void => {
  const [least, most] = [at(object, 'spec', 'minReplicas'), at(object, 'spec', 'maxReplicas')];
  if (!wholeNumber(least, 1)) report('spec.minReplicas', 'must be greater than or equal to 1');
  if (!wholeNumber(most, 1)) report('spec.maxReplicas', 'must be greater than 0');
  else if (wholeNumber(least) && (most as number) < (least as number)) report('spec.maxReplicas', 'must be greater than or equal to `minReplicas`');
  if (!textAt(object, 'spec', 'scaleTargetRef', 'name')) report('spec.scaleTargetRef.name', 'required value');
};

const ingressRoute = (object: KubeObject, report: Report): void => {
  if (!Array.isArray(at(object, 'spec', 'routes'))) report('spec.routes', 'required value');
  listAt(object, 'spec', 'routes').forEach((route, i) => {
    if (textAt(route, 'match') === undefined) report(`spec.routes[${i}].match`, 'required value');
    const kind = at(route, 'kind');
    if (kind !== undefined && kind !== 'Rule') report(`spec.routes[${i}].kind`, 'unsupported value: supported is "Rule"');
    listAt(route, 'services').forEach((backend, j) => {
      const path = `spec.routes[${i}].services[${j}]`;
      if (!textAt(backend, 'name')) report(`${path}.name`, 'required value');
      const weight = at(backend, 'weight');
      if (weight !== undefined && !wholeNumber(weight)) report(`${path}.weight`, `invalid value ${JSON.stringify(weight)}: must be an integer, 0 or more`);
    });
  });
};

const weightFits = (weight: Json | undefined): boolean => weight === undefined || wholeNumber(weight);

const virtualService = (object: KubeObject, report: Report): void => {
  for (const protocol of ['http', 'tls', 'tcp']) {
    listAt(object, 'spec', protocol).forEach((route, i) => {
      listAt(route, 'route').forEach((destination, j) => {
        const path = `spec.${protocol}[${i}].route[${j}]`;
        if (textAt(destination, 'destination', 'host') === undefined) report(`${path}.destination.host`, 'required value');
        if (!weightFits(at(destination, 'weight'))) report(`${path}.weight`, 'must be an integer, 0 or more');
      });
    });
  }
};

const httpProxy = (object: KubeObject, report: Report): void => {
  const lists = [...listAt(object, 'spec', 'routes').map((route, i) => [`spec.routes[${i}]`, route] as const), ['spec.tcpproxy', at(object, 'spec', 'tcpproxy') ?? null] as const];
  for (const [where, owner] of lists) {
    listAt(owner, 'services').forEach((backend, i) => {
      const path = `${where}.services[${i}]`;
      if (!textAt(backend, 'name')) report(`${path}.name`, 'required value');
      if (!wholeNumber(at(backend, 'port'), 1)) report(`${path}.port`, 'required value: an integer from 1 to 65535');
      if (!weightFits(at(backend, 'weight'))) report(`${path}.weight`, 'must be an integer, 0 or more');
    });
  }
};

const gatewayRoute = (object: KubeObject, report: Report): void => {
  const rules = listAt(object, 'spec', 'rules');
  if (rules.length > 16) report('spec.rules', `too many: ${rules.length}: must have at most 16 items`);
  rules.forEach((rule, i) => {
    const backends = listAt(rule, 'backendRefs');
    if (backends.length > 16) report(`spec.rules[${i}].backendRefs`, `too many: ${backends.length}: must have at most 16 items`);
    backends.forEach((backend, j) => {
      const path = `spec.rules[${i}].backendRefs[${j}]`;
      if (!textAt(backend, 'name')) report(`${path}.name`, 'required value');
      if (textAt(backend, 'kind') === 'Service' && numberAt(backend, 'port') === undefined) report(path, 'must have port for Service reference');
      const weight = at(backend, 'weight');
      if (!wholeNumber(weight) || (weight as number) > 1_000_000) report(`${path}.weight`, `invalid value ${JSON.stringify(weight)}: must be an integer from 0 to 1000000`);
    });
  });
};

const configMap = (object: KubeObject, before: KubeObject | undefined, report: Report): void => {
  for (const [key, value] of Object.entries(fieldsAt(object, 'data'))) if (typeof value !== 'string') report(`data[${key}]`, 'must be a string');
  if (at(before, 'immutable') === true && !sameJson(at(before, 'data'), object['data'])) report('data', 'field is immutable when `immutable` is set');
};

/**
 * Throws `invalid` (422) with everything wrong about an object, defaults already applied. `before` is the stored one on an update.
 */
export const validate = (kind: KindSpec, object: KubeObject, before?: KubeObject): void => {
  const problems: string[] = [];
  const report: Report = (path, problem) => void problems.push(`${path}: ${problem}`);
  metadata(object, report);
  switch (kind.kind) {
    case 'Deployment': deployment(object, before, report); break;
    case 'ReplicaSet': owningWorkload(object, before, report); break;
    case 'Job': job(object, before, report); break;
    case 'Pod': podSpec(object['spec'], 'spec', report); break;
    case 'Service': service(object, before, report); break;
    case 'HorizontalPodAutoscaler': autoscaler(object, report); break;
    case 'ConfigMap': configMap(object, before, report); break;
    case 'IngressRoute': ingressRoute(object, report); break;
    case 'HTTPRoute':
    case 'GRPCRoute': gatewayRoute(object, report); break;
    case 'VirtualService': virtualService(object, report); break;
    case 'HTTPProxy': httpProxy(object, report); break;
    default:
  }
  if (problems.length > 0) throw new ClusterError('invalid', `${kind.kind} "${object.metadata.name}" is invalid: ${problems.join('; ')}`, { status: 422 });
};
